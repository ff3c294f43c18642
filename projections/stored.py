"""The stored rows of a register: how they are written, and whose they are.

A row is stored as the text of its body with what the database finds it by. `projections/follow.py`
replaces the rows of cases that changed, `projections/rebuild.py` writes those of all cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from projections.beside import beside
from projections.register import Row
from projections.rows import body

COLUMNS = {
    "key": "text",
    "case_key": "text",
    "controller": "text",
    "body": "text",
    "open_until": "timestamptz",
    "finding": "text",
    "rule": "text",
    "severity": "text",
    "found_at": "timestamptz",
    "holds_from": "timestamptz",
    "subject": "text",
    "rests_on": "bigint[]",
    "since": "timestamptz",
    "until": "timestamptz",
}
"""What is stored of each row, and its type; all of it is sent as text."""

IN_BINARY = frozenset({"key", "case_key", "body"})
"""The longest, and never null: these are sent in binary."""

Stored = tuple[Any, ...]
"""One row as it is stored, in the order of `COLUMNS`."""


def stored(register: str, rows: Mapping[str, Sequence[Row]]) -> list[Stored]:
    """The rows of some cases of a register as they are stored, by case."""
    return [
        (row.key, case, owner(row), body(row), *beside(register, row))
        for case in sorted(rows)
        for row in rows[case]
    ]


def insert(
    conn: psycopg.Connection, generation: int, register: str, rows: Sequence[Stored]
) -> None:
    """Write rows of a register that are not there."""
    if not rows:
        return
    names = ", ".join(COLUMNS)
    sent = ", ".join(f"{'%b' if name in IN_BINARY else '%s'}::text[]" for name in COLUMNS)
    typed = ", ".join(f"{name}::{type_}" for name, type_ in COLUMNS.items())
    # Not COPY: PostgreSQL has none into a table with row-level security, and a cluster makes one of
    # this unless something is returned (`ledger/citus.py`).
    conn.execute(
        f"INSERT INTO register_rows (generation, register, {names})"  # noqa: S608
        f" SELECT %s, %s, {typed} FROM unnest({sent}) AS made ({names})"
        " RETURNING generation".encode(),
        (generation, register, *map(list, zip(*rows, strict=True))),
    )


def owner(row: Row) -> str | None:
    """Whose row it is, as it is stored: a controller, "" the processor alone, None everybody."""
    (controller,) = row.controllers or (None,)
    return controller
