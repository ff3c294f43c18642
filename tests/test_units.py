"""The units for systemd: what systemd itself says of them, and commands that the program takes.

They were not started: that takes a machine that systemd runs. `tests/test_installed.py` runs the
same commands as another user, on a root that is read-only, without capabilities.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from api import workers
from tests.test_container import parsed

ROOT = Path(__file__).resolve().parent.parent
UNITS = sorted((ROOT / "operations" / "systemd").glob("*.service"))
PROGRAM = "/opt/verantwoord/bin/verantwoord"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze (package systemd)"
)
each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Ask systemd about a unit."""
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def verified(unit: Path, text: str, directory: Path) -> str:
    """What systemd finds wrong with a unit of that text, whose program is somewhere else here."""
    program = directory / "verantwoord"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copied = directory / unit.name
    copied.write_text(text.replace(PROGRAM, str(program)))
    done = analyze("verify", "--man=no", "--recursive-errors=no", copied)
    return done.stdout + done.stderr


def values(unit: Path, name: str) -> list[str]:
    """What a unit says under a name."""
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


def test_there_is_a_unit_for_each_service() -> None:
    """The ledger and the witness."""
    assert {unit.stem for unit in UNITS} >= {"verantwoord", "verantwoord-witness"}


@needs_systemd
@each_unit
def test_systemd_finds_nothing_wrong(unit: Path, tmp_path: Path) -> None:
    """And would find a misspelt setting, and a value that is none."""
    text = unit.read_text()
    assert verified(unit, text, tmp_path) == ""
    assert "ProtectSistem" in verified(
        unit, text.replace("ProtectSystem=", "ProtectSistem="), tmp_path
    )
    assert "sometimes" in verified(
        unit, text.replace("Restart=on-failure", "Restart=sometimes"), tmp_path
    )


@needs_systemd
def test_systemd_takes_the_drop_ins_of_the_how_to(tmp_path: Path) -> None:
    """Each of them, after the unit that it is for."""
    page = (ROOT / "docs/how-to/install.md").read_text(encoding="utf-8")
    found = re.findall(r"<!-- drop-in: (\S+) -->\n```ini\n(.*?)```", page, re.DOTALL)
    assert len(found) == 2
    for name, text in found:
        unit = ROOT / "operations/systemd" / name
        assert verified(unit, f"{unit.read_text()}\n{text}", tmp_path) == ""


@needs_systemd
@each_unit
def test_systemd_calls_it_well_confined(unit: Path) -> None:
    """At most 1.5 of 10 exposed; what is left is a network and sockets. A unit that may keep
    privileges is more exposed, so the figure is of this unit."""
    done = analyze(
        "security", "--offline=true", "--no-pager", "--threshold=15", "--json=short", unit
    )
    assert done.returncode == 0, done.stdout
    found = {each["json_field"]: each["set"] for each in json.loads(done.stdout)}
    for field in ("NoNewPrivileges", "ProtectSystem", "UserOrDynamicUser"):
        assert found[field] is True, field


@each_unit
def test_the_program_takes_the_command_of_a_unit(unit: Path) -> None:
    """With every option; what it names lies where the unit may write, or is not written."""
    (line,) = values(unit, "ExecStart")
    program, *command = shlex.split(line)
    assert program == PROGRAM
    options = parsed(command)
    (state,) = values(unit, "StateDirectory")
    if command[0] == "witness":
        assert str(options["data"]) == f"%S/{state}"
    else:
        assert f"VERANTWOORD_DATA=%S/{state}" in values(unit, "Environment")[0]
    assert values(unit, "StateDirectoryMode") == ["0700"]


@each_unit
def test_a_service_has_time_to_end(unit: Path) -> None:
    """More than what requests under way are given, before it is killed."""
    (stop,) = values(unit, "TimeoutStopSec")
    granted = re.findall(
        r"timeout_graceful_shutdown=(\d+)", Path(workers.__file__).read_text(encoding="utf-8")
    )
    assert int(stop.removesuffix("s")) >= 3 * int(granted[0])


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="there is no systemd-sysusers")
def test_the_accounts_of_the_units_are_made(tmp_path: Path) -> None:
    """Each unit's own, without a shell, in a root of their own."""
    (tmp_path / "etc").mkdir()
    subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", "/dev/stdin"],
        input=(ROOT / "operations/systemd/verantwoord.sysusers").read_text(),
        text=True, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    made = {
        line.split(":")[0]: line.split(":")
        for line in (tmp_path / "etc/passwd").read_text().splitlines()
    }
    assert made.keys() == {user for unit in UNITS for user in values(unit, "User")}
    assert {fields[6] for fields in made.values()} <= {"/usr/sbin/nologin", "/sbin/nologin"}
