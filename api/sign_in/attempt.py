"""One attempt to sign in: what its answer must fit, kept by the browser that makes it.

A secret in a cookie that no script and no other site can read; what is sent to the provider is
derived from it, so nothing is kept here. An answer that some other browser began fits none
(RFC 9700, 4.7), and its code is worth nothing without the verifier (RFC 7636).
`tests/test_sign_in.py`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request, Response

COOKIE = "__Host-sign-in"

LASTS = 600
"""Seconds for signing in at the provider."""

HOME = "/"


@dataclass(frozen=True, slots=True, repr=False)
class Attempt:
    """A secret of 256 bits, and the page that was asked for."""

    secret: str
    onward: str

    @classmethod
    def begin(cls, onward: str) -> Attempt:
        """A new one, that leads to a page of this service."""
        return cls(secrets.token_urlsafe(32), own_path(onward))

    @classmethod
    def of(cls, request: Request) -> Attempt | None:
        """The one that this browser began; None when there is none."""
        return cls.of_text(request.cookies.get(COOKIE, ""))

    @classmethod
    def of_text(cls, text: str) -> Attempt | None:
        """The one of a cookie; None when it is none."""
        secret, _, onward = text.partition(".")
        if not secret:
            return None
        try:
            page = base64.urlsafe_b64decode(onward + "=" * (-len(onward) % 4)).decode("ascii")
        except ValueError:
            return None
        return cls(secret, own_path(page))

    @property
    def state(self) -> str:
        """Comes back with the answer."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """Comes back in the ID token."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """Shows that whoever has the code also asked for it: 43 characters."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """What is told of the verifier beforehand (S256)."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())

    def fits(self, state: str) -> bool:
        """Whether an answer is to this attempt."""
        return hmac.compare_digest(self.state.encode(), state.encode())

    def keep(self, response: Response) -> None:
        """Have the browser keep it."""
        response.set_cookie(
            COOKIE,
            f"{self.secret}.{_text(self.onward.encode('ascii'))}",
            max_age=LASTS,
            secure=True,
            httponly=True,
            samesite="lax",
        )

    def _derived(self, name: str) -> str:
        return _text(hmac.digest(self.secret.encode(), name.encode(), "sha256"))


def forget(response: Response) -> None:
    """Have the browser forget its attempt."""
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")


def own_path(page: str) -> str:
    """A path of this service, as it was given; its home instead of anything else."""
    try:
        parts = urlsplit(page)
    except ValueError:
        return HOME
    own = page.isascii() and page.isprintable() and page.startswith("/") and len(page) < 2000
    # Browsers read a backslash as a slash, and what begins with two of them as another host.
    return page if own and page[1:2] not in ("/", "\\") and not parts.netloc else HOME


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
