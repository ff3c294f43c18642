"""What an auditor asks the privacy officer for, what is answered, and what both note: events.

    EvidenceRequested   a question, maybe about a control of a framework, maybe about a controller
    EvidenceProvided    its answer, with links to events
    AuditNoteRecorded   a note of either

An auditor sees its own, and what was answered to these; whoever watches the ledger sees all. What
is about a controller concerns that controller, which reads it as any other event (11.3).
`tests/test_requests.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.access import holder_of, require_controller
from api.desk.shown import WATCHES, desk, own_frameworks
from api.desk.writing import Body, Wrong, form_of, refusal, why_not, writes
from api.pages.page import language_of
from api.state import ledger_of
from ledger import own_events
from ledger.database import Connections
from ledger.errors import IdAlreadyUsed, Refused
from ledger.roles import WATCHERS, Holder, Role
from projections import history
from projections.facts import Fact, effective
from projections.question import basis_at, reading
from projections.register import Label

ASKED, ANSWERED, NOTED = "EvidenceRequested", "EvidenceProvided", "AuditNoteRecorded"

ANSWERS = frozenset({Role.OPERATOR, Role.PRIVACY_OFFICER})
"""Who answers."""

LONGEST = 4000
"""Characters of a question, an answer or a note."""

MOST_ENTRIES = 100
"""Events that one answer links to."""

router = APIRouter(include_in_schema=False)

Named = Annotated[str, Query(max_length=200)]

EMPTY = Label("Er staat niets in.", "There is nothing in it.")
TOO_LONG = Label(f"Hoogstens {LONGEST} tekens.", f"At most {LONGEST} characters.")
NO_CONTROL = Label(
    "Dit kader, of deze beheersmaatregel ervan, is er niet, of niet voor u.",
    "There is no such framework, or control of it, or not for you.",
)
NO_ENTRIES = Label(
    f"Noem gebeurtenissen met hun plaats in het logboek, hoogstens {MOST_ENTRIES}: 12, 40.",
    f"Name events by their place in the log, at most {MOST_ENTRIES}: 12, 40.",
)
WHICH = Label("Over welke Klant gaat het?", "Which controller is it about?")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its answers, the earliest first."""

    id: str
    event: Fact
    answers: Sequence[Fact]


def requests_of(pool: Connections, holder: Holder) -> tuple[list[Asked], list[Fact]]:
    """The requests that somebody may see, and the notes, as they were corrected; the latest
    first."""
    with reading(pool) as conn:
        size = basis_at(conn, None).size
        types = (ASKED, ANSWERED, NOTED)
        found = history.each_of_types(conn, types, upto=size)
        known = history.with_amendments(conn, found, upto=size)
    facts = sorted(effective(known), key=lambda fact: fact.position)
    said = [fact for fact in facts if fact.type in types]
    seen = [fact for fact in said if fact.type == ANSWERED or _is_seen(holder, fact.data)]
    asked = [
        Asked(
            id,
            event,
            [e for e in seen if e.type == ANSWERED and e.data["evidence_request_id"] == id],
        )
        for event in seen
        if event.type == ASKED
        for id in [str(event.data["evidence_request_id"])]
    ]
    return asked[::-1], [event for event in seen if event.type == NOTED][::-1]


def _is_seen(holder: Holder, data: Mapping[str, Any]) -> bool:
    if holder.role is Role.AUDITOR:
        return bool(data["by"] == holder.name)
    return holder.controllers is None or data.get("controller_id") in holder.controllers


@router.get("/requests", dependencies=[WATCHES])
def list_requests(
    request: Request,
    framework: Named = "",
    control: Named = "",
    note: Annotated[str, Query(max_length=LONGEST)] = "",
) -> HTMLResponse:
    """What was asked, answered and noted; with forms to go on, filled in as far as is known."""
    return _page(request, {"framework": framework, "control": control, "note": note})


@router.post("/requests", dependencies=[writes(frozenset({Role.AUDITOR}))])
def ask_for_evidence(request: Request, body: Body) -> Response:
    """Ask for evidence."""
    return _record(request, body, ASKED, "question")


@router.post("/requests/notes", dependencies=[writes(WATCHERS)])
def make_note(request: Request, body: Body) -> Response:
    """Make a note."""
    return _record(request, body, NOTED, "note")


@router.post("/requests/{id}/answer", dependencies=[writes(ANSWERS)])
def answer(request: Request, id: Annotated[str, Path(max_length=64)], body: Body) -> Response:
    """Answer a request."""
    asked, _ = requests_of(ledger_of(request).pool, holder_of(request))
    if all(each.id != id for each in asked):
        raise HTTPException(404, "There is no request of this id, or not for you.")
    return _record(request, body, ANSWERED, "answer", evidence_request_id=id)


def _record(request: Request, body: Body, type: str, field: str, **fixed: str) -> Response:
    form, language = form_of(body), language_of(request)
    if nothing := why_not(request):
        return _page(request, form, 409, nothing)
    id = form.get("id", "")
    if not own_events.ID.fullmatch(id):
        raise HTTPException(422, "The form was changed on its way.")
    try:
        data = {**fixed, field: _text(form, field), "by": holder_of(request).name}
        if type == ANSWERED:
            data |= _entries(request, form)
        else:
            data |= _about(request, form)
        if type == ASKED:
            data["evidence_request_id"] = f"ER-{id}"
        own_events.record(ledger_of(request), type, id, data)
    except IdAlreadyUsed:
        pass  # sent twice
    except Wrong as wrong:
        return _page(request, form, 422, wrong.says.text(language))
    except Refused as refused:
        return _page(request, form, *refusal(request, refused))
    return RedirectResponse("/requests", 303)


def _text(form: Mapping[str, str], field: str) -> str:
    text = form.get(field, "")
    if not text:
        raise Wrong(EMPTY)
    if len(text) > LONGEST:
        raise Wrong(TOO_LONG)
    return text


def _about(request: Request, form: Mapping[str, str]) -> dict[str, Any]:
    """The framework, control and controller that something is about."""
    holder = holder_of(request)
    known = {each.id: each for each in own_frameworks(request)}
    name, control, controller = (form.get(n, "") for n in ("framework", "control", "controller"))
    found: dict[str, Any] = {}
    if name or control:
        if name not in known or (control and control not in known[name].controls):
            raise Wrong(NO_CONTROL)
        found = {"framework": name} | ({"control": control} if control else {})
    if controller:
        require_controller(request, controller)
        found["controller_id"] = controller
    elif holder.controllers is not None:
        raise Wrong(WHICH)
    return found


def _entries(request: Request, form: Mapping[str, str]) -> dict[str, Any]:
    """The events that an answer links to: leaf indexes, each once, in the order given."""
    size = ledger_of(request).reader.size()
    said = form.get("entries", "").replace(",", " ").split()
    if len(said) > MOST_ENTRIES or not all(
        each.isascii() and each.isdigit() and len(each) < 16 and int(each) < size for each in said
    ):
        raise Wrong(NO_ENTRIES)
    found = list(dict.fromkeys(map(int, said)))
    return {"entries": found} if found else {}


def _page(
    request: Request, form: Mapping[str, str], status: int = 200, wrong: str | None = None
) -> HTMLResponse:
    holder = holder_of(request)
    asked, notes = requests_of(ledger_of(request).pool, holder)
    return desk(
        request,
        "requests",
        status,
        open=[shown_request(each) for each in asked if not each.answers],
        answered=[shown_request(each) for each in asked if each.answers],
        notes=[shown_event(each) for each in notes],
        asks=holder.role is Role.AUDITOR,
        answers=holder.role in ANSWERS,
        frameworks=own_frameworks(request),
        controllers=holder.controllers,
        form=form,
        new_ids=_new_ids(),
        wrong=wrong or why_not(request),
        longest=LONGEST,
    )


def _new_ids() -> Iterator[str]:
    while True:
        yield own_events.new_id()


def shown_request(asked: Asked) -> Mapping[str, Any]:
    """A request as a page shows it."""
    answers = [{**shown_event(e), "entries": e.data.get("entries", ())} for e in asked.answers]
    return {"id": asked.id, **shown_event(asked.event), "answers": answers}


def shown_event(event: Fact) -> Mapping[str, Any]:
    """A question, an answer or a note as a page shows it."""
    data = event.data
    return {
        "text": data.get("question") or data.get("answer") or data.get("note"),
        "by": data["by"],
        "at": event.recorded_at,
        "index": event.position - 1,
        "framework": data.get("framework"),
        "control": data.get("control"),
        "controller": data.get("controller_id"),
    }
