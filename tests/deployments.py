"""Deployments of several logs for tests: two of one processor, open, with keys and parties."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger import keys, logs
from ledger.deployment import Home
from ledger.keyring import ADMINISTRATOR
from ledger.logs import DeployedLog
from ledger.opening import open_ledger
from projections import sql
from tests.ledgers import KVK, SERVICES, Clock, TestLedger, enrol


@dataclass(frozen=True)
class Deployment:
    """A directory with a main log, which keeps C1 to C3, and a part of it, which keeps C4."""

    data: Path
    url: str | None
    main: TestLedger
    part: TestLedger

    @property
    def logs(self) -> list[DeployedLog]:
        """Its logs, by name."""
        return logs.logs_of(self.data, self.url)


def new_log(
    data: Path, url: str | None, name: str, kvk: str | None = None, part_of: str | None = None
) -> DeployedLog:
    """Another log of a deployment."""
    log, _ = logs.create(
        data,
        url,
        name,
        origin=f"test.example/{name}",
        kvk=kvk,
        part_of=part_of,
        clock=Clock(),
        tables=[sql.text("registers.sql")],
    )
    return log


@contextmanager
def opened(home: Home, controllers: tuple[str, ...]) -> Iterator[TestLedger]:
    """A new log, open, with a processor, keys of services and these controllers."""
    clock = Clock()
    with open_ledger(home, clock=clock) as ledger:
        made = TestLedger(home, ledger, clock)
        made.services[ADMINISTRATOR] = keys.load(keys.key_file(home.keys, ADMINISTRATOR))
        for service in SERVICES:
            made.services[service] = enrol(made, f"k-{service}", service)
        made.append("ProcessorRegistered", {"processor_id": "P", "legal_name": "P"}, service="crm")
        for controller in controllers:
            register(made, controller)
        yield made


def register(made: TestLedger, controller: str) -> None:
    """A controller begins; raises when it is refused."""
    data = {"controller_id": controller, "legal_name": f"Praktijk {controller}"}
    made.append("ControllerRegistered", data, service="crm")


@contextmanager
def deployment(data: Path, url: str | None, main: str, part: str) -> Iterator[Deployment]:
    """Two logs of one processor, open for the block."""
    with ExitStack() as stack:
        first = new_log(data, url, main, kvk=KVK)
        second = new_log(data, url, part, part_of=main)
        made = stack.enter_context(opened(first.home, ("C1", "C2", "C3")))
        logs.assign(logs.logs_of(data, url), ["C4"], second)
        other = stack.enter_context(opened(second.home, ("C4",)))
        yield Deployment(data, url, made, other)
