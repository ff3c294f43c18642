"""A framework: its controls, and which event types are evidence for each.

    id = "house"
    name = "Rules of the house"
    about = { en = "What we agreed", nl = "Wat we afspraken" }
    standards = ["Rules of the house"]     # what statements of applicability call it

    [[control]]
    id = "1.2"
    group = { en = "Access", nl = "Toegang" }
    label = { en = "Who comes in", nl = "Wie er binnenkomt" }
    primary = ["DataAccessAuthorised"]     # the control is about exactly this act
    supporting = ["LicenceGranted"]        # it shows a side of it
    same = ["iso27001 A.5.18"]             # controls of other frameworks about the same
    cadence = [{ type = "RiskAssessmentCompleted", every = "P1Y" }]

Labels are short and our own: the texts and titles of ISO and NEN are theirs. Whoever has a licence
puts `ID.titles.csv` beside, with the columns id, nl and en. `tests/test_frameworks.py`.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ledger.errors import ConfigurationError
from ledger.events import EVENT_TYPES
from projections.civil import add_period
from projections.register import Label

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
"""Id of a framework, as it stands in addresses."""

CONTROL = re.compile(r"[A-Za-z0-9][A-Za-z0-9. ()-]{0,31}")

FIELDS = frozenset({"id", "group", "label", "primary", "supporting", "same", "cadence"})

LIMIT = 2_000_000
"""Bytes of a file that are read; what is cut off there is not TOML any more, or lacks controls."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """An event type that is expected at least once in a period (ISO 8601: P1Y, P6M)."""

    type: str
    every: str


@dataclass(frozen=True, slots=True)
class Control:
    """A control, clause or article. `same` are (framework, control) elsewhere about the same."""

    id: str
    group: Label
    label: Label
    primary: tuple[str, ...] = ()
    supporting: tuple[str, ...] = ()
    same: tuple[tuple[str, str], ...] = ()
    cadence: tuple[Cadence, ...] = ()

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that are evidence for it."""
        return (*self.primary, *self.supporting)


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework, its controls in their order, and its names in statements of applicability."""

    id: str
    name: str
    about: Label
    standards: tuple[str, ...]
    controls: Mapping[str, Control]


@cache
def shipped() -> Mapping[str, Framework]:
    """The frameworks that come with the program, by id."""
    return _by_id(_frameworks_in(resources.files("projections.frameworks") / "data"))


def all_frameworks(directory: Path | None = None) -> Mapping[str, Framework]:
    """Those, and those of a directory, whose titles hold for all.

    Raises ConfigurationError, which names the file, the control and the field.
    """
    if directory is None or not directory.is_dir():
        return shipped()
    found = _by_id([*shipped().values(), *_frameworks_in(directory)])
    return {id_: _titled(each, directory) for id_, each in found.items()}


def _by_id(frameworks: Iterable[Framework]) -> dict[str, Framework]:
    found: dict[str, Framework] = {}
    for each in frameworks:
        if each.id in found:
            raise ConfigurationError(f"there are two frameworks {each.id}")
        found[each.id] = each
    return found


def _frameworks_in(directory: Traversable) -> list[Framework]:
    files = sorted(
        (f for f in directory.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name
    )
    return [_load(file) for file in files]


def _load(file: Traversable) -> Framework:
    try:
        return of_file(tomllib.loads(file.read_bytes()[:LIMIT].decode()))
    except OSError as error:
        raise ConfigurationError(f"cannot read {file.name}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{file.name} is not TOML in UTF-8: {error}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{file.name}: {error}") from None


def as_file(framework: Framework) -> dict[str, Any]:
    """A framework as a file has it, for whoever wants to know what was counted."""
    return {
        "id": framework.id,
        "name": framework.name,
        "about": _both(framework.about),
        "standards": list(framework.standards),
        "control": [
            {
                "id": control.id,
                "group": _both(control.group),
                "label": _both(control.label),
                "primary": list(control.primary),
                "supporting": list(control.supporting),
                "same": [" ".join(same) for same in control.same],
                "cadence": [{"type": c.type, "every": c.every} for c in control.cadence],
            }
            for control in framework.controls.values()
        ],
    }


def _both(label: Label) -> dict[str, str]:
    return {"nl": label.nl, "en": label.en}


def of_file(found: Mapping[str, Any]) -> Framework:
    """The framework of a file. Raises ConfigurationError, which names the control and the field."""
    controls: dict[str, Control] = {}
    given = found.get("control")
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise ConfigurationError("[[control]] is needed, once for each control")
    for each in given:
        control = _control(each)
        if control.id in controls:
            raise ConfigurationError(f"control {control.id} is there twice")
        controls[control.id] = control
    id_, name = found.get("id"), found.get("name")
    if not isinstance(id_, str) or ID.fullmatch(id_) is None:
        raise ConfigurationError("id has small letters, digits and -, at most 32")
    if not isinstance(name, str) or not name:
        raise ConfigurationError("name is needed, as a text")
    return Framework(id_, name, _label("about", found), _texts("standards", found), controls)


def _control(found: Mapping[str, Any]) -> Control:
    id_ = found.get("id")
    if not isinstance(id_, str) or CONTROL.fullmatch(id_) is None:
        raise ConfigurationError("a control has an id of letters, digits and . ( ) -, at most 32")
    try:
        return _with_evidence(id_, found)
    except ConfigurationError as error:
        raise ConfigurationError(f"control {id_}: {error}") from None


def _with_evidence(id_: str, found: Mapping[str, Any]) -> Control:
    if unknown := found.keys() - FIELDS:
        raise ConfigurationError(f"{min(unknown)} is none of {', '.join(sorted(FIELDS))}")
    primary, supporting = _types("primary", found), _types("supporting", found)
    if both := {*primary} & {*supporting}:
        raise ConfigurationError(f"{min(both)} is primary or supporting, not both")
    cadence = found.get("cadence", [])
    if not isinstance(cadence, list):
        raise ConfigurationError("cadence is a list")
    return Control(
        id_,
        _label("group", found),
        _label("label", found),
        primary,
        supporting,
        tuple(_elsewhere(each) for each in _texts("same", found)),
        tuple(_cadence(each) for each in cadence),
    )


def _cadence(found: Any) -> Cadence:
    if not isinstance(found, dict) or found.keys() != {"type", "every"}:
        raise ConfigurationError("cadence has type and every")
    (type_,) = _types("type", {"type": [found["type"]]})
    try:
        add_period(date(2000, 1, 1), found["every"])
    except (ValueError, TypeError, OverflowError):
        raise ConfigurationError("every is a period such as P1Y or P6M") from None
    return Cadence(type_, found["every"])


def _elsewhere(text: str) -> tuple[str, str]:
    framework, _, control = text.partition(" ")
    if not control:
        raise ConfigurationError("same has `framework control`, such as `iso27001 A.5.18`")
    return framework, control


def _types(name: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    types = _texts(name, found)
    for each in types:
        if each not in NAMES:
            raise ConfigurationError(f"{name} has {each}, which is no event type")
    return types


def _texts(name: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    value = found.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigurationError(f"{name} is a list of texts")
    if len({*value}) != len(value):
        raise ConfigurationError(f"{name} has one of them twice")
    return tuple(value)


def _label(name: str, found: Mapping[str, Any]) -> Label:
    value = found.get(name)
    texts = value.values() if isinstance(value, dict) and value.keys() == {"nl", "en"} else ()
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise ConfigurationError(f"{name} has a text in nl and en")
    assert isinstance(value, dict)  # noqa: S101 - looked at above
    return Label(nl=value["nl"], en=value["en"])


def _titled(framework: Framework, directory: Path) -> Framework:
    """With the titles of a licensed copy, where they are there."""
    file = directory / f"{framework.id}.titles.csv"
    if not file.exists():
        return framework
    controls = dict(framework.controls)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            id_ = row.get("id") or ""
            if id_ not in controls or not row.get("nl") or not row.get("en"):
                raise ConfigurationError(
                    f"{file.name}: a line has the id of a control of {framework.id}, nl and en;"
                    f" {id_ or 'one without an id'} does not"
                )
            controls[id_] = replace(controls[id_], label=Label(nl=row["nl"], en=row["en"]))
    return replace(framework, controls=controls)


NAMES = frozenset(each.name for each in EVENT_TYPES.values())
