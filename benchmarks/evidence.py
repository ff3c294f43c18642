"""How long it takes to count the evidence for a framework, and how much memory.

    python -m benchmarks.evidence [--events 100000] [--data DIR] [--json FILE]

All controls of each framework, over the whole time of the ledger, with a sample of 25; and beside
it, in the same run, reading and decoding the same events and nothing else. Then the files that are
made of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TypeVar

from benchmarks.subject import asked, most_memory
from ledger.opening import Ledger
from projections import follow, history
from projections.exports import document, paper, spreadsheet
from projections.frameworks.evidence import Period, gather
from projections.frameworks.framework import Framework, shipped
from projections.question import Moment, reading

EVER = Period(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counted:
    """Seconds, of counting and of reading alone; kilobytes of the files, and seconds to make
    them; and the most memory that the process held so far, in megabytes."""

    framework: str
    entries: int
    counted: int
    gather_s: float
    reading_s: float
    pdf_s: float
    pdf_kb: float
    xlsx_s: float
    xlsx_kb: float
    memory: float

    @property
    def ratio(self) -> float:
        """The speed of counting as a part of that of reading alone."""
        return self.reading_s / self.gather_s


def main(arguments: list[str] | None = None) -> None:
    """Count, print, and write JSON where asked."""
    subject = asked("evidence", arguments)
    with subject.opened() as ledger:
        follow.catch_up(ledger.pool)
        found = [measure(ledger, framework) for framework in shipped().values()]
    for one in found:
        print(
            f"{one.framework:9} {one.entries} entries: counted {one.counted} times in"
            f" {one.gather_s:.1f} s, read in {one.reading_s:.1f} s (ratio {one.ratio:.2f});"
            f" PDF {one.pdf_s:.2f} s, {one.pdf_kb:.0f} kB; XLSX {one.xlsx_s:.2f} s,"
            f" {one.xlsx_kb:.0f} kB; {one.memory:.0f} MB"
        )
    subject.write([{**asdict(one), "ratio": one.ratio} for one in found])


def measure(ledger: Ledger, framework: Framework) -> Counted:
    """One framework."""
    types = {name for control in framework.controls.values() for name in control.types}
    size = ledger.reader.size()
    read_s, _ = _timed(lambda: _read(ledger, types, size))
    gather_s, found = _timed(
        lambda: gather(
            ledger.pool, ledger.now(), framework, EVER, Moment(), sample=25, seed="benchmark"
        )
    )
    made = document.of_evidence(found, "nl", ledger.identity.origin)
    pdf_s, pdf = _timed(lambda: paper.to_pdf(made))
    xlsx_s, xlsx = _timed(lambda: spreadsheet.to_xlsx(made))
    return Counted(
        framework.id,
        found.basis.size,
        sum(evidence.population for evidence in found.evidence),
        gather_s,
        read_s,
        pdf_s,
        len(pdf) / 1024,
        xlsx_s,
        len(xlsx) / 1024,
        most_memory(),
    )


def _read(ledger: Ledger, types: set[str], size: int) -> int:
    with reading(ledger.pool) as conn:
        return sum(1 for _ in history.each_of_types(conn, types, upto=size))


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


if __name__ == "__main__":
    main()
