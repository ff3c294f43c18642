"""Evidence as pages: a framework with its coverage, a control with its population and a sample.

Counting takes seconds on a long log, so it is a part of a page that comes when it is ready; without
scripts it is asked for by a link. `tests/test_desk.py`.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse

from api.access import holder_of
from api.desk import charts
from api.desk.charts import Bar
from api.desk.entries import label_of
from api.desk.shown import asked_about, desk, moment_of, own_frameworks, shows
from api.desk.words import SEVERITY
from api.moments import MomentError, parse_period
from api.pages.page import language_of
from api.state import ledger_of, rests_on, state_of
from ledger.events import EVENT_TYPES
from projections.exports import evidenced
from projections.frameworks.evidence import Evidence, Gathered, gather
from projections.frameworks.framework import Framework
from projections.register import Label
from projections.withheld import one_controller

router = APIRouter(include_in_schema=False)

Name = Annotated[str, Path(max_length=32)]
Text = Annotated[str, Query(max_length=64)]

LARGEST = 100
"""Events of a sample on a page; over HTTP there may be more."""

COVERAGE = Label("Dekking", "Coverage")


@router.get("/evidence", dependencies=[shows("evidence")])
def list_frameworks(request: Request) -> HTMLResponse:
    """The frameworks that may be asked about."""
    language = language_of(request)
    found = [
        {
            "id": each.id,
            "name": each.name,
            "about": each.about.text(language),
            "controls": len(each.controls),
        }
        for each in own_frameworks(request)
    ]
    return desk(request, "evidence", frameworks=found)


@router.get("/evidence/{framework}", dependencies=[shows("evidence")])
def show_framework(
    request: Request,
    framework: Name,
    begin: Annotated[str, Query(alias="from", max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
    controller: Text = "",
    count: bool = False,
) -> HTMLResponse:
    """A framework; with `count` what there is for each of its controls."""
    found, language = _framework(request, framework), language_of(request)
    values: dict[str, Any] = {
        "framework": found,
        "about": found.about.text(language),
        "begin": begin,
        "until": until,
        "controller": controller,
        "controllers": holder_of(request).controllers,
        "count": count,
        "here": "evidence",
        "files": _files(request, found),
    }
    if not count:
        return desk(request, "framework", **values, wrong=None)
    try:
        gathered = _gather(request, found, begin, until, controller)
    except MomentError as error:
        return desk(request, "framework", 422, **values | {"count": False}, wrong=str(error))
    counts = evidenced.coverage(gathered)
    return desk(
        request,
        "framework",
        **values,
        wrong=None,
        gathered=gathered,
        counts=counts,
        mark=evidenced.MARK.text(language),
        controls=[_shown(each, gathered, language) for each in gathered.evidence],
        chart=charts.stacked([(found.name, _shares(counts))], COVERAGE.text(language), str(counts)),
    )


@router.get("/evidence/{framework}/{control}", dependencies=[shows("evidence")])
def show_control(
    request: Request,
    framework: Name,
    control: Name,
    begin: Annotated[str, Query(alias="from", max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
    controller: Text = "",
    sample: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    seed: Text = "",
) -> HTMLResponse:
    """One control: its population by type, the findings that rest on it, a sample."""
    found, language = _framework(request, framework), language_of(request)
    if control not in found.controls:
        raise HTTPException(404, "There is no control of this id in the framework.")
    try:
        gathered = _gather(
            request, found, begin, until, controller, controls=[control], sample=sample, seed=seed
        )
    except MomentError as error:
        raise HTTPException(422, str(error)) from None
    (evidence,) = gathered.evidence
    labels = {each.name: label_of(topic, language) for topic, each in EVENT_TYPES.items()}
    return desk(
        request,
        "control",
        framework=found,
        control=evidence.control,
        label=evidence.control.label.text(language),
        evidence=evidence,
        gathered=gathered,
        says=evidenced.says(evidence, gathered).text(language),
        mark=evidenced.MARK.text(language),
        types=[
            (
                labels[name],
                name,
                evidenced.STRENGTHS[strength].text(language),
                evidence.counts[name],
            )
            for strength in ("primary", "supporting")
            for name in getattr(evidence.control, strength)
        ],
        findings=[
            {
                "rule": each.rule.id,
                "says": SEVERITY[each.severity].text(language),
                "severity": each.severity,
                "at": each.at,
                "text": each.text.text(language),
                "events": [position - 1 for position in each.events],
            }
            for each in evidence.exceptions[:50]
        ],
        more=max(0, len(evidence.exceptions) - 50),
        begin=begin,
        until=until,
        controller=controller,
        sample=sample or 25,
        seed=seed,
        here="evidence",
    )


def _framework(request: Request, name: str) -> Framework:
    granted = holder_of(request).frameworks
    found = state_of(request).frameworks.get(name)
    if found is None:
        raise HTTPException(404, "There is no framework of this id.")
    if granted is not None and name not in granted:
        raise HTTPException(403)
    return found


def _gather(
    request: Request,
    framework: Framework,
    begin: str,
    until: str,
    controller: str,
    **more: Any,
) -> Gathered:
    ledger = ledger_of(request)
    connections, asked = asked_about(request, controller)
    seen = connections if asked is None else one_controller(ledger, asked)
    now = ledger.now()
    moment, wrong = moment_of(request)
    if wrong:
        raise MomentError(wrong)
    period = parse_period(begin or None, until or None, now)
    try:
        found = gather(seen, now, framework, period, moment, **more)
    except LookupError:
        raise HTTPException(404, "Nothing had been recorded at that moment.") from None
    rests_on(request, found.basis)
    return found


def _shown(evidence: Evidence, found: Gathered, language: str) -> dict[str, Any]:
    control = evidence.control
    return {
        "id": control.id,
        "group": control.group.text(language),
        "label": control.label.text(language),
        "strength": evidence.strength or "none",
        "says": evidenced.says(evidence, found).text(language),
        "population": evidence.population,
        "last": evidence.last,
        "exceptions": len(evidence.exceptions),
        "missed": sum(each.times for each in evidence.missed),
    }


def _shares(counts: dict[str, int]) -> list[Bar]:
    return [Bar(name, counts[name], name) for name in ("primary", "supporting", "none")]


def _files(request: Request, framework: Framework) -> list[tuple[str, str]]:
    kept = {
        key: value
        for key, value in request.query_params.items()
        if value and key in ("controller", "from", "until", "as_of", "known_at")
    }
    language = language_of(request)
    address = f"/v1/frameworks/{framework.id}"
    return [
        (form, f"{address}?{urlencode({**kept, 'lang': language, 'format': form})}")
        for form in ("csv", "xlsx", "pdf", "report", "oscal", "json")
    ]
