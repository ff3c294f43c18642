"""Access tokens: made once, shown once, kept as a digest, each for a role, a scope and a time.

A token has 256 random bits, so its SHA-256 cannot be turned back by guessing and needs no slow
hash; and looking a digest up tells by its timing nothing about the token. The role that serves may
read this table and not write it: tokens are granted and revoked with the rights of the operator, on
the machine. `tests/test_access_tokens.py`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from ledger import keys, personal_data
from ledger.errors import ConfigurationError
from ledger.roles import Holder, Role
from ledger.tags import ID

LONGEST = timedelta(days=366)
"""A token is granted for a year at most: whoever still needs one then is asked for again."""

USUAL = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What is kept of a token. `controllers` and `registers` are its scope, None for all; that of
    an auditor is what the events of its grant say (`ledger/auditor_grants.py`)."""

    id: str
    role: Role
    holder: str
    controllers: tuple[str, ...] | None
    registers: tuple[str, ...] | None
    key_id: str | None
    grant_id: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    def state(self, now: datetime) -> str:
        """in force, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "in force" if now < self.expires_at else "expired"

    @property
    def grants(self) -> Holder:
        """Whom its bearer is taken for."""
        return Holder(self.role, self.holder, self.controllers, self.registers, self.key_id)


def grant(
    conn: psycopg.Connection,
    now: datetime,
    *,
    role: Role,
    holder: str,
    expires_at: datetime,
    controllers: Sequence[str] = (),
    registers: Sequence[str] = (),
    key_id: str | None = None,
    grant_id: str | None = None,
) -> tuple[AccessToken, str]:
    """Make a token; what is kept of it, and the token itself, which nothing shows again.

    `conn` has the rights of the owner. Raises ConfigurationError that names the field and the rule.
    """
    _check(now, role, holder, expires_at, controllers, registers, key_id)
    if (role is Role.AUDITOR) != (grant_id is not None):
        raise ConfigurationError(
            "an auditor, and nobody else, reads what events grant it: `verantwoord grant auditor`"
        )
    token = keys.make_token()
    made = AccessToken(
        id=f"t-{secrets.token_hex(4)}",
        role=role,
        holder=holder,
        controllers=tuple(sorted(set(controllers))) or None,
        registers=tuple(sorted(set(registers))) or None,
        key_id=key_id,
        grant_id=grant_id,
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )
    conn.execute(
        "INSERT INTO access_tokens (id, digest, role, holder, controllers, registers, key_id,"
        " grant_id, created_at, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            made.id,
            keys.token_digest(token),
            made.role,
            made.holder,
            made.controllers and list(made.controllers),  # a tuple would be a row
            made.registers and list(made.registers),
            made.key_id,
            made.grant_id,
            made.created_at,
            made.expires_at,
        ),
    )
    return made, token


def revoke(conn: psycopg.Connection, now: datetime, id: str) -> AccessToken:
    """End a token now; one that was revoked before stays as it was.

    `conn` has the rights of the owner. Raises ConfigurationError when there is none of this id.
    """
    row = conn.execute(
        "UPDATE access_tokens SET revoked_at = coalesce(revoked_at, %s) WHERE id = %s"  # noqa: S608
        f" RETURNING {COLUMNS}".encode(),
        (now, id),
    ).fetchone()
    if row is None:
        raise ConfigurationError(f"there is no token {id}; `verantwoord grant list` shows them")
    return _token(row)


def find(conn: psycopg.Connection, token: str, now: datetime) -> AccessToken | None:
    """The token of a bearer; None when there is none such, or it is not in force."""
    row = conn.execute(
        f"SELECT {COLUMNS} FROM access_tokens WHERE digest = %s".encode(),  # noqa: S608
        (keys.token_digest(token),),
    ).fetchone()
    if row is None:
        return None
    found = _token(row)
    return found if found.state(now) == "in force" else None


def all_tokens(conn: psycopg.Connection) -> list[AccessToken]:
    """Every token that was ever granted, the latest first."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM access_tokens ORDER BY created_at DESC, id".encode()  # noqa: S608
    )
    return [_token(row) for row in rows]


COLUMNS = (
    "id, role, holder, controllers, registers, key_id, grant_id, created_at, expires_at, revoked_at"
)


def _token(row: Sequence[Any]) -> AccessToken:
    id, role, holder, controllers, registers, *rest = row
    return AccessToken(
        id,
        Role(role),
        holder,
        controllers and tuple(controllers),
        registers and tuple(registers),
        *rest,
    )


def _check(
    now: datetime,
    role: Role,
    holder: str,
    expires_at: datetime,
    controllers: Sequence[str],
    registers: Sequence[str],
    key_id: str | None,
) -> None:
    if re.fullmatch(ID, holder) is None or next(personal_data.kinds_in(holder), None):
        raise ConfigurationError(
            "holder is a pseudonym of letters, digits and . _ : / -, at most 64: auditor-2026-1;"
            " it ends up in events, so it is no name, number or address of a person"
        )
    for controller in controllers:
        if re.fullmatch(ID, controller) is None:
            raise ConfigurationError("controller is the id of a controller, such as C1")
    if not now < expires_at <= now + LONGEST:
        raise ConfigurationError("expires is a moment to come, at most a year ahead")
    if role is Role.CONTROLLER_READER and not controllers:
        raise ConfigurationError("a controller-reader reads for a controller: name it")
    if role is Role.SERVICE and key_id is None:
        raise ConfigurationError("a service is known by its signing key: name it")
    if role is not Role.SERVICE and key_id is not None:
        raise ConfigurationError("key is for the role service")
    if role is Role.OPERATOR and (controllers or registers):
        raise ConfigurationError(
            "an operator sees everything: controller and register narrow other roles"
        )
    if role is Role.SERVICE and (controllers or registers):
        raise ConfigurationError("what a service may read follows from its key")
