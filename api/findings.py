"""Findings, clocks and checks over HTTP: what was not kept, what is due, what an act would bring.

`tests/test_findings_api.py`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api import problems
from api.access import CHECKS, EVERY_ROLE, reads, seen_by
from api.documents import AS_DOCUMENT, as_document
from api.registers import AS_OF, KNOWN_AT, Format, Language, answered, as_csv
from api.state import ledger_of, rests_on
from ledger import candidate
from ledger.cloudevent import read_instant
from projections.checks import check
from projections.clocks import ask_clocks
from projections.exports import document, judged
from projections.findings import ask_findings
from projections.question import Moment
from projections.rules import RULES
from projections.rules.rule import Severity, State

LONGEST = 3660
"""Days ahead that a worklist looks."""

Controller = Annotated[str | None, Query(max_length=64, description="Id of a controller")]

router = APIRouter(prefix="/v1", tags=["findings"])


def _instant(text: str) -> str:
    # Not pydantic's own type: it takes numbers for seconds since 1970.
    read_instant(text)
    return text


class Act(BaseModel):
    """An event that is not signed yet: what somebody thinks of doing."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(max_length=200, description="Name of an event type: SubprocessorEngaged")
    occurred_at: Annotated[str, AfterValidator(_instant)] | None = Field(
        None, description="When it would happen (RFC 3339); now if absent"
    )
    data: dict[str, Any] = Field(description="The data of the event, as its schema says")


@router.get("/rules", dependencies=[EVERY_ROLE])
def list_rules(lang: Language = "en") -> dict[str, list[dict[str, Any]]]:
    """Every rule: its clause, version, severity, and the terms of the agreement it reads."""
    return {"rules": [judged.rule_json(rule, lang) for rule in RULES.values()]}


@router.get("/findings", dependencies=[reads("findings")], responses=AS_DOCUMENT)
def get_findings(
    request: Request,
    controller: Controller = None,
    rule: Annotated[list[str] | None, Query(description="Only these rules")] = None,
    severity: Annotated[list[Severity] | None, Query(description="Only these severities")] = None,
    as_of: Annotated[str | None, AS_OF] = None,
    known_at: Annotated[str | None, KNOWN_AT] = None,
    lang: Language = "en",
    format: Format = "json",
) -> Response:
    """What was not kept: each with its rule, its calculation and the events it rests on."""
    unknown = sorted({*(rule or ())} - RULES.keys())
    if unknown:
        raise HTTPException(422, "rule is none of the rules that GET /v1/rules lists.")
    now = ledger_of(request).now()
    connections, asked = seen_by(request, controller)

    def ask(moment: Moment) -> Response:
        answer = ask_findings(
            connections,
            now,
            moment,
            controller=asked,
            rules=rule or (),
            severities=severity or (),
        )
        rests_on(request, answer.basis)
        if format == "csv":
            return as_csv("findings", judged.findings_csv(answer, lang))
        if format != "json":
            origin = ledger_of(request).identity.origin
            made = document.of_findings(answer, lang, origin, asked)
            return as_document(request, format, made, connections)
        return JSONResponse(judged.findings_json(answer, lang))

    return answered(as_of, known_at, ask)


@router.get("/clocks", dependencies=[reads("clocks")], responses=AS_DOCUMENT)
def get_clocks(
    request: Request,
    within: Annotated[
        int | None, Query(ge=0, le=LONGEST, description="Due within so many days, or overdue")
    ] = None,
    state: Annotated[
        list[State] | None,
        Query(description="Only these states; those still to be stopped if absent"),
    ] = None,
    controller: Controller = None,
    as_of: Annotated[str | None, AS_OF] = None,
    known_at: Annotated[str | None, KNOWN_AT] = None,
    lang: Language = "en",
    format: Format = "json",
) -> Response:
    """Duties with a term, the soonest due first: the privacy officer's worklist."""
    now = ledger_of(request).now()
    connections, asked = seen_by(request, controller)

    def ask(moment: Moment) -> Response:
        answer = ask_clocks(
            connections,
            now,
            moment,
            controller=asked,
            states=state or (),
            within=None if within is None else timedelta(days=within),
        )
        rests_on(request, answer.basis)
        if format == "csv":
            return as_csv("clocks", judged.clocks_csv(answer, lang))
        if format != "json":
            origin = ledger_of(request).identity.origin
            made = document.of_clocks(answer, lang, origin, asked)
            return as_document(request, format, made, connections)
        return JSONResponse(judged.clocks_json(answer, lang))

    return answered(as_of, known_at, ask)


@router.post("/checks", dependencies=[CHECKS])
def post_check(request: Request, act: Act, lang: Language = "en") -> dict[str, Any]:
    """May this act happen now? The rules that an event would break if it were recorded; nothing is
    written, and whatever the answer is, the event can be recorded when it has happened."""
    ledger = ledger_of(request)
    now = ledger.now()
    source = ledger.own_source(candidate.SYSTEM)
    at = read_instant(act.occurred_at) if act.occurred_at else now
    event = candidate.make(act.type, act.data, at, source)
    answer = check(ledger.pool, event, now)
    refusal = None if answer.refusal is None else problems.document(answer.refusal)
    return {**judged.check_json(answer, lang), "refusal": refusal}
