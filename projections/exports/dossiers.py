"""A dossier as JSON, and as a document for paper and spreadsheets. `tests/test_dossiers.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projections.dossiers.dossier import OPEN, UNKNOWN, Dossier, Item, Kind, Section
from projections.exports.document import (
    Document,
    Heading,
    Picture,
    Table,
    about,
    indexes,
    root_of,
)
from projections.exports.flow import Flow, to_svg
from projections.exports.linked import LINKED
from projections.exports.tables import basis_json, moment_json
from projections.reading import stamp
from projections.register import Label

ITEM = Label("Onderdeel", "Item")
ANSWER = Label("Antwoord", "Answer")
SOURCE = Label("Grondslag", "Asked by")
BREACH = Label("Inbreuk", "Personal data breach")
PICTURE = Label(
    "Pijlen van links naar rechts; de tabel eronder zegt hetzelfde in woorden.",
    "Arrows from left to right; the table below says the same in words.",
)
REMARK = Label(
    "Wat hier staat, volgt uit wat is vastgelegd. Open vragen zijn niet van de verwerker.",
    "What stands here follows from what was recorded. Open questions are not the processor's.",
)


def formats_of(kind: Kind) -> list[str]:
    """What a dossier comes as."""
    formats = ["json", "xlsx", "pdf", "report"]
    if kind.name in LINKED:
        formats.append("jsonld")
    return [*formats, "svg", "pia"] if kind.name == "dpia" else formats


def to_json(dossier: Dossier, language: str) -> dict[str, Any]:
    """The dossier with its sections; what only the controller can answer is `open`."""
    kind = dossier.kind
    return {
        "dossier": kind.name,
        "title": kind.title.text(language),
        "source": kind.source,
        "language": language,
        "controller": dossier.controller,
        "breach": dossier.breach,
        "as_of": moment_json(dossier.moment.as_of),
        "known_at": moment_json(dossier.moment.known_at),
        "at": stamp(dossier.at),
        "basis": basis_json(dossier.basis),
        "sections": [_section_json(section, language) for section in dossier.sections],
        "open": [_item_json(item, language) for item in dossier.open],
    }


def to_document(dossier: Dossier, language: str, origin: str) -> Document:
    """The dossier for paper: answers as tables, pictures where they belong."""
    kind, basis = dossier.kind, dossier.basis
    said = about(dossier.moment, basis, language, origin, dossier.controller)
    if dossier.breach is not None:
        said.insert(1, (BREACH.text(language), dossier.breach))
    suffix = "".join(f"-{part}" for part in (dossier.breach, dossier.controller) if part)
    return Document(
        f"{kind.name}{suffix}",
        kind.title.text(language),
        kind.source,
        language,
        said,
        REMARK.text(language),
        [_table(section, language) for section in dossier.sections],
        basis.size,
        root_of(basis),
        basis.recorded_at,
        indexes(dossier.positions),
    )


def picture(dossier: Dossier, language: str) -> str | None:
    """The first picture of a dossier as SVG; None where it has none."""
    drawn = (_picture(section, language) for section in dossier.sections)
    found = next((each for each in drawn if each is not None), None)
    return None if found is None else found.svg


def told(value: Any, language: str) -> Any:
    """A value with its labels in one language."""
    if isinstance(value, Label):
        return value.text(language)
    if isinstance(value, Mapping):
        return {name: told(item, language) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [told(item, language) for item in value]
    return value


def _section_json(section: Section, language: str) -> dict[str, Any]:
    made: dict[str, Any] = {"key": section.key, "title": section.title.text(language)}
    if section.items:
        made["items"] = [_item_json(item, language) for item in section.items]
    if section.fields:
        made["columns"] = [
            {"key": f.key, "label": f.label.text(language), "source": f.source}
            for f in section.fields
        ]
        made["rows"] = [
            {f.key: told(row.get(f.key), language) for f in section.fields} for row in section.rows
        ]
    return made


def _item_json(item: Item, language: str) -> dict[str, Any]:
    return {
        "key": item.key,
        "label": item.label.text(language),
        "source": item.source,
        "by": "controller" if item.by_controller else "ledger",
        "value": told(item.value, language),
    }


def _table(section: Section, language: str) -> Table:
    title = section.title.text(language)
    if section.items:
        headings = [Heading(label.text(language), "") for label in (ITEM, ANSWER, SOURCE)]
        rows = [[i.label.text(language), _answer(i, language), i.source] for i in section.items]
        return Table(title, headings, rows, is_list=True)
    fields = [
        field
        for field in section.fields
        if any(row.get(field.key) not in (None, "", [], {}) for row in section.rows)
    ]
    headings = [Heading(field.label.text(language), field.source) for field in fields]
    cells = [[told(row.get(field.key), language) for field in fields] for row in section.rows]
    return Table(title, headings, cells, picture=_picture(section, language))


def _answer(item: Item, language: str) -> Any:
    if item.by_controller:
        return OPEN.text(language)
    value = told(item.value, language)
    return UNKNOWN.text(language) if value in (None, "", [], {}) else value


def _picture(section: Section, language: str) -> Picture | None:
    if section.picture is None or not section.rows:
        return None
    flows = [
        Flow(str(told(row["from"], language)), str(told(row["to"], language)))
        for row in section.rows
    ]
    description = "; ".join(f"{flow.source} → {flow.target}" for flow in flows)
    svg = to_svg(flows, section.title.text(language), description)
    return Picture(svg, description, PICTURE.text(language))
