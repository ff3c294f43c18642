"""Who was let in, for a role, a scope and a time; and by which means they show who they are.

    token     a program sends it with each request
    link      a person opens it once, which starts a session (`ledger/sessions.py`)
    sign-in   a person signs in with an identity provider, which names the subject; so does this

Token and link are made once and shown once; of all three a digest is kept. A token has 256 random
bits, so its SHA-256 cannot be turned back by guessing and needs no slow hash; and looking a digest
up tells by its timing nothing about the token. The role that serves may read this table and not
write it: access is granted and revoked with the rights of the operator, on the machine.
`tests/test_granted_access.py`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import psycopg

from ledger import keys, personal_data
from ledger.errors import ConfigurationError
from ledger.roles import Holder, Role
from ledger.tags import ID

LONGEST = timedelta(days=366)
"""Access is granted for a year at most: whoever still needs it then is asked for again."""

LONGEST_LINK = timedelta(days=7)
"""A link lies in a mailbox until it is used."""

USUAL = timedelta(days=90)


class Means(StrEnum):
    """By which means somebody shows who it is."""

    TOKEN = "token"  # noqa: S105 - no token, its name
    LINK = "link"
    SIGN_IN = "sign-in"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person to an identity provider: its issuer, and the subject that it names (OpenID Connect
    Core 1.0, 2: never another person's, and no name)."""

    issuer: str
    subject: str

    @property
    def digest(self) -> bytes:
        """What is kept of it: SHA-256, 32 bytes."""
        return hashlib.sha256(f"{self.issuer}\0{self.subject}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Access:
    """What was granted. `controllers` and `registers` are its scope, None for all; that of an
    auditor is what the events of its grant say (`ledger/auditor_grants.py`)."""

    id: str
    means: Means
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
    means: Means = Means.TOKEN,
) -> tuple[Access, str]:
    """Make a token, or a link with one that is good once; what is kept of it, and the token itself,
    which nothing shows again.

    `conn` has the rights of the owner. Raises ConfigurationError that names the field and the rule.
    """
    token = keys.make_token()
    asked = _asked(means, now, role, holder, expires_at, controllers, registers, key_id, grant_id)
    return _keep(conn, asked, keys.token_digest(token)), token


def let_sign_in(
    conn: psycopg.Connection,
    now: datetime,
    identity: Identity,
    *,
    role: Role,
    holder: str,
    expires_at: datetime,
    controllers: Sequence[str] = (),
    registers: Sequence[str] = (),
    grant_id: str | None = None,
) -> Access:
    """Let a person in who signs in with an identity provider. As `grant`."""
    asked = _asked(
        Means.SIGN_IN, now, role, holder, expires_at, controllers, registers, None, grant_id
    )
    try:
        return _keep(conn, asked, identity.digest)
    except psycopg.errors.UniqueViolation:
        raise ConfigurationError(
            "this subject may sign in already; `verantwoord grant list` shows it, and"
            " `verantwoord grant revoke` ends it"
        ) from None


def _asked(
    means: Means,
    now: datetime,
    role: Role,
    holder: str,
    expires_at: datetime,
    controllers: Sequence[str],
    registers: Sequence[str],
    key_id: str | None,
    grant_id: str | None,
) -> Access:
    """What is to be granted, under a new id that begins with the letter of its means."""
    return Access(
        id=f"{means[0]}-{secrets.token_hex(4)}",
        means=means,
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


def _keep(conn: psycopg.Connection, access: Access, digest: bytes) -> Access:
    _check(access)
    conn.execute(
        f"INSERT INTO granted_access ({COLUMNS}, digest)"  # noqa: S608
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)".encode(),
        (
            access.id,
            access.means,
            access.role,
            access.holder,
            access.controllers and list(access.controllers),  # a tuple would be a row
            access.registers and list(access.registers),
            access.key_id,
            access.grant_id,
            access.created_at,
            access.expires_at,
            access.revoked_at,
            digest,
        ),
    )
    return access


def revoke(conn: psycopg.Connection, now: datetime, id: str) -> Access:
    """End what was granted now, and its sessions; what was revoked before stays as it was.

    `conn` has the rights of the owner. Raises ConfigurationError when there is none of this id.
    """
    row = conn.execute(
        "UPDATE granted_access SET revoked_at = coalesce(revoked_at, %s) WHERE id = %s"  # noqa: S608
        f" RETURNING {COLUMNS}".encode(),
        (now, id),
    ).fetchone()
    if row is None:
        raise ConfigurationError(f"nothing has the id {id}; `verantwoord grant list` shows them")
    return read(row)


def find(
    conn: psycopg.Connection, token: str, now: datetime, means: Means = Means.TOKEN
) -> Access | None:
    """What was granted to a bearer; None when it is nothing, or not in force."""
    return _find(conn, means, keys.token_digest(token), now)


def find_identity(conn: psycopg.Connection, identity: Identity, now: datetime) -> Access | None:
    """What was granted to a person who has signed in; None when it is nothing, or not in force."""
    return _find(conn, Means.SIGN_IN, identity.digest, now)


def _find(conn: psycopg.Connection, means: Means, digest: bytes, now: datetime) -> Access | None:
    row = conn.execute(
        f"SELECT {COLUMNS} FROM granted_access"  # noqa: S608
        " WHERE digest = %s AND means = %s AND revoked_at IS NULL AND %s < expires_at".encode(),
        (digest, means, now),
    ).fetchone()
    return None if row is None else read(row)


def all_granted(conn: psycopg.Connection) -> list[Access]:
    """All that was ever granted, the latest first."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM granted_access ORDER BY created_at DESC, id".encode()  # noqa: S608
    )
    return [read(row) for row in rows]


COLUMNS = (
    "id, means, role, holder, controllers, registers, key_id, grant_id, created_at, expires_at,"
    " revoked_at"
)


def read(row: Sequence[Any]) -> Access:
    """What was granted, from a row of `COLUMNS`."""
    id, means, role, holder, controllers, registers, *rest = row
    return Access(
        id,
        Means(means),
        Role(role),
        holder,
        controllers and tuple(controllers),
        registers and tuple(registers),
        *rest,
    )


def check_pseudonym(holder: str) -> None:
    """Raises ConfigurationError when a holder is not named as the log may have it."""
    if re.fullmatch(ID, holder) is None or next(personal_data.kinds_in(holder), None):
        raise ConfigurationError(
            "holder is a pseudonym of letters, digits and . _ : / -, at most 64: auditor-2026-1;"
            " it ends up in events, so it is no name, number or address of a person"
        )


def _check(access: Access) -> None:
    """Raises ConfigurationError that names the field and the rule."""
    check_pseudonym(access.holder)
    for controller in access.controllers or ():
        if re.fullmatch(ID, controller) is None:
            raise ConfigurationError("controller is the id of a controller, such as C1")
    if access.means is Means.LINK:
        if not access.created_at < access.expires_at <= access.created_at + LONGEST_LINK:
            raise ConfigurationError("a link is to be used at a moment to come, within a week")
    elif not access.created_at < access.expires_at <= access.created_at + LONGEST:
        raise ConfigurationError("expires is a moment to come, at most a year ahead")
    _check_scope(access)


def _check_scope(access: Access) -> None:
    role = access.role
    if (role is Role.AUDITOR) != (access.grant_id is not None):
        raise ConfigurationError(
            "an auditor, and nobody else, reads what events grant it: `verantwoord grant auditor`"
        )
    if role is Role.CONTROLLER_READER and not access.controllers:
        raise ConfigurationError("a controller-reader reads for a controller: name it")
    if role is Role.SERVICE and access.means is not Means.TOKEN:
        raise ConfigurationError("a service is no person: it has a token, under its signing key")
    if role is Role.SERVICE and access.key_id is None:
        raise ConfigurationError("a service is known by its signing key: name it")
    if role is not Role.SERVICE and access.key_id is not None:
        raise ConfigurationError("key is for the role service")
    if role is Role.OPERATOR and (access.controllers or access.registers):
        raise ConfigurationError(
            "an operator sees everything: controller and register narrow other roles"
        )
    if role is Role.SERVICE and (access.controllers or access.registers):
        raise ConfigurationError("what a service may read follows from its key")
