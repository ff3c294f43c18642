"""Frameworks and evidence over HTTP: what a ledger holds for the controls of one, in a period.

`tests/test_evidence_api.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.access import EVERY_ROLE, holder_of, reads, seen_by
from api.documents import AS_DOCUMENT, as_document
from api.moments import parse_period
from api.registers import AS_OF, KNOWN_AT, Language, answered, as_csv
from api.state import ledger_of, rests_on, state_of
from ledger.database import Connections
from projections.exports import document, evidenced, oscal
from projections.frameworks.evidence import LARGEST_SAMPLE, gather
from projections.frameworks.framework import Control, Framework
from projections.question import Moment
from projections.withheld import one_controller

router = APIRouter(prefix="/v1/frameworks", tags=["evidence"])

Name = Annotated[str, Path(max_length=32, description="Id of a framework, such as iso27001")]
ControlId = Annotated[str, Path(max_length=32, description="Id of a control, such as A.5.24")]
Controller = Annotated[
    str | None, Query(max_length=64, description="Only what concerns this controller, or nobody")
]
From = Annotated[
    str | None,
    Query(
        alias="from",
        max_length=40,
        description="Beginning of the period: 2026-01-01, or an instant; a year before its end",
    ),
]
Until = Annotated[
    str | None,
    Query(max_length=40, description="End of the period: 2026-12-31, with that day; now"),
]

Sample = Annotated[
    int,
    Query(ge=0, le=LARGEST_SAMPLE, description="So many events of a control, drawn by the seed"),
]
Seed = Annotated[str, Query(max_length=64, description="Whoever knows it draws the same sample")]
Format = Literal["json", "csv", "xlsx", "pdf", "report", "oscal"]


@router.get("", dependencies=[EVERY_ROLE])
def list_frameworks(request: Request, lang: Language = "en") -> JSONResponse:
    """The frameworks: those of the program, and those that the operator added."""
    return JSONResponse(evidenced.frameworks_json(state_of(request).frameworks, lang))


@router.get("/{framework}", dependencies=[reads("evidence")], responses=AS_DOCUMENT)
def get_framework(
    request: Request,
    framework: Name,
    controller: Controller = None,
    begin: From = None,
    until: Until = None,
    as_of: Annotated[str | None, AS_OF] = None,
    known_at: Annotated[str | None, KNOWN_AT] = None,
    sample: Sample = 0,
    seed: Seed = "",
    lang: Language = "en",
    format: Format = "json",
) -> Response:
    """Every control with its population, findings, freshness and missed occurrences, and how many
    of them have evidence at all."""
    found, now = _framework(request, framework), ledger_of(request).now()
    connections = _seen(request, controller)

    def ask(moment: Moment) -> Response:
        period = parse_period(begin, until, now)
        evidence = gather(connections, now, found, period, moment, sample=sample, seed=seed)
        rests_on(request, evidence.basis)
        if format == "csv":
            return as_csv(f"evidence-{found.id}", evidenced.coverage_csv(evidence, lang))
        origin = ledger_of(request).identity.origin
        if format == "oscal":
            made = oscal.assessment_results(evidence, lang, origin, ledger_of(request).reader.leaf)
            return JSONResponse(made)
        if format != "json":
            paper = document.of_evidence(evidence, lang, origin)
            return as_document(request, format, paper, connections)
        return JSONResponse(evidenced.coverage_json(evidence, lang))

    return answered(as_of, known_at, ask)


@router.get("/{framework}/catalog", dependencies=[EVERY_ROLE])
def get_catalog(request: Request, framework: Name, lang: Language = "en") -> JSONResponse:
    """The framework as an OSCAL catalog."""
    return JSONResponse(oscal.catalog(_known(request, framework), lang))


@router.get("/{framework}/crosswalk", dependencies=[EVERY_ROLE])
def get_crosswalk(request: Request, framework: Name, lang: Language = "en") -> JSONResponse:
    """For each control those of other frameworks about the same, or with the same evidence."""
    found = _known(request, framework)
    return JSONResponse(evidenced.crosswalk_json(found, state_of(request).frameworks, lang))


@router.get("/{framework}/controls/{control}", dependencies=[reads("evidence")])
def get_control(
    request: Request,
    framework: Name,
    control: ControlId,
    controller: Controller = None,
    begin: From = None,
    until: Until = None,
    sample: Sample = 0,
    seed: Seed = "",
    as_of: Annotated[str | None, AS_OF] = None,
    known_at: Annotated[str | None, KNOWN_AT] = None,
    lang: Language = "en",
) -> Response:
    """One control with its findings, and a sample of its events with their receipts."""
    found, now = _framework(request, framework), ledger_of(request).now()
    _control(found, control)
    connections = _seen(request, controller)

    def ask(moment: Moment) -> Response:
        evidence = gather(
            connections,
            now,
            found,
            parse_period(begin, until, now),
            moment,
            controls=[control],
            sample=sample,
            seed=seed,
        )
        rests_on(request, evidence.basis)
        return JSONResponse(evidenced.control_json(evidence, lang))

    return answered(as_of, known_at, ask)


def _framework(request: Request, name: str) -> Framework:
    granted = holder_of(request).frameworks
    if granted is not None and name not in granted:
        raise HTTPException(403)
    return _known(request, name)


def _known(request: Request, name: str) -> Framework:
    found = state_of(request).frameworks.get(name)
    if found is None:
        raise HTTPException(404, "There is no framework of this id.")
    return found


def _control(framework: Framework, id_: str) -> Control:
    found = framework.controls.get(id_)
    if found is None:
        raise HTTPException(404, "There is no control of this id in the framework.")
    return found


def _seen(request: Request, controller: str | None) -> Connections:
    """The connections that see what is counted: of one controller, the same whoever asks."""
    connections, asked = seen_by(request, controller)
    return connections if asked is None else one_controller(ledger_of(request), asked)
