"""The log as tiles (C2SP tlog-tiles), for any client of that format: its prefix is `/log`.

    /log/checkpoint                 the published checkpoint, with the cosignatures of witnesses
    /log/log.vkey                   the verifier key
    /log/tile/L/N[.p/W]             hash tiles
    /log/tile/entries/N[.p/W]       entry bundles

These are the files of `verantwoord export-log`, at the same paths. The prefix has no version of
this interface in it: the format is not ours, and a prefix lasts as long as the log that is named
after it. No tree is computed: a full tile is a stored row, a partial one at most 255 hashes or
entries in a row. There is one spelling of an address, and every other is not found.
`tests/test_served_tiles.py`.
"""

from __future__ import annotations

import gzip
import re

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import PlainTextResponse, Response

from api.access import READS_EVERY_EVENT, READS_HASHES
from api.state import ledger_of, state_of
from ledger import log_keys, tiles
from ledger.errors import TileMalformed

FOR_EVER = "max-age=31536000, immutable"
A_MOMENT = "max-age=5"

GZIP_LEVEL = 6

_NOT_AT_ALL = re.compile(r"q=0(?:\.0{0,3})?")


async def one_spelling(request: Request) -> None:
    """404 for an address with escapes: `%30` is another name for `0` to every cache on the way."""
    if request.scope["raw_path"] != request.scope["path"].encode():
        raise HTTPException(404)


router = APIRouter(prefix="/log", tags=["tiles"], dependencies=[Depends(one_spelling)])


class Octets(Response):
    """Bytes of a tile."""

    media_type = "application/octet-stream"


@router.get("/checkpoint", response_class=PlainTextResponse, dependencies=[READS_HASHES])
def get_checkpoint(request: Request) -> PlainTextResponse:
    """The published checkpoint (C2SP tlog-checkpoint): the latest one that a quorum of witnesses
    cosigned, or the latest when there is no such one."""
    reader = ledger_of(request).replica_reader
    note = reader.stamped(reader.published_or_latest()).note
    return PlainTextResponse(note, headers={"Cache-Control": _cached(request, A_MOMENT)})


@router.get("/log.vkey", response_class=PlainTextResponse, dependencies=[READS_HASHES])
def get_vkey(request: Request) -> PlainTextResponse:
    """The verifier key of the log; pin it from another source than this one."""
    vkey = log_keys.format(ledger_of(request).vkeys())
    return PlainTextResponse(vkey, headers={"Cache-Control": _cached(request, A_MOMENT)})


@router.get("/tile/entries/{place:path}", response_class=Octets, dependencies=[READS_EVERY_EVENT])
def get_entry_bundle(request: Request, place: str) -> Octets:
    """Up to 256 entries, each after its length in two bytes; in gzip for whoever takes it."""
    bundle = _read(request, f"tile/entries/{place}")
    headers = {"Cache-Control": f"private, {FOR_EVER}", "Vary": "Accept-Encoding"}
    if takes_gzip(request.headers.getlist("accept-encoding")):
        bundle = gzip.compress(bundle, GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Octets(bundle, headers=headers)


@router.get("/tile/{place:path}", response_class=Octets, dependencies=[READS_HASHES])
def get_hash_tile(request: Request, place: str) -> Octets:
    """Up to 256 hashes of one level, 32 bytes each."""
    hashes = _read(request, f"tile/{place}")
    return Octets(hashes, headers={"Cache-Control": _cached(request, FOR_EVER)})


def takes_gzip(accepted: list[str]) -> bool:
    """Whether the Accept-Encoding fields take gzip, by name or else by `*` (RFC 9110, 12.5.3)."""
    weights: dict[str, str] = {}
    for choice in ",".join(accepted).lower().split(","):
        coding, _, weight = choice.partition(";")
        weights[coding.strip()] = weight.replace(" ", "")
    weight = weights.get("gzip", weights.get("*", "q=0"))
    return _NOT_AT_ALL.fullmatch(weight) is None


def _read(request: Request, path: str) -> bytes:
    try:
        return ledger_of(request).replica_reader.read(tiles.parse_path(path))
    except (TileMalformed, LookupError):
        raise HTTPException(404) from None


def _cached(request: Request, how_long: str) -> str:
    return f"{'public' if state_of(request).public_hashes else 'private'}, {how_long}"
