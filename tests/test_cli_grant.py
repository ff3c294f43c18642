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
    listed = {each["id"]: each for each in answer("grant", "list", "--data", demo)["granted"]}
    kept = listed[id_]
    assert (kept["means"], kept["state"], kept["controllers"]) == ("token", "revoked", ["C2"])


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


def test_a_link_signs_a_person_in_once(demo: Path) -> None:
    """It is shown once, leads to the service that is told, and is listed as what it is."""
    asked = ("--role", "controller-reader", "--holder", "practice-c2", "--controller", "C2")
    with served("--data", demo) as address:
        shown = run("grant", "link", *asked, "--address", address, "--data", demo).stdout
        first, link = shown.splitlines()
        assert first.startswith("Link l-")
        assert link.startswith(f"{address}/sign-in/link?token=vrw_")
        assert httpx.get(link).status_code == 200
        token = link.rpartition("=")[2]
        used = httpx.post(f"{address}/sign-in/link", data={"token": token})
        assert used.status_code == 303
        again = httpx.post(f"{address}/sign-in/link", data={"token": token})
        assert again.status_code == 403
        session = {"Cookie": used.headers["set-cookie"].split(";")[0]}
        assert httpx.get(f"{address}/v1/findings", headers=session).status_code == 200
        id_ = first.split()[1]
        assert "is revoked" in run("grant", "revoke", id_, "--data", demo).stdout
        assert httpx.get(f"{address}/v1/findings", headers=session).status_code == 401
    kept = {each["id"]: each for each in answer("grant", "list", "--data", demo)["granted"]}
    assert (kept[id_]["means"], kept[id_]["state"]) == ("link", "revoked")


def test_somebody_is_let_in_who_signs_in(demo: Path, tmp_path: Path) -> None:
    """With a subject of the provider that the operator wrote down; the subject is not kept."""
    asked = ("--role", "privacy-officer", "--holder", "officer-1", "--subject", "4f1d-subject")
    done = run("grant", "sign-in", *asked, "--data", demo, status=2)
    assert "there is no identity provider" in done.stderr
    secret = tmp_path / "secret"
    secret.write_text("hush")
    secret.chmod(0o600)
    provider = tmp_path / "provider"
    provider.write_text(
        'issuer = "https://login.example"\nclient_id = "verantwoord"\nsecret = "secret"\n'
    )
    options = (*asked, "--provider", provider, "--data", demo)
    shown = run("grant", "sign-in", *options).stdout
    assert "may sign in as officer-1, privacy-officer, until 20" in shown
    assert "may sign in already" in run("grant", "sign-in", *options, status=2).stderr
    listed = run("grant", "list", "--data", demo).stdout
    assert shown.split(":")[0] in listed
    assert "4f1d-subject" not in listed


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--role and --holder"),
        (["--role", "operator"], "--role and --holder"),
        (["--grant", "G-none"], "there is no grant G-none"),
        (["--grant", "G-none", "--holder", "x"], "without --role and --holder"),
        (["--role", "auditor", "--holder", "x"], "grant auditor"),
        (["--role", "service", "--holder", "crm"], "no person"),
        (["--role", "operator", "--holder", "x", "--address", "http://x.example"], "https address"),
        (["--role", "operator", "--holder", "x", "--address", "https://x/y"], "no path"),
    ],
)
def test_a_slip_in_a_link_is_told(demo: Path, options: list[str], said: str) -> None:
    """With what is wrong."""
    assert said in run("grant", "link", *options, "--data", demo, status=2).stderr
