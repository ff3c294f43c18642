"""Making the rows of a register, so that each says what it rests on and none says too much.

A row belongs to one controller, to all readers (processor-wide) or to the processor alone. What a
correction changed is shown with the row, except where it would name another controller than the
row's own (`tests/test_rows.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from ledger.tags import CONTROLLERS
from projections.facts import Correction, Fact, Recorded
from projections.reading import ids, stamp
from projections.register import Column, Register, Row

PROCESSOR_WIDE: tuple[str, ...] = ()
"""Owner of a row that every reader may see."""

PROCESSOR_ONLY: tuple[str, ...] = ("",)
"""Owner of a row that no controller may see: no controller has an empty id."""

ITSELF = "itself"
"""In a table of cases: each event of the type is a case of its own."""


UNQUOTED = re.compile(r"[A-Za-z0-9_.~ /:-]*").fullmatch
"""Most ids and moments: what quoting leaves as it is, but for the colon."""


def row_key(kind: str, *ids: str) -> str:
    """`kind:id:id`, with any colon of an id escaped, so that two rows never share a key."""
    return ":".join((kind, *map(_quoted, ids)))


def _quoted(id_: str) -> str:
    if UNQUOTED(id_):
        return id_.replace(":", "%3A")
    return quote(id_, safe=" /", errors="replace")


def cases_by(by_type: Mapping[str, Sequence[str]]) -> Callable[[Recorded], Sequence[str]]:
    """The `cases` of a register, from a table of `case:field` patterns by event type.

    `breach:breach_id` gives the case `breach:B-1` of an event whose `breach_id` is B-1; a field
    with a list gives a case for each. `ITSELF` and names of types are cases as they stand.
    """

    read = {type_: [_reader(pattern) for pattern in found] for type_, found in by_type.items()}

    def cases(event: Recorded) -> Sequence[str]:
        readers = read.get(event.type, ())
        if len(readers) == 1:
            return readers[0](event)  # each once as it is
        return tuple(dict.fromkeys(case for reader in readers for case in reader(event)))

    return cases


def leading_to(by_type: Mapping[str, Sequence[str]], *tags: str) -> frozenset[str]:
    """The types in a table of cases that lead to a case of one of some tags."""
    return frozenset(
        name
        for name, patterns in by_type.items()
        if any(pattern.partition(":")[0] in tags for pattern in patterns)
    )


def _reader(pattern: str) -> Callable[[Recorded], Sequence[str]]:
    if pattern == ITSELF:
        return lambda event: (f"source-id:{event.source} {event.id}",)
    tag, colon, field = pattern.partition(":")
    if not colon:
        return lambda event: (pattern,)

    def read(event: Recorded) -> Sequence[str]:
        value = event.data.get(field)
        if isinstance(value, str):  # as nearly always
            return (f"{tag}:{value}",) if value else ()
        return [f"{tag}:{each}" for each in ids(event.data, field)]

    return read


def by_id(facts: Iterable[Fact], *fields: str) -> dict[str, list[Fact]]:
    """The facts by each id in some fields; those without one are left out."""
    found: dict[str, list[Fact]] = {}
    for fact in facts:
        for value in ids(fact.data, *fields):
            found.setdefault(value, []).append(fact)
    return found


def of_type(facts: Iterable[Fact], *types: str) -> list[Fact]:
    """The facts of some types, in their order."""
    return [fact for fact in facts if fact.type in types]


def row(
    columns: Sequence[Column],
    key: str,
    controllers: tuple[str, ...],
    values: Mapping[str, Any],
    facts: Collection[Fact],
    *,
    shown: Callable[[Fact, str], bool] = lambda fact, field: True,
) -> Row:
    """A row with every column, resting on `facts`.

    `shown` says of a fact and the corrected field whether this row may show the correction.
    """
    rests_on = {fact.position: fact for fact in facts}
    amended = [(f, c) for _, f in sorted(rests_on.items()) for c in f.corrections]
    positions = {*rests_on, *(c.position for _, c in amended)}
    positions.update(s.position for f in rests_on.values() for s in f.shredded)
    changes = (_change(c, controllers) for f, c in amended if shown(f, c.field))
    return Row(
        key,
        controllers,
        {**dict.fromkeys(c.key for c in columns), **values},
        tuple(sorted(positions)),
        tuple(change for change in changes if change["old"] != change["new"]),
    )


def _change(correction: Correction, controllers: tuple[str, ...]) -> Mapping[str, Any]:
    old, new = correction.old, correction.new
    if controllers != PROCESSOR_ONLY and correction.field.split(".")[0] in CONTROLLERS:
        old, new = own(old, controllers), own(new, controllers)
    return {
        "field": correction.field,
        "old": old,
        "new": new,
        "known_at": stamp(correction.recorded_at),
        "position": correction.position,
    }


def own(value: Any, controllers: Collection[str]) -> Any:
    """What of a value that names controllers the readers of a row may see: their own ids."""
    if isinstance(value, list):
        return [v for v in value if _names(v) in controllers]
    return value if _names(value) in controllers else None


def _names(value: Any) -> Any:
    return value.get("controller") if isinstance(value, Mapping) else value


def body(row: Row) -> str:
    """What a row says, as JSON text: the same row always gives the same bytes."""
    content = {
        "values": row.values,
        "positions": row.positions,
        "corrected": row.corrected,
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()


def of_body(key: str, controllers: tuple[str, ...], text: str) -> Row:
    """The row of a body, its keys in the order which they have there."""
    content = orjson.loads(text)
    return Row(
        key,
        controllers,
        content["values"],
        tuple(content["positions"]),
        tuple(content["corrected"]),
    )


def folded(
    register: Register, facts: Mapping[str, Sequence[Fact]], controller: str | None = None
) -> list[Row]:
    """The rows of some cases, as they would be stored; with `controller` its own and those of every
    reader."""
    rows = [row for case in sorted(facts) for row in register.fold(case, facts[case])]
    return [
        of_body(row.key, row.controllers, body(row))
        for row in rows
        if controller is None or row.controllers in ((), (controller,))
    ]
