"""Where a controller objects, asks for an audit, chooses, acknowledges, as the agreement lets it.

The words are shown before they are confirmed, with the clause and the term; then the ledger records
them for the person who is signed in (`ledger/declarations.py`), and the receipt is there to keep.
A token declares nothing: it shows a program. `tests/test_declarations.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.access import entry_seen_by, holder_of
from api.desk import declared
from api.desk.cases import events_of
from api.desk.declared import CHOICES, GROUNDS, KINDS, Kind, digest_of, is_running
from api.desk.shown import DECLARES, OF_SOME, asked_about, desk
from api.desk.writing import Body, Wrong, access_of, form_of, refusal, why_not, writes
from api.events import LARGEST
from api.pages.page import language_of
from api.state import ledger_of
from ledger import cloudevent, declarations, entry, own_events
from ledger.database import Connections
from ledger.declarations import DECLARED, Declaration
from ledger.errors import Refused
from ledger.opening import Ledger
from projections.follow import position
from projections.question import ask
from projections.registers import REGISTERS

PATIENCE, LOOK = 2.0, 0.05
"""Seconds in which registers follow, and between looks whether they did."""

router = APIRouter(include_in_schema=False)

Named = Annotated[str, Query(max_length=64)]
KindName = Annotated[str, Path(max_length=32)]

Row = Mapping[str, Any]

WRITES = writes(OF_SOME["declarations"], "declarations")


@router.get("/declarations", dependencies=[DECLARES])
def list_declarations(request: Request, controller: Named = "") -> HTMLResponse:
    """What may be declared now, and what was."""
    connections, asked = _asked(request, controller)
    ledger, language = ledger_of(request), language_of(request)
    now = ledger.now()
    announced = _rows(connections, "subprocessors", asked)
    life = _lifecycle(connections, asked)
    return desk(
        request,
        "declarations",
        controller=asked,
        controllers=holder_of(request).controllers or (),
        why_not=why_not(request),
        kinds={name: _shown(kind, language) for name, kind in KINDS.items()},
        windows=[r for r in announced if r["kind"] == "announcement" and is_running(r, now)],
        objections=[row for row in announced if row["kind"] == "objection"],
        audits=[
            row
            for row in _rows(connections, "assurance", asked)
            if row["kind"] == "controller_audit"
        ],
        lifecycle=life,
        returns=_open_returns(life),
        made=_made(ledger, connections, asked, language),
    )


@router.get("/declarations/recorded/{index}", dependencies=[DECLARES])
def show_recorded(request: Request, index: Annotated[int, Path(ge=0, le=LARGEST)]) -> HTMLResponse:
    """What was declared, with its receipt."""
    stored, language = entry_seen_by(request, index), language_of(request)
    found = entry.parse(stored.leaf)
    event = cloudevent.parse(found.payload)
    data = event.raw["data"]
    kind = next((kind for kind in KINDS.values() if kind.type == event.type.name), None)
    if kind is None or "declaration" not in data:
        raise HTTPException(404, "This entry is no declaration.")
    granted = holder_of(request).registers
    return desk(
        request,
        "declared",
        index=index,
        kind=_shown(kind, language),
        data=data,
        recorded_at=found.recorded_at,
        may_read=granted is None or "events" in granted,
        here="declarations",
    )


@router.get("/declarations/{kind}", dependencies=[DECLARES])
def show_form(
    request: Request, kind: KindName, controller: Named = "", about: Named = ""
) -> HTMLResponse:
    """The form for one kind of declaration, about a change or a return where it needs one."""
    connections, asked = _asked(request, controller)
    _known(kind)
    return _form(request, kind, asked, _about(connections, kind, asked, about), {})


@router.post("/declarations/{kind}", dependencies=[WRITES])
def declare(request: Request, kind: KindName, body: Body) -> Response:
    """Show the words to be confirmed; or, once they were, record them."""
    form = form_of(body)
    _known(kind)
    ledger, confirmed = ledger_of(request), form.get("id", "")
    if confirmed and not own_events.ID.fullmatch(confirmed):
        raise HTTPException(422, "The form was changed on its way.")
    connections, asked = _asked(request, form.get("controller", ""))
    if confirmed:
        there = declarations.recorded(ledger, KINDS[kind].type, confirmed, asked)
        if there is not None:  # sent twice
            return RedirectResponse(f"/declarations/recorded/{there}", 303)
    about = _about(connections, kind, asked, form.get("about", ""))
    if nothing := why_not(request):
        return _form(request, kind, asked, about, form, 409, nothing)
    try:
        declaration = _declaration(request, kind, confirmed, asked, about, form)
        # What is confirmed are these words: those of another language, or of a moment at which
        # the register said something else, are shown first.
        if form.get("shown") != digest_of(declaration.words):
            return _form(request, kind, asked, about, form, words=declaration.words)
        index = declarations.record(ledger, declaration, access_of(request))
    except Wrong as wrong:
        return _form(request, kind, asked, about, form, 422, wrong.says.text(language_of(request)))
    except Refused as refused:
        return _form(request, kind, asked, about, form, *refusal(request, refused))
    _wait_for(ledger, index)
    return RedirectResponse(f"/declarations/recorded/{index}", 303)


def _wait_for(ledger: Ledger, index: int) -> None:
    """Until the registers show an entry, or for a while: whoever declared it looks there next."""
    for _ in range(int(PATIENCE / LOOK)):
        if position(ledger.pool) > index:
            return
        time.sleep(LOOK)


def _asked(request: Request, controller: str) -> tuple[Connections, str]:
    connections, asked = asked_about(request, controller)
    if asked is None:
        raise HTTPException(403, "Which controller you speak for was not granted.")
    return connections, asked


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise HTTPException(404, "Nothing of this kind is declared here.")


def _rows(connections: Connections, register: str, controller: str) -> list[Row]:
    return [row.values for row in ask(connections, REGISTERS[register], controller=controller).rows]


def _lifecycle(connections: Connections, controller: str) -> Row | None:
    return next(iter(_rows(connections, "lifecycle", controller)), None)


def _open_returns(life: Row | None) -> list[Row]:
    found = (life or {}).get("returns") or []
    return [each for each in found if each["sent_at"] and not each["acknowledged_at"]]


def _about(connections: Connections, kind: str, controller: str, about: str) -> Row:
    """The announcement or the return that a declaration is about. 404 when there is none such."""
    if kind == "objection":
        for row in _rows(connections, "subprocessors", controller):
            if row["kind"] == "announcement" and row["change"] == about:
                return row
    elif kind == "acknowledgement":
        for each in _open_returns(_lifecycle(connections, controller)):
            if each["return_id"] == about:
                return each
    else:
        return _lifecycle(connections, controller) or {}
    raise HTTPException(404, "What this is about is not there, or not for you, or was done.")


def _declaration(
    request: Request, kind: str, confirmed: str, controller: str, about: Row, form: declared.Form
) -> Declaration:
    id, language = confirmed or own_events.new_id(), language_of(request)
    if kind == "objection":
        now = ledger_of(request).now()
        return declared.objection(id, controller, about, form, now, language)
    if kind == "audit":
        return declared.audit(id, controller, form, language)
    if kind == "choice":
        return declared.choice(id, controller, form, language)
    return declared.acknowledgement(id, controller, about, form, language)


def _form(
    request: Request,
    kind: str,
    controller: str,
    about: Row,
    form: Mapping[str, str],
    status: int = 200,
    wrong: str | None = None,
    words: str | None = None,
) -> HTMLResponse:
    language = language_of(request)
    return desk(
        request,
        "declare",
        status,
        kind_name=kind,
        kind=_shown(KINDS[kind], language),
        controller=controller,
        about=about,
        about_id=about.get("change" if kind == "objection" else "return_id", ""),
        form=form,
        wrong=wrong or why_not(request),
        words=words,
        shown=digest_of(words) if words else "",
        id=own_events.new_id() if words else "",
        grounds=[(name, label.text(language)) for name, label in GROUNDS.items()],
        choices=[(name, label.text(language)) for name, label in CHOICES.items()],
        longest=declared.LONGEST,
        here="declarations",
    )


def _shown(kind: Kind, language: str) -> Mapping[str, str]:
    return {
        "title": kind.title.text(language),
        "clause": kind.clause,
        "rule": kind.rule.text(language),
    }


def _made(
    ledger: Ledger, connections: Connections, controller: str, language: str
) -> Sequence[Row]:
    """What was declared here before, the latest first."""
    titles = {kind.type: kind.title.text(language) for kind in KINDS.values()}
    found = events_of(ledger, connections, f"controller:{controller}", DECLARED)
    return [
        {"index": e.position - 1, "title": titles[e.type], "at": e.recorded_at}
        for e in sorted(found, key=lambda e: -e.position)
        if e.type in titles and "declaration" in e.data
    ]
