"""The addresses a browser goes through to sign in and out.

    GET  /sign-in             how it is done here
    GET  /sign-in/start       to the provider, with an attempt of this browser
    GET  /sign-in/callback    back from it: a session, when it is verified and something is granted
    GET  /sign-in/link        a link of the operator: looking at it uses nothing up
    POST /sign-in/link        it is used: a session
    GET  /                    on to the desk (`api/desk/`)
    POST /sign-out            the session ends, here and at the provider
    GET  /signed-out          back from there
    POST /sign-in/ended       the provider says that a session of its own has ended
    GET  /sign-in/keys        the keys of this service, for the provider

A session that was there before is ended by signing in, so that none is fixed beforehand.
`tests/test_sign_in.py`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

import structlog
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.access import PUBLIC, holder_of_session
from api.body import body_up_to
from api.pages.page import language_of, page
from api.rate import Rates
from api.sign_in import attempt as attempts
from api.sign_in import cookie
from api.sign_in.attempt import Attempt
from api.sign_in.provider import NotVerified, Provider, ProviderAway, SignedIn
from api.state import ledger_of, state_of
from ledger import granted_access, sessions
from ledger.granted_access import Access, Means
from ledger.sessions import LinkUsed

FORM_LIMIT = 64 * 1024
"""Bytes of a form, and of a logout token."""

LONGEST = 4096
"""Characters of what a provider adds to an address."""

Added = Annotated[str, Query(max_length=LONGEST)]

ERRORS = frozenset(
    [
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_request_object",
        "invalid_request_uri",
        "invalid_scope",
        "login_required",
        "registration_not_supported",
        "request_not_supported",
        "request_uri_not_supported",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    ]
)
"""What a provider answers instead of a code (RFC 6749, 4.1.2.1; OpenID Connect Core, 3.1.2.6). The
answer comes by way of the browser, so any other text may be anybody's."""

router = APIRouter(dependencies=[PUBLIC], include_in_schema=False)

log = structlog.get_logger(__name__)


@router.get("/sign-in")
def sign_in(request: Request, onward: Added = attempts.HOME, again: bool = False) -> HTMLResponse:
    """How people sign in here."""
    own = quote(attempts.own_path(onward), safe="")
    provider = state_of(request).provider is not None
    return _page(
        request, "sign_in", provider=provider, start=f"/sign-in/start?onward={own}", again=again
    )


@router.get("/sign-in/start")
def start(request: Request, onward: Added = attempts.HOME) -> Response:
    """On to the provider."""
    provider = _provider(request)
    attempt = Attempt.begin(onward)
    try:
        address = provider.address_for(attempt, language_of(request))
    except ProviderAway as error:
        return _away(request, error)
    response = RedirectResponse(address, 303)
    attempt.keep(response)
    return response


@router.get("/sign-in/callback")
def callback(
    request: Request,
    state: Added = "",
    code: Added = "",
    error: Added = "",
    iss: Added | None = None,
) -> Response:
    """Back from the provider, with a code that is exchanged for who has signed in."""
    provider, rates = _provider(request), _rates(request)
    attempt = Attempt.of(request)
    if attempt is None or not attempt.fits(state):
        return _not_signed_in(request, 400, "unexpected")
    if error or not code:
        log.warning("not signed in", answered=error if error in ERRORS else "something else")
        return _not_signed_in(request, 403, "cancelled")
    try:
        who = provider.exchange(code, attempt, iss)
    except ProviderAway as away:
        return _away(request, away)
    except NotVerified as refused:
        if rates:
            rates.refused(request)
        log.warning("not signed in", reason=str(refused))
        return _not_signed_in(request, 403, "refused")
    access = _granted_to(request, who)
    if access is None:
        return _not_signed_in(
            request,
            403,
            "not_granted",
            issuer=who.identity.issuer,
            subject=who.identity.subject,
        )
    provider_id = who.sid and sessions.provider_session(who.identity.issuer, who.sid)
    return _signed_in(request, access, provider_id or None, attempt.onward)


@router.get("/sign-in/link")
def look_at_link(request: Request, token: Annotated[str, Query(max_length=128)]) -> HTMLResponse:
    """What reads mail for somebody opens links too: so only the button uses it up."""
    return _page(request, "link", token=token)


@router.post("/sign-in/link")
def use_link(request: Request, body: Annotated[bytes, Depends(body_up_to(FORM_LIMIT))]) -> Response:
    """Use a link up."""
    ledger, rates = ledger_of(request), _rates(request)
    with ledger.pool.connection() as conn:
        access = granted_access.find(conn, _field(body, "token"), ledger.clock(), Means.LINK)
    if access is not None:
        try:
            return _signed_in(request, access, None, attempts.HOME)
        except LinkUsed:
            log.warning("a link was opened again", access=access.id)
    if rates:
        rates.refused(request)
    return _not_signed_in(request, 403, "link")


@router.get("/")
def begin(request: Request) -> Response:
    """On to the desk; whoever is nobody here signs in first."""
    secret = cookie.read(request)
    if not secret or holder_of_session(ledger_of(request), secret) is None:
        return RedirectResponse("/sign-in?again=true" if secret else "/sign-in", 303)
    return RedirectResponse("/home", 303)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session, and let the provider end its own."""
    ledger, provider = ledger_of(request), state_of(request).provider
    onward = "/signed-out"
    if secret := cookie.read(request):
        with ledger.pool.connection() as conn:
            session = sessions.find(conn, secret, ledger.clock())
            sessions.end(conn, secret, ledger.clock())
        if session is not None and session.access.means is Means.SIGN_IN and provider:
            onward = provider.sign_out_address() or onward
    # Not the cookies: those of every service of the domain would go.
    response = RedirectResponse(onward, 303, {"Clear-Site-Data": '"cache", "storage"'})
    cookie.take(response)
    return response


@router.get("/signed-out")
def signed_out(request: Request) -> HTMLResponse:
    """Back from signing out."""
    return _page(request, "signed_out")


@router.post("/sign-in/ended")
def ended(request: Request, body: Annotated[bytes, Depends(body_up_to(FORM_LIMIT))]) -> Response:
    """The provider has ended a session of its own, or all of a person: so does this ledger."""
    provider, ledger, rates = _provider(request), ledger_of(request), _rates(request)
    try:
        who = provider.ended(_field(body, "logout_token"))
    except ProviderAway as away:
        log.warning("the provider gives no usable answer", reason=str(away))
        raise HTTPException(503, "The provider's keys cannot be had now.") from None
    except NotVerified as refused:
        if rates:
            rates.refused(request)
        log.warning("nobody was signed out", reason=str(refused))
        raise HTTPException(400, "The logout token does not verify.") from None
    now = ledger.clock()
    with ledger.pool.connection() as conn:
        if who.sid is not None:
            id_ = sessions.provider_session(provider.settings.issuer, who.sid)
            sessions.end_at_provider(conn, id_, now)
        elif who.identity is not None:
            access = granted_access.find_identity(conn, who.identity, now)
            if access is not None:
                sessions.end_all(conn, access.id, now)
    return Response(status_code=200)


@router.get("/sign-in/keys")
def keys(request: Request) -> Response:
    """A JWK set, where the provider looks up with what this service signs."""
    return Response(
        json.dumps(_provider(request).public_keys()), media_type="application/jwk-set+json"
    )


def _signed_in(
    request: Request, access: Access, provider_id: bytes | None, onward: str
) -> Response:
    """A session, and on to the page that was asked for. Raises LinkUsed."""
    ledger = ledger_of(request)
    with ledger.pool.connection() as conn:
        if before := cookie.read(request):
            sessions.end(conn, before, ledger.clock())
        secret = sessions.start(conn, access, ledger.clock(), provider_id)
    log.info("signed in", access=access.id, holder=access.holder, role=access.role)
    response = RedirectResponse(onward, 303)
    cookie.give(response, secret)
    attempts.forget(response)
    return response


def _granted_to(request: Request, who: SignedIn) -> Access | None:
    ledger = ledger_of(request)
    with ledger.pool.connection() as conn:
        return granted_access.find_identity(conn, who.identity, ledger.clock())


def _not_signed_in(
    request: Request, status: int, reason: str, issuer: str = "", subject: str = ""
) -> HTMLResponse:
    shown = _page(request, "not_signed_in", status, reason=reason, issuer=issuer, subject=subject)
    attempts.forget(shown)
    return shown


def _away(request: Request, error: ProviderAway) -> HTMLResponse:
    log.warning("the provider gives no usable answer", reason=str(error))
    return _not_signed_in(request, 503, "away")


def _page(
    request: Request, name: str, status: int = 200, *, form_action: str = "", **values: Any
) -> HTMLResponse:
    origin = ledger_of(request).identity.origin
    return page(request, name, status, form_action=form_action, origin=origin, **values)


def _provider(request: Request) -> Provider:
    provider = state_of(request).provider
    if provider is None:
        raise HTTPException(404)
    return provider


def _rates(request: Request) -> Rates | None:
    """What counts refusals; 429 for an address that was refused too often."""
    rates = state_of(request).rates
    if rates:
        rates.check_address(request)
    return rates


def _field(body: bytes, name: str) -> str:
    """The one value of a field of a form; nothing when there is none, or more."""
    found = parse_qs(body.decode("latin-1"), max_num_fields=20).get(name, [])
    return found[0] if len(found) == 1 else ""
