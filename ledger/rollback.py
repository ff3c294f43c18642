"""When a ledger refuses to sign: what is kept, what is there, and the operator's ways out.

    look       what every file keeps, how large the log in the database is, what is wrong
    put        a checkpoint that somebody else kept (a receipt holds one) counts as kept from now on
    accept     the log goes on from what the database holds, although it signed more before

The first ways out are none of these: restore the database until it goes on from what is kept, or
put back what is missing from elsewhere (`ledger/reconcile.py`). `put` is for when the files are
lost; it can only make the ledger stricter. `accept` makes the log sign a second tree over sizes
that it signed before, which whoever holds a receipt of what is lost can prove. So the very next
entry says it, EntriesLost, with the newest checkpoint that was known and its signatures; what was
kept is copied aside with an announcement. Until that entry is committed the files stay as they
were: a log that lost entries never signs anything else first. `tests/test_rollback.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from ledger import cloudevent, durable_file, entry, head, note, own_events
from ledger.admission import Admitted
from ledger.append import append
from ledger.checkpoint import Checkpoint
from ledger.database import acknowledged
from ledger.deployment import Clock, Home, now
from ledger.errors import ConfigurationError, Refused, SigningRefused, Unavailable
from ledger.kept import Kept, Turn
from ledger.keyring import ENTRIES_LOST
from ledger.merkle import Frontier
from ledger.opening import Ledger, known_keys, open_ledger
from ledger.signers import Signers


@dataclass(frozen=True, slots=True)
class Place:
    """A file that keeps the last checkpoint, and what it holds: a checkpoint, or a fault, or
    nothing."""

    file: Path
    checkpoint: Checkpoint | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of accepting: the file with the announcement, and the index of the entry that says
    what was lost."""

    announcement: Path
    index: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with a log: what is kept outside, and the tree in its database. `refusal` says
    why nothing is signed; None when all is well."""

    origin: str
    places: tuple[Place, ...]
    size: int
    root: bytes
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A log that nobody signs for: its files, a connection, and its tree."""

    ledger: Ledger
    kept: Kept
    conn: psycopg.Connection
    frontier: Frontier

    def standing(self) -> Standing:
        """How it stands with it."""
        refusal = None
        try:
            self.kept.require(self.conn, self.frontier)
        except (SigningRefused, Unavailable) as error:
            refusal = _detail(error)
        places = tuple(_places(self.kept))
        origin, root = self.ledger.identity.origin, self.frontier.root()
        return Standing(origin, places, self.frontier.size, root, refusal)


def look(home: Home) -> Standing:
    """How it stands. Raises ConfigurationError."""
    with opened(home) as log:
        return log.standing()


def put(home: Home, signed: str) -> Standing:
    """Take a checkpoint that somebody kept for the last one of this log, unless the files know a
    later one; how it stands then.

    Raises SigningRefused when this log did not sign it, and ConfigurationError when it is older
    than what is kept.
    """
    with opened(home) as log:
        kept = log.kept
        given = kept.open(signed.encode(), "what was given")
        for place in _places(kept):
            if place.fault is not None:
                raise ConfigurationError(f"{place.file}: {place.fault}")
            if place.checkpoint is not None and place.checkpoint.size >= given.size:
                raise ConfigurationError(
                    f"{place.file} keeps a tree of {place.checkpoint.size} entries already, and"
                    f" this one has {given.size}"
                )
        kept.keep(signed)
        return log.standing()


def accept(home: Home, origin: str, *, reason: str, by: str, clock: Clock = now) -> Accepted:
    """Go on from what the database holds, and say so in the log: its next entry is EntriesLost.

    `origin` is typed by whoever decides it, `by` a pseudonym. Raises ConfigurationError when it is
    another origin, there is nothing to accept, or a key is missing; SigningRefused when the head of
    the database is not one that this log signed; and Refused when the reason has personal data.
    """
    with open_ledger(home, clock=clock, accepting=True) as ledger:
        kept, name = ledger.signing.kept, ledger.identity.origin
        if origin != name:
            raise ConfigurationError(f"this log is {name}, and not {origin}")
        with ledger.pool.connection() as conn, kept.held():
            frontier = head.read(conn).frontier
            standing = Opened(ledger, kept, conn, frontier).standing()
            if standing.refusal is None:
                raise ConfigurationError(
                    "there is nothing to accept: the log goes on from what is kept"
                )
            stored = kept.stored(conn, frontier)
            data = _lost(standing, reason, by)
            at, key = clock(), ledger.require_own_key()
            # One loss, one event: the same tree is not given up twice.
            id = f"{ENTRIES_LOST}-{standing.size}"
            own = ledger.admit(own_events.sign(ledger, key, ENTRIES_LOST, id, at, data))
            announcement = _put_aside(home, standing, stored, at)
            if not _said_before(ledger, frontier.size, data):
                _append(ledger, conn, _GoingOn(kept, frontier), own)
            grown = head.read(conn).frontier
            kept.keep(kept.stored(conn, grown))
            return Accepted(announcement, grown.size - 1)


class _GoingOn(Kept):
    """Stands in for the files in the one append that says what they keep is lost: it goes on from
    the tree that was accepted, and from no other. Whoever uses it holds the files."""

    def __init__(self, kept: Kept, frontier: Frontier) -> None:
        super().__init__(kept.files, kept.verifiers, kept.standby)
        self._frontier = frontier

    @contextmanager
    def transaction(self, conn: psycopg.Connection, sign: head.Sign) -> Iterator[Turn]:
        """As that of the files, which are written when it was committed."""
        with acknowledged(conn):
            turn = Turn(head.lock(conn), sign)
            if turn.head.frontier != self._frontier:
                raise Unavailable("the log has grown meanwhile: look again")
            if self.standby is not None:
                self.standby.begin(conn)
            yield turn
        self.await_standby(conn)


def _append(ledger: Ledger, conn: psycopg.Connection, kept: Kept, event: Admitted) -> None:
    (outcome,) = append(
        conn,
        [event],
        origin=ledger.identity.origin,
        sign=ledger.sign,
        kept=kept,
        clock=ledger.clock,
        keys=ledger.require_controller_keys(),
        routing=ledger.routing,
    )
    if isinstance(outcome, Refused):
        raise outcome


def _lost(standing: Standing, reason: str, by: str) -> dict[str, Any]:
    """What the event says: the tree that is left, and the newest one that is known."""
    data = {
        "tree_size": standing.size,
        "root": base64.b64encode(standing.root).decode(),
        "reason": reason,
        "by": by,
    }
    newest = max(
        (place for place in standing.places if place.checkpoint is not None),
        key=lambda place: place.checkpoint.size if place.checkpoint else 0,
        default=None,
    )
    if newest is None or newest.checkpoint is None:
        return data
    lines = note.parse(newest.file.read_text()).unverified
    return {
        **data,
        "signed_size": newest.checkpoint.size,
        "signed_root": base64.b64encode(newest.checkpoint.root).decode(),
        "signatures": [note.format_line(x).strip() for x in lines if x.name == standing.origin],
    }


def _said_before(ledger: Ledger, size: int, data: Mapping[str, Any]) -> bool:
    """Whether the last entry says it already: whoever accepted was stopped before the files were
    written."""
    last = cloudevent.parse(entry.parse(ledger.reader.leaf(size - 1)).payload)
    told = last.raw["data"]
    return last.type.name == ENTRIES_LOST and all(
        told.get(name) == data.get(name) for name in ("signed_size", "signed_root")
    )


def _put_aside(home: Home, standing: Standing, stored: str, at: datetime) -> Path:
    """Copies of what was kept, and the announcement; its file."""
    stamp = f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    lost = {p.file: p.file.read_bytes() for p in standing.places if p.file.exists()}
    for file, raw in lost.items():
        durable_file.write(file.with_name(f"{file.name}.{stamp}"), raw)
    announcement = home.data / f"rollback-{stamp}.txt"
    texts = {file: raw.decode(errors="replace") for file, raw in lost.items()}
    durable_file.write(announcement, _announcement(standing, stored, texts).encode())
    return announcement


def _places(kept: Kept) -> Iterator[Place]:
    for file in kept.files:
        try:
            yield Place(file, kept.read(file), None)
        except (SigningRefused, Unavailable) as error:
            yield Place(file, None, _detail(error))


def _detail(error: SigningRefused | Unavailable) -> str:
    return error.detail if isinstance(error, SigningRefused) else str(error)


@contextmanager
def opened(home: Home) -> Iterator[Opened]:
    """A log, whatever its state, while nobody signs for it."""
    with open_ledger(home, signs=False) as ledger:
        signers = Signers(home.keys, ledger.identity.origin)
        kept = Kept(home.kept_files, lambda: known_keys(home, signers))
        if not known_keys(home, signers):
            raise ConfigurationError(
                f"neither {home.vkey_file} nor a private key of the log is here: nothing on this"
                " machine says what it signed"
            )
        with ledger.pool.connection() as conn, kept.held():
            yield Opened(ledger, kept, conn, head.read(conn).frontier)


def _announcement(standing: Standing, stored: str, lost: dict[Path, str]) -> str:
    parts = [
        f"The log {standing.origin} goes on from a tree of {standing.size} entries, although it"
        " signed another one before.",
        f"{standing.refusal}",
        "Its next entry, an EntriesLost, says the same.",
        "Receipts of entries that are lost still show that the log had them. Whoever holds one can"
        " prove that the log contradicts itself: keep it, and say so to its operator.",
        f"It goes on from\n\n{stored}",
        *(f"{file.name} kept\n\n{text}" for file, text in lost.items()),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"
