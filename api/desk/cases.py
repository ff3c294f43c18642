"""Everything about one case as a page: its events in both times, its clocks as bars, the clauses
that apply, and the findings with the calculation spelled out.

`tests/test_desk.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse

from api.desk import charts
from api.desk.entries import CASE_PAGES, fields_of, label_of, own_controllers
from api.desk.shown import asked_about, desk, moment_of, shows
from api.pages.page import language_of
from api.state import ledger_of, rests_on
from ledger.database import Connections
from ledger.opening import Ledger
from ledger.tags import CASES, controllers_of
from ledger.unsealing import in_short
from projections import history
from projections.clocks import SeenClock, clocks_at
from projections.facts import CORRECTED, RETRACTED, Recorded, effective
from projections.findings import HeldFinding, held_at
from projections.findings import moment_of as judged_at
from projections.question import Moment, Picked, ask_all, basis_at, reading
from projections.registers import lifecycle
from projections.rules import JUDGED

router = APIRouter(include_in_schema=False)

FIELDS = {kind: field for field, kind in CASES.items()}

RETENTION = "retention"
"""The kind of case that is all of a controller's data: from its licences to their erasure."""

MOST = 500
"""Events that the timeline of a case has; a case of more is read in the list of events."""


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a timeline. `amends` is the leaf index of the one that it corrects or takes
    back, `amended` says whether it was itself."""

    index: int
    title: str
    name: str
    occurred_at: datetime
    recorded_at: datetime
    by: Sequence[str]
    fields: Sequence[tuple[str, str]]
    amends: int | None
    amended: str | None


@router.get("/cases/{kind}/{id:path}", dependencies=[shows("events")])
def show_case(
    request: Request,
    kind: Annotated[str, Path(max_length=32)],
    id: Annotated[str, Path(max_length=64)],
    controller: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    """A case of a kind, as far as whoever asks may read its events."""
    if kind not in {*CASE_PAGES, RETENTION}:
        raise HTTPException(404, "There is no page for cases of this kind.")
    language = language_of(request)
    connections, asked = asked_about(request, controller)
    moment, wrong = moment_of(request)
    ledger = ledger_of(request)
    retains = kind == RETENTION
    case, types = (
        (f"controller:{id}", lifecycle.BY_TYPE.keys())
        if retains
        else (f"{kind}:{id}", history.ALL_TYPES)
    )
    events = events_of(ledger, connections, case, types)
    if not events:
        raise HTTPException(404, "There is no case of this id, or not for you.")
    now = ledger.now()
    concerned = {id} if retains else {c for e in events for c in controllers_of(e.type, e.data)}
    only = asked or (min(concerned) if len(concerned) == 1 else None)
    indexes = {event.position for event in events}
    # A controller is the subject of more than its retention.
    subject = None if retains else id
    picked = Picked(subject=subject, positions=indexes)
    basis, rows = ask_all(connections, [*JUDGED.values()], moment, controller=only, picked=picked)
    at = judged_at(moment, basis, now)
    clocks = [c for c in clocks_at(rows, at) if c.subject == subject or indexes & {*c.events[:1]}]
    findings = [f for f in held_at(rows, at) if f.subject == subject or indexes & {*f.events}]
    rests_on(request, basis)
    return desk(
        request,
        "case",
        kind=kind,
        id=id,
        steps=_steps(events, language, own_controllers(request))[:MOST],
        more=max(0, len(events) - MOST),
        clocks=[_clock(clock, language) for clock in clocks],
        bars=charts.clock_bars(clocks, at, language) if clocks else None,
        findings=[_finding(finding, language) for finding in findings],
        at=at,
        moment=moment,
        is_now=moment == Moment(),
        wrong=wrong,
        basis=basis,
        here="",
    )


def events_of(
    ledger: Ledger, connections: Connections, case: str, types: Collection[str]
) -> list[Recorded]:
    """The events of a case, and what amends them, as far as some connections see them."""
    with reading(ledger.pool) as conn:
        size = basis_at(conn, None).size
        positions = [e.position for e in history.of_cases(conn, [case], types, upto=size)]
    with reading(connections) as conn:  # which of these there are is for these to say
        return history.at(conn, positions)


def _steps(
    events: Sequence[Recorded], language: str, controllers: Collection[str] | None
) -> list[Step]:
    ids = {each.id: each.position - 1 for each in events}
    ids |= {f"{each.source} {each.id}": each.position - 1 for each in events}
    facts = {fact.position: fact for fact in effective(events)}
    found = []
    for event in sorted(events, key=lambda e: (e.occurred_at, e.position)):
        fact = facts.get(event.position)
        amended = None
        if fact is None:
            amended = "retracted"
        elif fact.corrections:
            amended = "corrected"
        data = in_short(dict(event.data if fact is None else fact.data))
        found.append(
            Step(
                event.position - 1,
                label_of(_topic(event), language),
                event.type,
                event.occurred_at,
                event.recorded_at,
                event.key_ids,
                list(fields_of(data, language, controllers)),
                ids.get(str(_target(event))) if _target(event) else None,
                amended,
            )
        )
    return found


def _target(event: Recorded) -> Any:
    if event.type == CORRECTED:
        return event.data.get("corrects_event_id")
    if event.type == RETRACTED:
        return event.data.get("retracts_event_id")
    return None


def _topic(event: Recorded) -> str:
    return history.topic_of(event.type)


def _clock(clock: SeenClock, language: str) -> Mapping[str, Any]:
    return {
        "title": clock.title.text(language),
        "rule": clock.rule.id,
        "clause": clock.rule.clause,
        "controllers": clock.controllers,
        "state": clock.state,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "stopped_at": clock.stopped_at,
        "excused": clock.excused.text(language) if clock.excused else None,
    }


def _finding(finding: HeldFinding, language: str) -> Mapping[str, Any]:
    return {
        "rule": finding.rule.id,
        "title": finding.rule.title.text(language),
        "clause": finding.rule.clause,
        "gdpr": finding.rule.gdpr,
        "severity": finding.severity,
        "controllers": finding.controllers,
        "at": finding.at,
        "text": finding.text.text(language),
        "events": [position - 1 for position in finding.events],
    }
