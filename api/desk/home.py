"""The first page after signing in: what asks for attention, for each role something else.

    privacy officer, operator   clocks due, findings, what was recorded since the last visit
    auditor                     the grant, the frameworks, what to begin with
    controller                  its registers, running objection windows, breaches, retention, files

The size of the log at the last visit is kept in a cookie of the browser and nowhere else.
`tests/test_desk.py`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from api.access import holder_of
from api.desk.declared import is_running
from api.desk.entries import label_of
from api.desk.judged import counts_of
from api.desk.requests import requests_of, shown_event, shown_request
from api.desk.shown import EVERY_READER, asked_about, desk, is_watcher, own_frameworks
from api.desk.words import STATE
from api.pages.page import language_of
from api.state import ledger_of
from ledger.database import Connections
from ledger.reader import Reader
from ledger.roles import WATCHERS, Role
from projections.clocks import SeenClock, ask_clocks
from projections.finding_pages import page_of_findings
from projections.question import Moment, ask
from projections.registers import REGISTERS

SOON = timedelta(days=14)

SEEN = "seen"
"""The cookie: size at the visit before, size at this one, and when that was."""

VISIT = 1800
"""Seconds without a look at this page after which a look is another visit."""

NEWEST = 500
"""Entries that are counted by type as new; of more there is the number alone."""

NOTES = 5
"""The latest notes that are shown."""

router = APIRouter(include_in_schema=False)


@router.get("/home", dependencies=[EVERY_READER])
def home(request: Request) -> Response:
    """What asks for attention."""
    holder, language = holder_of(request), language_of(request)
    granted = holder.controllers
    connections, asked = asked_about(request)
    size = ledger_of(request).reader.size()
    since, cookie = _visit(request.cookies.get(SEEN, ""), size)
    values: dict[str, Any] = {"since": since, "size": size, "watcher": is_watcher(holder)}
    if _may(request, "clocks"):
        values["clocks"] = _clocks(request, connections, asked)
    if _may(request, "findings"):
        values["counts"] = _counts(request, connections, asked)
    if holder.role is Role.CONTROLLER_READER:
        values |= _of_controller(request, connections, asked)
        values["controller"] = asked
    if holder.role is Role.AUDITOR:
        values["grants"] = _grants(request)
    if holder.role in WATCHERS:
        asked_for, notes = requests_of(ledger_of(request).pool, holder)
        values["notes"] = [shown_event(each) for each in notes[:NOTES]]
        values["requests"] = [shown_request(each) for each in asked_for if not each.answers]
    if _may(request, "events") and granted is None:
        values["news"] = _news(ledger_of(request).reader, since, size, language)
    values["frameworks"] = own_frameworks(request)
    response = desk(request, "home", **values)
    response.set_cookie(SEEN, cookie, secure=True, httponly=True, samesite="lax")
    return response


def _visit(cookie: str, size: int) -> tuple[int | None, str]:
    """The size of the log at the visit before this one, and the cookie to keep."""
    now = int(time.time())
    parts = cookie.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None, f"{size}.{size}.{now}"
    before, last, at = (int(part[:18]) for part in parts)
    if now - at > VISIT:
        before, last = last, size
    return min(before, size), f"{before}.{size if now - at > VISIT else last}.{now}"


def _may(request: Request, name: str) -> bool:
    granted = holder_of(request).registers
    return granted is None or name in granted


def _clocks(
    request: Request, connections: Connections, controller: str | None
) -> Sequence[Mapping[str, Any]]:
    now, language = ledger_of(request).now(), language_of(request)
    found = ask_clocks(connections, now, Moment(), controller=controller, within=SOON)
    return [_clock(clock, language) for clock in found.clocks[:20]]


def _clock(clock: SeenClock, language: str) -> Mapping[str, Any]:
    return {
        "title": clock.title.text(language),
        "state": clock.state,
        "says": STATE[clock.state].text(language),
        "controllers": clock.controllers,
        "subject": clock.subject,
        "due_at": clock.due_at,
        "event": clock.events[0] - 1 if clock.events else None,
    }


def _counts(
    request: Request, connections: Connections, controller: str | None
) -> list[tuple[str, str, int]]:
    now, language = ledger_of(request).now(), language_of(request)
    return counts_of(page_of_findings(connections, now, Moment(), controller=controller), language)


def _news(
    reader: Reader, since: int | None, size: int, language: str
) -> list[tuple[str, int, int]] | None:
    """What was recorded since the last visit: label, how many, the last one's index."""
    if since is None or since >= size or size - since > NEWEST:
        return None
    counts: Counter[str] = Counter()
    latest: dict[str, int] = {}
    for entry in reader.events(after=since, limit=NEWEST):
        counts[entry.type] += 1
        latest[entry.type] = entry.position - 1
    return [(label_of(name, language), n, latest[name]) for name, n in counts.most_common()]


def _of_controller(
    request: Request, connections: Connections, controller: str | None
) -> dict[str, Any]:
    """Running objection windows, breaches and retention of one controller."""
    now = ledger_of(request).now()
    may = {name: _may(request, name) for name in ("subprocessors", "breaches", "lifecycle")}
    found: dict[str, Any] = {}
    if may["subprocessors"]:
        rows = ask(connections, REGISTERS["subprocessors"], controller=controller).rows
        found["windows"] = [
            row.values
            for row in rows
            if row.values["kind"] == "announcement" and is_running(row.values, now)
        ]
    if may["breaches"]:
        rows = ask(connections, REGISTERS["breaches"], controller=controller).rows
        found["breaches"] = [row.values for row in rows if row.values["kind"] == "notice"]
    if may["lifecycle"]:
        rows = ask(connections, REGISTERS["lifecycle"], controller=controller).rows
        found["lifecycle"] = rows[0].values if rows else None
    return found


def _grants(request: Request) -> list[Mapping[str, Any]]:
    """The grants of an auditor that are in force."""
    ledger, name = ledger_of(request), holder_of(request).name
    rows = ask(ledger.pool, REGISTERS["inspections"]).rows
    return [
        row.values
        for row in rows
        if row.values["kind"] == "grant" and row.values.get("reader") == name
    ]
