"""A page of the rows of a register: filtered, sorted, and fast however long the register is.

Up to `SMALL` rows are read together; then any column sorts, and pages have numbers. Of a longer
register as it is now a page is read by key: what is looked for is looked for in the next `SMALL`
rows, and the listing goes on from there. So is one row of it. A longer one as of another moment is
asked about one controller. `tests/test_listing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from ledger.database import Connections
from ledger.isolation import OneController
from projections.exports.document import text
from projections.exports.kinds import kind_of
from projections.question import (
    Answer,
    Basis,
    Moment,
    ask,
    basis_at,
    followed,
    reading,
    rows_where,
    stored_row,
)
from projections.register import Register, Row
from projections.rows import of_body

SMALL = 2_000
"""Rows that are read together."""

PAGE = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page is to have: rows of a `kind` that contain a text, in any column, sorted by one
    (`-` before it for the other way), from a page on, or after the row of a key."""

    kind: str | None = None
    contains: str = ""
    sort: str = ""
    page: int = 1
    after: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of rows. `total` rows fit, None where nobody counted; `pages` likewise. `after` is the
    key to go on from, where there are more."""

    rows: Sequence[Row]
    kinds: Sequence[str]
    total: int | None
    pages: int | None
    after: str | None


class TooMany(Exception):
    """A question about a moment of so many rows is asked about one controller."""


def list_rows(
    connections: Connections,
    register: Register,
    moment: Moment,
    wanted: Wanted,
    language: str,
    *,
    controller: str | None = None,
) -> tuple[Basis, Listing]:
    """A page of a register. Raises TooMany, and LookupError when nothing had been recorded."""
    if isinstance(connections, OneController):
        controller = connections.controller
    with reading(connections) as conn:
        long = _is_long(conn, register, controller)
        position = followed(conn)
        if long and moment == Moment() and position is not None:
            return basis_at(conn, position), _by_key(conn, register, wanted, language, controller)
    if long and moment != Moment() and controller is None:
        raise TooMany
    answer = ask(connections, register, moment, controller=controller)
    return answer.basis, listed(answer, wanted, language)


def row_of(
    connections: Connections,
    register: Register,
    key: str,
    moment: Moment,
    *,
    controller: str | None = None,
) -> tuple[Basis, Row | None]:
    """The row of a key as the whole register has it, None when there is none. Raises as
    `list_rows`."""
    if isinstance(connections, OneController):
        controller = connections.controller
    with reading(connections) as conn:
        position = followed(conn)
        if moment == Moment() and position is not None:
            rows = rows_where(
                conn,
                "register = %(register)s AND key = %(key)s",
                controller,
                {"register": register.name, "key": key},
            )
            found = _presented(conn, register, [row for _, row in rows])
            return basis_at(conn, position), found[0] if found else None
        if controller is None and _is_long(conn, register, controller):
            raise TooMany
    answer = ask(connections, register, moment, controller=controller)
    return answer.basis, next((row for row in answer.rows if row.key == key), None)


def own_rows(conn: psycopg.Connection, register: Register, controller: str, also: str) -> list[Row]:
    """The rows of one controller as the whole register has them, and those for every reader of the
    kind `also`: of what else is for every reader only what they are joined with is read."""
    rows = rows_where(
        conn,
        "register = %(register)s AND (controller = %(controller)s OR starts_with(key, %(also)s))",
        controller,
        {"register": register.name, "also": f"{also}:"},
    )
    return _presented(conn, register, [row for _, row in rows])


def listed(answer: Answer, wanted: Wanted, language: str) -> Listing:
    """A page of an answer that was read whole."""
    kinds = list(dict.fromkeys(kind_of(answer.register, row.values) for row in answer.rows))
    kind = wanted.kind if wanted.kind in kinds else (kinds[0] if kinds else "")
    rows = [
        row
        for row in answer.rows
        if kind_of(answer.register, row.values) == kind and contains(row, wanted.contains, language)
    ]
    column = wanted.sort.removeprefix("-")
    if any(column == each.key for each in answer.register.columns):
        rows.sort(key=lambda row: _order(row, column), reverse=wanted.sort.startswith("-"))
    pages = max(1, -(-len(rows) // PAGE))
    page = min(max(1, wanted.page), pages)
    shown = rows[(page - 1) * PAGE : page * PAGE]
    return Listing(shown, kinds, len(rows), pages, None)


def contains(row: Row, wanted: str, language: str) -> bool:
    """Whether a row has a text in one of its cells, whatever the letters' case."""
    if not wanted:
        return True
    needle = wanted.casefold()
    return any(needle in text(value, language).casefold() for value in row.values.values())


def _order(row: Row, column: str) -> tuple[int, float, str]:
    """Numbers before texts, and what is empty last."""
    value = row.values.get(column)
    if value in (None, "", [], {}):
        return (2, 0.0, "")
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, text(value, "nl").casefold())


def _is_long(conn: psycopg.Connection, register: Register, controller: str | None) -> bool:
    row = conn.execute(
        "SELECT count(*) FROM (SELECT FROM register_rows"
        " WHERE generation = (SELECT generation FROM followed) AND register = %s"
        " AND (%s::text IS NULL OR controller IS NULL OR controller = %s) LIMIT %s) AS counted",
        (register.name, controller, controller, SMALL + 1),
    ).fetchone()
    return row is not None and row[0] > SMALL


def _by_key(
    conn: psycopg.Connection,
    register: Register,
    wanted: Wanted,
    language: str,
    controller: str | None,
) -> Listing:
    begin = f"{wanted.kind}:" if wanted.kind else ""
    after = max(wanted.after, begin)
    found: list[Row] = []
    last, more = after, False
    for row in _from(conn, register, controller, after):
        if len(found) == PAGE:
            more = True
            break
        begin = begin or f"{row.key.partition(':')[0]}:"
        if not row.key.startswith(begin):
            break
        last = row.key
        if contains(row, wanted.contains, language):
            found.append(row)
    else:
        more = bool(_rows(conn, register, controller, last, 1))
    shown = _presented(conn, register, found)
    return Listing(shown, _kinds(conn, register), None, None, last if more else None)


def _from(
    conn: psycopg.Connection, register: Register, controller: str | None, after: str
) -> Iterator[Row]:
    """The next `SMALL` rows: few at first, since few fill a page when nothing is looked for."""
    read, portion = 0, PAGE + 1
    while read < SMALL:
        rows = _rows(conn, register, controller, after, min(portion, SMALL - read))
        yield from rows
        if len(rows) < portion:
            return
        read, portion, after = read + len(rows), SMALL, rows[-1].key


def _rows(
    conn: psycopg.Connection, register: Register, controller: str | None, after: str, limit: int
) -> list[Row]:
    rows = conn.execute(
        "SELECT key, controller, body FROM register_rows"
        " WHERE generation = (SELECT generation FROM followed) AND register = %s AND key > %s"
        " AND (%s::text IS NULL OR controller IS NULL OR controller = %s) ORDER BY key LIMIT %s",
        (register.name, after, controller, controller, limit),
    )
    return [stored_row(key, own, body) for key, own, body in rows]


def _presented(conn: psycopg.Connection, register: Register, rows: Sequence[Row]) -> list[Row]:
    """The rows, joined with others of the same readers as the whole register would join them."""
    wanted = {row.key for row in rows}
    owners = sorted({controller for row in rows for controller in row.controllers})
    together = {row.key: row for row in rows}
    new = rows
    while keys := {key for row in new for key in register.joined(row)} - together.keys():
        new = [
            stored_row(key, own, body)
            for key, own, body in conn.execute(
                "SELECT key, controller, body FROM register_rows"
                " WHERE generation = (SELECT generation FROM followed) AND register = %s"
                " AND key = ANY(%b) AND (controller IS NULL OR controller = ANY(%s))",
                (register.name, sorted(keys), owners),
            )
        ]
        together |= {row.key: row for row in new}
    presented = register.present([together[key] for key in sorted(together)])
    return [row for row in presented if row.key in wanted]


def _kinds(conn: psycopg.Connection, register: Register) -> list[str]:
    """The kinds of rows of a long register: what keys begin with, found by leaps over the index."""
    kinds: list[str] = []
    after = ""
    while len(kinds) < 20:
        row = conn.execute(
            "SELECT key, body FROM register_rows"
            " WHERE generation = (SELECT generation FROM followed) AND register = %s AND key > %s"
            " ORDER BY key LIMIT 1",
            (register.name, after),
        ).fetchone()
        if row is None:
            break
        kind, colon, _ = row[0].partition(":")
        if not colon:
            break
        kinds.append(kind_of(register, of_body(row[0], (), row[1]).values))
        after = f"{kind};"  # the character after the colon
    return list(dict.fromkeys(kinds))
