"""Where a verifier reads a log: in a directory, or behind an address (C2SP tlog-tiles). Both give
the bytes at a path below the log's prefix, and raise FileNotFoundError where there are none.

Nothing that is read is trusted, and every answer is bounded: in bytes by what the format can have
at that path, before and after decompression, and over HTTP in time as well. No redirect is
followed, so a token reaches no other server than the one it was given for. What is too large, or no
gzip although it says so, is not the log (VerificationFailed). A server that does not answer, or
will not, shows nothing about the log (LogUnreadable). `tests/test_sources.py` plays the server.
"""

from __future__ import annotations

import io
import ipaddress
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from ledger import tiles
from ledger.errors import ConfigurationError, LogUnreadable, VerificationFailed
from ledger.tiles import WIDTH
from ledger.verify import Fetch, most

ANSWER_SECONDS = 60.0
"""From a request to the last byte of its answer."""

ATTEMPTS = 4
"""Requests for one path, when the line breaks or the server asks for patience."""


def is_address(where: str) -> bool:
    """Whether this is the address of a log, and not a file or directory."""
    return where.lower().startswith(("http://", "https://"))


def directory(where: Path) -> Fetch:
    """The log in a directory, as `export-log` writes it."""

    def fetch(path: str) -> bytes:
        file, limit = where / path, most(path)
        if not file.is_file():  # a pipe would never end
            raise FileNotFoundError(path)
        with file.open("rb") as opened:
            return _within(limit, opened.read(limit + 1))

    return with_full_tiles(fetch)


@contextmanager
def address(
    prefix: str,
    token: str | None = None,
    *,
    seconds: float = ANSWER_SECONDS,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Fetch]:
    """The log behind a prefix such as `https://ledger.example.nl/log`, until the block ends.

    `token` is sent with every request, `seconds` bound each answer. Raises ConfigurationError for a
    prefix or token that cannot be used; fetching raises LogUnreadable and VerificationFailed.
    """
    server = _Server(prefix, token, seconds, pause)
    try:
        yield with_full_tiles(server.fetch)
    finally:
        server.close()


def with_full_tiles(fetch: Fetch) -> Fetch:
    """As `fetch`, but a partial tile that is not there is cut from the full one, where that is.

    A log may delete a partial tile once the tile is full, which can happen between the checkpoint
    and the tiles when it grows meanwhile.
    """

    def fetch_or_cut(path: str) -> bytes:
        try:
            return fetch(path)
        except FileNotFoundError:
            if not path.startswith("tile/") or (tile := tiles.parse_path(path)).width == WIDTH:
                raise
            try:
                full = fetch(tiles.path(replace(tile, width=WIDTH)))
            except FileNotFoundError:
                raise FileNotFoundError(path) from None
            return tiles.cut(full, tile.width, tile.level)

    return fetch_or_cut


def gunzip(raw: bytes, limit: int) -> bytes:
    """The content of one whole gzip member. Raises VerificationFailed.

    Of a content larger than `limit` bytes, no more than that is ever made.
    """
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = stream.decompress(raw, limit + 1)
    except zlib.error:
        raise VerificationFailed("the answer is not the gzip that it says it is") from None
    _within(limit, content)
    if not stream.eof or stream.unused_data:
        raise VerificationFailed("the answer ends within its gzip, or goes on after it")
    return content


class _Again(Exception):
    """The same request may be answered in a moment."""


class _Server:
    """One server of a log, and the connection to it, which is kept open."""

    def __init__(
        self, prefix: str, token: str | None, seconds: float, pause: Callable[[float], None]
    ) -> None:
        self._prefix = prefix if prefix.endswith("/") else f"{prefix}/"
        self._seconds = seconds
        self._pause = pause
        self._connection, self._base = _connection(self._prefix, seconds)
        self._headers = {"Accept-Encoding": "gzip, identity", "User-Agent": "verantwoord"}
        if token is not None:
            _check_token(token, self._connection)
            self._headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self._connection.close()

    def fetch(self, path: str) -> bytes:
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(0.25 * 4 ** (attempt - 1))
            try:
                return self._fetch(path)
            except _Again as error:
                reason = str(error)
        raise LogUnreadable(f"{self._prefix}{path} was asked for {ATTEMPTS} times: {reason}")

    def _fetch(self, path: str) -> bytes:
        limit = most(path)
        room = limit + limit // 64 + 4096  # compressing what cannot be compressed adds a little
        try:
            answer, body = self._get(path, room)
        except TimeoutError:
            raise LogUnreadable(
                f"{self._prefix}{path}: no whole answer in {self._seconds:g} seconds"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise LogUnreadable(f"{self._prefix}: {error.verify_message}") from None
        except (OSError, HTTPException) as error:
            raise _Again(str(error) or type(error).__name__) from None
        self._check_status(answer.status, path)
        if not body or (answer.length and len(body) <= room):
            raise _Again("the answer was cut")  # nothing of a log is empty
        encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding == "gzip":
            return gunzip(body, limit)
        if encoding != "identity":
            raise LogUnreadable(f"{self._prefix}{path} comes in an encoding not asked for")
        return _within(limit, body)

    def _get(self, path: str, room: int) -> tuple[HTTPResponse, bytes]:
        """An answer, and of its body as much as there is room for, and a byte more."""
        ended = False
        try:
            answer = self._ask(path)
            body = answer.read(room + 1)
            ended = answer.isclosed() and not answer.length
        finally:
            if not ended:  # what is left of it would be taken for the next answer
                self._connection.close()
        return answer, body

    def _ask(self, path: str) -> HTTPResponse:
        connection = self._connection
        until = time.monotonic() + self._seconds
        # Every byte of the answer is read through a file that knows when it must have ended.
        connection.response_class = cast("Any", partial(_answer, until))
        if connection.sock is not None:
            connection.sock.settimeout(self._seconds)
        connection.request("GET", self._base + path, headers=self._headers)
        return connection.getresponse()

    def _check_status(self, status: int, path: str) -> None:
        where = f"{self._prefix}{path}"
        if status in (404, 410):
            raise FileNotFoundError(path)
        if status == 429 or status >= 500:
            raise _Again(f"status {status}")
        if status in (401, 403):
            raise LogUnreadable(
                f"{where} is for holders of a token that reads: give it with --token-file FILE"
                " or VERANTWOORD_READ_TOKEN"
            )
        if 300 <= status < 400:
            raise LogUnreadable(
                f"{where} redirects to another address, which is not followed:"
                " give the address where the log is"
            )
        if status != 200:
            raise LogUnreadable(f"{where} is answered with status {status}")


def _connection(prefix: str, seconds: float) -> tuple[HTTPConnection, str]:
    """An unopened connection to the server of a prefix, and the path of the prefix there."""
    if re.fullmatch(r"[!-~]+", prefix) is None:
        raise ConfigurationError("an address is written in ASCII, without spaces")
    try:
        parts = urlsplit(prefix)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"that is not an address: {error}") from None
    if not host or parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            "the address of a log has a host and a path, and no password, query or fragment:"
            " https://ledger.example.nl/log"
        )
    host = f"[{host}]" if ":" in host else host
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(host, port, timeout=seconds, context=context), parts.path
    return HTTPConnection(host, port, timeout=seconds), parts.path


def _check_token(token: str, connection: HTTPConnection) -> None:
    if re.fullmatch(r"[!-~]+", token) is None:
        raise ConfigurationError("a token is one word in ASCII")
    if not isinstance(connection, HTTPSConnection) and not _is_this_machine(connection.host):
        raise ConfigurationError(
            "a token is not sent to another machine over http, where others can read it:"
            " use the https address"
        )


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _within(limit: int, content: bytes) -> bytes:
    if len(content) > limit:
        raise VerificationFailed(f"there are more than the {limit} bytes that can be there")
    return content


def _answer(until: float, connected: socket.socket, **more: Any) -> HTTPResponse:
    return HTTPResponse(cast("Any", _Bounded(connected, until)), **more)


class _Bounded(io.RawIOBase):
    """The bytes that come over a socket, until a moment of the monotonic clock.

    The timeout of a socket bounds each wait alone: a byte a minute would keep it waiting for ever.
    """

    def __init__(self, connected: socket.socket, until: float) -> None:
        self._socket = connected
        self._bytes = connected.makefile("rb", buffering=0)  # keeps the socket open until its end
        self._until = until

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client asks of a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._bytes.readinto(buffer) or 0

    def close(self) -> None:
        self._bytes.close()
        super().close()
