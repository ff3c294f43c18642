"""Dossiers over HTTP: what the law asks for as one document. `tests/test_dossiers_api.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.access import EVERY_ROLE, reads, seen_by
from api.documents import MEDIA_TYPES, as_document
from api.registers import AS_OF, KNOWN_AT, Language, answered
from api.state import ledger_of, rests_on
from ledger.database import Connections
from projections.dossiers import DOSSIERS
from projections.dossiers.dossier import Dossier, NoSuch, ask_dossier
from projections.exports import dossiers as shown
from projections.exports.linked import to_jsonld
from projections.exports.pia import to_pia
from projections.question import Moment

router = APIRouter(prefix="/v1/dossiers", tags=["dossiers"])

Name = Annotated[str, Path(json_schema_extra={"enum": [*DOSSIERS]})]
Format = Literal["json", "xlsx", "pdf", "report", "jsonld", "svg", "pia"]

JSON_LD = "application/ld+json"
SVG = "image/svg+xml"

AS_DOSSIER: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            JSON_LD: {"schema": {"type": "object"}},
            SVG: {"schema": {"type": "string"}},
            **{
                media_type: {"schema": {"type": "string", "format": "binary"}}
                for media_type in MEDIA_TYPES.values()
            },
        }
    }
}


@router.get("", dependencies=[EVERY_ROLE])
def list_dossiers(lang: Language = "en") -> dict[str, list[dict[str, Any]]]:
    """The kinds of dossiers, what each needs to be told, and the formats it comes in."""
    return {
        "dossiers": [
            {
                "name": kind.name,
                "title": kind.title.text(lang),
                "source": kind.source,
                "needs": sorted(kind.needs),
                "formats": shown.formats_of(kind),
                "address": f"/v1/dossiers/{kind.name}",
            }
            for kind in DOSSIERS.values()
        ]
    }


@router.get("/{name}", dependencies=[reads("dossiers")], responses=AS_DOSSIER)
def get_dossier(
    request: Request,
    name: Name,
    controller: Annotated[
        str | None, Query(max_length=64, description="Id of the controller it is about")
    ] = None,
    breach: Annotated[
        str | None, Query(max_length=64, description="Id of the breach it is about")
    ] = None,
    as_of: Annotated[str | None, AS_OF] = None,
    known_at: Annotated[str | None, KNOWN_AT] = None,
    lang: Language = "en",
    format: Format = "json",
) -> Response:
    """One dossier: what was recorded, and what only the controller can answer."""
    kind = DOSSIERS.get(name)
    if kind is None:
        raise HTTPException(404, "There is no dossier of this name.")
    if format not in shown.formats_of(kind):
        raise HTTPException(422, f"format is {', '.join(shown.formats_of(kind))} for this dossier.")
    connections, asked = seen_by(request, controller)
    given: Mapping[str, str | None] = {"controller": asked, "breach": breach}
    for needed in sorted(kind.needs):
        if given[needed] is None:
            raise HTTPException(422, f"{needed} is needed: which one is it about?")
    ledger = ledger_of(request)

    def answer(moment: Moment) -> Response:
        try:
            found = ask_dossier(
                connections,
                ledger.now(),
                kind,
                moment,
                controller=asked,
                breach=breach if "breach" in kind.needs else None,
            )
        except NoSuch as error:
            raise HTTPException(404, f"{error.args[0].capitalize()}.") from None
        rests_on(request, found.basis)
        return _answer(request, found, lang, format, connections)

    return answered(as_of, known_at, answer)


def _answer(
    request: Request, found: Dossier, lang: str, format: str, connections: Connections
) -> Response:
    origin = ledger_of(request).identity.origin
    if format == "json":
        return JSONResponse(shown.to_json(found, lang))
    if format == "jsonld":
        return JSONResponse(to_jsonld(found, lang, origin), media_type=JSON_LD)
    if format == "pia":
        headers = {"Content-Disposition": f'attachment; filename="{found.kind.name}.pia.json"'}
        return JSONResponse(to_pia(found, lang), headers=headers)
    if format == "svg":
        drawn = shown.picture(found, lang)
        if drawn is None:
            raise HTTPException(404, "No data flows were recorded.")
        return Response(drawn, media_type=SVG)
    return as_document(request, format, shown.to_document(found, lang, origin), connections)
