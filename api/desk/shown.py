"""What every page of the desk has: who reads it, in which language, and where else to go.

Whoever is nobody here is sent to sign in, and comes back to the page; a refusal is a page as well
(`error`). `tests/test_desk.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from api.access import Allowed, Credentials, holder_of, seen_by
from api.moments import MomentError, parse_moment
from api.pages.page import language_of, page
from api.state import ledger_of, state_of
from ledger.database import Connections
from ledger.roles import READERS, WATCHERS, Holder, Role
from projections.civil import local_minute
from projections.exports.document import text
from projections.frameworks.framework import Framework
from projections.question import Moment

PLACES = (
    "home",
    "declarations",
    "registers",
    "findings",
    "clocks",
    "evidence",
    "requests",
    "pictures",
    "dossiers",
    "packs",
)
"""Where the links at the top of a page lead."""


OF_SOME = {"declarations": frozenset({Role.CONTROLLER_READER}), "requests": WATCHERS}
"""Those that are for some roles alone."""


class Shown(Allowed):
    """What a page of the desk declares: as `Allowed`, for people in a browser."""

    async def __call__(self, request: Request, credentials: Credentials) -> None:
        """Send whoever is nobody to sign in."""
        request.state.on_page = True
        try:
            await super().__call__(request, credentials)
        except HTTPException as error:
            if error.status_code != 401:
                raise
            onward = quote(str(request.url.path), safe="")
            if request.url.query:
                onward += quote(f"?{request.url.query}", safe="")
            headers = {"Location": f"/sign-in?onward={onward}"}
            raise HTTPException(303, headers=headers) from None


EVERY_READER = Depends(Shown(READERS))
"""The dependency of a page that tells which things there are."""


def shows(name: str | None = None, *, of_path: bool = False) -> Any:
    """The dependency of a page that shows what is read under a name."""
    return Depends(Shown(READERS, name=name, of_path=of_path))


WATCHES = Depends(Shown(WATCHERS))
"""The dependency of a page for whoever audits, watches or runs the ledger."""


DECLARES = Depends(Shown(OF_SOME["declarations"], name="declarations"))
"""The dependency of a page on which a controller declares something."""


def desk(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of the desk."""
    holder = holder_of(request)
    language = language_of(request)
    provider = state_of(request).provider
    leaves = provider.sign_out_address() if provider else None
    return page(
        request,
        name,
        status,
        scripts=True,
        form_action=_origin(leaves) if leaves else "",
        origin=ledger_of(request).identity.origin,
        holder=holder,
        places=[place for place in PLACES if _may(holder, place)],
        here=values.pop("here", name),
        other="en" if language == "nl" else "nl",
        address=str(request.url.path) + (f"?{request.url.query}" if request.url.query else ""),
        cell=lambda value: text(value, language),
        local=_local,
        with_query=lambda **changes: _with_query(request, changes),
        with_query_sort=request.query_params.get("sort", ""),
        address_as_of=request.query_params.get("as_of", ""),
        address_known_at=request.query_params.get("known_at", ""),
        page_number=_page_number(request),
        query=f"?{request.url.query}" if request.url.query else "",
        **values,
    )


def error_page(request: Request, status: int, problem: Mapping[str, Any]) -> HTMLResponse:
    """A refusal as a page."""
    holder: Holder | None = getattr(request.state, "holder", None)
    if holder is None:
        return page(request, "error", status, origin="", problem=problem, places=[])
    return desk(request, "error", status, problem=problem)


def moment_of(request: Request) -> tuple[Moment, str | None]:
    """The moment that the address asks about, and what is wrong with it: then it is now."""
    asked = request.query_params
    try:
        return parse_moment(asked.get("as_of") or None, asked.get("known_at") or None), None
    except MomentError as error:
        return Moment(), str(error)


def asked_about(request: Request, controller: str = "") -> tuple[Connections, str | None]:
    """What a page is asked of, and about which controller (`seen_by`): of several in a scope the
    first, until one is chosen."""
    granted = holder_of(request).controllers or ()
    return seen_by(request, controller or next(iter(granted), None))


def own_frameworks(request: Request) -> list[Framework]:
    """The frameworks that may be asked about."""
    granted = holder_of(request).frameworks
    known = state_of(request).frameworks
    return [each for each in known.values() if granted is None or each.id in granted]


def _may(holder: Holder, place: str) -> bool:
    if place in OF_SOME and holder.role not in OF_SOME[place]:
        return False
    granted = holder.registers
    return granted is None or place in ("home", "registers", "requests", "pictures", *granted)


def _local(value: datetime | str | None) -> str:
    if value is None:
        return ""
    return local_minute(datetime.fromisoformat(value) if isinstance(value, str) else value)


def _with_query(request: Request, changes: Mapping[str, Any]) -> str:
    """The address of this page with other parameters; None takes one out."""
    asked = dict(request.query_params) | {
        name: str(value) for name, value in changes.items() if value is not None
    }
    kept = {n: v for n, v in asked.items() if v and not (n in changes and changes[n] is None)}
    return f"{request.url.path}?{urlencode(kept)}" if kept else str(request.url.path)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _page_number(request: Request) -> int:
    asked = request.query_params.get("page", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1


def is_watcher(holder: Holder) -> bool:
    """Whether somebody sees the whole ledger, and is asked which controller it is about."""
    return holder.role in (Role.OPERATOR, Role.PRIVACY_OFFICER, Role.AUDITOR)
