"""Several logs in one deployment: one for each processor, or several of one, split by controller.

Each is a ledger of its own, with its own keys, schema, roles, token and checkpoint, in a directory
of its own (`ledger/place.py`); they share a database server, and no statement reads two of them.
`tests/test_logs.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ledger import deployment, head, place, routing
from ledger.database import Database
from ledger.deployment import Clock, Home, LogIdentity, now, read_vkeys
from ledger.errors import ConfigurationError
from ledger.opening import Load, open_ledger
from ledger.place import Place, normal
from ledger.tags import ID

NAME = re.compile(r"[a-z][a-z0-9_]{0,30}(?<!_sealing)")
"""Of a log: it is the name of its schema; the one that ends so is beside it."""

FEW = Load(connections=2)
"""What one question to one log takes."""


@dataclass(frozen=True, slots=True)
class DeployedLog:
    """One log of a deployment."""

    home: Home
    place: Place

    @property
    def name(self) -> str:
        """Its name here, which is that of its schema."""
        return self.place.schema

    @property
    def is_main(self) -> bool:
        """Whether it takes every controller that no other log was given."""
        return self.place.main == self.home.data

    @property
    def origin(self) -> str:
        """Its name for ever, as its public key says it; empty before it was made."""
        published = read_vkeys(self.home)
        return "" if published is None else published.name


def logs_of(data: Path, database_url: str | None) -> list[DeployedLog]:
    """The logs of a deployment, by name; none where it holds at most the one that `init` makes.
    Raises ConfigurationError."""
    found = []
    data = normal(data)
    for directory in (data, *(data / "logs").glob("*/")):
        there = place.read(directory)
        if there is not None:
            found.append(DeployedLog(deployment.home_at(directory, database_url), there))
    found.sort(key=lambda log: log.name)
    for one, other in pairwise(found):
        if one.name == other.name:
            raise ConfigurationError(f"{one.home.data} and {other.home.data} have one schema")
    return found


def of_processor(logs: Sequence[DeployedLog], kvk: str | None) -> list[DeployedLog]:
    """The logs of one processor, which need not be named when there is one alone. Raises
    ConfigurationError."""
    processors = sorted({log.place.kvk for log in logs})
    if not processors:
        raise ConfigurationError(
            "here is no deployment of several logs: `verantwoord logs create` makes one"
        )
    if kvk is None and len(processors) > 1:
        raise ConfigurationError(
            f"here are the logs of {len(processors)} processors: name one with --processor,"
            f" {' or '.join(processors)}"
        )
    kvk = kvk or processors[0]
    if kvk not in processors:
        raise ConfigurationError(f"no log here is of processor {kvk}; {', '.join(processors)} have")
    return [log for log in logs if log.place.kvk == kvk]


def named(logs: Sequence[DeployedLog], name: str) -> DeployedLog:
    """The log of a name. Raises ConfigurationError."""
    for log in logs:
        if log.name == name:
            return log
    there = ", ".join(log.name for log in logs) or "none"
    raise ConfigurationError(f"there is no log {name} here; there are: {there}")


def create(
    data: Path,
    database_url: str | None,
    name: str,
    *,
    origin: str,
    kvk: str | None = None,
    part_of: str | None = None,
    schema: str = "ledger",
    clock: Clock = now,
    tables: Sequence[str] = (),
) -> tuple[DeployedLog, LogIdentity]:
    """Make a log in a deployment: of a processor that has none here, or with `part_of` another of
    the processor of that main log.

    `schema` is that of a ledger that `init` made in the same directory: it becomes one of the logs.
    Raises ConfigurationError.
    """
    if NAME.fullmatch(name) is None:
        raise ConfigurationError(
            "a log is named with lower-case letters, digits and _, at most 31, not ending _sealing"
        )
    if (kvk is None) == (part_of is None):
        raise ConfigurationError("give --kvk for a new processor, or --part-of for another log")
    data = normal(data)
    logs = logs_of(data, database_url)
    alone = _alone(Home(data, database_url, schema))
    if alone is not None:
        logs.append(alone)
    directory = data / "logs" / name
    main = directory
    if part_of is not None:
        whole = named(logs, part_of)
        if not whole.is_main:
            raise ConfigurationError(f"{part_of} is itself a part: name the main log")
        main, kvk = whole.home.data, whole.place.kvk
    others = [log for log in logs if log.home.data != directory]
    for other in others:
        if other.name == name or other.origin == origin:
            raise ConfigurationError(f"the log {other.name} has this name or origin already")
        if part_of is None and other.place.kvk == kvk:
            raise ConfigurationError(
                f"this processor has the log {other.name}: for another one give --part-of"
            )
    there = Place(name, str(kvk), None if database_url else data / "postgres", main)
    if place.read(directory) not in (None, there):
        raise ConfigurationError(f"there is a log {name} already, of another processor or server")
    home = Home(directory, database_url, name, (), there)
    deployment.check_names(home, origin, there.kvk)
    if alone is not None:
        place.write(data, alone.place)
    directory.mkdir(parents=True, exist_ok=True)
    place.write(directory, there)
    identity = deployment.init(home, origin=origin, kvk=there.kvk, clock=clock, tables=tables)
    return DeployedLog(home, there), identity


def _alone(home: Home) -> DeployedLog | None:
    """The ledger of one log that `init` made here, as one of several; None when there is none, or
    it is one of several already."""
    if place.read(home.data) is not None or not home.vkey_file.exists():
        return None
    with open_ledger(home, signs=False, load=FEW) as ledger:
        kvk = ledger.own_source("").split(":")[3]
    server = None if home.database_url else home.data / "postgres"
    return DeployedLog(home, Place(home.schema, kvk, server, home.data))


def assign(logs: Sequence[DeployedLog], controllers: Collection[str], to: DeployedLog) -> None:
    """Have one of the logs of a processor keep these controllers, from their first event on.

    It holds the heads of all of them meanwhile: no log takes an event by what the file said before.
    Raises ConfigurationError when one of them is kept elsewhere already, and nothing is changed.
    """
    for controller in controllers:
        if re.fullmatch(ID, controller) is None:
            raise ConfigurationError(f"{controller!r} is no id of a controller")
    file = to.place.main / routing.FILE
    with ExitStack() as stack:
        registered = {}
        for log in logs:  # by name, so that two who assign wait for each other, not in a circle
            database: Database = stack.enter_context(log.home.database())
            conn = stack.enter_context(database.connect())
            stack.enter_context(conn.transaction())
            head.lock(conn)
            rows = conn.execute(
                "SELECT substr(tag, length('party:controller:') + 1) FROM tags WHERE tag = ANY(%s)",
                ([f"party:controller:{controller}" for controller in controllers],),
            )
            registered.update({controller: log.name for (controller,) in rows})
        routes = routing.read(file)
        for controller in controllers:
            kept_in = registered.get(controller) or routes.get(controller)
            if kept_in not in (None, to.name):
                raise ConfigurationError(f"{controller} is kept in the log {kept_in}, for good")
        routing.write(file, {**routes, **dict.fromkeys(controllers, to.name)})
