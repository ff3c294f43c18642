"""What a register is: a pure fold over facts, with labelled columns.

A register belongs to no database. Its `cases` say which facts hang together (one controller, one
breach, one subprocessor): the rows of a case depend on the facts of that case alone, so a stored
copy is kept up to date by folding only the cases that new events touch (`projections/follow.py`),
and a question about the past folds them anew. Labels are in Dutch, in the words of the agreement,
and English, in those of the GDPR. `tests/registers` shows each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from projections.facts import Fact, Recorded


@dataclass(frozen=True, slots=True)
class Label:
    """One text in the two languages of the product."""

    nl: str
    en: str

    def text(self, language: str) -> str:
        """The text in `language`: "nl" or "en"."""
        return self.nl if language == "nl" else self.en


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the key in a row, its label, and the clause or article that asks for it."""

    key: str
    label: Label
    source: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `key` is unique in the register. `controllers` says who may see it: one controller,
    everybody when it is empty, the processor alone when it holds the empty id (`projections/rows`).

    `values` holds plain JSON values by column key; `positions` the log positions it rests on, in
    order; `corrected` the corrections among them as {field, old, new, known_at, position}.
    """

    key: str
    controllers: tuple[str, ...]
    values: Mapping[str, Any]
    positions: tuple[int, ...]
    corrected: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Register:
    """A named fold. `name` is the last part of its address, in kebab-case.

    `types` are the event type names it reads. `cases` gives the case keys of one event; each is a
    tag of the event (`controller:C1`), or type names joined by `+` for what hangs together without
    a tag, so that the events of a case can be found again in the log. `fold` gives the rows of one
    case from its facts, which come sorted by (occurred_at, position).

    `present` orders the rows, and joins to a row what those say whose keys `joined` gives of it,
    and whose keys it gives of these; they are for every reader or for the same one.

    `wide` are the types of which each event belongs to a case that may give rows for every reader,
    and without which a case gives none: a question about one controller reads all of these, and of
    the others what names the controller (`projections/needed.py`). The case `controller:C1` gives
    rows of C1 alone, and a row of a controller rests on a fact that names it.

    `context` are types of which a fold is also given the facts about each controller that its case
    names, such as the terms of its agreement; or about whatever else `context_by` says, a kind of
    tag (`instruction`, `subprocessor`; `projections/context.py`). They make no case of their own.
    """

    name: str
    title: Label
    source: str
    columns: tuple[Column, ...]
    types: frozenset[str]
    cases: Callable[[Recorded], Sequence[str]]
    fold: Callable[[str, Sequence[Fact]], Sequence[Row]]
    present: Callable[[Sequence[Row]], Sequence[Row]] = lambda rows: rows
    joined: Callable[[Row], Iterable[str]] = lambda row: ()
    wide: frozenset[str] = frozenset()
    context: frozenset[str] = frozenset()
    context_by: str = "controller"
