"""Which log of a processor keeps each controller, where there are several.

    # controller  ID   LOG
    controller    C4   east

The file is in the directory of the processor's main log. A controller that it does not name is kept
in the main log; one that it names is kept there from its first event on, since its numbers, cases
and proofs are in one log. The file is read under the lock of the head, and written under the locks
of all heads (`ledger/logs.py`), so no event of a controller is ever recorded in two logs.

An event that names no controller may be recorded in each log of the processor: registers, clocks
and findings of a log rest on that log alone. `tests/test_routing.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ledger import durable_file
from ledger.errors import ConfigurationError, Fault, PartyUnknown, Unavailable
from ledger.tags import ID

FILE = "controllers"

_HEAD = "# Which log of this processor keeps each controller; the others are kept in this one.\n"


class Routing:
    """The routing of one log, read anew when the file changed."""

    def __init__(self, file: Path, log: str, main: str) -> None:
        self._file = file
        self._log = log
        self._main = main
        self._stamp: tuple[int, int, int] | None = None
        self._routes: Mapping[str, str] = {}

    def check(self, controllers: Iterable[str]) -> None:
        """Raises PartyUnknown unless this log keeps each of them, and Unavailable when nothing says
        which log does."""
        for controller in controllers:
            kept_in = self.log_of(controller)
            if kept_in != self._log:
                detail = f"names a controller that is kept in the log {kept_in}"
                raise PartyUnknown(f"the event {detail}", Fault("/data", "kept-here", detail))

    def log_of(self, controller: str) -> str:
        """The log that keeps a controller. Raises Unavailable."""
        try:
            self._refresh()
        except (OSError, ConfigurationError) as error:
            # Producers are told no path; `verantwoord logs list` tells the operator.
            raise Unavailable("what says which log keeps a controller cannot be read") from error
        return self._routes.get(controller, self._main)

    def _refresh(self) -> None:
        try:
            status = self._file.stat()
        except FileNotFoundError:
            self._stamp, self._routes = None, {}
            return
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._routes = read(self._file)
            self._stamp = stamp


def read(file: Path) -> dict[str, str]:
    """By controller the log that was given it; none when there is no file. Raises
    ConfigurationError, which names the line."""
    found: dict[str, str] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not UTF-8") from None
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 3 or words[0] != "controller" or not re.fullmatch(ID, words[1]):
            raise ConfigurationError(f"{file}, line {number}: the line is `controller ID LOG`")
        if words[1] in found:
            raise ConfigurationError(f"{file}, line {number}: {words[1]} is there already")
        found[words[1]] = words[2]
    return found


def write(file: Path, routes: Mapping[str, str]) -> None:
    """Write them, sorted. Raises OSError."""
    lines = [f"controller {controller} {log}\n" for controller, log in sorted(routes.items())]
    durable_file.write(file, (_HEAD + "".join(lines)).encode())
