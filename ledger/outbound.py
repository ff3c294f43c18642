"""Sending one webhook: one POST to an address that was looked at, within limits, once.

No redirect is followed and no proxy of the environment is asked; the certificate is verified for
the name. Of the answer the status counts and the pause that it asks for; its body is not read, so
it may be as long as it likes. `tests/test_outbound.py`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from ledger.destination import Destination, Forbidden, Lookup, resolve

PATIENCE = 15.0
"""Seconds for a whole exchange; Standard Webhooks has receivers answer within 15 to 30."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending: the status of the answer, or in words why there is none. `pause` are
    the seconds that the receiver asks to wait."""

    status: int | None = None
    failure: str | None = None
    pause: int | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing more."""
        return self.status == 410

    @property
    def said(self) -> str:
        """In a few words of ours; nothing that the receiver sent."""
        return self.failure or f"status {self.status}"


@dataclass(frozen=True, slots=True)
class Outbound:
    """How webhooks are sent: how names are looked up, whom TLS trusts, how long is waited."""

    tls: ssl.SSLContext
    lookup: Lookup = resolve
    patience: float = PATIENCE

    @classmethod
    def trusting(cls) -> Outbound:
        """One that trusts the usual authorities, or those of SSL_CERT_FILE."""
        return cls(httpx.create_ssl_context())

    def post(self, to: Destination, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Send once."""
        return asyncio.run(self._within_limits(to, headers, body))

    async def _within_limits(
        self, to: Destination, headers: Mapping[str, str], body: bytes
    ) -> Attempt:
        """Asynchronous for one reason: this time limit is for the whole exchange, while those of
        sockets start anew with every byte that a slow server lets fall."""
        try:
            async with asyncio.timeout(self.patience):
                return await self._post(to, headers, body)
        except TimeoutError:
            return Attempt(failure=f"no answer within {self.patience:g} s")
        except Forbidden as refused:
            return Attempt(failure=f"leads to {refused}, which is not allowed")
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            if isinstance(error.__context__, ssl.SSLError):
                return Attempt(failure="TLS: no certificate for this name that is trusted")
            return Attempt(failure="cannot be reached, or makes no sense")
        except (OSError, UnicodeError):
            return Attempt(failure="the name has no address")

    async def _post(self, to: Destination, headers: Mapping[str, str], body: bytes) -> Attempt:
        url = httpcore.URL(
            scheme=b"https" if to.secure else b"http",
            host=to.host.encode(),
            port=to.port,
            target=to.target.encode(),
        )
        sent = {
            "Host": to.authority,
            "User-Agent": "verantwoord",
            "Content-Type": "application/json",
            **headers,
        }
        addresses = await asyncio.to_thread(to.addresses, self.lookup)
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self.tls, network_backend=_Fixed(addresses)
            ) as pool,
            pool.stream("POST", url, headers=[*sent.items()], content=body) as answer,
        ):
            return Attempt(answer.status, pause=_pause(answer.headers))


class _Fixed(httpcore.AsyncNetworkBackend):
    """Connects to one of some addresses, whatever name it is told: TLS goes on with the name."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._addresses = addresses
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *rest: Any, **more: Any) -> Any:
        """The first that can be reached."""
        refused: httpcore.NetworkError = httpcore.ConnectError()
        for address in self._addresses:
            try:
                return await self._backend.connect_tcp(address, port, *rest, **more)
            except httpcore.ConnectError as error:
                refused = error
        raise refused


def _pause(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The seconds of `Retry-After`; a date in it is not looked at."""
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 9:
            return int(value)
    return None
