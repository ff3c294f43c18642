"""What is taken along: dossiers, and evidence packs that are made in the background; and a place
to check what was.

`tests/test_desk.py`.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from api.access import holder_of
from api.desk.shown import EVERY_READER, desk, own_frameworks, shows
from api.desk.writing import Body, fields_of
from api.packs import Asked, ask_for_pack, give_up, own_pack, shown_pack
from api.pages.page import language_of
from api.state import ledger_of
from ledger import asked_packs
from projections.dossiers import DOSSIERS
from projections.exports.dossiers import formats_of

router = APIRouter(include_in_schema=False)


@router.get("/dossiers", dependencies=[shows("dossiers")])
def list_dossiers(request: Request) -> HTMLResponse:
    """The dossiers, each with what it needs to be told."""
    language, granted = language_of(request), holder_of(request).controllers
    found = [
        {
            "name": kind.name,
            "title": kind.title.text(language),
            "source": kind.source,
            "needs": kind.needs,
            "formats": formats_of(kind),
        }
        for kind in DOSSIERS.values()
    ]
    return desk(request, "dossiers", dossiers=found, controllers=granted)


@router.get("/packs", dependencies=[shows("packs")])
def list_packs(request: Request) -> HTMLResponse:
    """The packs that somebody asked for, and a form to ask for another."""
    return _packs(request)


@router.post("/packs", dependencies=[shows("packs")])
def ask_for(request: Request, body: Body) -> Response:
    """Ask for a pack; what is wrong with the question is said beside the form."""
    form = fields_of(body)
    given: dict[str, Any] = {
        "from": _one(form, "from"),
        "until": _one(form, "until"),
        "lang": _one(form, "lang") or language_of(request),
        "controllers": [c for c in form.get("controller", []) if c] or None,
        "frameworks": [each for each in form.get("framework", []) if each] or None,
    }
    try:
        ask_for_pack(request, Asked.model_validate(given))
    except ValidationError as error:
        said = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        return _packs(request, 422, said)
    except HTTPException as error:
        if error.status_code not in (422, 429):
            raise
        return _packs(request, error.status_code, str(error.detail))
    return RedirectResponse("/packs", 303)


@router.post("/packs/{id}/give-up", dependencies=[shows("packs")])
def give_up_pack(request: Request, id: Annotated[str, Path(max_length=64)]) -> Response:
    """Cancel or remove a pack."""
    give_up(request, id)
    return RedirectResponse("/packs", 303)


@router.get("/packs/{id}/progress", dependencies=[shows("packs")])
def show_progress(request: Request, id: Annotated[str, Path(max_length=64)]) -> HTMLResponse:
    """How far one pack is: the part of the page that is asked for again while it is made."""
    return desk(request, "pack_row", pack=shown_pack(own_pack(request, id)), here="packs")


@router.get("/check", dependencies=[EVERY_READER])
def show_check(request: Request) -> HTMLResponse:
    """A place for a pack or a receipt, which the browser checks by itself."""
    return desk(request, "check", here="packs")


def _packs(request: Request, status: int = 200, wrong: str | None = None) -> HTMLResponse:
    with ledger_of(request).pool.connection() as conn:
        found = [shown_pack(each) for each in asked_packs.of(conn, holder_of(request))]
    granted = holder_of(request)
    return desk(
        request,
        "packs",
        status,
        packs=found,
        frameworks=own_frameworks(request),
        controllers=granted.controllers,
        wrong=wrong,
    )


def _one(form: dict[str, list[str]], name: str) -> str | None:
    return next(iter(form.get(name, [])), None) or None
