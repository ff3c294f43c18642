"""Findings and clocks as pages: what was not kept, and what is due. `tests/test_desk.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from api.access import holder_of
from api.desk import charts
from api.desk.charts import Bar
from api.desk.shown import asked_about, desk, moment_of, shows
from api.desk.words import SEVERITY, STATE
from api.pages.page import language_of
from api.state import ledger_of, rests_on
from projections.clocks import STATES, ask_clocks
from projections.finding_pages import FindingPage, page_of_findings
from projections.findings import SEVERITIES, HeldFinding
from projections.register import Label

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Query(max_length=64)]

PAGE = 50

MONTHS = 24
"""The latest months of which findings are counted in the picture."""

BY_MONTH = Label("Bevindingen per maand", "Findings by month")


@router.get("/findings", dependencies=[shows("findings")])
def show_findings(
    request: Request,
    controller: Text = "",
    rule: Text = "",
    severity: Text = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """What was not kept, the latest first."""
    granted, language = holder_of(request).controllers, language_of(request)
    connections, asked = asked_about(request, controller)
    moment, wrong = moment_of(request)
    try:
        found = page_of_findings(
            connections,
            ledger_of(request).now(),
            moment,
            controller=asked,
            rules=[rule] if rule else (),
            severities=[severity] if severity else (),
            page=page,
        )
    except LookupError:
        raise HTTPException(404, "Nothing had been recorded at that moment.") from None
    rests_on(request, found.basis)
    months = [*found.by_month.items()][-MONTHS:]
    return desk(
        request,
        "findings",
        422 if wrong else 200,
        findings=[_shown(finding, language) for finding in found.findings],
        counts=counts_of(found, language),
        months=months,
        chart=charts.bars(
            [Bar(month, count) for month, count in months],
            BY_MONTH.text(language),
            "; ".join(f"{month}: {count}" for month, count in months),
        )
        if months
        else None,
        page=found.page,
        pages=found.pages,
        total=found.total,
        controller=controller,
        controllers=granted,
        severity=severity,
        rule=rule,
        basis=found.basis,
        wrong=wrong,
        moment=moment,
        files=_files(request, "findings"),
    )


@router.get("/clocks", dependencies=[shows("clocks")])
def show_clocks(
    request: Request,
    controller: Text = "",
    state: Text = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """What is due, the soonest first."""
    granted, language = holder_of(request).controllers, language_of(request)
    connections, asked = asked_about(request, controller)
    moment, wrong = moment_of(request)
    try:
        answer = ask_clocks(
            connections,
            ledger_of(request).now(),
            moment,
            controller=asked,
            states=[state] if state in STATES else (),
        )
    except LookupError:
        raise HTTPException(404, "Nothing had been recorded at that moment.") from None
    rests_on(request, answer.basis)
    pages = max(1, -(-len(answer.clocks) // PAGE))
    page = min(page, pages)
    shown = answer.clocks[(page - 1) * PAGE : page * PAGE]
    return desk(
        request,
        "clocks",
        422 if wrong else 200,
        clocks=[
            {
                "title": clock.title.text(language),
                "rule": clock.rule.id,
                "clause": clock.rule.clause,
                "controllers": clock.controllers,
                "subject": clock.subject,
                "state": clock.state,
                "says": STATE[clock.state].text(language),
                "started_at": clock.started_at,
                "due_at": clock.due_at,
                "left": _left(clock.due_at, answer.at),
                "events": [position - 1 for position in clock.events],
            }
            for clock in shown
        ],
        states=[(each, STATE[each].text(language)) for each in STATES],
        chart=charts.clock_bars(shown, answer.at, language) if shown else None,
        at=answer.at,
        page=page,
        pages=pages,
        total=len(answer.clocks),
        controller=controller,
        controllers=granted,
        state=state,
        basis=answer.basis,
        wrong=wrong,
        moment=moment,
        files=_files(request, "clocks"),
    )


def counts_of(found: FindingPage, language: str) -> list[tuple[str, str, int]]:
    """How many findings there are of each severity: its name, what it is called, the number."""
    return [
        (each, SEVERITY[each].text(language), found.by_severity.get(each, 0)) for each in SEVERITIES
    ]


def _shown(finding: HeldFinding, language: str) -> dict[str, object]:
    return {
        "rule": finding.rule.id,
        "title": finding.rule.title.text(language),
        "clause": finding.rule.clause,
        "gdpr": finding.rule.gdpr,
        "severity": finding.severity,
        "says": SEVERITY[finding.severity].text(language),
        "controllers": finding.controllers,
        "subject": finding.subject,
        "at": finding.at,
        "text": finding.text.text(language),
        "events": [position - 1 for position in finding.events],
    }


def _left(due_at: datetime, at: datetime) -> float:
    """Hours until a clock is due; less than zero when it is overdue."""
    return round((due_at - at).total_seconds() / 3600, 1)


def _files(request: Request, name: str) -> list[tuple[str, str]]:
    kept = {
        key: value
        for key, value in request.query_params.items()
        if value and key in ("controller", "as_of", "known_at", "rule", "severity", "state")
    }
    language = language_of(request)
    return [
        (form, f"/v1/{name}?{urlencode({**kept, 'lang': language, 'format': form})}")
        for form in ("csv", "xlsx", "pdf", "report", "json")
    ]
