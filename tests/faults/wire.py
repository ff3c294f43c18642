"""A line to PostgreSQL that can be cut at a statement: a proxy that reads along.

It knows as much of the protocol (version 3, PostgreSQL documentation 54.7) as it takes to tell
statements apart: a message is a type byte, a length of four bytes that counts itself, and content;
the first one of a connection has no type. A statement goes out as a Query, or as Parse, Bind,
Execute and so on up to a Sync, and its answer ends with ReadyForQuery.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

HEAD_LOCK = "FROM head FOR UPDATE"
"""What tells the transaction of an append from others."""


class When(StrEnum):
    """Where a line is cut."""

    BEFORE = "before it was sent"
    HALF = "in the middle of it"
    UNANSWERED = "after it was done and before its answer came"


@dataclass
class Cut:
    """The next connection that sends this statement in an append loses its line, once."""

    statement: str
    when: When
    hit: threading.Event = field(default_factory=threading.Event)


class Line:
    """Listens in a directory as PostgreSQL does, and passes on to the server in another.

    `statements` counts those of appends that went by, in the order in which they were met first.
    """

    def __init__(self, directory: Path, server: Path) -> None:
        self.directory = directory
        self.statements: Counter[str] = Counter()
        self.cut: Cut | None = None
        self.away = threading.Event()
        self.mute = threading.Event()
        self._server = server / ".s.PGSQL.5432"
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(directory / ".s.PGSQL.5432"))
        self._listening.listen(64)
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.mute.clear()
        self.break_all()
        self._thread.join()
        for thread in self._threads:
            thread.join()

    def break_all(self) -> None:
        """Every connection that is open is lost."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.away.is_set():
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._server))
            except OSError:  # as when it is not there
                client.close()
                server.close()
                continue
            with self._lock:
                self._open |= {client, server}
            thread = threading.Thread(target=self._pass_on, args=(client, server))
            self._threads.append(thread)
            thread.start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """One connection, until one of its ends is lost: then both are."""
        connection = _Connection(self, client, server)

        def until_lost(work: Callable[[], None]) -> None:
            with suppress(OSError):
                work()
            for each in (client, server):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

        back = threading.Thread(target=until_lost, args=(connection.back,))
        back.start()
        until_lost(connection.forth)
        back.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def wait_while_mute(self) -> None:
        """While it is mute, nothing goes either way and nobody is told."""
        while self.mute.is_set():
            threading.Event().wait(0.02)


class _Connection:
    """One connection, and what of a transaction went by on it."""

    def __init__(self, line: Line, client: socket.socket, server: socket.socket) -> None:
        self._line = line
        self._client = client
        self._server = server
        self._prepared: dict[bytes, str] = {}
        self._transaction: list[str] = []
        self._awaited: Cut | None = None

    def forth(self) -> None:
        """From the service to PostgreSQL, a statement at a time."""
        self._server.sendall(_startup(self._client))
        for raw, text in self._statements():
            self._line.wait_while_mute()
            cut = self._note(text) if text else None
            if cut is None:
                self._server.sendall(raw)
            elif cut.when is When.UNANSWERED:
                self._awaited = cut
                self._server.sendall(raw)
            else:
                if cut.when is When.HALF:
                    self._server.sendall(raw[: len(raw) // 2])
                cut.hit.set()
                return

    def back(self) -> None:
        """From PostgreSQL to the service, a message at a time."""
        for kind, raw in _messages(self._server):
            self._line.wait_while_mute()
            if self._awaited is None:
                self._client.sendall(raw)
            elif kind == b"Z":
                self._awaited.hit.set()
                return

    def _statements(self) -> Iterator[tuple[bytes, str]]:
        gathered, text = b"", ""
        for kind, raw in _messages(self._client):
            gathered += raw
            if kind == b"Q":
                text = _text(raw, 5)
            elif kind == b"P":
                name = raw[5 : raw.index(b"\0", 5)]
                text = self._prepared[name] = _text(raw, 6 + len(name))
            elif kind == b"B":
                begin = raw.index(b"\0", 5) + 1
                text = self._prepared.get(raw[begin : raw.index(b"\0", begin)], text)
            if kind in (b"Q", b"S", b"X"):
                yield gathered, text
                gathered, text = b"", ""

    def _note(self, text: str) -> Cut | None:
        """Take notice of a statement; the cut that is meant for it."""
        line = self._line
        if text.startswith("BEGIN"):
            self._transaction = []
        self._transaction.append(text)
        appends = any(HEAD_LOCK in each for each in self._transaction[:3])
        with line._lock:
            if appends and HEAD_LOCK in text:
                line.statements.update(self._transaction)
            elif appends:
                line.statements[text] += 1
            cut = line.cut
            # That an append begins here is not to be seen yet: any transaction will do.
            if cut and cut.statement == text and (appends or text.startswith("BEGIN")):
                line.cut = None
                return cut
        if text.startswith(("COMMIT", "ROLLBACK")):
            self._transaction = []
        return None


def _startup(client: socket.socket) -> bytes:
    length = _exactly(client, 4)
    return length + _exactly(client, struct.unpack("!i", length)[0] - 4)


def _messages(connection: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    while kind := connection.recv(1):
        length = _exactly(connection, 4)
        yield kind, kind + length + _exactly(connection, struct.unpack("!i", length)[0] - 4)


def _exactly(connection: socket.socket, count: int) -> bytes:
    raw = b""
    while len(raw) < count:
        more = connection.recv(count - len(raw))
        if not more:
            raise ConnectionResetError
        raw += more
    return raw


def _text(raw: bytes, begin: int) -> str:
    return " ".join(raw[begin : raw.index(b"\0", begin)].decode().split())
