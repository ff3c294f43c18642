"""The auditor's package: the modules that it needs, and nothing to install but cryptography."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attesting import write_files
from tests.authority import Authority, needs_openssl
from tests.log_builder import busy_log

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "packaging" / "verifier"
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())

MACHINERY = {"pip", "setuptools", "wheel"}
"""What a new virtual environment has of itself."""


def imported(module: str) -> Iterator[str]:
    """The modules of the ledger that a module names in its imports."""
    path = ROOT / f"{module.replace('.', '/')}.py"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ledger"):
            named = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in [str(node.module), *named] if is_module(name))


def is_module(name: str) -> bool:
    """Whether there is a file of that name."""
    return (ROOT / f"{name.replace('.', '/')}.py").exists()


def test_the_package_holds_what_the_verifier_imports() -> None:
    """No module is missing, none is there for nothing, and each keeps its place."""
    needed, waiting = set[str](), ["ledger.auditor"]
    while waiting:
        module = waiting.pop()
        if module not in needed:
            needed.add(module)
            waiting.extend(imported(module))
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert all(source == f"../../{target}" for source, target in included.items())
    held = {target.removesuffix(".py").replace("/", ".") for target in included.values()}
    assert held == needed | {"ledger.__init__"}


def test_the_package_asks_for_what_the_program_asks_for() -> None:
    """The same versions of the same two libraries."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    alone = PROJECT["project"]
    assert [line.partition(">=")[0] for line in alone["dependencies"]] == ["cryptography"]
    for line in (*alone["dependencies"], *alone["optional-dependencies"]["timestamps"]):
        assert line in whole["dependencies"]
    assert alone["requires-python"] == whole["requires-python"]


class Installed:
    """The package in a virtual environment of its own."""

    def __init__(self, directory: Path, wheel: Path, extra: str) -> None:
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        self.bin = directory / "bin"
        self.pip("install", "-q", f"{wheel}{extra}")

    def pip(self, *arguments: str) -> str:
        """Run its pip."""
        done = subprocess.run(
            [self.bin / "python", "-m", "pip", *arguments],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    def packages(self) -> set[str]:
        """What is installed."""
        listed = json.loads(self.pip("list", "--format", "json"))
        return {package["name"] for package in listed} - MACHINERY

    def verify(self, *arguments: object, status: int = 0) -> Any:
        """What the program answers, far away from this source tree."""
        done = subprocess.run(
            [self.bin / "verantwoord-verify", *map(str, arguments), "--format", "json"],
            capture_output=True, text=True, check=False, cwd=self.bin,
        )  # fmt: skip
        assert done.returncode == status, (done.stdout, done.stderr)
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source tree."""
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", directory, PACKAGE],
        check=True,
    )
    (built,) = directory.glob("verantwoord_verify-*.whl")
    return built


@needs_openssl
@pytest.mark.long
@pytest.mark.parametrize("extra", ["", "[timestamps]"])
def test_an_auditor_installs_it_and_verifies(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, wheel: Path, extra: str
) -> None:
    """A receipt, a log and a log that was tampered with, on a machine that has nothing else."""
    installed = Installed(tmp_path / "venv", wheel, extra)
    libraries = {"cryptography", "cffi", "pycparser", "typing_extensions"}
    libraries |= {"rfc3161-client"} if extra else set()
    assert {"verantwoord-verify", "cryptography"} <= installed.packages()
    assert installed.packages() <= {"verantwoord-verify", *libraries}
    authority = Authority(tmp_path_factory.mktemp("authority"))
    files = write_files(tmp_path / "holder", busy_log(300), ["X1", "X2"], authority)
    trust = ("--policy", files["policy-with-log"], "--tsa", files["tsa"])
    top = "timestamped" if extra else "witnessed"
    for what in ("receipt", "log"):
        found = installed.verify(files[what], *trust)
        assert found["verdict"] == top
        last = found["rungs"][-1]
        assert last["state"] == ("reached" if extra else "not decided")
        assert extra or "rfc3161-client" in last["says"]
    bundle = files["log"] / "tile/entries/000"
    bundle.write_bytes(bundle.read_bytes().replace(b"E100", b"E999"))
    found = installed.verify(files["log"], *trust, status=1)
    assert (found["verdict"], found["check"], found["index"]) == ("failed", 3, 100)
    text = files["receipt"].read_text()
    files["receipt"].write_text(text.replace("\nindex 7\n", "\nindex 8\n"))
    assert installed.verify(files["receipt"], *trust, status=1)["verdict"] == "failed"
