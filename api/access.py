"""Who may call what: every route declares the roles that it answers, or that it is open.

A bearer is the operator with the read token of `verantwoord init`, or whoever was granted the token
(`ledger/granted_access.py`); a person in a browser shows the cookie of a session instead
(`api/sign_in/`). Appending needs none: an event carries the signature of its producer.
What is made of hashes alone may be public, when the operator says so. An application with a route
that declares nothing does not start (`declared`). `tests/test_access.py` walks all routes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, cast

import psycopg
from fastapi import Depends, HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.routing import BaseRoute

from api.sign_in import cookie
from api.state import ledger_of, state_of
from ledger import entry as entries
from ledger import granted_access, sessions
from ledger.database import Connections
from ledger.errors import KeyNotInForce
from ledger.granted_access import Access
from ledger.keys import token_matches
from ledger.opening import Ledger
from ledger.reader import Reader, StoredEntry
from ledger.roles import BESIDE_REGISTERS, EVERYBODY, OPERATOR, READERS, WATCHERS, Holder, Role
from projections import granted
from projections.registers import REGISTERS
from projections.withheld import one_controller

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token of `verantwoord grant token`, or the one in DIR/read.token",
)

READABLE = frozenset({*REGISTERS, *BESIDE_REGISTERS, "checks"})
"""What is recorded when somebody reads it, by its name (`api/inspected.py`)."""

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


class Declared:
    """What a route declares about who may call it."""


class Open(Declared):
    """Anybody may call it."""

    async def __call__(self) -> None:
        """Let everybody pass."""


class Signed(Declared):
    """Whoever signed what it brings may call it, which shows when it is looked at."""

    async def __call__(self, request: Request) -> None:
        """429 for an address of which too much was refused."""
        if rates := state_of(request).rates:
            rates.check_address(request)


class Allowed(Declared):
    """The bearers of some roles may call it; with `whole`, those that see the whole ledger."""

    def __init__(
        self,
        roles: frozenset[Role],
        *,
        whole: bool = False,
        hashes: bool = False,
        name: str | None = None,
        of_path: bool = False,
    ) -> None:
        self.roles = roles
        self.whole = whole
        self.hashes = hashes
        self.name = name
        self.of_path = of_path

    async def __call__(self, request: Request, credentials: Credentials) -> None:
        """Let a bearer of one of the roles pass; 401 for an unknown one, 403 for another role."""
        if self.hashes and state_of(request).public_hashes:
            return
        name = request.path_params["name"] if self.of_path else self.name
        request.state.inspects = name if name in READABLE else None
        holder = request.state.holder = await _counted(request, credentials)
        if holder.role not in self.roles or (self.whole and not holder.sees_all):
            raise HTTPException(403)
        if self.name is not None:
            require(request, self.name)


PUBLIC = Depends(Open())
"""The dependency of what tells nothing about anybody."""

SIGNED = Depends(Signed())
"""The dependency of what lets in whoever signed what is appended."""

READS = Depends(Allowed(READERS, of_path=True))
"""The dependency of a register, which looks by its name whether it was granted (`require`)."""

READS_ALL = Depends(Allowed(WATCHERS, whole=True))
"""The dependency of how the log is kept, and whoever sees it whole may know."""

READS_EVERY_EVENT = Depends(Allowed(WATCHERS, whole=True, name="events"))
"""The dependency of events that cannot be shown in part."""

EVERY_ROLE = Depends(Allowed(EVERYBODY))
"""The dependency of what every role may know: which registers and rules there are."""

CHECKS = Depends(Allowed(EVERYBODY - {Role.CONTROLLER_READER}, whole=True, name="checks"))
"""The dependency of what an act would bring, which may be about anybody."""

SEALS = Depends(Allowed(frozenset({Role.OPERATOR, Role.SERVICE})))
"""The dependency of what hands out a key for sealing text."""

ERASES = Depends(Allowed(frozenset({Role.OPERATOR, Role.PRIVACY_OFFICER}), whole=True))
"""The dependency of what tells of sealed text, and ends it."""

READS_HASHES = Depends(Allowed(EVERYBODY, hashes=True))
"""The dependency of routes that tell hashes, sizes and keys of the log, and no event."""


def reads(name: str, roles: frozenset[Role] = READERS) -> Any:
    """The dependency of what is read about a controller, or about all, under this name."""
    return Depends(Allowed(roles, name=name))


def require(request: Request, name: str) -> None:
    """403 when what is read under a name was not granted."""
    granted = holder_of(request).registers
    if granted is not None and name not in granted:
        raise HTTPException(403)


def declared(routes: Iterable[BaseRoute]) -> dict[str, Declared]:
    """What each route declares, by its path. Raises TypeError for one that declares nothing."""
    found: dict[str, Declared] = {}
    for route in routes:
        if isinstance(route, APIRoute):
            said = [*_declared(route.dependant)]
            if len(said) != 1:
                raise TypeError(
                    f"{route.path} declares {len(said)} times who may call it, not once"
                )
            found[f"{min(route.methods or ())} {route.path}"] = said[0]
    return found


def _declared(dependant: Dependant) -> Iterable[Declared]:
    for each in dependant.dependencies:
        if isinstance(each.call, Declared):
            yield each.call


async def _counted(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Holder:
    """Who asks, unless that reader asked too much, or that address was refused too often."""
    rates = state_of(request).rates
    if rates is None:
        return await _holder(request, credentials)
    rates.check_address(request)
    try:
        holder = await _holder(request, credentials)
    except HTTPException:
        rates.refused(request)
        raise
    rates.asked(holder)
    return holder


async def _holder(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Holder:
    ledger = ledger_of(request)
    if credentials is not None:
        token = credentials.credentials
        if token_matches(token, ledger.identity.read_token_sha256):
            return OPERATOR
        found = await asyncio.to_thread(_holder_of_token, ledger, token)
    elif secret := cookie.read(request):
        person = await asyncio.to_thread(holder_of_session, ledger, secret)
        request.state.access, found = person or (None, None)
    else:
        found = None
    if found is None:
        raise _unknown()
    return found


def _holder_of_token(ledger: Ledger, token: str) -> Holder | None:
    now = ledger.clock()
    with ledger.pool.connection() as conn:
        found = granted_access.find(conn, token, now)
        if found is not None and found.key_id is None:
            return taken_for(conn, found, now)
    # Without the connection: looking a key up takes another, and all of them may be lent.
    if found is None or not _key_in_force(ledger, found.key_id):
        return None
    return found.grants


def holder_of_session(ledger: Ledger, secret: str) -> tuple[Access, Holder] | None:
    """Under what somebody signed in, by the cookie of a session, and whom that is taken for."""
    now = ledger.clock()
    with ledger.pool.connection() as conn:
        session = sessions.find(conn, secret, now)
        holder = taken_for(conn, session.access, now) if session else None
    return None if session is None or holder is None else (session.access, holder)


def taken_for(conn: psycopg.Connection, access: Access, now: datetime) -> Holder | None:
    """Whom somebody is taken for, while what was granted stands."""
    if access.grant_id is not None:
        return _standing(conn, access.grant_id, now)
    return access.grants


def _standing(conn: psycopg.Connection, grant_id: str, now: datetime) -> Holder | None:
    """Whom the bearer of an auditor's token is taken for, while its grant is in force."""
    grant = granted.find(conn, grant_id)
    if grant is None or grant.state(now) != "in force":
        return None
    return Holder(
        Role.AUDITOR,
        grant.reader,
        grant.controllers,
        grant.registers,
        frameworks=grant.frameworks or None,
    )


def _key_in_force(ledger: Ledger, key_id: str | None) -> bool:
    if key_id is None:
        return True
    key = ledger.find_key(key_id)
    try:
        if key is not None:
            key.check_in_force(ledger.clock())
    except KeyNotInForce:
        return False
    return key is not None


def _unknown() -> HTTPException:
    # One answer to a token or session that is missing, malformed, unknown, over or revoked.
    return HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


def holder_of(request: Request) -> Holder:
    """Who asks, on a route that declared roles."""
    return cast("Holder", request.state.holder)


def seen_by(request: Request, controller: str | None) -> tuple[Connections, str | None]:
    """What a question about a controller, or about all, is asked of; and of whom it is asked.

    For whoever has a scope of controllers it is one of them, named or the only one, through
    connections that see no other: 403 for another one, 422 when it has to be named.
    """
    ledger, granted = ledger_of(request), holder_of(request).controllers
    if granted is None:
        return ledger.replicas, controller
    if controller is None and len(granted) > 1:
        raise HTTPException(422, "controller is needed: which of those you may ask about?")
    named = granted[0] if controller is None else controller
    require_controller(request, named)
    return one_controller(ledger, named), named


def require_controller(request: Request, controller: str) -> None:
    """403 when a controller is not among those that may be asked about."""
    granted = holder_of(request).controllers
    if granted is not None and controller not in granted:
        raise HTTPException(403)


def entry_seen_by(request: Request, index: int) -> StoredEntry:
    """One entry, when whoever asks may read it; 404 when not, as when there is none.

    A service reads what it signed. Whoever has a scope of controllers reads what one of them may.
    """
    ledger, holder = ledger_of(request), holder_of(request)
    if holder.controllers is None:
        readers = [ledger.replica_reader]
    else:
        readers = [Reader(one_controller(ledger, each)) for each in holder.controllers]
    for reader in readers:
        with suppress(LookupError):
            stored = reader.entry(index)
            if holder.role is not Role.SERVICE or _signed_by(stored, holder.key_id):
                return stored
    raise HTTPException(404)


def require_entry(request: Request, index: int) -> None:
    """404 when there may be an entry that whoever asks may not read; whoever may read all is not
    held up with looking."""
    holder = holder_of(request)
    if holder.controllers is not None or holder.role is Role.SERVICE:
        entry_seen_by(request, index)


def _signed_by(stored: StoredEntry, key_id: str | None) -> bool:
    return any(signature.keyid == key_id for signature in entries.parse(stored.leaf).signatures)
