"""How long a question about one controller takes: now, and as of any moment of the past.

    python -m benchmarks.questions [--events 100000] [--data DIR] [--json FILE]

Every register, the findings and the clocks, for the busiest controller, one in the middle and the
quietest; beside the time PostgreSQL and psycopg take to read that controller's events, and nothing
else. With `--data`, a ledger that `benchmarks.filling` made is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from statistics import median

from benchmarks.story import EVENTS_PER_CONTROLLER
from benchmarks.subject import asked
from ledger.opening import Ledger
from projections import follow
from projections.clocks import ask_clocks
from projections.findings import ask_findings
from projections.question import Moment, ask
from projections.registers import REGISTERS

TIMES = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """Median milliseconds of a question about a controller with so many events.

    `slowest` is the register that took longest, of all of them; `raw_ms` is reading the events.
    """

    controller: str
    events: int
    moment: str
    raw_ms: float
    slowest: str
    register_ms: float
    findings_ms: float
    clocks_ms: float


def main(arguments: list[str] | None = None) -> None:
    """Ask, print a table, and write JSON where asked."""
    subject = asked("questions", arguments)
    with subject.opened() as ledger:
        start = time.perf_counter()
        followed = follow.catch_up(ledger.pool)
        print(f"registers followed {followed} events in {time.perf_counter() - start:.0f} s")
        found = measure(ledger)
    show(found)
    subject.write([asdict(a) for a in found])


def measure(ledger: Ledger) -> list[Asked]:
    """The questions, now and as of half way, as known now and then."""
    size, now = ledger.reader.size(), ledger.now()
    middle = ledger.reader.entry(size // 2).recorded_at
    count = max(3, size // EVENTS_PER_CONTROLLER)
    moments = {
        "now": Moment(),
        "as of half way": Moment(as_of=middle),
        "as of and known at half way": Moment(middle, middle),
        "as of yesterday": Moment(as_of=now - timedelta(days=1)),
    }
    controllers = ("C1", f"C{count // 2}", f"C{count - 1}")
    return [
        _asked(ledger, controller, name, moment, now)
        for controller in controllers
        for name, moment in moments.items()
    ]


def _asked(ledger: Ledger, controller: str, name: str, moment: Moment, now: datetime) -> Asked:
    events, raw = _raw(ledger, controller)
    registers = {
        name: _timed(partial(ask, ledger.pool, register, moment, controller=controller))
        for name, register in REGISTERS.items()
    }
    slowest = max(registers, key=lambda register: registers[register])
    return Asked(
        controller,
        events,
        name,
        raw,
        slowest,
        registers[slowest],
        _timed(lambda: ask_findings(ledger.pool, now, moment, controller=controller)),
        _timed(lambda: ask_clocks(ledger.pool, now, moment, controller=controller)),
    )


def _raw(ledger: Ledger, controller: str) -> tuple[int, float]:
    """How many events concern a controller, and how long it takes to read them."""
    statement = (
        "SELECT e.leaf FROM tags t JOIN entries e ON e.position = t.position WHERE t.tag = %s"
    )

    def read() -> int:
        with ledger.pool.connection() as conn:
            return len(conn.execute(statement, (f"controller:{controller}",)).fetchall())

    return read(), _timed(read)


def _timed(question: Callable[[], object]) -> float:
    times = []
    for _ in range(TIMES):
        start = time.perf_counter()
        question()
        times.append(time.perf_counter() - start)
    return median(times) * 1000


def show(found: list[Asked]) -> None:
    """A table of milliseconds."""
    form = "{:>10} {:>8}  {:28} {:>9}  {:>9} {:24} {:>9} {:>9}"
    print(
        form.format(
            "controller", "events", "moment", "raw", "register", "(slowest)", "findings", "clocks"
        )
    )
    for a in found:
        figures = (f"{ms:.0f}" for ms in (a.raw_ms, a.register_ms))
        raw, register = figures
        print(
            form.format(
                a.controller, a.events, a.moment, raw, register, a.slowest,
                f"{a.findings_ms:.0f}", f"{a.clocks_ms:.0f}",
            )
        )  # fmt: skip


if __name__ == "__main__":
    main()
