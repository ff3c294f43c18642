"""Registers as pages: a table with filters in the address, a row with what it rests on, and what
differs from another moment.

`tests/test_desk.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse

from api.access import holder_of, require
from api.desk.shown import EVERY_READER, asked_about, desk, moment_of, shows
from api.pages.page import language_of
from api.state import rests_on
from projections.exports.document import text
from projections.exports.kinds import called, kind_of, own_columns
from projections.listing import Listing, TooMany, Wanted, list_rows, row_of
from projections.question import Basis, Moment, ask
from projections.register import Column, Register, Row
from projections.registers import REGISTERS
from projections.showing import shown_row

COLUMNS = 7
"""Columns of a table; the page of a row has them all."""

router = APIRouter(include_in_schema=False)

Name = Annotated[str, Path(max_length=64)]
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class Change:
    """How a row differs from what it was: came, gone, or changed in some columns."""

    key: str
    how: str
    fields: Sequence[tuple[Column, str, str]]


@router.get("/registers", dependencies=[EVERY_READER])
def list_registers(request: Request) -> HTMLResponse:
    """The registers that may be read."""
    granted, language = holder_of(request).registers, language_of(request)
    found = [
        {"name": r.name, "title": r.title.text(language), "source": r.source}
        for r in REGISTERS.values()
        if granted is None or r.name in granted
    ]
    return desk(request, "registers", registers=found)


@router.get("/registers/{name}", dependencies=[shows(of_path=True)])
def show_register(
    request: Request,
    name: Name,
    controller: Text = "",
    kind: Text = "",
    contains: Text = "",
    sort: Text = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    after: Text = "",
    differs: bool = False,
) -> HTMLResponse:
    """One register, a page of it."""
    register, language = _known(request, name), language_of(request)
    connections, asked = asked_about(request, controller)
    moment, wrong = moment_of(request)
    wanted = Wanted(kind or None, contains, sort, page, after)
    values: dict[str, Any] = {
        "register": register,
        "title": register.title.text(language),
        "controller": controller,
        "controllers": holder_of(request).controllers,
        "contains": contains,
        "wrong": wrong,
        "moment": moment,
        "differs": differs,
        "here": "registers",
        "files": _files(request, name),
    }
    try:
        basis, listing = list_rows(
            connections, register, moment, wanted, language, controller=asked
        )
    except TooMany:
        return desk(request, "register", 422, **values, too_many=True, listing=None, changes=None)
    except LookupError:
        return desk(request, "register", 404, **values, nothing=True, listing=None, changes=None)
    rests_on(request, basis)
    changes = None
    if differs and moment != Moment():
        then = ask(connections, register, moment, controller=asked).rows
        changes = differing(register, then, ask(connections, register, controller=asked).rows)
    return desk(
        request,
        "register",
        422 if wrong else 200,
        **values,
        **_table(register, listing, basis, kind, language),
        changes=changes,
    )


@router.get("/registers/{name}/row", dependencies=[shows(of_path=True)])
def show_row(request: Request, name: Name, key: Text, controller: Text = "") -> HTMLResponse:
    """One row: every column, the events it rests on, what was corrected."""
    register, language = _known(request, name), language_of(request)
    connections, asked = asked_about(request, controller)
    moment, _ = moment_of(request)
    try:
        basis, row = row_of(connections, register, key, moment, controller=asked)
    except TooMany:
        raise HTTPException(422, "Ask about one controller: the register is long.") from None
    except LookupError:
        raise HTTPException(404) from None
    if row is None:
        raise HTTPException(404, "There is no row of this key at that moment.")
    rests_on(request, basis)
    found = shown_row(row)
    return desk(
        request,
        "row",
        register=register,
        title=register.title.text(language),
        row=found,
        kind=called(kind_of(register, row.values), language),
        columns=[
            (c.label.text(language), c.source, found.values.get(c.key))
            for c in own_columns(register)
        ],
        label=lambda field: _label(register, field, language),
        basis=basis,
        moment=moment,
        here="registers",
    )


def differing(register: Register, then: Sequence[Row], now: Sequence[Row]) -> list[Change]:
    """What differs between the rows of two moments, by their keys."""
    before, after = ({row.key: shown_row(row) for row in rows} for rows in (then, now))
    found = []
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            found.append(Change(key, "came" if old is None else "gone", ()))
            continue
        fields = [
            (column, text(old.values.get(column.key), "nl"), text(new.values.get(column.key), "nl"))
            for column in register.columns
            if old.values.get(column.key) != new.values.get(column.key)
        ]
        if fields:
            found.append(Change(key, "changed", fields))
    return found


def _known(request: Request, name: str) -> Register:
    register = REGISTERS.get(name)
    if register is None:
        raise HTTPException(404, "There is no register of this name.")
    require(request, name)
    return register


def _table(
    register: Register, listing: Listing, basis: Basis, kind: str, language: str
) -> Mapping[str, Any]:
    rows = [shown_row(row) for row in listing.rows]
    columns = [
        column
        for column in own_columns(register)
        if any(row.values.get(column.key) not in (None, "", [], {}) for row in rows)
    ][:COLUMNS]
    return {
        "listing": listing,
        "basis": basis,
        "rows": rows,
        "columns": [(c.key, c.label.text(language), c.source) for c in columns],
        "kind": kind if kind in listing.kinds else (listing.kinds[0] if listing.kinds else ""),
        "kinds": [(each, called(each, language)) for each in listing.kinds],
    }


def _files(request: Request, name: str) -> list[tuple[str, str]]:
    """The formats to take along, and where each is."""
    kept = {
        key: value
        for key, value in request.query_params.items()
        if value and key in ("controller", "as_of", "known_at")
    }
    language = language_of(request)
    return [
        (form, f"/v1/registers/{name}?{urlencode({**kept, 'lang': language, 'format': form})}")
        for form in ("csv", "xlsx", "pdf", "report", "json")
    ]


def _label(register: Register, field: str, language: str) -> str:
    labels = {column.key: column.label.text(language) for column in register.columns}
    return labels.get(field, field)
