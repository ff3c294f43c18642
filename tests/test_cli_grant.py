"""`verantwoord grant`, as an operator types it, and the service that answers the token."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.test_cli import answer, run, served


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the demonstration."""
    data = tmp_path_factory.mktemp("grant") / "data"
    run("demo", "--no-serve", "--data", data)
    return data


def test_a_token_is_made_listed_used_and_ended(demo: Path) -> None:
    """It is shown once, reads its scope over HTTP, and is refused once it is revoked."""
    asked = ("--role", "controller-reader", "--holder", "practice-c2", "--controller", "C2")
    shown = run("grant", "token", *asked, "--data", demo).stdout.splitlines()
    assert shown[0].startswith("Token t-")
    assert "practice-c2, controller-reader, until 20" in shown[0]
    token, id_ = shown[1], shown[0].split()[1]
    assert token.startswith("vrw_")
    listed = run("grant", "list", "--data", demo).stdout
    assert id_ in listed
    assert "in force" in listed
    assert token not in listed
    with served("--data", demo) as address:
        headers = {"Authorization": f"Bearer {token}"}
        found = httpx.get(f"{address}/v1/registers/agreements", headers=headers)
        other = httpx.get(f"{address}/v1/findings?controller=C1", headers=headers)
        assert (found.status_code, other.status_code) == (200, 403)
        assert {row["values"]["controller"] for row in found.json()["rows"]} == {"C2"}
        assert "is revoked" in run("grant", "revoke", id_, "--data", demo).stdout
        assert httpx.get(f"{address}/v1/findings", headers=headers).status_code == 401
    (kept,) = answer("grant", "list", "--data", demo)["tokens"]
    assert (kept["id"], kept["state"], kept["controllers"]) == (id_, "revoked", ["C2"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--role", "auditor", "--holder", "Jan Jansen"], "pseudonym"),
        (["--role", "controller-reader", "--holder", "x"], "for a controller"),
        (["--role", "controller-reader", "--holder", "x", "--controller", "C99"], "C99"),
        (["--role", "service", "--holder", "crm", "--key", "k-none"], "keys list"),
        (["--role", "auditor", "--holder", "x", "--register", "secrets"], "processing"),
        (["--role", "auditor", "--holder", "x", "--expires", "soon"], "expires"),
        (["--role", "auditor", "--holder", "x", "--expires", "2020-01-01"], "expires"),
    ],
)
def test_a_slip_is_told(demo: Path, options: list[str], said: str) -> None:
    """With what is wrong and how to put it right; nothing is granted."""
    done = run("grant", "token", *options, "--data", demo, status=2)
    assert said in done.stderr
    assert "vrw_" not in done.stdout


def test_what_is_no_token_cannot_be_revoked(demo: Path) -> None:
    """Status 2, and where to look."""
    done = run("grant", "revoke", "t-none", "--data", demo, status=2)
    assert "grant list" in done.stderr
