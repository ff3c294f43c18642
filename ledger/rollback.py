"""When a ledger refuses to sign: what is kept, what is there, and the operator's ways out.

    look       what every file keeps, how large the log in the database is, what is wrong
    put        a checkpoint that somebody else kept (a receipt holds one) counts as kept from now on
    accept     the log goes on from what the database holds, although it signed more before

The first way out is none of these: restore the database until it goes on from what is kept. `put`
is for when the files are lost; it can only make the ledger stricter. `accept` makes the log sign a
second tree over sizes that it signed before, which whoever holds a receipt of what is lost can
prove; so what was kept is put aside with an announcement, and nothing of it is removed. What an
event in the log itself will say about it is not here yet. `tests/test_rollback.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import psycopg

from ledger import durable_file, head
from ledger.checkpoint import Checkpoint
from ledger.deployment import Clock, Home, now
from ledger.errors import ConfigurationError, SigningRefused, Unavailable
from ledger.kept import Kept
from ledger.merkle import Frontier
from ledger.opening import known_keys, open_ledger
from ledger.signers import Signers


@dataclass(frozen=True, slots=True)
class Place:
    """A file that keeps the last checkpoint, and what it holds: a checkpoint, or a fault, or
    nothing."""

    file: Path
    checkpoint: Checkpoint | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with a log: what is kept outside, and the tree in its database. `refusal` says
    why nothing is signed; None when all is well."""

    origin: str
    places: tuple[Place, ...]
    size: int
    root: bytes
    refusal: str | None


def look(home: Home) -> Standing:
    """How it stands. Raises ConfigurationError."""
    with _opened(home) as (origin, kept, conn, frontier):
        return _standing(origin, kept, conn, frontier)


def put(home: Home, signed: str) -> Standing:
    """Take a checkpoint that somebody kept for the last one of this log, unless the files know a
    later one; how it stands then.

    Raises SigningRefused when this log did not sign it, and ConfigurationError when it is older
    than what is kept.
    """
    with _opened(home) as (origin, kept, conn, frontier):
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
        return _standing(origin, kept, conn, frontier)


def accept(home: Home, origin: str, clock: Clock = now) -> Path:
    """Go on from what the database holds; the file with the announcement.

    `origin` is typed by whoever decides it. Raises ConfigurationError when it is another one, or
    there is nothing to accept, and SigningRefused when the head of the database is not one that
    this log signed.
    """
    with _opened(home) as (name, kept, conn, frontier):
        if origin != name:
            raise ConfigurationError(f"this log is {name}, and not {origin}")
        standing = _standing(name, kept, conn, frontier)
        if standing.refusal is None:
            raise ConfigurationError(
                "there is nothing to accept: the log goes on from what is kept"
            )
        stored = kept.stored(conn, frontier)
        lost = {
            place.file: place.file.read_text(errors="replace")
            for place in standing.places
            if place.file.exists()
        }
        stamp = f"{clock().astimezone(UTC):%Y%m%dT%H%M%SZ}"
        announcement = home.data / f"rollback-{stamp}.txt"
        durable_file.write(announcement, _announcement(standing, stored, lost).encode())
        for file in lost:
            file.rename(file.with_name(f"{file.name}.{stamp}"))
        kept.keep(stored)
        return announcement


def _standing(origin: str, kept: Kept, conn: psycopg.Connection, frontier: Frontier) -> Standing:
    refusal = None
    try:
        kept.require(conn, frontier)
    except (SigningRefused, Unavailable) as error:
        refusal = _detail(error)
    return Standing(origin, tuple(_places(kept)), frontier.size, frontier.root(), refusal)


def _places(kept: Kept) -> Iterator[Place]:
    for file in kept.files:
        try:
            yield Place(file, kept.read(file), None)
        except (SigningRefused, Unavailable) as error:
            yield Place(file, None, _detail(error))


def _detail(error: SigningRefused | Unavailable) -> str:
    return error.detail if isinstance(error, SigningRefused) else str(error)


@contextmanager
def _opened(home: Home) -> Iterator[tuple[str, Kept, psycopg.Connection, Frontier]]:
    """The origin, files, database and tree of a log, while nobody signs for it."""
    with open_ledger(home, signs=False) as ledger:
        origin = ledger.identity.origin
        signers = Signers(home.keys, origin)
        kept = Kept(home.kept_files, lambda: known_keys(home, signers))
        if not known_keys(home, signers):
            raise ConfigurationError(
                f"neither {home.vkey_file} nor a private key of the log is here: nothing on this"
                " machine says what it signed"
            )
        with ledger.pool.connection() as conn, kept.held():
            yield origin, kept, conn, head.read(conn).frontier


def _announcement(standing: Standing, stored: str, lost: dict[Path, str]) -> str:
    parts = [
        f"The log {standing.origin} goes on from a tree of {standing.size} entries, although it"
        " signed another one before.",
        f"{standing.refusal}",
        "Receipts of entries that are lost still show that the log had them. Whoever holds one can"
        " prove that the log contradicts itself: keep it, and say so to its operator.",
        f"It goes on from\n\n{stored}",
        *(f"{file.name} kept\n\n{text}" for file, text in lost.items()),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"
