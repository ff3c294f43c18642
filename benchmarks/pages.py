"""How long the service takes to make each page of the desk.

    python -m benchmarks.pages [--events 100000] [--data DIR] [--json FILE]

As the operator sees the whole ledger, and as a reader of its busiest controller; median and slowest
of five. Beside them, in the same run, the page for signing in, which asks the database nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from statistics import median

import httpx

from benchmarks.service import served
from benchmarks.subject import asked
from ledger import granted_access
from ledger.deployment import Home
from ledger.opening import open_ledger
from ledger.roles import Role
from projections import follow
from projections.registers import REGISTERS

TIMES = 5

REFERENCE = "/sign-in"

PAGES = (
    "/home",
    "/registers",
    *(f"/registers/{name}" for name in REGISTERS),
    "/registers/processing?contains=PA-&sort=-id",
    "/findings",
    "/clocks",
    "/entries/100",
    "/cases/retention/C1",
    "/evidence/iso27001",
    "/requests",
    "/declarations",
    "/pictures/subprocessors",
    "/pictures/breaches",
    "/pictures/events",
    "/pictures/data-flows?controller=C1",
    "/dossiers",
    "/packs",
)


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of a page, and how often that of the reference."""

    page: str
    reader: str
    status: int
    median_ms: float
    slowest_ms: float
    ratio: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask for each page, print a table, and write JSON where asked."""
    subject = asked("pages", arguments)
    with subject.home() as home:
        tokens = _tokens(home)
        with served(home) as service:
            address = f"http://127.0.0.1:{service.port}"
            found = [each for reader, token in tokens for each in measure(address, reader, token)]
    form = "{:10} {:48} {:>6} {:>9} {:>9} {:>7}"
    print(form.format("reader", "page", "status", "median", "slowest", "ratio"))
    for each in found:
        figures = (f"{each.median_ms:.0f}", f"{each.slowest_ms:.0f}", f"{each.ratio:.0f}")
        print(form.format(each.reader, each.page, each.status, *figures))
    subject.write([asdict(each) for each in found])


def _tokens(home: Home) -> list[tuple[str, str]]:
    """What the operator and a reader of C1 show, once the registers have followed."""
    with open_ledger(home) as ledger:
        follow.catch_up(ledger.pool)
        now = ledger.clock()
        with ledger.database.connect_as_owner() as conn:
            _, token = granted_access.grant(
                conn,
                now,
                role=Role.CONTROLLER_READER,
                holder="benchmark",
                expires_at=now + timedelta(days=1),
                controllers=("C1",),
            )
    return [("operator", home.token_file.read_text().strip()), ("C1", token)]


def measure(address: str, reader: str, token: str) -> list[Timed]:
    """Each page that the reader may see."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address, headers=headers, timeout=300) as http:
        reference = replace(_timed(http, REFERENCE, reader, 1.0), ratio=1.0)
        found = [_timed(http, page, reader, reference.median_ms) for page in PAGES]
    return [reference, *(each for each in found if each.status != 403)]


def _timed(http: httpx.Client, page: str, reader: str, reference: float) -> Timed:
    times, status = [], 0
    for _ in range(TIMES):
        start = time.perf_counter()
        status = http.get(page).status_code
        times.append((time.perf_counter() - start) * 1000)
    return Timed(page, reader, status, median(times), max(times), median(times) / reference)


if __name__ == "__main__":
    main()
