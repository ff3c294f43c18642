"""What the ledger is compared with, measured on the same PostgreSQL server.

A figure of a ledger says little on a machine nobody knows; beside what that machine does with a
plain event store, a durable row and a signature it says something.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

DATABASE = "reference"
TEXT = "InstructionReceived from a controller, by e-mail, about as long as the data of an event"


@dataclass(frozen=True, slots=True)
class References:
    """Rates are per second on one thread, latency is in milliseconds."""

    application_save: float
    """`Application.save()` of eventsourcing, one event each, with its own PostgreSQL recorder."""

    insert_ms: float
    """Median of a durable INSERT of one row by psycopg."""

    verify: float
    """Ed25519 signatures verified by `cryptography`."""

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


class Case(Aggregate):
    """An aggregate with one small event."""

    @event("Recorded")
    def record(self, text: str) -> None:
        """Keep a text."""
        self.text = text


def prepare(owner_url: str) -> None:
    """Make the database of the references, anew."""
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {DATABASE}".encode())
        conn.execute(f"CREATE DATABASE {DATABASE}".encode())


def environment(url: str) -> dict[str, str]:
    """The environment of an application of the library that keeps its events there."""
    server = conninfo_to_dict(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": DATABASE,
        "POSTGRES_HOST": str(server["host"]),
        "POSTGRES_PORT": str(server.get("port", 5432)),
        "POSTGRES_USER": str(server["user"]),
        "POSTGRES_PASSWORD": "unused on a private socket",
    }


def measure(url: str, seconds: float) -> References:
    """Measure each for so many seconds."""
    return References(_application(url, seconds), insert_ms(url, seconds), _verify(seconds))


def rate(work: Callable[[], object], seconds: float) -> float:
    """How often a second the work can be done."""
    start = time.perf_counter()
    done = 0
    while (spent := time.perf_counter() - start) < seconds:
        work()
        done += 1
    return done / spent


def _application(url: str, seconds: float) -> float:
    application: Application[UUID] = Application(env=environment(url))
    case = Case()
    application.save(case)

    def save() -> None:
        case.record(TEXT)
        application.save(case)

    try:
        return rate(save, seconds)
    finally:
        application.close()


def insert_ms(url: str, seconds: float) -> float:
    times: list[float] = []
    with psycopg.connect(url, dbname=DATABASE, autocommit=True) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS durable (id bigserial PRIMARY KEY, text text)")

        def insert() -> None:
            start = time.perf_counter()
            conn.execute("INSERT INTO durable (text) VALUES (%s)", (TEXT,))
            times.append(time.perf_counter() - start)

        rate(insert, seconds)
    return median(times) * 1000


def _verify(seconds: float) -> float:
    key = Ed25519PrivateKey.generate()
    message = TEXT.encode()
    signature, public_key = key.sign(message), key.public_key()
    return rate(lambda: public_key.verify(signature, message), seconds)
