"""Make a release: everything of one version that others get, in one directory, in one command.

    .venv/bin/python packaging/release.py --to dist --sign ~/.ssh/release

In this order: (1) refuse a tree that is not what was committed, and a version whose changes have no
date yet; (2) export the commit; (3) build from that the source distribution, from the source
distribution the wheel, and the wheel of the verifier; (4) write the bill of materials, the lock and
the release notes beside them; (5) write SHA256SUMS over all of it; (6) sign SHA256SUMS. Nothing
stands in the directory before all of it is made. All times are that of the commit
(SOURCE_DATE_EPOCH), so whoever makes it again from the same commit, with the tools of
requirements-dev.lock, gets the same bytes: `tests/test_release.py`, docs/how-to/release.md.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import sbom

ROOT = Path(__file__).resolve().parent.parent

NAMESPACE = "verantwoord-release"
"""What the signature is for; a signature of the same key for anything else is not taken for it."""


class ReleaseRefused(Exception):
    """There is something to do before this can be released."""


def notes(changelog: str, version: str, *, rehearsal: bool) -> str:
    """The section of a version; refused when there is none, or it has no date."""
    section = re.compile(
        rf"^## \[{re.escape(version)}\] - (?P<date>\S+)\n(?P<text>.*?)(?=^## \[|\Z)",
        re.MULTILINE | re.DOTALL,
    ).search(changelog)
    if section is None:
        raise ReleaseRefused(f"CHANGELOG.md has no section of {version}")
    if not rehearsal and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", section["date"]):
        raise ReleaseRefused(f"CHANGELOG.md does not say on which day {version} is released")
    return f"# Verantwoord {version}\n\n{section['text'].strip()}\n"


def run(*command: str | Path, directory: Path = ROOT, **variables: str) -> str:
    """What a program prints; it must end well."""
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
    )
    return done.stdout


def export(commit: str, directory: Path) -> None:
    """Write the files of a commit, and no others, below a directory."""
    packed = directory / "commit.tar"
    run("git", "archive", "--output", packed, commit)
    shutil.unpack_archive(packed, directory / "tree", filter="data")


def build(tree: Path, to: Path, epoch: int) -> None:
    """Both distributions of the program, the wheel out of the sdist, and the verifier's wheel."""
    tool = (sys.executable, "-m", "build", "--no-isolation", "--outdir", to)
    run(*tool, tree, SOURCE_DATE_EPOCH=str(epoch))
    run(*tool, "--wheel", tree / "packaging/verifier", SOURCE_DATE_EPOCH=str(epoch))


def sums(directory: Path) -> str:
    """The digests of all files of a directory, as `sha256sum --check` reads them."""
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(directory.iterdir())
    )


def make(to: Path, key: Path | None, *, rehearsal: bool) -> None:
    """Make the release of the commit that is checked out."""
    if to.exists():
        raise ReleaseRefused(f"{to} is there already")
    if run("git", "status", "--porcelain"):
        raise ReleaseRefused("commit what was changed: a release is made of what was committed")
    commit, committed = run("git", "log", "-1", "--format=%H %ct").split()
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".release-") as name:
        work = Path(name)
        export(commit, work)
        tree, made = work / "tree", work / "made"
        made.mkdir()
        version = tomllib.loads((tree / "pyproject.toml").read_text())["project"]["version"]
        text = notes((tree / "CHANGELOG.md").read_text(), version, rehearsal=rehearsal)
        build(tree, made, int(committed))
        materials = sbom.make(tree, datetime.fromtimestamp(int(committed), UTC))
        (made / f"verantwoord-{version}.cdx.json").write_text(materials)
        (made / "release-notes.md").write_text(text)
        shutil.copyfile(tree / "requirements.lock", made / "requirements.lock")
        (made / "SHA256SUMS").write_text(sums(made))
        if key is not None:
            run("ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", key, made / "SHA256SUMS")
        made.rename(to)
    print(f"{to}: {version} of {commit}")
    print((to / "SHA256SUMS").read_text(), end="")


def main() -> int:
    """Read the options; 1 when the release is refused or a tool failed."""
    parser = argparse.ArgumentParser(description="Make a release of the commit checked out.")
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="a new directory")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="SSH key to sign SHA256SUMS with")
    parser.add_argument(
        "--rehearsal", action="store_true", help="also when the changes have no date yet"
    )
    asked = parser.parse_args()
    try:
        make(asked.to.absolute(), asked.sign, rehearsal=asked.rehearsal)
    except (ReleaseRefused, sbom.LicenceRefused) as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failed:
        print(f"failed: {' '.join(map(str, failed.cmd))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
