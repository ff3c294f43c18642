"""What README and tutorial tell a newcomer to type is typed here, in a new directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(r"^```(sh|text|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    """The language and text of each block of a page, in order."""
    return _BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def typed(command: str, directory: Path) -> tuple[int, str]:
    """Exit status of a command, and what it printed on both outputs."""
    programs = Path(sys.executable).parent
    environment = {
        **{name: value for name, value in os.environ.items() if "VERANTWOORD" not in name},
        "PATH": f"{programs}:{os.environ['PATH']}",
        "COLUMNS": "100",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", command.replace(".venv/bin/verantwoord", "verantwoord")],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    """After `demo`, each of them answers."""
    status, said = typed("verantwoord demo --no-serve", tmp_path)
    assert status == 0, said
    asked = [text for _, text in blocks("README.md") if "--data verantwoord-demo" in text]
    answers = {}
    for command in "".join(asked).splitlines():
        status, answers[command] = typed(command, tmp_path)
        assert status == 0, f"{command}\n{answers[command]}"
    said = "\n".join(answers.values())
    for part in (
        "Subverwerker",
        "R-9.2",
        "follow the whole log",
        "included: an evidence pack of",
        "about all 202 entries",
        "http://127.0.0.1:8480/sign-in/link?token=",
    ):
        assert part in said


@pytest.mark.long
def test_the_tutorial(tmp_path: Path) -> None:
    """From the first command to the last, with what it promises in between."""
    found = blocks("docs/tutorial/first-event.md")
    (events,) = [text for language, text in found if language == "json"]
    (printed,) = [text for language, text in found if language == "text"]
    (tmp_path / "events.ndjson").write_text(events, encoding="utf-8")
    for command in (text for language, text in found if language == "sh"):
        status, said = typed(command, tmp_path)
        if "false.tlog-proof" in command:
            assert status == 1
            assert "failed: the inclusion proof does not lead to the root" in said
            continue
        assert status == 0, f"{command}\n{said}"
        if "append" in command:
            assert [*map(str.split, printed.splitlines())] == [
                line.split() for line in said.splitlines() if line.startswith("recorded")
            ]
            again = typed(command, tmp_path)
            assert again[0] == 0
            assert again[1].count("was there") == 2
    other = events.replace("Voorbeeld Dossier", "Ander Dossier")
    (tmp_path / "events.ndjson").write_text(other, encoding="utf-8")
    status, said = typed("verantwoord append events.ndjson --key k-backoffice-1.key", tmp_path)
    assert status == 1, said
