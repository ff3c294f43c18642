"""Signing in: with a link, once; at a real identity provider; and not with one that lies."""

from __future__ import annotations

import base64
import hmac
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from api.sign_in import provider as providers
from api.sign_in.attempt import Attempt, own_path
from api.sign_in.cookie import COOKIE
from api.sign_in.provider import LOGOUT_EVENT, NotVerified, Provider, ProviderAway
from api.sign_in.settings import Settings
from api.tls import Tls
from api.workers import Line
from ledger import granted_access
from ledger.granted_access import Identity, Means
from ledger.roles import Role
from ledger.sessions import IDLE
from tests import openid
from tests.ledgers import TestLedger
from tests.serving import serving
from tests.test_api import problem

Owner = Callable[[], psycopg.Connection]

KEY = ECKey.generate_key("P-256", {"kid": "ledger-1"})
"""With which this service shows who it is."""


class Site:
    """A served ledger with a provider, and browsers that come to it."""

    def __init__(
        self, made: TestLedger, owner: Owner, url: str, tls: Tls, provider: Provider
    ) -> None:
        self.made, self.owner, self.url, self.provider = made, owner, url, provider
        self._context = ssl.create_default_context(cafile=tls.certificate)
        self._browsers: list[httpx.Client] = []

    def browser(self) -> httpx.Client:
        """A new browser, with no cookies."""
        made = httpx.Client(base_url=self.url, verify=self._context, timeout=40)
        self._browsers.append(made)
        return made

    def close(self) -> None:
        """Close every browser."""
        for each in self._browsers:
            each.close()

    def let_in(self, subject: str, role: Role = Role.PRIVACY_OFFICER, **options: Any) -> str:
        """Let somebody in who signs in; the id of what was granted."""
        now = self.made.clock.moment
        asked: dict[str, Any] = {
            "holder": f"{subject}-here",
            "expires_at": now + timedelta(days=9),
            **options,
        }
        who = Identity(self.provider.settings.issuer, subject)
        with self.owner() as conn:
            return granted_access.let_sign_in(conn, now, who, role=role, **asked).id

    def link(self, role: Role = Role.PRIVACY_OFFICER, **options: Any) -> str:
        """The path of a link of the operator, good for a day."""
        now = self.made.clock.moment
        asked: dict[str, Any] = {
            "holder": "officer-1",
            "expires_at": now + timedelta(days=1),
            **options,
        }
        with self.owner() as conn:
            made = granted_access.grant(conn, now, role=role, means=Means.LINK, **asked)
        return f"/sign-in/link?token={made[1]}"

    def signed_in(self, browser: httpx.Client, login: str, onward: str = "/") -> httpx.Response:
        """Sign in as somebody; the answer of the callback."""
        start = browser.get("/sign-in/start", params={"onward": onward})
        assert start.status_code == 303, start.text
        back = openid.sign_in(browser, start.headers["location"], login)
        return browser.get(back.headers["location"])


@contextmanager
def site(
    made: TestLedger, owner: Owner, tls: Tls, settings: Settings, port: int = 0
) -> Iterator[Site]:
    """Serve a ledger over TLS, whose people sign in at a provider."""
    port = port or openid.free_port()
    provider = Provider(settings, f"https://127.0.0.1:{port}")
    with serving(made, line=Line(tls), provider=provider, port=port) as url:
        found = Site(made, owner, url, tls, provider)
        try:
            yield found
        finally:
            found.close()
            provider.close()


def client(port: int, **more: Any) -> dict[str, Any]:
    """What the provider knows of this service; what is `...`, it is not told."""
    address = f"https://127.0.0.1:{port}"
    told = {
        "client_id": "verantwoord",
        "redirect_uris": [f"{address}/sign-in/callback"],
        "post_logout_redirect_uris": [f"{address}/signed-out"],
        "backchannel_logout_uri": f"{address}/sign-in/ended",
        "backchannel_logout_session_required": True,
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": {"keys": [KEY.as_dict(private=False)]},
        "id_token_signed_response_alg": "PS256",
        **more,
    }
    return {name: value for name, value in told.items() if value is not ...}


@contextmanager
def real(
    made: TestLedger, owner: Owner, tls: Tls, settings: dict[str, Any] | None = None, **more: Any
) -> Iterator[Site]:
    """A site, and a real provider."""
    port, at = openid.free_port(), openid.free_port()
    key = RSAKey.generate_key(2048, {"kid": "provider-1"})
    known = Settings(f"http://127.0.0.1:{at}", "verantwoord", **(settings or {"key": KEY}))
    with (
        openid.provider(at, client(port, **more), key, tls.certificate),
        site(made, owner, tls, known, port) as found,
    ):
        yield found


def cookies(answer: httpx.Response) -> dict[str, str]:
    """What an answer has a browser keep, by name, as it was written."""
    return {line.split("=")[0]: line for line in answer.headers.get_list("set-cookie")}


def test_whoever_was_let_in_signs_in_works_and_signs_out(
    ledger: TestLedger, owner: Owner, tls: Tls
) -> None:
    """With PKCE and a signed assertion, at a provider that asks for both; and is signed out there
    too, which another session at the provider notices."""
    with real(ledger, owner, tls) as here:
        here.let_in("anna", Role.CONTROLLER_READER, controllers=["C1"])
        browser, second = here.browser(), here.browser()
        assert browser.get("/v1/findings").status_code == 401
        answer = here.signed_in(browser, "anna", "/v1/registers/processing?as_of=2026-01-05")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/v1/registers/processing?as_of=2026-01-05",
        )
        kept = cookies(answer)
        assert set(kept) == {COOKIE, "__Host-sign-in"}
        for flag in ("; HttpOnly", "; Secure", "; SameSite=lax", "; Path=/"):
            assert flag in kept[COOKIE]
        assert "Max-Age" not in kept[COOKIE]
        assert "Domain" not in kept[COOKIE]
        assert "Max-Age=0" in kept["__Host-sign-in"]
        assert browser.get("/v1/findings").status_code == 200
        assert browser.get("/v1/findings?controller=C2").status_code == 403
        assert browser.get("/").headers["location"] == "/home"
        home = browser.get("/home", headers={"Accept-Language": "en"})
        assert "anna-here" in home.text
        issuer = here.provider.settings.issuer
        assert f"form-action 'self' {issuer}" in home.headers["content-security-policy"]
        assert "reader for a controller" in home.text

        # A second session here, of the one that she has at the provider.
        second.cookies.update(browser.cookies)
        second.cookies.delete(COOKIE)
        again = here.signed_in(second, "nobody is asked again")
        assert again.status_code == 303
        assert second.get("/v1/findings").status_code == 200

        out = browser.post("/sign-out", headers={"Origin": here.url})
        assert out.status_code == 303
        assert out.headers["location"].startswith(here.provider.settings.issuer)
        assert "Max-Age=0" in cookies(out)[COOKIE]
        assert browser.get("/v1/findings").status_code == 401
        confirm = browser.get(out.headers["location"])
        (secret,) = re.findall(r'name="xsrf" value="([^"]+)"', confirm.text)
        (action,) = re.findall(r'action="([^"]+)"', confirm.text)
        done = browser.post(action, data={"xsrf": secret, "logout": "yes"})
        assert done.headers["location"] == f"{here.url}/signed-out"
        assert browser.get("/signed-out").status_code == 200
        assert second.get("/v1/findings").status_code == 401


def test_a_secret_is_as_good_for_a_provider_that_takes_no_keys(
    ledger: TestLedger, owner: Owner, tls: Tls
) -> None:
    """client_secret_basic; a wrong one lets nobody in."""
    asked = {
        "token_endpoint_auth_method": "client_secret_basic",
        "token_endpoint_auth_signing_alg": ...,
        "client_secret": "right & +%",
        "id_token_signed_response_alg": "RS256",
    }
    for secret, status in (("right & +%", 303), ("wrong", 403)):
        with real(ledger, owner, tls, {"secret": secret}, **asked) as here:
            here.let_in("anna")
            assert here.signed_in(here.browser(), "anna").status_code == status


def test_whoever_was_not_let_in_is_told_whom_to_tell(
    ledger: TestLedger, owner: Owner, tls: Tls
) -> None:
    """Nothing is started for a stranger, nor for one whose access has ended or was revoked."""
    with real(ledger, owner, tls) as here:
        stranger = here.browser()
        answer = here.signed_in(stranger, "<b>eve</b>")
        assert answer.status_code == 403
        assert COOKIE not in cookies(answer)
        assert "&lt;b&gt;eve&lt;/b&gt;" in answer.text
        assert stranger.get("/v1/findings").status_code == 401

        id_ = here.let_in("anna")
        browser = here.browser()
        assert here.signed_in(browser, "anna").status_code == 303
        with owner() as conn:
            granted_access.revoke(conn, ledger.clock.moment, id_)
        problem(browser.get("/v1/findings"), 401, "token-needed")
        assert browser.get("/").headers["location"] == "/sign-in?again=true"
        assert here.signed_in(here.browser(), "anna").status_code == 403

        here.let_in("anna", expires_at=ledger.clock.moment + timedelta(minutes=1))
        ledger.clock.moment += timedelta(minutes=2)
        assert here.signed_in(here.browser(), "anna").status_code == 403


def test_an_answer_belongs_to_the_browser_that_asked(
    ledger: TestLedger, owner: Owner, tls: Tls
) -> None:
    """Whoever is sent the answer of another is not signed in as that one; nor is it used twice."""
    with real(ledger, owner, tls) as here:
        here.let_in("mallory")
        attacker, victim = here.browser(), here.browser()
        start = attacker.get("/sign-in/start")
        back = openid.sign_in(attacker, start.headers["location"], "mallory").headers["location"]
        assert victim.get(back).status_code == 400
        victim.get("/sign-in/start")
        assert victim.get(back).status_code == 400
        assert COOKIE not in victim.cookies
        victim.get("/sign-in/start")
        code = parse_qs(urlsplit(back).query)["code"][0]
        other = Attempt.of_text(victim.cookies["__Host-sign-in"])
        assert other is not None
        forged = f"/sign-in/callback?code={code}&state={other.state}"
        assert victim.get(forged).status_code == 403  # the verifier is not the victim's

        attacker.get("/sign-in/start")
        assert attacker.get(back).status_code == 400


def test_keys_that_a_provider_changes_are_fetched_again(
    ledger: TestLedger, owner: Owner, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed with a key that came since is verified; with one that it does not have, never."""
    monkeypatch.setattr(providers, "PAUSE", 0)
    port, at = openid.free_port(), openid.free_port()
    known = Settings(f"http://127.0.0.1:{at}", "verantwoord", KEY)
    with site(ledger, owner, tls, known, port) as here:
        here.let_in("anna")
        for kid in ("provider-1", "provider-2"):
            key = RSAKey.generate_key(2048, {"kid": kid})
            with openid.provider(at, client(port), key, tls.certificate):
                assert here.signed_in(here.browser(), "anna").status_code == 303
        away = here.browser().get("/sign-in/start")
        assert away.status_code == 303  # what it said of itself is known for an hour
        back = Attempt.begin("/")
        with pytest.raises(ProviderAway):
            here.provider.exchange("code", back, known.issuer)


class Liar:
    """A provider that signs what it is told to."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "liar-1"})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.raw: dict[str, bytes] = {}
        self.token: str | None = None

    def honest(self, attempt: Attempt) -> dict[str, Any]:
        """The claims of an ID token that is right."""
        now = int(time.time())
        return {
            "iss": self.issuer,
            "aud": "verantwoord",
            "sub": "anna",
            "nonce": attempt.nonce,
            "iat": now,
            "exp": now + 60,
        }

    def sign(self, claims: dict[str, Any], key: Any = None, **header: Any) -> str:
        """A token with these claims."""
        key = key or self.key
        full = {"alg": "ES256", "kid": "liar-1", **header}
        return jwt.encode(full, claims, key, algorithms=[full["alg"]])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/jwks"):
                    self._answer({"keys": [liar.key.as_dict(private=False)]})
                else:
                    described = {
                        "issuer": liar.issuer,
                        "authorization_endpoint": f"{liar.issuer}/authorize",
                        "token_endpoint": f"{liar.issuer}/token",
                        "jwks_uri": f"{liar.issuer}/jwks",
                        **liar.metadata,
                    }
                    self._answer(described)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                token = liar.token if liar.token is not None else liar.sign(liar.claims)
                self._answer({"id_token": token})

            def _answer(self, value: Any) -> None:
                body = liar.raw.get(self.path, json.dumps(value).encode())
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def liar() -> Iterator[Liar]:
    """A provider that lies, as a server of its own."""
    made = Liar()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


@pytest.fixture
def asked(liar: Liar) -> Iterator[Provider]:
    """The provider that lies, as this service asks it."""
    made = Provider(Settings(liar.issuer, "verantwoord", KEY), "https://ledger.example")
    try:
        yield made
    finally:
        made.close()


ATTEMPT = Attempt("secret", "/")


def test_what_an_honest_provider_says_is_believed(liar: Liar, asked: Provider) -> None:
    """So that the lies below are refused for what is wrong with them."""
    for more in ({}, {"aud": ["verantwoord"]}, {"azp": "verantwoord"}, {"sid": "s-1"}):
        liar.claims = {**liar.honest(ATTEMPT), **more}
        found = asked.exchange("code", ATTEMPT, liar.issuer)
        assert found.identity == Identity(liar.issuer, "anna")
        assert found.sid == more.get("sid")


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


LIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "another issuer": lambda c: {**c, "iss": "https://other.example"},
    "no issuer": lambda c: {k: v for k, v in c.items() if k != "iss"},
    "for another client": lambda c: {**c, "aud": "other"},
    "for nobody": lambda c: {k: v for k, v in c.items() if k != "aud"},
    "for several": lambda c: {**c, "aud": ["other", "verantwoord"]},
    "made for another": lambda c: {**c, "azp": "other"},
    "another nonce": lambda c: {**c, "nonce": Attempt("other", "/").nonce},
    "no nonce": lambda c: {k: v for k, v in c.items() if k != "nonce"},
    "over": lambda c: {**c, "exp": int(time.time()) - 61},
    "no end": lambda c: {k: v for k, v in c.items() if k != "exp"},
    "an end that is a text": lambda c: {**c, "exp": "tomorrow"},
    "of tomorrow": lambda c: {**c, "iat": int(time.time()) + 90},
    "not yet": lambda c: {**c, "nbf": int(time.time()) + 90},
    "nobody": lambda c: {k: v for k, v in c.items() if k != "sub"},
    "an empty name": lambda c: {**c, "sub": ""},
    "a long name": lambda c: {**c, "sub": "x" * 256},
    "a number": lambda c: {**c, "sub": 7},
    "a sid that is a list": lambda c: {**c, "sid": ["x"]},
}


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_a_token_that_says_something_else_is_refused(liar: Liar, asked: Provider, lie: str) -> None:
    """Whoever it is from, for, or about."""
    liar.claims = LIES[lie](liar.honest(ATTEMPT))
    with pytest.raises(NotVerified):
        asked.exchange("code", ATTEMPT, None)


def test_a_token_that_is_signed_otherwise_is_refused(
    liar: Liar, asked: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By nobody, by another key, with the public key as a secret, or by a kind of token that is
    none for signing in."""
    monkeypatch.setattr(providers, "PAUSE", 0)
    claims = liar.honest(ATTEMPT)
    other = ECKey.generate_key("P-256", {"kid": "liar-1"})
    head, body, _ = liar.sign(claims).split(".")
    head = _base64(json.dumps({"alg": "HS256", "kid": "liar-1"}).encode())
    mac = hmac.digest(liar.key.as_pem(private=False), f"{head}.{body}".encode(), "sha256")
    unsigned = f"{_base64(json.dumps({'alg': 'none'}).encode())}.{body}."
    for token in (
        unsigned,
        liar.sign(claims, other),
        f"{head}.{body}.{_base64(mac)}",
        liar.sign(claims, typ="logout+jwt"),
        liar.sign(claims) + "x",
        "",
        "a.b.c",
        "." * 100,
    ):
        liar.token = token
        with pytest.raises(NotVerified):
            asked.exchange("code", ATTEMPT, None)
    liar.token = None
    with pytest.raises(NotVerified, match="another provider"):
        asked.exchange("code", ATTEMPT, "https://other.example")
    liar.metadata = {"authorization_response_iss_parameter_supported": True}
    fresh = Provider(asked.settings, "https://ledger.example")
    with pytest.raises(NotVerified, match="from which provider"):
        fresh.exchange("code", ATTEMPT, None)
    fresh.close()


def test_a_level_of_assurance_that_is_asked_for_is_needed(liar: Liar) -> None:
    """It is in what the provider is asked, and in what it answers."""
    level = "http://eidas.europa.eu/LoA/substantial"
    wanted = Provider(
        Settings(liar.issuer, "verantwoord", KEY, acr=(level,)), "https://ledger.example"
    )
    assert parse_qs(urlsplit(wanted.address_for(ATTEMPT, "nl")).query)["acr_values"] == [level]
    for acr, believed in ((level, True), ("http://eidas.europa.eu/LoA/low", False), (None, False)):
        liar.claims = {**liar.honest(ATTEMPT), **({"acr": acr} if acr else {})}
        if believed:
            wanted.exchange("code", ATTEMPT, None)
        else:
            with pytest.raises(NotVerified, match="acr"):
                wanted.exchange("code", ATTEMPT, None)
    wanted.close()


@pytest.mark.parametrize(
    ("metadata", "raw"),
    [
        ({"issuer": "https://other.example"}, {}),
        ({"token_endpoint": "http://other.example/token"}, {}),
        ({"jwks_uri": "file:///etc/passwd"}, {}),
        ({}, {"/.well-known/openid-configuration": b"<html>"}),
        ({}, {"/.well-known/openid-configuration": b"[]"}),
        ({}, {"/.well-known/openid-configuration": b"x" * 1_000_001}),
        ({}, {"/token": b"x" * 1_000_001}),
        ({}, {"/jwks": b'{"keys": 7}'}),
        ({}, {"/jwks": b'{"keys": [{"kty": "RSA"}]}'}),
    ],
)
def test_a_provider_that_makes_no_sense_is_away(
    liar: Liar, asked: Provider, metadata: dict[str, Any], raw: dict[str, bytes]
) -> None:
    """And nobody is signed in, sent elsewhere, or kept waiting."""
    liar.metadata, liar.raw = metadata, raw
    liar.claims = liar.honest(ATTEMPT)
    with pytest.raises(ProviderAway):
        asked.exchange("code", ATTEMPT, None)


def test_being_signed_out_by_the_provider(
    ledger: TestLedger, owner: Owner, tls: Tls, liar: Liar
) -> None:
    """All of a person when it names no session; not by a token for signing in, one that is old,
    for another, or no one's."""
    with site(ledger, owner, tls, Settings(liar.issuer, "verantwoord", KEY)) as here:
        here.let_in("anna")
        browser = here.browser()

        def signed_in() -> None:
            browser.get("/sign-in/start")
            attempt = Attempt.of_text(browser.cookies["__Host-sign-in"])
            assert attempt is not None
            liar.claims = liar.honest(attempt)
            answer = browser.get(f"/sign-in/callback?code=x&state={attempt.state}")
            assert answer.status_code == 303

        def told(token: str) -> int:
            sent = here.browser().post("/sign-in/ended", data={"logout_token": token})
            return sent.status_code

        now = int(time.time())
        right = {
            "iss": liar.issuer,
            "aud": "verantwoord",
            "sub": "anna",
            "iat": now,
            "exp": now + 60,
            "jti": "1",
            "events": {LOGOUT_EVENT: {}},
        }
        signed_in()
        for wrong in (
            {**right, "nonce": "x"},
            {**right, "events": {}},
            {**right, "events": [LOGOUT_EVENT]},
            {**right, "iat": now - 400},
            {**right, "aud": "other"},
            {k: v for k, v in right.items() if k != "sub"},
        ):
            assert told(liar.sign(wrong)) == 400
        other = ECKey.generate_key("P-256", {"kid": "liar-1"})
        assert told(liar.sign(right, other)) == 400
        assert told("") == 400
        assert told(liar.sign({**right, "sub": "somebody else"})) == 200
        assert browser.get("/v1/findings").status_code == 200
        assert told(liar.sign(right, typ="logout+jwt")) == 200
        assert browser.get("/v1/findings").status_code == 401


def test_a_provider_that_is_away_is_said_to_be(ledger: TestLedger, owner: Owner, tls: Tls) -> None:
    """On a page, in the reader's language, and links go on working."""
    with site(ledger, owner, tls, Settings("http://127.0.0.1:1", "verantwoord", KEY)) as here:
        browser = here.browser()
        assert "/sign-in/start" in browser.get("/sign-in").text
        away = browser.get("/sign-in/start", headers={"Accept-Language": "en-GB,en;q=0.9"})
        assert away.status_code == 503
        assert "does not answer" in away.text
        link = here.link()
        used = browser.post("/sign-in/link", data={"token": link.rpartition("=")[2]})
        assert used.status_code == 303
        assert browser.post("/sign-out").headers["location"] == "/signed-out"


def test_signing_in_that_was_cancelled_is_said_to_be(
    ledger: TestLedger, owner: Owner, tls: Tls, liar: Liar
) -> None:
    """What the provider says of it is not repeated."""
    with site(ledger, owner, tls, Settings(liar.issuer, "verantwoord", KEY)) as here:
        browser = here.browser()
        browser.get("/sign-in/start")
        attempt = Attempt.of_text(browser.cookies["__Host-sign-in"])
        assert attempt is not None
        told = {"error": "access_denied", "error_description": "<script>", "state": attempt.state}
        answer = browser.get("/sign-in/callback", params=told)
        assert answer.status_code == 403
        assert "script" not in answer.text


def test_a_link_signs_in_once(ledger: TestLedger, owner: Owner, tls: Tls) -> None:
    """Looking at it, as what scans mail does, uses nothing up; using it does, for good."""
    with site(ledger, owner, tls, Settings("http://127.0.0.1:1", "verantwoord", KEY)) as here:
        link = here.link(Role.CONTROLLER_READER, controllers=["C1"], holder="practice-c1")
        token = link.rpartition("=")[2]
        first, second = here.browser(), here.browser()
        for _ in range(3):
            shown = here.browser().get(link)
            assert shown.status_code == 200
            assert token in shown.text
            assert not shown.headers.get_list("set-cookie")
        used = first.post("/sign-in/link", data={"token": token}, headers={"Origin": here.url})
        assert (used.status_code, used.headers["location"]) == (303, "/")
        assert second.post("/sign-in/link", data={"token": token}).status_code == 403
        assert first.get("/v1/findings").status_code == 200
        assert second.get("/v1/findings").status_code == 401
        for wrong in ("", "x", f"{token}x"):
            assert second.post("/sign-in/link", data={"token": wrong}).status_code == 403
        late = here.link().rpartition("=")[2]
        ledger.clock.moment += timedelta(days=1, minutes=1)
        assert second.post("/sign-in/link", data={"token": late}).status_code == 403


def test_a_session_ends_when_nobody_works(ledger: TestLedger, owner: Owner, tls: Tls) -> None:
    """Whoever comes back is told so; and signing in again ends the session that was there."""
    with site(ledger, owner, tls, Settings("http://127.0.0.1:1", "verantwoord", KEY)) as here:
        browser, other = here.browser(), here.browser()

        def use(link: str) -> None:
            browser.post("/sign-in/link", data={"token": link.rpartition("=")[2]})

        use(here.link())
        ledger.clock.moment += IDLE
        assert browser.get("/v1/findings").status_code == 401
        assert (
            "half a day"
            in browser.get(
                browser.get("/").headers["location"], headers={"Accept-Language": "en"}
            ).text
        )
        use(here.link())
        other.cookies.update(browser.cookies)
        assert other.get("/v1/findings").status_code == 200
        use(here.link())
        assert browser.get("/v1/findings").status_code == 200
        assert other.get("/v1/findings").status_code == 401


def test_where_there_is_no_provider_its_addresses_are_not(ledger: TestLedger) -> None:
    """But the page that says to ask for a link is."""
    with serving(ledger) as url:
        assert "/sign-in/start" not in httpx.get(f"{url}/sign-in").text
        for path in ("/sign-in/start", "/sign-in/callback", "/sign-in/keys"):
            problem(httpx.get(f"{url}{path}"), 404, "not-found")
        problem(httpx.post(f"{url}/sign-in/ended"), 404, "not-found")
        assert httpx.get(f"{url}/").headers["location"] == "/sign-in"


def test_what_is_told_of_this_service_is_public(liar: Liar, asked: Provider) -> None:
    """Its key, and no more of it."""
    (key,) = asked.public_keys()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid"}


@pytest.mark.parametrize(
    ("page", "own"),
    [
        ("/v1/clocks?within=7", True),
        ("/", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example", False),
        ("evil.example", False),
        ("", False),
        ("/a\r\nSet-Cookie: x=y", False),
        ("/é", False),
        ("/" + "a" * 2000, False),
    ],
)
def test_signing_in_leads_to_no_other_site(page: str, own: bool) -> None:
    """Only to a path of this service."""
    assert own_path(page) == (page if own else "/")


def test_the_key_stays_where_it_is() -> None:
    """No text of the settings shows it."""
    secret = Settings("https://login.example", "verantwoord", secret="hush")  # noqa: S106
    assert "hush" not in repr(secret)
    assert KEY.as_dict(private=True)["d"] not in repr(Settings("https://x", "y", KEY))
