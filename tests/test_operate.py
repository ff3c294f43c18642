"""The operator's manual leaves out no setting, no alarm and no file."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from api.cli.serve import serve

DOCS = Path(__file__).parent.parent / "docs"
MANUAL = (DOCS / "how-to" / "operate.md").read_text()


def rows(text: str, heading: str) -> str:
    """The tables of one section: its lines that begin with a bar."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return "\n".join(line for line in section.splitlines() if line.startswith("|"))


def names(cell: str) -> list[str]:
    """What a cell names in code."""
    return re.findall(r"`([^`]+)`", cell)


def first_cells(table: str) -> set[str]:
    return {name for line in table.splitlines() for name in names(line.split("|")[1])}


def test_each_setting_of_the_service_has_its_consequence() -> None:
    """Each option of `serve` is in the table, and nothing that is none."""
    options = set()
    for name, parameter in inspect.signature(serve, eval_str=True).parameters.items():
        (option,) = parameter.annotation.__metadata__
        declared = [
            each
            for each in (option.default, *(option.param_decls or ()))
            if isinstance(each, str) and each.startswith("--")
        ]
        options.add(declared[0] if declared else f"--{name.replace('_', '-')}")
    told = first_cells(rows(MANUAL, "Each setting"))
    assert {name for name in told if name.startswith("--")} == options
    settings = (DOCS / "reference" / "settings.md").read_text()
    for variable in (name for name in told if name.startswith("VERANTWOORD_")):
        assert f"`{variable}`" in settings
    # A variable that is no option of `serve` has a consequence of its own.
    alone = {
        line.split("|")[1].strip(" `")
        for line in rows(settings, "Variables").splitlines()
        if line.startswith("| `VERANTWOORD_") and not re.search(r"`(serve )?--", line)
    }
    assert alone - told == set()


def test_each_alarm_is_in_one_column() -> None:
    """And leads to what to do."""
    rules = (DOCS.parent / "operations" / "prometheus" / "alerts.yml").read_text()
    alerts = sorted(re.findall(r"- alert: (\w+)", rules))
    linked = re.findall(r"\[(\w+)\]\(watch-the-service\.md#(\w+)\)", rows(MANUAL, "Each alarm"))
    assert sorted(name for name, _ in linked) == alerts
    assert all(place == name.lower() for name, place in linked)


def test_each_file_of_the_data_directory_is_told_of_as_lost_and_stolen() -> None:
    """Whatever the reference lists."""
    settings = (DOCS / "reference" / "settings.md").read_text()
    recover = (DOCS / "how-to" / "recover.md").read_text()
    listed = first_cells(rows(settings, "The data directory"))
    told = first_cells(rows(recover, "Each file of the data directory"))
    assert {any_number(name) for name in listed} - {any_number(name) for name in told} == {
        ".lock",  # holds nothing
        "….restoring-…",  # what a killed `restore` left is removed
    }


def any_number(name: str) -> str:
    """The name of a file with a number, whichever it is."""
    return re.sub(r"(log|sealing)-(\d|N)\b", r"\1-#", name)
