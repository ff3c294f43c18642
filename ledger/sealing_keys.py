"""The sealing keys that a ledger keeps: one for each subject or case, until it is destroyed.

They are in a schema of their own, beside that of the log (`sql/sealing.sql`), wrapped under a
master key that is in neither. `tests/test_sealing.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from ledger import personal_data, sealing
from ledger.errors import Fault, FieldsInvalid, KeyDestroyed
from ledger.master_keys import MasterKeys
from ledger.sealing import SealingKey
from ledger.tags import ID

SUBJECT = re.compile(rf"[a-z][a-z-]{{0,31}}:{ID}")
"""A kind and an id: request:V-1, breach:B-1, subject:TOKEN."""

COLUMNS = "kid, subject, wrapped, master, created_at, destroyed_at"


@dataclass(frozen=True, slots=True, repr=False)
class KeptKey:
    """A key as it is stored; `wrapped` is None once it was destroyed."""

    kid: str
    subject: str
    wrapped: bytes | None
    master: int
    created_at: datetime
    destroyed_at: datetime | None

    def open(self, masters: MasterKeys) -> SealingKey | None:
        """The key itself; None once it was destroyed. Raises ConfigurationError."""
        if self.wrapped is None:
            return None
        return sealing.unwrap(self.kid, self.wrapped, masters.secret(self.master))


def key_for(
    conn: psycopg.Connection, masters: Callable[[], MasterKeys], subject: str, now: datetime
) -> SealingKey:
    """The key of a subject, made when there is none: asked again, it is the same. `masters` reads
    the master keys that there are now.

    Raises FieldsInvalid, KeyDestroyed, and ConfigurationError without a master key.
    """
    _check(subject)
    while (found := of_subject(conn, subject)) is None:
        _make(conn, masters, subject, now)
    key = found.open(masters())
    if key is None:
        raise KeyDestroyed(
            f"the key of {subject} was destroyed at {found.destroyed_at:%Y-%m-%d}; what is new"
            " belongs to a case of its own",
            Fault("/subject", "key-destroyed", "the key of this subject was destroyed"),
        )
    return key


def _make(
    conn: psycopg.Connection, masters: Callable[[], MasterKeys], subject: str, now: datetime
) -> None:
    """Make the key of a subject, unless somebody else just did or the master key was replaced."""
    used, made = masters(), sealing.make()
    wrapped = sealing.wrap(made, used.secret(used.current))
    with conn.transaction():
        conn.execute(
            "INSERT INTO sealing_keys (kid, subject, wrapped, master, created_at)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (made.kid, subject, wrapped, used.current, now),
        )
        # Whoever replaces the master key holds the table while it wraps (`wrap_anew`), and makes
        # the new one before: looked at under the lock of the INSERT, the old one is still in use.
        if masters().current != used.current:
            raise psycopg.Rollback


def find(conn: psycopg.Connection, kids: Iterable[str]) -> dict[str, KeptKey]:
    """The keys of these names, as far as they exist."""
    return {key.kid: key for key in _select(conn, "kid = ANY(%s)", list(kids))}


def of_subject(conn: psycopg.Connection, subject: str) -> KeptKey | None:
    """The key of a subject; None when there never was one."""
    return next(iter(_select(conn, "subject = %s", subject)), None)


def all_keys(conn: psycopg.Connection) -> list[KeptKey]:
    """Every key there ever was, the oldest first."""
    return _select(conn, "true")


def destroy(conn: psycopg.Connection, kid: str, now: datetime) -> None:
    """Destroy a key; one that was destroyed stays as it was. As the role that erases."""
    conn.execute(
        "UPDATE sealing_keys SET wrapped = NULL, destroyed_at = %s"
        " WHERE kid = %s AND destroyed_at IS NULL",
        (now, kid),
    )


def wrap_anew(conn: psycopg.Connection, masters: MasterKeys) -> int:
    """Wrap every key under the master key in use; how many were under another. As the role that
    erases, in one transaction; no key is made meanwhile. Raises ConfigurationError."""
    with conn.transaction():
        conn.execute("LOCK TABLE sealing_keys IN EXCLUSIVE MODE")
        old = _select(conn, "destroyed_at IS NULL AND master <> %s", masters.current)
        for kept in old:
            key = kept.open(masters)
            assert key is not None  # noqa: S101 - it is not destroyed
            conn.execute(
                "UPDATE sealing_keys SET wrapped = %s, master = %s WHERE kid = %s",
                (sealing.wrap(key, masters.secret(masters.current)), masters.current, kept.kid),
            )
    return len(old)


def _select(conn: psycopg.Connection, condition: str, *args: Any) -> list[KeptKey]:
    rows: Sequence[Sequence[Any]] = conn.execute(
        f"SELECT {COLUMNS} FROM sealing_keys WHERE {condition} ORDER BY created_at, kid".encode(),  # noqa: S608
        args,
    ).fetchall()
    return [KeptKey(*row) for row in rows]


def _check(subject: str) -> None:
    if SUBJECT.fullmatch(subject) is None or next(personal_data.kinds_in(subject), None):
        detail = "is a kind and an id, such as request:V-1; no name, number or address of a person"
        raise FieldsInvalid(f"/subject {detail}", Fault("/subject", "form", detail))
