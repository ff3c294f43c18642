"""Ledgers for tests: made, opened, and appended to as their services do."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger import admission, cloudevent, deployment, envelope, keys, opening
from ledger.append import Appended
from ledger.deployment import Home
from ledger.errors import Refused
from ledger.keyring import ADMINISTRATOR
from ledger.keys import SigningKey
from ledger.note import Signer, Verifier, parse_vkey
from ledger.opening import Ledger, Load
from projections import sql

KVK = "12345678"
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SERVICES = ("crm", "helpdesk", "security-desk", "dpo")


class Clock:
    """The ledger's clock in a test: moves a second at every look, or where it is put."""

    def __init__(self, start: datetime = START) -> None:
        self.moment = start

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@dataclass
class TestLedger:
    """An open ledger with the keys of its services."""

    __test__ = False  # not a class of tests

    home: Home
    ledger: Ledger
    clock: Clock
    services: dict[str, SigningKey] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def verifier(self) -> Verifier:
        """The key that the log was made with."""
        return parse_vkey(self.ledger.identity.vkey)

    @property
    def log_signer(self) -> Signer:
        """The key of the log, for whoever has it in hand."""
        file = keys.key_file(self.home.keys, "log")
        return Signer(self.ledger.identity.origin, keys.load(file).private_key)

    def sign(
        self,
        type_: str,
        data: Mapping[str, Any],
        *,
        service: str = "helpdesk",
        id_: str | None = None,
        key: SigningKey | None = None,
        at: datetime | None = None,
    ) -> bytes:
        """An envelope of an event that happens now, unless `at` says otherwise."""
        moment = at or self.clock.moment
        payload = cloudevent.format(
            id=id_ or f"e-{next(self.numbers)}",
            source=f"urn:nld:kvk:{KVK}:systeem:{service}",
            type=type_,
            time=moment,
            occurred_at=moment,
            data=data,
        )
        return envelope.format((key or self.services[service]).sign(payload))

    def append(self, type_: str, data: Mapping[str, Any], **options: Any) -> Appended:
        """Append one event; raises when it is refused."""
        (answer,) = self.append_all([self.sign(type_, data, **options)])
        return answer

    def append_all(self, sent: Iterable[bytes]) -> list[Appended]:
        """Append envelopes, as one batch; raises the first refusal."""
        given = list[Appended]()
        for answer in self.ledger.append([*sent]):
            if isinstance(answer, Refused):
                raise answer
            given.append(answer)
        return given

    def instruction(self, number: int, controller: str = "C1") -> bytes:
        """An envelope of an instruction: an event that needs nothing but its controller."""
        data = {
            "instruction_id": f"I-{number}",
            "controller_id": controller,
            "channel": "email",
        }
        return self.sign("InstructionReceived", data, id_=f"instruction-{number}")

    def fill(self, count: int, start: int = 1) -> list[Appended]:
        """Append instructions, as one batch."""
        return self.append_all(self.instruction(n) for n in range(start, start + count))


def make_home(home: Home, clock: Callable[[], datetime]) -> None:
    """A new log."""
    deployment.init(
        home,
        origin=f"test.example/{home.schema}",
        kvk=KVK,
        clock=clock,
        tables=[sql.text("registers.sql")],
    )


@contextmanager
def make_ledger(
    home: Home, *, load: Load | None = None, limits: admission.Limits | None = None
) -> Iterator[TestLedger]:
    """A new log with parties and keys, open for the block."""
    clock = Clock()
    make_home(home, clock)
    with opening.open_ledger(home, clock=clock, load=load, limits=limits) as ledger:
        made = TestLedger(home, ledger, clock)
        made.services[ADMINISTRATOR] = keys.load(keys.key_file(home.keys, ADMINISTRATOR))
        made.services |= {service: keys.make_key(f"k-{service}") for service in SERVICES}
        made.append_all(_enrolment(made, service, made.services[service]) for service in SERVICES)
        processor = {"processor_id": "P", "legal_name": "Beweegzorg Online B.V."}
        controllers = [
            {"controller_id": id, "legal_name": f"Praktijk {id}"} for id in ("C1", "C2", "C3")
        ]
        made.append_all(
            [
                made.sign("ProcessorRegistered", processor, service="crm"),
                *(made.sign("ControllerRegistered", each, service="crm") for each in controllers),
            ]
        )
        yield made


def enrol(made: TestLedger, key_id: str, service: str, **more: Any) -> SigningKey:
    """Make a key and enrol it with the administrator's."""
    key = keys.make_key(key_id)
    made.append_all([_enrolment(made, service, key, **more)])
    return key


def _enrolment(made: TestLedger, service: str, key: SigningKey, **more: Any) -> bytes:
    data = {**key.enrolment(service), **more}
    return made.sign("SigningKeyEnrolled", data, service=ADMINISTRATOR)
