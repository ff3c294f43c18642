"""How PostgreSQL runs every statement of an append, a proof and a question.

    python -m benchmarks.plans [--events 10000] [--data DIR] [--json FILE]

The statements are not copied here: the ledger does its work, with the server told to explain each
statement as it ran (`auto_explain`, as EXPLAIN (ANALYZE, BUFFERS) does), and the plans are read
from its log. A statement that ran several times is shown once, as it ran the last time. Only for a
ledger on the embedded server, whose log is at hand.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

from benchmarks.append import enrol
from benchmarks.subject import asked
from ledger.deployment import Home
from ledger.opening import Ledger, open_ledger
from projections import follow
from projections.clocks import ask_clocks
from projections.findings import ask_findings
from projections.question import Moment, ask
from projections.registers import REGISTERS

EXPLAINED = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_parameter_max_length": "0",
}

_PLAN = re.compile(
    r"duration: (?P<ms>[\d.]+) ms  plan:\n\tQuery Text: (?P<statement>.*?)\n"
    r"(?P<plan>\t[^\n]*\(cost=[^\n]*\n(?:\t[^\n]*\n)*)",
    re.DOTALL,
)
_READ = re.compile(r"shared (?:hit=(\d+))?(?: ?read=(\d+))?")
_SCANS = re.compile(r"((?:Index Only|Index|Bitmap Heap|Seq|Function) Scan[^(]*?) +\(")


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement, milliseconds of its last run, 8 kB blocks that it looked at, and its scans."""

    statement: str
    ms: float
    blocks: int
    scans: list[str]
    plan: str


def main(arguments: list[str] | None = None) -> None:
    """Work, and show the plans; whole ones in the JSON."""
    subject = asked("plans", arguments)
    with subject.home() as home:
        found = measure(home)
    for plan in found:
        print(f"{plan.ms:>8.2f} ms {plan.blocks:>6} blocks  {plan.statement[:90]}")
        for scan in dict.fromkeys(plan.scans):
            print(f"{'':>27}{scan}")
    subject.write([asdict(plan) for plan in found])


def measure(home: Home) -> list[Plan]:
    """The plans of what a ledger does."""
    with open_ledger(home) as ledger:
        follow.catch_up(ledger.pool)
        producer = enrol(home, ledger)
        sent = [producer.sign(f"plans-{n}", producer.controllers[n]) for n in range(12)]
        with ledger.database.connect_as_owner() as conn:
            conn.execute("ANALYZE")
    log = home.data / "postgres" / "server.log"
    begin = log.stat().st_size
    with _explained(), open_ledger(home) as ledger:
        _work(ledger, sent)
    return list(_plans(log, begin))


@contextmanager
def _explained() -> Iterator[None]:
    options = " ".join(f"-c {name}={value}" for name, value in EXPLAINED.items())
    with patch.dict(os.environ, {"PGOPTIONS": options}):
        yield


def _work(ledger: Ledger, sent: list[bytes]) -> None:
    """An append, proofs, pages of events, and questions now and as of half way."""
    for envelope in sent:
        ledger.append([envelope])
    follow.catch_up(ledger.pool)
    reader, size = ledger.reader, ledger.reader.size()
    middle = reader.entry(size // 2).recorded_at
    for index in range(0, size, max(1, size // 10)):
        reader.receipt(index)
        reader.prove_consistency(index, size)
    reader.published_or_latest()
    reader.events(after=size // 2, limit=100)
    reader.sequence("C1", after=size // 2, limit=100)
    for moment in (Moment(), Moment(as_of=middle)):
        ask(ledger.pool, REGISTERS["processing"], moment, controller="C1")
        ask_findings(ledger.pool, ledger.now(), moment, controller="C1")
        ask_clocks(ledger.pool, ledger.now(), moment, controller="C1")


def _plans(log: Path, begin: int) -> Iterator[Plan]:
    with log.open(encoding="utf-8", errors="replace") as text:
        text.seek(begin)
        told = text.read()
    last = {" ".join(found["statement"].split()): found for found in _PLAN.finditer(told)}
    for statement, found in last.items():
        blocks = _READ.search(found["plan"])
        yield Plan(
            statement,
            float(found["ms"]),
            sum(int(n or 0) for n in blocks.groups()) if blocks else 0,
            _SCANS.findall(found["plan"]),
            found["plan"],
        )


if __name__ == "__main__":
    main()
