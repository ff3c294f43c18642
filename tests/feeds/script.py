"""One story being written: its acts, when each happened and when it was recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from ledger.events import latest
from tests.naive.civil import ZONE, day

T = TypeVar("T")

Choose = Callable[[int], int]
"""A number from 0 and below another; 0 is the simplest."""

DAYS = tuple(
    date.fromisoformat(text)
    for text in (
        "2024-10-26",
        "2024-10-27",
        "2024-11-13",
        "2024-12-31",
        "2025-01-31",
        "2025-02-28",
        "2025-03-28",
        "2025-03-30",
        "2025-04-30",
        "2025-06-12",
        "2025-08-31",
        "2025-10-24",
        "2025-10-26",
        "2025-11-30",
        "2026-01-25",
        "2026-01-31",
        "2026-03-28",
        "2026-05-18",
    )
)
"""Days that stories begin on: ends of months and years, and days before the clock changes."""

HOURS = (time(9), time(0), time(23, 59, 59), time(17, 30), time(2, 30))

DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (900, 900, 900, 900, 0, 1, 48 * 3600, 48 * 3600 + 1, 45 * 86400)
)
"""How long after it happened an act is recorded: 48 hours is not late, a second more is."""

AROUND = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, -1, 1, -3600, 3600, -86400, 86400, -10 * 86400, 10 * 86400)
)


@dataclass
class Act:
    """One event of a story."""

    id: str
    type: str
    at: datetime
    occurred: datetime
    recorded: datetime
    data: dict[str, Any]

    def line(self) -> dict[str, Any]:
        """The line of a feed."""
        return {
            "id": self.id,
            "type": self.type,
            "occurred_at": written(self.occurred),
            "recorded_at": written(self.recorded),
            "producer": "desk",
            "data": self.data,
        }


class Script:
    """A story. What belongs to it alone has its number in its id; `prompt` records all at once."""

    def __init__(
        self, choose: Choose, number: int, controllers: Sequence[str], *, prompt: bool
    ) -> None:
        self.choose = choose
        self.number = number
        self.controllers = tuple(controllers)
        self.delays = DELAYS[:1] if prompt else DELAYS
        self.acts: list[Act] = []

    # -- choices

    def pick(self, *choices: T) -> T:
        """One of several; the first is the simplest."""
        return choices[self.choose(len(choices))]

    def often(self) -> bool:
        """Yes, four times in five."""
        return self.pick(True, True, True, True, False)

    def seldom(self) -> bool:
        """Yes, once in five times."""
        return self.pick(False, False, False, False, True)

    def controller(self) -> str:
        """One of the controllers."""
        return self.pick(*self.controllers)

    def some(self, things: Sequence[str], least: int = 1) -> list[str]:
        """Some of several things, each once, at least so many."""
        left, chosen = [*things], []
        for _ in range(least + self.choose(len(left) - least + 1)):
            chosen.append(left.pop(self.choose(len(left))))
        return sorted(chosen)

    def maybe(self, name: str, *values: Any) -> dict[str, Any]:
        """A field with one of some values, or without it."""
        value = self.pick(None, *values)
        return {} if value is None else {name: value}

    def name(self, kind: str) -> str:
        """A new id of a kind."""
        return f"{kind}-{self.number}"

    # -- times

    def begin(self) -> datetime:
        """When a story begins."""
        return datetime.combine(self.pick(*DAYS), self.pick(*HOURS), ZONE).astimezone(UTC)

    def near(self, *moments: datetime) -> datetime:
        """A moment at, or close to, one of some that matter."""
        return self.pick(*moments) + self.pick(*AROUND)

    # -- acts

    def act(
        self,
        type_: str,
        at: datetime,
        data: dict[str, Any],
        *,
        field: str | None = None,
        ahead: bool = False,
        after: Act | None = None,
    ) -> Act:
        """Something that happens at a moment, recorded after what it answers.

        The event may say the moment in a `field`, which then may lie before the event, as an
        instant or a day, or with `ahead` after it.
        """
        at = max(at, BEGIN)
        occurred = at
        if field is not None:
            how = self.pick("plain", "plain", "same", "day", "earlier", "day earlier")
            if ahead and self.seldom():
                how = "ahead"
            if how in ("earlier", "day earlier"):
                occurred = at + self.pick(timedelta(hours=1), timedelta(days=2))
            if how == "ahead":
                occurred = max(at - timedelta(days=20), BEGIN)
            if how != "plain":
                data = {**data, field: day(at).isoformat() if "day" in how else written(at)}
        recorded = occurred + self.pick(*self.delays)
        if after is not None:
            recorded = max(recorded, after.recorded)
        act = Act(f"{self.number}.{len(self.acts)}", type_, at, occurred, recorded, data)
        latest(type_).model.model_validate(data)
        self.acts.append(act)
        return act


BEGIN = datetime(2024, 9, 2, 7, 0, tzinfo=UTC)
"""When the first parties were registered; nothing happens before it. Times are UTC: Python takes
the hours on the wall for the time between two moments of one zone."""


def written(moment: datetime) -> str:
    """An instant as text, with the offset of its day in Amsterdam."""
    return moment.astimezone(ZONE).isoformat()
