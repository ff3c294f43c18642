"""An identity provider: what it is asked, and how its answers are verified.

    the browser is sent to it    OpenID Connect Core 1.0, 3.1.2; RFC 7636; acr where asked for
    the code is exchanged        3.1.3, with a signed assertion (RFC 7523) or a secret
    the ID token is verified     3.1.3.7: signature, issuer, audience, times, nonce, acr
    signing out                  OpenID Connect RP-Initiated Logout 1.0
    being signed out             OpenID Connect Back-Channel Logout 1.0, 2.6

Of a person the issuer and the subject are read, and no name. Its keys are fetched again when one is
not among them. `tests/test_sign_in.py` does it with a real provider, and with one that lies.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from api.addresses import check_address
from api.sign_in.attempt import Attempt
from api.sign_in.settings import Settings
from ledger.errors import ConfigurationError
from ledger.granted_access import Identity

ALGORITHMS = ["PS256", "ES256", "RS256"]
"""With which a provider may sign: those of the NL GOV profile, and the one that all have."""

SKEW = 60
"""Seconds by which its clock may differ."""

TIMEOUT = 10.0

LIMIT = 1_000_000
"""Bytes of an answer."""

FRESH = 3600.0
"""Seconds after which what it says of itself is fetched again."""

PAUSE = 10.0
"""Seconds between two fetches of its keys for one that is not among them."""

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class ProviderAway(Exception):
    """The provider gives no usable answer now."""


class NotVerified(Exception):
    """What the provider, or somebody in its name, answered is not to be believed."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who has signed in, and in which session at the provider, if it says so."""

    identity: Identity
    sid: str | None


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Whom the provider has signed out: one of its sessions, or all of a person."""

    identity: Identity | None
    sid: str | None


class Provider:
    """A provider, as one service knows it. Threads may share it."""

    def __init__(
        self, settings: Settings, address: str, now: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings
        self.callback = f"{address}/sign-in/callback"
        self.signed_out = f"{address}/signed-out"
        self._now = now
        self._http = httpx.Client(timeout=TIMEOUT, follow_redirects=False)
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] = {}
        self._fetched = self._keys_fetched = float("-inf")
        self._keys = KeySet([])

    def close(self) -> None:
        """Let go of its connections."""
        self._http.close()

    def address_for(self, attempt: Attempt, language: str) -> str:
        """Where the browser is to sign in. Raises ProviderAway."""
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.callback,
            "scope": "openid",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            "ui_locales": language,
        }
        if self.settings.acr:
            asked["acr_values"] = " ".join(self.settings.acr)
        return _with(self._endpoint("authorization_endpoint"), asked)

    def exchange(self, code: str, attempt: Attempt, issuer: str | None) -> SignedIn:
        """Who has signed in, for the code of an answer that says to be of an issuer (RFC 9207).

        Raises ProviderAway and NotVerified.
        """
        if issuer is None and self._described().get(
            "authorization_response_iss_parameter_supported"
        ):
            raise NotVerified("the answer does not say from which provider it is")
        if issuer not in (None, self.settings.issuer):
            raise NotVerified("the answer is from another provider")
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "code_verifier": attempt.verifier,
        }
        endpoint = self._endpoint("token_endpoint")
        auth = None
        if self.settings.secret is not None:
            # Both are encoded as in a form (RFC 6749, 2.3.1).
            auth = httpx.BasicAuth(
                quote_plus(self.settings.client_id), quote_plus(self.settings.secret)
            )
        else:
            asked |= self._assertion(endpoint)
        status, answer = self._ask("POST", endpoint, data=asked, auth=auth)
        if status != 200:
            raise NotVerified(f"the provider did not take the code (status {status})")
        claims = self._verified(answer.get("id_token"), {"nonce": attempt.nonce})
        if self.settings.acr and claims.get("acr") not in self.settings.acr:
            raise NotVerified("acr is none of those that are needed")
        return SignedIn(
            Identity(self.settings.issuer, _text(claims, "sub", needed=True) or ""),
            _text(claims, "sid"),
        )

    def sign_out_address(self) -> str | None:
        """Where the browser is signed out there too; None where that cannot be done now."""
        try:
            endpoint = self._described().get("end_session_endpoint")
            if endpoint is None:
                return None
            asked = {
                "client_id": self.settings.client_id,
                "post_logout_redirect_uri": self.signed_out,
            }
            return _with(check_address("end_session_endpoint", str(endpoint)), asked)
        except (ProviderAway, ConfigurationError):
            return None

    def ended(self, token: str) -> SignedOut:
        """Whom a logout token signs out. Raises ProviderAway and NotVerified."""
        claims = self._verified(token, {}, types=("logout+jwt", "JWT", None))
        events = claims.get("events")
        if "nonce" in claims or not isinstance(events, dict) or LOGOUT_EVENT not in events:
            raise NotVerified("it is no logout token")
        if claims["iat"] < self._now() - 5 * SKEW:
            raise NotVerified("it is old")
        subject, sid = _text(claims, "sub"), _text(claims, "sid")
        if subject is None and sid is None:
            raise NotVerified("it names neither a subject nor a session")
        identity = None if subject is None else Identity(self.settings.issuer, subject)
        return SignedOut(identity, sid)

    def public_keys(self) -> dict[str, Any]:
        """The keys with which this service signs what it asks, for the provider (RFC 7517)."""
        key = self.settings.key
        return {"keys": [] if key is None else [key.as_dict(private=False)]}

    def _assertion(self, endpoint: str) -> dict[str, str]:
        """Who asks, signed (RFC 7523, 2.2)."""
        key, now = self.settings.key, int(self._now())
        if key is None:
            raise NotVerified("there is neither a key nor a secret")
        claims = {
            "iss": self.settings.client_id,
            "sub": self.settings.client_id,
            "aud": endpoint,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + SKEW,
        }
        header = {"alg": self.settings.algorithm, "kid": key.kid, "typ": "JWT"}
        signed = jwt.encode(header, claims, key, algorithms=[self.settings.algorithm])
        return {
            "client_id": self.settings.client_id,
            "client_assertion_type": ASSERTION,
            "client_assertion": signed,
        }

    def _verified(
        self,
        token: Any,
        needed: Mapping[str, str],
        types: tuple[str | None, ...] = ("JWT", None),
    ) -> dict[str, Any]:
        """The claims of a token of this provider for this service. Raises NotVerified."""
        if not isinstance(token, str) or len(token) > LIMIT:
            raise NotVerified("there is no token")
        try:
            found = self._decoded(token)
            expected: dict[str, ClaimsOption] = {
                name: {"essential": True, "value": value} for name, value in needed.items()
            }
            registry = JWTClaimsRegistry(
                int(self._now()),
                SKEW,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                exp={"essential": True},
                iat={"essential": True},
                **expected,
            )
            registry.validate(found.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotVerified(f"a token does not verify: {error}") from None
        claims: dict[str, Any] = found.claims
        if found.header.get("typ") not in types:
            raise NotVerified("a token is of another kind")
        audience = claims["aud"]
        if claims.get("azp", self.settings.client_id) != self.settings.client_id or (
            isinstance(audience, list) and len(audience) > 1 and "azp" not in claims
        ):
            raise NotVerified("a token was made for another client")
        return claims

    def _decoded(self, token: str) -> jwt.Token:
        with self._lock:
            fetched = self._keys_fetched
        if fetched < self._now() - FRESH:
            self._fetch_keys()
        try:
            return jwt.decode(token, self._keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # It may be signed with a key that came since.
            if self._keys_fetched > self._now() - PAUSE:
                raise
            self._fetch_keys()
            return jwt.decode(token, self._keys, algorithms=ALGORITHMS)

    def _fetch_keys(self) -> None:
        status, answer = self._ask("GET", self._endpoint("jwks_uri"))
        try:
            keys = KeySet.import_key_set({"keys": _signing(answer["keys"])})
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderAway(f"its keys cannot be read (status {status}): {error}") from None
        with self._lock:
            self._keys, self._keys_fetched = keys, self._now()

    def _endpoint(self, name: str) -> str:
        try:
            return check_address(name, str(self._described().get(name)))
        except ConfigurationError as error:
            raise ProviderAway(str(error)) from None

    def _described(self) -> dict[str, Any]:
        """What it says of itself (OpenID Connect Discovery 1.0). Raises ProviderAway."""
        with self._lock:
            if self._fetched > self._now() - FRESH:
                return self._metadata
        address = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        status, found = self._ask("GET", address)
        if status != 200 or found.get("issuer") != self.settings.issuer:
            raise ProviderAway(f"it does not describe itself as {self.settings.issuer}")
        with self._lock:
            self._metadata, self._fetched = found, self._now()
        return found

    def _ask(self, method: str, address: str, **options: Any) -> tuple[int, dict[str, Any]]:
        try:
            with self._http.stream(method, address, **options) as answer:
                body = bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > LIMIT:
                        raise ProviderAway("its answer has no end")
            found = json.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderAway(f"{type(error).__name__} at {urlsplit(address).netloc}") from None
        except ValueError:
            raise ProviderAway(f"its answer is not JSON (status {answer.status_code})") from None
        if not isinstance(found, dict):
            raise ProviderAway("its answer is no object")
        return answer.status_code, found


def _signing(keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of a provider's keys that can sign what is verified here; others it may have too."""
    return [
        key
        for key in keys
        if key.get("kty") in ("RSA", "EC")
        and key.get("use", "sig") == "sig"
        and key.get("crv", "P-256") == "P-256"
    ]


def _text(claims: Mapping[str, Any], name: str, *, needed: bool = False) -> str | None:
    value = claims.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise NotVerified(f"{name} is no text of 1 to 255 characters")
    return value


def _with(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"
