"""What a dossier is: sections of answers and of tables, each with the article that asks for it.

    authority-register     the processor's register, for the authority           art. 30(2), 30(4)
    controller-register    what a controller can take over into its own          art. 30(1)
    breach-file            one personal data breach, documented                   art. 33(5)
    breach-form            the form of the authority, for one controller          art. 33(1), 33(3)
    dpia                   support with the DPIA of one controller                art. 35(7), 11.4

A dossier is made of the rows of registers, as of a moment and as known at one, and adds nothing to
them. What only the controller can answer stands there too, open, and is named as such: a processor
that filled it in would decide for another. `tests/test_dossiers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ledger.database import Connections
from ledger.isolation import OneController
from projections.clocks import clocks_at
from projections.exports.judged import CLOCK, FINDING
from projections.findings import held_at, moment_of
from projections.listing import own_rows
from projections.question import Answer, Basis, Moment, ask_each, basis_at, followed, reading
from projections.reading import stamp
from projections.register import Label, Register, Row
from projections.registers import REGISTERS
from projections.rules import JUDGED
from projections.showing import shown

OPEN = Label("alleen door u in te vullen", "for you alone to answer")
UNKNOWN = Label("niet vastgelegd", "not recorded")


@dataclass(frozen=True, slots=True)
class Item:
    """One answer. `by_controller` is what the ledger cannot hold; otherwise `value` is what it
    holds, a plain JSON value or a label, and None where it holds nothing."""

    key: str
    label: Label
    source: str
    value: Any = None
    by_controller: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a table."""

    key: str
    label: Label
    source: str


FINDINGS = tuple(
    Field(key, FINDING[key], "policy") for key in ("rule", "severity", "controllers", "at", "text")
)
CLOCKS = tuple(
    Field(key, CLOCK[key], "policy")
    for key in ("rule", "title", "controllers", "state", "started_at", "due_at", "stopped_at")
)


@dataclass(frozen=True, slots=True)
class Section:
    """Answers, or a table: then `fields` has its columns, and each row is a mapping by their
    keys. `picture` names one that belongs here (`projections/exports/flow.py`)."""

    key: str
    title: Label
    items: Sequence[Item] = ()
    fields: Sequence[Field] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """A dossier about a controller, or (None) all of them, and maybe one breach. `positions` are of
    the events it rests on."""

    kind: Kind
    controller: str | None
    breach: str | None
    moment: Moment
    at: datetime
    basis: Basis
    sections: Sequence[Section]
    positions: frozenset[int]

    @property
    def open(self) -> Sequence[Item]:
        """What only the controller can answer."""
        return [item for section in self.sections for item in section.items if item.by_controller]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a dossier is made of: rows of registers by their names, at a moment."""

    controller: str | None
    breach: str | None
    at: datetime
    rows: Mapping[str, Sequence[Row]]
    judged: Sequence[Row] = ()
    used: set[int] = field(default_factory=set)
    """Positions of the events behind what was asked for."""

    def of(self, register: str, kind: str | None = None, **values: Any) -> list[Mapping[str, Any]]:
        """The rows of a register, of one kind, with these values."""
        found = [
            row
            for row in self.rows[register]
            if (kind is None or row.values.get("kind") == kind)
            and all(row.values.get(name) == value for name, value in values.items())
        ]
        self.used.update(position for row in found for position in row.positions)
        return [row.values for row in found]

    def one(self, register: str, kind: str, **values: Any) -> Mapping[str, Any]:
        """The first of these rows; nothing where there is none."""
        return next(iter(self.of(register, kind, **values)), {})

    def findings(self, subject: str | None = None) -> Section:
        """The findings that hold, all of them or those about one thing."""
        held = [f for f in held_at(self.judged, self.at) if subject in (None, f.subject)]
        self.used.update(position for finding in held for position in finding.events)
        rows = [
            {
                "rule": finding.rule.id,
                "severity": finding.severity,
                "controllers": list(finding.controllers),
                "at": stamp(finding.at),
                "text": finding.text,
            }
            for finding in held
        ]
        return Section("findings", Label("Bevindingen", "Findings"), fields=FINDINGS, rows=rows)

    def clocks(self, subject: str | None = None, *, open: bool = False) -> Section:
        """The clocks, all of them or those about one thing; with `open` those that run."""
        seen = [
            clock
            for clock in clocks_at(self.judged, self.at)
            if subject in (None, clock.subject) and (clock.open or not open)
        ]
        self.used.update(position for clock in seen for position in clock.events)
        rows = [
            {
                "rule": clock.rule.id,
                "title": clock.title,
                "controllers": list(clock.controllers),
                "state": clock.state,
                "started_at": stamp(clock.started_at),
                "due_at": stamp(clock.due_at),
                "stopped_at": stamp(clock.stopped_at),
            }
            for clock in seen
        ]
        return Section("clocks", Label("Termijnen", "Clocks"), fields=CLOCKS, rows=rows)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of dossier: what it is called and rests on, the registers it is made of, and how.

    `needs` are "controller" and "breach", where it is about one; `judged` says whether it is told
    findings and clocks as well. One with `beside` is made of the rows of its controller alone, and
    of those of that kind.
    """

    name: str
    title: Label
    source: str
    registers: Sequence[str]
    make: Callable[[Asked], Sequence[Section]]
    needs: frozenset[str] = frozenset()
    judged: bool = False
    beside: str | None = None


class NoSuch(LookupError):
    """The ledger holds nothing about what a dossier was asked about."""


def ask_dossier(
    connections: Connections,
    now: datetime,
    kind: Kind,
    moment: Moment,
    *,
    controller: str | None = None,
    breach: str | None = None,
) -> Dossier:
    """A dossier; connections that see one controller make that of this one.

    Raises NoSuch, and LookupError when nothing had been recorded yet at `known_at`.
    """
    if isinstance(connections, OneController):
        controller = connections.controller
    wanted = [REGISTERS[name] for name in kind.registers]
    chapters = [*JUDGED.values()] if kind.judged else []
    by_register: Mapping[str, Sequence[Row]] = {}
    own = _own_rows(connections, kind, wanted, moment, controller)
    if own is not None:
        basis, presented = own
    else:
        basis, by_register = ask_each(
            connections, [*wanted, *chapters], moment, controller=controller
        )
        presented = {r.name: r.present(by_register[r.name]) for r in wanted}
    rows = {
        register.name: shown(Answer(register, moment, basis, presented[register.name])).rows
        for register in wanted
    }
    at = moment_of(moment, basis, now)
    judged = [row for chapter in chapters for row in by_register[chapter.name]]
    asked = Asked(controller, breach, at, rows, judged)
    sections = kind.make(asked)
    used = frozenset(asked.used)
    return Dossier(kind, controller, breach, moment, at, basis, sections, used)


def _own_rows(
    connections: Connections,
    kind: Kind,
    wanted: Sequence[Register],
    moment: Moment,
    controller: str | None,
) -> tuple[Basis, dict[str, Sequence[Row]]] | None:
    """The rows of the controller and those of the kind `beside`, as they are stored now; None where
    it takes more than that."""
    if kind.beside is None or controller is None or moment != Moment():
        return None
    with reading(connections) as conn:
        upto = followed(conn)
        if upto is None:
            return None
        return basis_at(conn, upto), {
            r.name: own_rows(conn, r, controller, kind.beside) for r in wanted
        }


def label_of(register: str, key: str) -> Label:
    """What a column of a register is called."""
    return next(c.label for c in REGISTERS[register].columns if c.key == key)


def items(
    register: str, values: Mapping[str, Any], *keys: str, source: str | None = None
) -> list[Item]:
    """Columns of a row as answers, with the sources that the register gives, or another."""
    columns = {column.key: column for column in REGISTERS[register].columns}
    return [
        Item(key, columns[key].label, source or columns[key].source, values.get(key))
        for key in keys
    ]


def table(
    key: str, title: Label, register: str, rows: Sequence[Mapping[str, Any]], *keys: str
) -> Section:
    """Columns of rows as a table."""
    columns = {column.key: column for column in REGISTERS[register].columns}
    fields = [Field(name, columns[name].label, columns[name].source) for name in keys]
    return Section(key, title, fields=fields, rows=rows)


def open_item(key: str, nl: str, en: str, source: str) -> Item:
    """What only the controller can answer."""
    return Item(key, Label(nl, en), source, by_controller=True)
