"""Where a log is that shares a deployment with others: a file in its directory.

    DIR/postgres/              the embedded server of all logs, unless each is in one of your own
    DIR/logs/NAME/             a log: its keys, its kept checkpoint, its token, as `init` makes them
    DIR/logs/NAME/log.toml     its schema, its processor, the server, and the main log
    DIR/logs/MAIN/controllers  which log of the processor keeps each controller

So a command that takes `--data` works on one log when it is pointed at the directory of that log. A
ledger that `init` made in DIR has the same file there once it is one of several. Paths are relative
to the file: a deployment can be moved. `tests/test_logs.py`.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ledger import durable_file
from ledger.errors import ConfigurationError

FILE = "log.toml"

_NOTE = "# Where this log is. Written by `verantwoord logs create`.\n"


@dataclass(frozen=True, slots=True)
class Place:
    """The schema of a log, the Chamber of Commerce number of its processor, and two directories.

    `server` is that of the embedded server, None for a database of your own; `main` that of the
    main log of the processor, which takes every controller that no other log was given.
    """

    schema: str
    kvk: str
    server: Path | None
    main: Path


def read(directory: Path) -> Place | None:
    """The place of the log in a directory; None where no file says it. Raises
    ConfigurationError."""
    file = directory / FILE
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from None
    if not {"schema", "kvk", "main"} <= found.keys() <= {"schema", "kvk", "main", "server"} or any(
        not isinstance(value, str) for value in found.values()
    ):
        raise ConfigurationError(f"{file} has the texts schema, kvk, main and perhaps server")
    server = found.get("server")
    return Place(
        found["schema"],
        found["kvk"],
        None if server is None else normal(directory / server),
        normal(directory / found["main"]),
    )


def write(directory: Path, place: Place) -> None:
    """Write the place of the log in a directory. Raises OSError."""
    values = {"schema": place.schema, "kvk": place.kvk, "main": _relative(place.main, directory)}
    if place.server is not None:
        values["server"] = _relative(place.server, directory)
    # Every JSON string is a basic string of TOML.
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
    durable_file.write(directory / FILE, (_NOTE + "".join(lines)).encode())


def normal(path: Path) -> Path:
    """A path by which directories are compared; links stay what they are."""
    return Path(os.path.normpath(path.absolute()))


def _relative(path: Path, start: Path) -> str:
    return os.path.relpath(normal(path), normal(start))
