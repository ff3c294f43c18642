"""An answer as a document: what it says, about when, what it rests on, and its tables.

One form for registers, findings, clocks and evidence, from which a spreadsheet
(`spreadsheet.py`) and a PDF (`paper.py`) are made. A table has the columns that say something in
it; a register with several kinds of rows has a table for each. `tests/test_document.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.checkpoint import parse as parse_checkpoint
from projections.civil import local_minute
from projections.clocks import Clocks
from projections.exports import evidenced, judged
from projections.exports.kinds import called, kind_of, own_columns
from projections.exports.tables import cell
from projections.findings import Findings
from projections.frameworks.evidence import Gathered
from projections.question import Answer, Basis, Moment
from projections.register import Label

KINDS: Mapping[str, Label] = {
    "findings": Label("Bevindingen", "Findings"),
    "clocks": Label("Termijnen", "Clocks"),
    "evidence": Label("Bewijs per beheersmaatregel", "Evidence per control"),
}

ABOUT: Mapping[str, Label] = {
    "ledger": Label("Grootboek", "Ledger"),
    "period": Label("Periode", "Period"),
    "as_of": Label("Naar de stand van", "As of"),
    "known_at": Label("Zoals bekend op", "Known at"),
    "controller": Label("Verwerkingsverantwoordelijke", "Controller"),
    "size": Label("Vastleggingen waarop dit rust", "Entries it rests on"),
    "recorded_at": Label("De laatste vastgelegd op", "The last recorded at"),
    "root": Label("Wortel (SHA-256)", "Root (SHA-256)"),
}

NOW = Label("nu", "now")
ALL = Label("alle", "all")
ENTRIES = Label("de eerste {} vastleggingen", "the first {} entries")


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: what it is called, and the clause or article that asks for it."""

    label: str
    source: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as SVG, the same in words for whoever does not see it, and what stands below."""

    svg: str
    words: str
    caption: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain JSON values under headings; `title` is empty for the only one. A list is read
    down its columns also when there are many of them. `picture` says what the rows say."""

    title: str
    headings: Sequence[Heading]
    rows: Sequence[Sequence[Any]]
    is_list: bool = False
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A title, what is said of the whole, and tables. `made_at` is when the last entry that it
    rests on was recorded: the same answer is always the same document. `rests_on` are the leaf
    indexes of the events that its rows rest on, in order."""

    name: str
    title: str
    subtitle: str
    language: str
    about: Sequence[tuple[str, str]]
    remark: str
    tables: Sequence[Table]
    size: int
    root: str
    made_at: datetime | None
    rests_on: Sequence[int] = ()

    @property
    def rows(self) -> int:
        """How many rows all tables have."""
        return sum(len(table.rows) for table in self.tables)


def of_register(answer: Answer, language: str, origin: str, controller: str | None) -> Document:
    """A register, with a table for each kind of row."""
    register = answer.register
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for row in answer.rows:
        by_kind.setdefault(kind_of(register, row.values), []).append(row.values)
    tables = []
    for kind, rows in by_kind.items():
        columns = [
            column
            for column in own_columns(register)
            if any(not _empty(values.get(column.key)) for values in rows)
        ]
        headings = [Heading(c.label.text(language), c.source) for c in columns]
        cells = [[values.get(c.key) for c in columns] for values in rows]
        tables.append(Table(called(kind, language), headings, cells))
    said = about(answer.moment, answer.basis, language, origin, controller)
    return _document(
        register.name,
        register.title.text(language),
        register.source,
        language,
        said,
        "",
        tables,
        answer.basis,
        (position for row in answer.rows for position in row.positions),
    )


def of_findings(answer: Findings, language: str, origin: str, controller: str | None) -> Document:
    """The findings, one a row."""
    found = [judged.finding_json(finding, language) for finding in answer.findings]
    said = about(answer.moment, answer.basis, language, origin, controller)
    positions = (position for each in answer.findings for position in each.events)
    return _list("findings", judged.FINDING, found, language, said, answer.basis, positions)


def of_clocks(answer: Clocks, language: str, origin: str, controller: str | None) -> Document:
    """The clocks, one a row."""
    found = [judged.clock_json(clock, language) for clock in answer.clocks]
    said = about(answer.moment, answer.basis, language, origin, controller)
    positions = (position for each in answer.clocks for position in each.events)
    return _list("clocks", judged.CLOCK, found, language, said, answer.basis, positions)


def of_evidence(found: Gathered, language: str, origin: str) -> Document:
    """The evidence for each control of a framework."""
    headings = [Heading(label.text(language), "") for label in evidenced.COLUMNS.values()]
    rows = [evidenced.cells(each, found, language) for each in found.evidence]
    said = about(found.moment, found.basis, language, origin, found.controller)
    period = f"{local_minute(found.period.begin)} – {local_minute(found.period.end)}"
    said.insert(1, (ABOUT["period"].text(language), period))
    return _document(
        f"evidence-{found.framework.id}",
        f"{KINDS['evidence'].text(language)}: {found.framework.name}",
        found.framework.about.text(language),
        language,
        said,
        evidenced.MARK.text(language),
        [Table("", headings, rows, is_list=True)],
        found.basis,
        (index + 1 for each in found.evidence for index in each.sample),
    )


def _document(
    name: str,
    title: str,
    subtitle: str,
    language: str,
    about: Sequence[tuple[str, str]],
    remark: str,
    tables: Sequence[Table],
    basis: Basis,
    positions: Iterable[int],
) -> Document:
    return Document(
        name,
        title,
        subtitle,
        language,
        about,
        remark,
        tables,
        basis.size,
        root_of(basis),
        basis.recorded_at,
        indexes(positions),
    )


def indexes(positions: Iterable[int]) -> tuple[int, ...]:
    """The leaf indexes of positions in the log, each once, in order."""
    return tuple(sorted({position - 1 for position in positions}))


def _list(
    name: str,
    labels: Mapping[str, Label],
    found: Sequence[Mapping[str, Any]],
    language: str,
    about: Sequence[tuple[str, str]],
    basis: Basis,
    positions: Iterable[int],
) -> Document:
    headings = [Heading(label.text(language), "") for label in labels.values()]
    table = Table("", headings, [[each[key] for key in labels] for each in found], is_list=True)
    title = KINDS[name].text(language)
    return _document(name, title, "", language, about, "", [table], basis, positions)


def about(
    moment: Moment, basis: Basis, language: str, origin: str, controller: str | None
) -> list[tuple[str, str]]:
    known = moment.known_at
    if isinstance(known, int):
        told = ENTRIES.text(language).format(known)
    else:
        told = local_minute(known) if known else NOW.text(language)
    """What is said of the whole of a document: which ledger, about when, and what it rests on."""
    said = {
        "ledger": origin,
        "as_of": local_minute(moment.as_of) if moment.as_of else NOW.text(language),
        "known_at": told,
        "controller": controller or ALL.text(language),
        "size": str(basis.size),
        "recorded_at": local_minute(basis.recorded_at) if basis.recorded_at else "",
        "root": root_of(basis),
    }
    return [(ABOUT[key].text(language), value) for key, value in said.items()]


def root_of(basis: Basis) -> str:
    """The root of the checkpoint that covers what an answer rests on, in hex."""
    if basis.checkpoint is None:
        return ""
    return parse_checkpoint(basis.checkpoint.partition("\n\n")[0] + "\n").root.hex()


def _empty(value: Any) -> bool:
    return value in (None, "", [], {})


def text(value: Any, language: str) -> str:
    """A value as text; moments as people here write them."""
    return cell(_local(value), language)


def _local(value: Any) -> Any:
    if isinstance(value, list):
        return [_local(item) for item in value]
    if isinstance(value, dict):
        return {name: _local(item) for name, item in value.items()}
    moment = moment_of(value)
    return local_minute(moment) if moment else value


def moment_of(value: Any) -> datetime | None:
    """The moment that a value is, when it is one."""
    if not isinstance(value, str) or len(value) < len("2026-01-01T00:00:00Z") or value[10] != "T":
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
