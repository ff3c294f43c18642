"""Who is engaged as a subprocessor, from when until when, by all the controllers one may see (7.1).

The database puts the engagements together, of which there is one for each controller, from what is
stored beside them (`projections/beside.py`). `tests/test_engaged.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from ledger.database import Connections
from ledger.isolation import OneController
from projections.question import Basis, Moment, ask, basis_at, followed, reading, rows_where
from projections.register import Row
from projections.registers import REGISTERS

SUBPROCESSORS = REGISTERS["subprocessors"]


@dataclass(frozen=True, slots=True)
class Engaged:
    """A subprocessor and the first moment at which it was engaged. `until` is the last one, None
    while any of its `controllers` engagements lasts."""

    subprocessor: str
    name: str
    since: datetime
    until: datetime | None
    controllers: int


def ask_engaged(
    connections: Connections, *, controller: str | None = None
) -> tuple[Basis, Sequence[Engaged]]:
    """The subprocessors as they are now, by name; with `controller` those of that one."""
    if isinstance(connections, OneController):
        controller = connections.controller
    with reading(connections) as conn:
        upto = followed(conn)
        if upto is not None:
            grouped = conn.execute(
                "SELECT split_part(key, ':', 2), min(since),"
                " CASE WHEN bool_and(until IS NOT NULL) THEN max(until) END, count(*)"
                " FROM register_rows WHERE generation = (SELECT generation FROM followed)"
                " AND register = %(register)s AND since IS NOT NULL"
                " AND (%(controller)s::text IS NULL OR controller = %(controller)s) GROUP BY 1",
                {"register": SUBPROCESSORS.name, "controller": controller},
            ).fetchall()
            wide = rows_where(
                conn,
                "register = %(register)s AND starts_with(key, 'subprocessor:')",
                controller,
                {"register": SUBPROCESSORS.name},
            )
            names = _names(row for _, row in wide)
            found = [(unquote(key), since, until, n) for key, since, until, n in grouped]
            return basis_at(conn, upto), _sorted(found, names)
    answer = ask(connections, SUBPROCESSORS, Moment(), controller=controller)
    return answer.basis, _sorted(_grouped(answer.rows), _names(answer.rows))


def _grouped(rows: Iterable[Row]) -> list[tuple[str, datetime, datetime | None, int]]:
    """What the database would put together."""
    spans: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for row in rows:
        values = row.values
        if values["kind"] == "engagement" and values["since"]:
            until = datetime.fromisoformat(values["until"]) if values["until"] else None
            span = (datetime.fromisoformat(values["since"]), until)
            spans.setdefault(values["subprocessor"], []).append(span)
    found = []
    for id_, own in spans.items():
        ends = [until for _, until in own if until is not None]
        until = max(ends) if len(ends) == len(own) else None
        found.append((id_, min(since for since, _ in own), until, len(own)))
    return found


def _names(rows: Iterable[Row]) -> dict[str, str]:
    return {
        row.values["subprocessor"]: row.values["name"]
        for row in rows
        if row.values["kind"] == "subprocessor" and row.values["name"]
    }


def _sorted(
    found: Iterable[tuple[str, datetime, datetime | None, int]], names: dict[str, str]
) -> list[Engaged]:
    engaged = [
        Engaged(id_, names.get(id_, id_), since, until, count) for id_, since, until, count in found
    ]
    return sorted(engaged, key=lambda each: (each.name, each.subprocessor))
