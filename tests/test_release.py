"""What a release holds: built twice the same, with all that its users need and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.test_lock import pins

ROOT = Path(__file__).resolve().parent.parent
RELEASE = "packaging/release.py"
COMMITTED = "2026-01-02T03:04:05Z"

needs_git = pytest.mark.skipif(
    not (ROOT / ".git").exists() or shutil.which("git") is None,
    reason="a release is made of a commit; this is no clone",
)


def listed() -> list[str]:
    """The files that are in the repository, or will be with the next commit."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in found.stdout.splitlines() if (ROOT / name).is_file()]


def git(directory: Path, *arguments: str) -> None:
    """Run git as somebody, at a moment that is always the same."""
    who = {"NAME": "somebody", "EMAIL": "somebody@example.org", "DATE": COMMITTED}
    both = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
    subprocess.run(
        ["git", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false", *arguments],
        cwd=directory, env={**os.environ, **both}, capture_output=True, check=True,
    )  # fmt: skip


def clone(directory: Path) -> Path:
    """The source tree as it is now, committed in a repository of its own."""
    for name in listed():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, directory / name)
    git(directory, "init", "-q")
    git(directory, "add", "--all")
    git(directory, "commit", "-q", "-m", "one")
    return directory


def release(
    tree: Path, *options: object, status: int = 0, umask: int = 0o022, **variables: str
) -> str:
    """Run the release of a tree; what it said."""
    done = subprocess.run(
        [sys.executable, tree / RELEASE, *map(str, options)],
        env={**os.environ, **variables}, umask=umask, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with what an operator may have lying in it, none of which git knows."""
    made = clone(tmp_path_factory.mktemp("clone"))
    for name in ("secrets/pgpass", "verantwoord-data/keys/log.key", "ledger/__pycache__/x.pyc"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text("not for others")
    return made


@pytest.fixture(scope="module")
def dist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of that clone."""
    made = tmp_path_factory.mktemp("release") / "dist"
    release(tree, "--rehearsal", "--to", made)
    return made


def one(directory: Path, pattern: str) -> Path:
    """The only file of that name."""
    (found,) = directory.glob(pattern)
    return found


def contents(directory: Path) -> dict[str, str]:
    """The digest of each file."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in directory.iterdir()
    }


def wheel_files(wheel: Path) -> set[str]:
    """The names in a wheel."""
    with zipfile.ZipFile(wheel) as packed:
        return set(packed.namelist())


def metadata(wheel: Path) -> Any:
    """What a wheel says of itself."""
    with zipfile.ZipFile(wheel) as packed:
        name = next(name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(packed.read(name).decode())


@pytest.mark.long
@needs_git
def test_a_release_made_elsewhere_and_later_is_the_same(
    dist: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Byte for byte, each file: from another directory, with other times, rights, language and
    time zone, and a directory of secrets less."""
    again = clone(tmp_path_factory.mktemp("quite-another-place") / "deeper" / "tree")
    for file in again.rglob("*.py"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
    other = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
    release(again, "--rehearsal", "--to", again.parent / "out", umask=0o077, **other)
    assert contents(again.parent / "out") == contents(dist)


@needs_git
def test_the_wheel_has_the_program_and_nothing_else(dist: Path) -> None:
    """Every file of the three packages, data included; no test, no document, nobody's keys."""
    held = wheel_files(one(dist, "verantwoord-*.whl"))
    about = {name for name in held if name.partition("/")[0].endswith(".dist-info")}
    program = {name for name in listed() if name.split("/")[0] in ("ledger", "projections", "api")}
    assert held - about == program
    assert {Path(name).name for name in about} == {
        "METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE", "bundled.cdx.json"
    }  # fmt: skip
    suffixes = {Path(name).suffix for name in program}
    assert {".sql", ".toml", ".html", ".css", ".js", ".typ", ".ndjson", ".csv"} <= suffixes


@needs_git
def test_the_source_distribution_has_what_is_committed(dist: Path) -> None:
    """All of it, so that tests and the commands of README run from it; and nothing else."""
    with tarfile.open(one(dist, "verantwoord-*.tar.gz")) as packed:
        members = packed.getmembers()
    held = {member.name.partition("/")[2] for member in members}
    assert held - {"PKG-INFO"} == set(listed())
    executable = {member.name.partition("/")[2] for member in members if member.mode & 0o111}
    assert {".ci/run", ".ci/browser", ".ci/other-server"} <= executable
    assert {member.uid for member in members} == {0}


@pytest.mark.long
@needs_git
def test_the_wheel_is_the_same_from_the_tree_and_from_the_source_distribution(
    dist: Path, tree: Path, tmp_path: Path
) -> None:
    """Nothing that it needs is left out of the source distribution."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, tree],
        env={**os.environ, "SOURCE_DATE_EPOCH": "1767323045"}, capture_output=True, check=True,
    )  # fmt: skip
    assert one(tmp_path, "*.whl").read_bytes() == one(dist, "verantwoord-*.whl").read_bytes()


@needs_git
def test_whoever_installs_it_gets_no_tool_of_tests(dist: Path) -> None:
    """The wheel asks for what the lock of the program pins; for more only whoever wants traces."""
    said = metadata(one(dist, "verantwoord-*.whl"))
    asked = [Requirement(line) for line in said.get_all("Requires-Dist")]
    always = [each for each in asked if "extra" not in str(each.marker)]
    assert {each.name.lower() for each in always} <= pins("requirements.lock").keys()
    assert said.get_all("Provides-Extra") == ["traces"]
    traces = {each.name.lower() for each in asked} - {each.name.lower() for each in always}
    assert traces == {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"}
    tools = pins("requirements-dev.lock").keys() - pins("requirements.lock").keys()
    assert {"pytest", "hypothesis", "hatchling", "build", "mypy"} <= tools


@needs_git
def test_the_version_is_said_once_and_shown_everywhere(dist: Path) -> None:
    """By pyproject.toml; program, wheels, notes and bill of materials have it from there."""
    program = Path(sys.executable).with_name("verantwoord")
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    name, version = shown.stdout.split()
    assert name == "verantwoord"
    for wheel in dist.glob("*.whl"):
        assert metadata(wheel)["Version"] == version
    assert (dist / "release-notes.md").read_text().startswith(f"# Verantwoord {version}\n")
    materials = json.loads(one(dist, "*.cdx.json").read_text())
    assert materials["metadata"]["component"]["version"] == version
    assert materials["metadata"]["timestamp"].startswith("2026-01-02T03:04:05")
    for file in ("Dockerfile", "docker-compose.yml", "README.md"):
        assert version not in (ROOT / file).read_text(), file


@needs_git
def test_every_file_of_a_release_is_in_its_sums(dist: Path) -> None:
    """And `sha256sum` agrees."""
    said = dict(
        reversed(line.split("  ")) for line in (dist / "SHA256SUMS").read_text().splitlines()
    )
    assert said == {name: d for name, d in contents(dist).items() if name != "SHA256SUMS"}
    assert {Path(name).suffix for name in said} == {".whl", ".gz", ".json", ".lock", ".md"}


@pytest.mark.long
@needs_git
@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")
def test_the_sums_are_signed_for_this_purpose_alone(tree: Path, tmp_path: Path) -> None:
    """Whoever has the public key finds a changed file, and no signature of another purpose fits."""
    key, to = tmp_path / "key", tmp_path / "dist"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    release(tree, "--rehearsal", "--to", to, "--sign", key)
    public = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    (tmp_path / "signers").write_text(f"release@example.org {public}\n")

    def verified(text: bytes, purpose: str = "verantwoord-release") -> bool:
        done = subprocess.run(
            ["ssh-keygen", "-Y", "verify", "-n", purpose, "-f", tmp_path / "signers",
             "-I", "release@example.org", "-s", to / "SHA256SUMS.sig"],
            input=text, capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode == 0

    sums = (to / "SHA256SUMS").read_bytes()
    assert verified(sums)
    assert not verified(sums.replace(b"0", b"1", 1))
    assert not verified(sums, "file")


@pytest.mark.long
@needs_git
def test_what_is_not_committed_is_not_released(tmp_path: Path) -> None:
    """A changed file, a file that git does not know, changes without a day, an older directory:
    each is refused, and nothing is left behind."""
    made = clone(tmp_path / "tree")
    assert "on which day" in release(made, "--to", tmp_path / "dist", status=1)
    (made / "ledger/extra.py").write_text("")
    said = release(made, "--rehearsal", "--to", tmp_path / "dist", status=1)
    assert "commit what was changed" in said
    (made / "ledger/extra.py").unlink()
    assert list(tmp_path.iterdir()) == [made]
    (tmp_path / "dist").mkdir()
    assert "is there already" in release(made, "--rehearsal", "--to", tmp_path / "dist", status=1)


@pytest.mark.long
@needs_git
def test_a_tool_that_fails_leaves_no_half_release(tmp_path: Path) -> None:
    """A key that cannot sign: everything was built, and none of it is kept."""
    made = clone(tmp_path / "tree")
    said = release(
        made, "--rehearsal", "--to", tmp_path / "dist", "--sign", tmp_path / "no-key", status=1
    )
    assert "failed: ssh-keygen" in said
    assert list(tmp_path.iterdir()) == [made]


def test_the_newest_section_of_the_changelog_is_that_of_the_version() -> None:
    """So that the notes of a release are its own."""
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert f'\nversion = "{newest[1]}"\n' in (ROOT / "pyproject.toml").read_text()
