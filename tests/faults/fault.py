"""A fault, what is expected of it, and what was seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum

from tests.faults.scene import Scene


class Outcome(StrEnum):
    """What comes of a fault, for whoever appends and whoever operates."""

    GOES_ON = "goes on"
    """Every request is answered with its receipt; at most it takes longer."""

    BY_ITSELF = "comes back by itself"
    """Requests may fail meanwhile, and say so; once the cause is gone the same process takes
    appends again, and nobody has to act."""

    RESTART = "after a restart"
    """The service ends; started again, it goes on. A supervisor does that."""

    REFUSES = "refuses"
    """It does not start, or takes no events, and says why; once the cause is mended it does."""


@dataclass(frozen=True, slots=True)
class Says:
    """A text that somebody must find: in an `answer` to a client, in the `service`'s log, in the
    log of the embedded `server`, or in the answer of a path of the service, such as
    `/v1/witnesses`. `text` is a regular expression."""

    where: str
    text: str


@dataclass(frozen=True)
class Fault:
    """One row of the table.

    `play` breaks something under load, waits until the fault was there, and mends it; it is called
    once for each of `numbers`. `around` puts up what the service is started with, and takes it down
    when it has ended; what it gives is `scene.beside`. `says` is what must be told, and `needs` are
    programs that it takes.
    """

    name: str
    kind: str
    breaks: str
    outcome: Outcome
    play: Callable[[Scene, int], None]
    says: Sequence[Says] = ()
    numbers: Sequence[int] = (1,)
    needs: Sequence[str] = ()
    around: Callable[[Scene], AbstractContextManager[object]] = nullcontext


@dataclass(slots=True)
class Seen:
    """What came of a fault: `different` says where that is not what was expected."""

    fault: Fault
    outcomes: set[Outcome] = field(default_factory=set)
    plays: int = 0
    answered: int = 0
    failed: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    entries: int = 0
    different: list[str] = field(default_factory=list)

    def outcome(self) -> str:
        """In words."""
        return ", ".join(sorted(self.outcomes)) or "nothing"


def fits(expected: Outcome, seen: Outcome) -> bool:
    """Whether an outcome is the expected one. Of what may fail meanwhile, nothing need fail: how
    fast PostgreSQL recovers depends on the machine."""
    return seen is expected or (expected is Outcome.BY_ITSELF and seen is Outcome.GOES_ON)


def is_told(says: Says, texts: Mapping[str, str]) -> bool:
    """Whether somebody finds the text where it must be."""
    return re.search(says.text, texts.get(says.where, "")) is not None
