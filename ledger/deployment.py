"""Where a ledger lives, and making it.

    DIR/postgres/            the embedded server's data, unless --database-url names another server
    DIR/keys/                log.key, administrator.key, ledger.key, numbers.key, sealing-1.key
    DIR/log.vkey             the verifier key that auditors pin
    DIR/read.token           the token that reads, mode 0600
    DIR/last.checkpoint      what the log signed last (`ledger/kept.py`)
    DIR/policy               which witnesses to ask (C2SP tlog-policy), when the operator puts it
    DIR/authorities          time-stamping authorities to ask, if the operator writes it
    DIR/retention            how long sealed text is kept, if the operator writes it
    DIR/log.toml             where the log is, if it shares a deployment (`ledger/place.py`)
    DIR/standby              that a standby must hold what is told, if the operator writes it

`init` makes all of it once. The first two entries of every log enrol its own keys: the
administrator's, signed by itself, and the ledger's own. `tests/test_deployment.py`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from ledger import citus, cloudevent, entry, head, keys, log_keys, master_keys, note, routing
from ledger import place as places
from ledger import sql as sql_files
from ledger.checkpoint import sign as sign_checkpoint
from ledger.database import Database, require_durable
from ledger.embedded import EmbeddedServer
from ledger.errors import ConfigurationError, MasterKeyMissing, NoteMalformed
from ledger.kept import Kept
from ledger.keyring import ADMINISTRATOR, LEDGER
from ledger.keys import SigningKey
from ledger.log_keys import LogKeys
from ledger.note import Signer
from ledger.place import Place
from ledger.routing import Routing
from ledger.shared_types import SHARED_TOPICS

BESIDE_THE_LOG = {
    "access.sql": 3,
    "sealing.sql": 3,
    "packs.sql": 4,
    "beside.sql": 6,
    "hooks.sql": 7,
    "concerned.sql": 8,
    "programs.sql": 9,
}
"""Who may read, the keys of what is sealed, packs that were asked for, what rows of registers are
found by, who is told of what is new, whom each entry concerns as a column, and which programs may
open it, each with the version it came with: a log commits to none of it. These files are the
migrations, and run in this order; a file of a released version is not changed any more. Each only
adds, so that a program that runs goes on meanwhile, unless it is one of `TAKES_AWAY`
(docs/decisions/0038-the-schema-grows-before-it-shrinks.md)."""

TAKES_AWAY: Mapping[str, int] = {"concerned.sql": 8}
"""Of those files the ones that take something away, each with the schema version of the oldest
program that does not use it: by then, a release without it has been out."""

SCHEMA_VERSION = max(BESIDE_THE_LOG.values())
"""What the tables of a log are like. A log of version 2 or later gets what came since when it is
opened; one of version 1 has other entries, and is not opened any more."""

OLDEST_PROGRAM = max([BESIDE_THE_LOG["programs.sql"], *TAKES_AWAY.values()])
"""The schema version of the oldest program that may open a log of this version. None before 9 opens
any but its own."""

LOCKS = timedelta(seconds=2)
"""How long an upgrade waits for a lock while everybody else who wants it waits behind."""

PATIENCE = timedelta(minutes=2)
"""How long an upgrade is tried again before it is given up."""

NUMBERS = "numbers"
"""The key whose bytes are the secret of the numbers (`ledger/numbers.py`); it signs nothing."""

DATABASE = "verantwoord"
"""The database of the embedded server."""

DEMO = "demo."
"""How the origin of a ledger begins whose clock is that of a feed (`ledger/replay.py`)."""

Clock = Callable[[], datetime]


def now() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Home:
    """The places of one ledger: `--data`, `--database-url`, the schema of its log, the further
    files that keep its last checkpoint, its place among others, if it has one, and a replica to
    read from."""

    data: Path
    database_url: str | None = None
    schema: str = "ledger"
    keep: tuple[Path, ...] = ()
    place: Place | None = None
    read_url: str | None = None

    @property
    def keys(self) -> Path:
        """The directory of private keys."""
        return self.data / "keys"

    @property
    def vkey_file(self) -> Path:
        """The verifier key that auditors pin."""
        return self.data / "log.vkey"

    @property
    def token_file(self) -> Path:
        """The token that reads."""
        return self.data / "read.token"

    @property
    def kept_files(self) -> tuple[Path, ...]:
        """The files that keep the last checkpoint outside the database."""
        return (self.data / "last.checkpoint", *self.keep)

    @property
    def authorities_file(self) -> Path:
        """Whom to ask for timestamps; there is none until the operator writes it."""
        return self.data / "authorities"

    @property
    def retention_file(self) -> Path:
        """How long sealed text is kept; there is none until the operator writes it."""
        return self.data / "retention"

    @property
    def standby_file(self) -> Path:
        """That a standby is needed; there is none until the operator writes it."""
        return self.data / "standby"

    @property
    def provider_file(self) -> Path:
        """Where people sign in; there is none until the operator writes it."""
        return self.data / "provider"

    @property
    def frameworks(self) -> Path:
        """The directory of frameworks that the operator adds, if it is there."""
        return self.data / "frameworks"

    @property
    def policy_file(self) -> Path:
        """Which witnesses to ask; there is none until the operator puts it there."""
        return self.data / "policy"

    def routing(self) -> Routing:
        """Which controllers the log keeps: all, unless it shares its processor with others. One
        that is alone may do so tomorrow. Raises ConfigurationError."""
        if self.place is None:
            return Routing(self.data / routing.FILE, self.schema, self.schema)
        main = self.place.main
        whole = places.read(main)
        if whole is None:
            raise ConfigurationError(f"{main} is not the main log that {self.data} is a part of")
        return Routing(main / routing.FILE, self.schema, whole.schema)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The database of the log; the embedded server runs as long as somebody uses it."""
        if self.database_url is not None:
            yield Database(self.database_url, self.schema)
            return
        server_in = self.data / "postgres" if self.place is None else self.place.server
        if server_in is None:
            raise ConfigurationError(
                f"the log in {self.data} is in a database of your own: give --database-url"
            )
        with EmbeddedServer.open(server_in) as server:
            _create_database(server.url())
            yield Database(server.url(dbname=DATABASE), self.schema, server.ensure_running)


def home_at(
    data: Path, database_url: str | None, schema: str = "ledger", keep: tuple[Path, ...] = ()
) -> Home:
    """The home in a directory: of a log that is alone, or of one that shares a deployment. Raises
    ConfigurationError."""
    place = places.read(data)
    if place is None:
        return Home(data, database_url, schema, keep)
    return Home(data, database_url, place.schema, keep, place)


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Who a log is, as its schema says."""

    origin: str
    vkey: str
    administrator_key: bytes
    read_token_sha256: bytes
    numbers_key: bytes


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """The private keys `init` makes."""

    log: Signer
    administrator: SigningKey
    service: SigningKey
    numbers: SigningKey


def init(
    home: Home,
    *,
    origin: str,
    kvk: str,
    clock: Clock = now,
    tables: Sequence[str] = (),
) -> LogIdentity:
    """Make a new log: keys, schema, rights, and the two entries that enrol its own keys.

    `kvk` is the processor's Chamber of Commerce number, part of the `source` of its own events;
    `tables` is further SQL to run in the schema (the registers'). Nothing is overwritten: a schema
    that holds a log already raises ConfigurationError; keys left by an unfinished `init` are used.
    """
    check_names(home, origin, kvk)
    home.data.mkdir(parents=True, exist_ok=True)
    with home.database() as database:
        with database.connect_as_owner() as conn:
            require_durable(conn)
            if holds_log(conn, home.schema):
                raise ConfigurationError(
                    f"schema {home.schema!r} holds a log already; give another --data directory"
                    " or database"
                )
        _check_nothing_kept(home)
        own = _make_keys(home, origin)
        _make_master_key(home)
        kept = Kept(home.kept_files, lambda: [own.log.verifier])
        token = keys.make_token()
        identity = LogIdentity(
            origin,
            own.log.verifier.vkey,
            own.administrator.public_key,
            keys.token_digest(token),
            own.numbers.public_key,
        )
        keys.write_secret(home.token_file, token)
        home.vkey_file.write_text(identity.vkey + "\n")
        with database.connect_as_owner() as conn, conn.transaction():
            _create_roles(conn, database)
            _create_schema(conn, database, identity, clock(), tables)
            first = _enrol_own_keys(conn, own, identity, kvk, clock)
            # Before the commit, other than later: there is no log yet that could be left behind.
            with kept.held():
                kept.keep(first)
    return identity


def check_names(home: Home, origin: str, kvk: str) -> None:
    """Raises ConfigurationError for names that would not do."""
    if re.fullmatch(r"[a-z0-9][a-z0-9.-]*(?:/[A-Za-z0-9._-]+)*", origin) is None:
        raise ConfigurationError(
            "an origin is a host and a path without scheme, such as ledger.example.nl/log"
        )
    if re.fullmatch(r"[0-9]{8}", kvk) is None:
        raise ConfigurationError("a Chamber of Commerce number has 8 digits")
    if re.fullmatch(r"[a-z_][a-z0-9_]{0,39}", home.schema) is None:
        raise ConfigurationError("a schema is named with lower-case letters, digits and _")


def _check_nothing_kept(home: Home) -> None:
    for file in home.kept_files:
        if file.exists():
            raise ConfigurationError(
                f"{file} keeps what a log signed last: if its database is lost, this is no new log"
                " (docs/how-to/recover.md); if an `init` did not end, remove the file"
            )


def holds_log(conn: psycopg.Connection, schema: str) -> bool:
    """Whether a schema holds a log."""
    row = conn.execute("SELECT to_regclass(%s)", (f'"{schema}".log',)).fetchone()
    return row is not None and row[0] is not None


def _make_keys(home: Home, origin: str) -> OwnKeys:
    return OwnKeys(
        log=Signer(origin, keys.load_or_make(home.keys, "log").private_key),
        administrator=keys.load_or_make(home.keys, ADMINISTRATOR),
        service=keys.load_or_make(home.keys, LEDGER),
        numbers=keys.load_or_make(home.keys, NUMBERS),
    )


def _make_master_key(home: Home) -> None:
    """The first master key of sealed text, where none was given or left by an `init` before."""
    try:
        master_keys.load(home.keys)
    except MasterKeyMissing:
        master_keys.make(home.keys)


def _create_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        found = conn.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
        if found.fetchone() is None:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def upgrade(conn: psycopg.Connection, database: Database) -> None:
    """Give a log of an earlier program what came since, with the rights of its owner.

    What is committed to the log stays as it is, and services that run go on meanwhile: when a table
    is not free within `LOCKS` all is tried again later, so nobody is kept waiting behind. Of two
    programs that open it one does this. Raises ConfigurationError.
    """
    until = time.monotonic() + PATIENCE.total_seconds()
    while 2 <= _version(conn) < SCHEMA_VERSION:
        try:
            with conn.transaction():
                _upgrade(conn, database)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if time.monotonic() > until:
                raise ConfigurationError(
                    f"the schema cannot be upgraded to version {SCHEMA_VERSION}: another program"
                    " holds its tables, perhaps `rebuild`; nothing was changed. Try again later"
                ) from None
            time.sleep(LOCKS.total_seconds())


def _upgrade(conn: psycopg.Connection, database: Database) -> None:
    # Whoever waits here holds nothing that the one before may need.
    conn.execute("LOCK TABLE log IN SHARE UPDATE EXCLUSIVE MODE")
    before = _version(conn)
    if before >= SCHEMA_VERSION:
        return
    conn.execute(f"SET LOCAL lock_timeout = {int(LOCKS.total_seconds() * 1000)}".encode())
    _create_roles(conn, database)
    for name, came_with in BESIDE_THE_LOG.items():
        if before < came_with:
            run_file(conn, database, sql_files.text(name))
    conn.execute(
        "UPDATE log SET schema_version = %s, oldest_program = %s", (SCHEMA_VERSION, OLDEST_PROGRAM)
    )


def _version(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT schema_version FROM log").fetchone()
    return int(row[0]) if row else 0


def _create_roles(conn: psycopg.Connection, database: Database) -> None:
    missing = [
        name
        for name in database.roles
        if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None
    ]
    # A cluster connects to the node of a log as the role that asks.
    login = "LOGIN" if citus.is_cluster(conn) else "NOLOGIN"
    ungranted = [name for name in database.roles if name in missing or not _may_take(conn, name)]
    try:
        for name in missing:
            conn.execute(sql.SQL(f"CREATE ROLE {{}} {login}").format(sql.Identifier(name)))
        for name in ungranted:
            conn.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        raise ConfigurationError(
            "this user may not create roles; let an administrator of the server run:"
            + "".join(f' CREATE ROLE "{name}" {login};' for name in missing)
            + "".join(f' GRANT "{name}" TO "{conn.info.user}";' for name in ungranted)
        ) from None


def _may_take(conn: psycopg.Connection, role: str) -> bool:
    """Whether a connection may take a role; granting it again is for those who may grant it."""
    right = "SET" if conn.info.server_version >= 160000 else "MEMBER"
    row = conn.execute("SELECT pg_has_role(%s, %s)", (role, right)).fetchone()
    return row is not None and bool(row[0])


def run_file(conn: psycopg.Connection, database: Database, text: str) -> None:
    """Run a file of SQL in the schema of a log, with its names filled in."""
    names = {
        "{schema}": f'"{database.schema}"',
        "{service_role}": f'"{database.service_role}"',
        "{controller_role}": f'"{database.controller_role}"',
        "{erasing_role}": f'"{database.erasing_role}"',
        "{sealing_schema}": f'"{database.sealing_schema}"',
        "{shared_types}": "ARRAY[" + ", ".join(f"'{topic}'" for topic in SHARED_TOPICS) + "]",
    }
    for name, value in names.items():
        text = text.replace(name, value)
    for statement in sql_files.statements(text):
        conn.execute(statement.encode())


def _create_schema(
    conn: psycopg.Connection,
    database: Database,
    identity: LogIdentity,
    created_at: datetime,
    tables: Sequence[str],
) -> None:
    conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(database.schema)))
    access = (sql_files.text(name) for name in BESIDE_THE_LOG)
    for text in (sql_files.text("schema.sql"), *tables, *access):
        run_file(conn, database, text)
    if citus.is_cluster(conn):
        citus.distribute(conn, database.schema)
    conn.execute(
        "INSERT INTO log (origin, vkey, administrator_key, read_token_sha256, numbers_key,"
        " schema_version, oldest_program, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            identity.origin,
            identity.vkey,
            identity.administrator_key,
            identity.read_token_sha256,
            identity.numbers_key,
            SCHEMA_VERSION,
            OLDEST_PROGRAM,
            created_at,
        ),
    )
    conn.execute(
        "INSERT INTO head (size, recorded_at, frontier) VALUES (0, %s, '{}')", (created_at,)
    )


def _enrol_own_keys(
    conn: psycopg.Connection, own: OwnKeys, identity: LogIdentity, kvk: str, clock: Clock
) -> str:
    """The first two entries: there is nothing yet that admission could check them against."""
    locked = head.lock(conn)
    recorded_at = clock()
    entries = [
        _enrolment(own.administrator, key, kvk, recorded_at)
        for key in (own.administrator, own.service)
    ]
    extension = head.extend(
        conn,
        locked,
        recorded_at,
        entries,
        origin=identity.origin,
        sign=lambda _conn, checkpoint, _entries: sign_checkpoint(checkpoint, own.log),
    )
    return extension.note


def _enrolment(administrator: SigningKey, key: SigningKey, kvk: str, at: datetime) -> head.NewEntry:
    payload = cloudevent.format(
        id=f"enrol-{key.key_id}",
        source=f"urn:nld:kvk:{kvk}:systeem:{ADMINISTRATOR}",
        type="SigningKeyEnrolled",
        time=at,
        occurred_at=at,
        data=key.enrolment(),
    )
    signed = administrator.sign(payload)
    event = cloudevent.parse(payload)
    leaf = entry.format(entry.Entry(at, payload, signed.signatures))
    return head.NewEntry(event.type.topic, event.tags(), leaf)


def read_vkeys(home: Home) -> LogKeys | None:
    """The keys of the log in `log.vkey`; None when there is none. Raises ConfigurationError."""
    if not home.vkey_file.exists():
        return None
    try:
        return log_keys.parse(note.decode(home.vkey_file.read_bytes()))
    except NoteMalformed as error:
        raise ConfigurationError(f"{home.vkey_file} does not hold keys of a log: {error}") from None


def read_identity(conn: psycopg.Connection) -> LogIdentity:
    """Who the log of a connection's schema is. Raises ConfigurationError."""
    found = conn.execute("SELECT schema_version FROM log").fetchone()
    if found is None:
        raise ConfigurationError("the schema of this log is empty; `verantwoord init` did not end")
    (version,) = found
    if version != SCHEMA_VERSION:
        _check_may_open(conn, version)
    (identity,) = conn.execute(
        "SELECT origin, vkey, administrator_key, read_token_sha256, numbers_key FROM log"
    )
    return LogIdentity(*identity)


def _check_may_open(conn: psycopg.Connection, version: int) -> None:
    """Whether this program may open a log of another version. Raises ConfigurationError."""
    if version < SCHEMA_VERSION:
        raise ConfigurationError(
            f"the log has schema version {version}, which this program does not upgrade to its"
            f" {SCHEMA_VERSION}; use the program of that version"
        )
    (oldest,) = conn.execute("SELECT oldest_program FROM log").fetchone() or (version,)
    if oldest > SCHEMA_VERSION:
        raise ConfigurationError(
            f"the log has schema version {version}, and is opened by programs that know version"
            f" {oldest} or later; this one knows {SCHEMA_VERSION} (docs/how-to/upgrade.md)"
        )
