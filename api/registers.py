"""Registers over HTTP: now, as of any moment, as known at any moment; JSON or CSV; NL or EN.

`tests/test_api.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.access import EVERY_ROLE, READS, require, seen_by
from api.documents import AS_DOCUMENT, as_document
from api.moments import MomentError, parse_moment
from api.state import ledger_of, rests_on
from api.unsealed import Unsealed, opener, require_unsealing
from ledger.unsealing import in_short
from projections.exports import described, document, tables
from projections.question import Moment, ask
from projections.register import Register
from projections.registers import REGISTERS
from projections.showing import shown, values_of

Language = Literal["nl", "en"]
Format = Literal["json", "csv", "xlsx", "pdf", "report"]

AS_OF = Query(description="What was the case at this moment (RFC 3339, or a date)")
KNOWN_AT = Query(description="What was known at this moment, or in the first so many entries")

router = APIRouter(prefix="/v1", tags=["registers"])


CSVW = "application/csvm+json"

Name = Annotated[str, Path(json_schema_extra={"enum": [*REGISTERS]})]


@router.get("/registers", dependencies=[EVERY_ROLE])
def list_registers(lang: Language = "en") -> dict[str, list[dict[str, Any]]]:
    """The registers, with their columns and the clause or article each column comes from."""
    return {
        "registers": [
            {
                "name": register.name,
                "title": register.title.text(lang),
                "source": register.source,
                "columns": [
                    {"key": c.key, "label": c.label.text(lang), "source": c.source}
                    for c in register.columns
                ],
                "address": f"/v1/registers/{register.name}",
            }
            for register in REGISTERS.values()
        ]
    }


@router.get("/registers/{name}", dependencies=[READS], responses=AS_DOCUMENT)
def get_register(
    request: Request,
    name: Name,
    controller: Annotated[
        str | None, Query(max_length=64, description="Id of a controller")
    ] = None,
    as_of: Annotated[str | None, AS_OF] = None,
    known_at: Annotated[str | None, KNOWN_AT] = None,
    lang: Language = "en",
    format: Format = "json",
    unsealed: Unsealed = False,
) -> Response:
    """One register; with `controller` its own rows and the processor-wide ones."""
    register = _known(name)
    require(request, name)
    require_unsealing(request, unsealed)
    connections, asked = seen_by(request, controller)

    def answer(moment: Moment) -> Response:
        found = ask(connections, register, moment, controller=asked)
        rests_on(request, found.basis)
        rows = shown(found, opener(request, values_of(found)) if unsealed else in_short)
        if format == "csv":
            told = f"</v1/registers/{name}/csvw?lang={lang}>"
            return as_csv(
                name,
                tables.to_csv(rows, lang),
                {"Link": f'{told}; rel="describedby"; type="{CSVW}"'},
            )
        if format != "json":
            origin = ledger_of(request).identity.origin
            made = document.of_register(rows, lang, origin, asked)
            return as_document(request, format, made, connections)
        return JSONResponse(tables.to_json(rows, lang))

    return answered(as_of, known_at, answer)


@router.get(
    "/registers/{name}/csvw",
    dependencies=[EVERY_ROLE],
    response_class=JSONResponse,
    responses={200: {"content": {CSVW: {"schema": {"type": "object"}}}}},
)
def get_csvw(name: Name, lang: Language = "en") -> JSONResponse:
    """What the columns of a register's CSV are (W3C CSV on the Web)."""
    return JSONResponse(described.csvw(_known(name), lang), media_type=CSVW)


@router.get(
    "/registers/{name}/schema",
    dependencies=[EVERY_ROLE],
    responses={200: {"content": {"application/schema+json": {"schema": {"type": "object"}}}}},
)
def get_schema(name: Name, lang: Language = "en") -> JSONResponse:
    """The JSON Schema of a register's JSON."""
    found = described.json_schema(_known(name), lang)
    return JSONResponse(found, media_type="application/schema+json")


def _known(name: str) -> Register:
    register = REGISTERS.get(name)
    if register is None:
        raise HTTPException(404, "There is no register of this name.")
    return register


def answered(
    as_of: str | None, known_at: str | None, answer: Callable[[Moment], Response]
) -> Response:
    """The answer for a moment as it was asked: 422 when it is none, 404 when nothing was known."""
    try:
        return answer(parse_moment(as_of, known_at))
    except MomentError as error:
        raise HTTPException(422, str(error)) from None
    except LookupError:
        raise HTTPException(404, "Nothing had been recorded at that moment.") from None


def as_csv(name: str, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """A table to be saved as a file."""
    return Response(
        text,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', **(headers or {})},
    )
