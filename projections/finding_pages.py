"""A page of findings, the latest first, with the numbers of all: fast however many there are.

Those that hold now are counted and cut by the database, from what is stored beside the rows
(`projections/beside.py`), and only the rows of the page are read. Of another moment they
are folded, all of them. `tests/test_finding_pages.py` holds the two to each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.database import Connections
from ledger.isolation import OneController
from projections.civil import AMSTERDAM, civil_date
from projections.findings import HeldFinding, ask_findings, held_at
from projections.question import SEEN, Basis, Moment, basis_at, followed, reading, rows_where

PAGE = 50


@dataclass(frozen=True, slots=True)
class FindingPage:
    """A page of the findings that hold at a moment, and of all `total`: how many there are of each
    severity, and of each month (`2026-11`, civil time of the finding) in order."""

    basis: Basis
    findings: Sequence[HeldFinding]
    page: int
    pages: int
    total: int
    by_severity: Mapping[str, int]
    by_month: Mapping[str, int]


def page_of_findings(
    connections: Connections,
    now: datetime,
    moment: Moment,
    *,
    controller: str | None = None,
    rules: Collection[str] = (),
    severities: Collection[str] = (),
    page: int = 1,
) -> FindingPage:
    """A page, the last one when there are fewer; what is asked for is as in `ask_findings`.

    Raises LookupError when nothing had been recorded yet at `known_at`.
    """
    if moment == Moment():
        stored = _stored(connections, now, controller, rules, severities, page)
        if stored is not None:
            return stored
    answer = ask_findings(
        connections, now, moment, controller=controller, rules=rules, severities=severities
    )
    found = sorted(answer.findings, key=lambda each: each.at, reverse=True)
    months = Counter(f"{civil_date(each.at):%Y-%m}" for each in found)
    page, pages = _within(page, len(found))
    return FindingPage(
        answer.basis,
        found[(page - 1) * PAGE : page * PAGE],
        page,
        pages,
        len(found),
        Counter(each.severity for each in found),
        dict(sorted(months.items())),
    )


def _within(page: int, total: int) -> tuple[int, int]:
    pages = max(1, -(-total // PAGE))
    return min(max(1, page), pages), pages


def _stored(
    connections: Connections,
    now: datetime,
    controller: str | None,
    rules: Collection[str],
    severities: Collection[str],
    page: int,
) -> FindingPage | None:
    """From the stored rows; None when other folds than ours made them."""
    if isinstance(connections, OneController):
        controller = connections.controller
    condition = "finding IS NOT NULL AND holds_from <= %(now)s"
    values: dict[str, object] = {"now": now, "controller": controller}
    if rules:
        condition, values["rules"] = f"{condition} AND rule = ANY(%(rules)s)", [*rules]
    if severities:
        condition += " AND severity = ANY(%(severities)s)"
        values["severities"] = [*severities]
    seen = (
        "FROM register_rows WHERE generation = (SELECT generation FROM followed)"  # noqa: S608
        f" AND {condition} AND {SEEN}"
    )
    with reading(connections) as conn:
        upto = followed(conn)
        if upto is None:
            return None
        counted = conn.execute(
            "SELECT severity, to_char(found_at AT TIME ZONE %(zone)s, 'YYYY-MM'),"
            f" count(DISTINCT finding) {seen} GROUP BY 1, 2".encode(),
            {**values, "zone": AMSTERDAM.key},
        ).fetchall()
        by_severity: Counter[str] = Counter()
        by_month: Counter[str] = Counter()
        for severity, month, count in counted:
            by_severity[severity] += count
            by_month[month] += count
        page, pages = _within(page, by_severity.total())
        cut = conn.execute(
            f"SELECT finding {seen} GROUP BY finding, found_at"
            " ORDER BY found_at DESC, finding LIMIT %(limit)s OFFSET %(offset)s".encode(),
            {**values, "limit": PAGE, "offset": (page - 1) * PAGE},
        )
        values["cut"] = [finding for (finding,) in cut]
        rows = rows_where(conn, f"{condition} AND finding = ANY(%(cut)s)", controller, values)
        basis = basis_at(conn, upto)
    held = held_at(sorted((row for _, row in rows), key=lambda row: row.key), now)
    return FindingPage(
        basis,
        sorted(held, key=lambda each: each.at, reverse=True),
        page,
        pages,
        by_severity.total(),
        by_severity,
        dict(sorted(by_month.items())),
    )
