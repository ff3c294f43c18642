"""What appends, proofs, registers and questions about the past cost as the log grows, from a
thousand entries to ten million.

    python -m benchmarks.growth DIR [--most 7] [--json FILE] [--plot FILE.svg]

A new ledger in DIR grows by entries that hold no event, through the append itself and in large
transactions: tree, tiles and checkpoints are the real ones, and `benchmarks.serving --data DIR` can
ask for its proofs. At each power of ten signed events are appended one by one, receipts and
consistency proofs made for places all over the log, the registers follow one event, and a register
of one controller is asked for as of a moment, from its events; there are as many of these at each
size. Each figure is a median in milliseconds, in the process itself, without HTTP; beside them, at
each size, stands what a durable row takes then.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from benchmarks import plot, references
from benchmarks.append import KVK, enrol
from benchmarks.load import Producer
from ledger import deployment, head, opening
from ledger.append import Appended
from ledger.deployment import Home
from ledger.head import NewEntry
from ledger.opening import Ledger
from projections import follow, sql
from projections.question import Moment, ask
from projections.registers import REGISTERS

BATCH = 5_000
APPENDS = 100
FOLLOWED = 30
ASKED = 30
PROOFS = 300
T = TypeVar("T")

TOPIC = "nothing.to.see.v1"


@dataclass(frozen=True, slots=True)
class Grown:
    """Medians in milliseconds at a size, and the entries a second since the size before."""

    size: int
    grown_per_second: float
    append_ms: float
    receipt_ms: float
    consistency_ms: float
    follow_ms: float
    as_of_ms: float
    insert_ms: float


CURVES = {
    "append": "append_ms",
    "receipt": "receipt_ms",
    "consistency": "consistency_ms",
    "follow": "follow_ms",
    "as of": "as_of_ms",
    "INSERT": "insert_ms",
}
"""What the columns and the lines of the plot are called, and which figure each is."""


def main(arguments: list[str] | None = None) -> None:
    """Grow, measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("directory", type=Path, help="where the ledger is made")
    parser.add_argument("--most", type=int, default=7, help="the last power of ten")
    parser.add_argument("--json", type=Path, help="file for the result")
    parser.add_argument("--plot", type=Path, help="file for a plot, as SVG")
    asked = parser.parse_args(arguments)
    print("".join(f"{name:>12}" for name in ("entries", "grown/s", *CURVES)))
    found: list[Grown] = []
    for grown in measure(Home(asked.directory), asked.most):
        first = f"{grown.size:>12,}{grown.grown_per_second:>12,.0f}"
        print(first + _columns(grown), flush=True)
        found.append(grown)
        if asked.json is not None:
            asked.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    if asked.plot is not None:
        asked.plot.write_text(drawn(found))


def _columns(grown: Grown) -> str:
    return "".join(f"{getattr(grown, figure):>12.2f}" for figure in CURVES.values())


def drawn(found: Sequence[Grown]) -> str:
    """The figures as a plot."""
    return plot.lines(
        "Milliseconds by entries in the log",
        [each.size for each in found],
        {name: [getattr(each, figure) for each in found] for name, figure in CURVES.items()},
    )


def measure(home: Home, most: int) -> Iterable[Grown]:
    """A new ledger at each power of ten, from 1,000 on."""
    deployment.init(
        home, origin="benchmark.example/log", kvk=KVK, tables=[sql.text("registers.sql")]
    )
    with opening.open_ledger(home) as ledger:
        references.prepare(ledger.database.url)
        producer = enrol(home, ledger)
        for power in range(3, most + 1):
            before, begun = ledger.reader.size(), time.perf_counter()
            _grow(ledger, 10**power)
            grown = (10**power - before) / (time.perf_counter() - begun)
            with ledger.database.connect_as_owner() as conn:
                conn.execute("ANALYZE")  # as autovacuum does, but now
                conn.execute("UPDATE followed SET position = %s", (ledger.reader.size(),))
            yield _measured(ledger, producer, power, grown)


def _grow(ledger: Ledger, size: int) -> None:
    """Let the log have so many entries."""
    while (at := ledger.reader.size()) < size:
        entries = [
            NewEntry(
                TOPIC, (), b"entry %d %b" % (n, hashlib.sha256(b"%d" % n).hexdigest().encode())
            )
            for n in range(at, min(at + BATCH, size))
        ]
        kept = ledger.signing.kept
        with ledger.pool.connection() as conn, kept.transaction(conn, ledger.sign) as turn:
            recorded_at = max(ledger.clock(), turn.head.recorded_at)
            origin = ledger.identity.origin
            head.extend(conn, turn.head, recorded_at, entries, origin=origin, sign=turn.sign)


def _leaf(number: int) -> bytes:
    return b"entry %d %b" % (number, hashlib.sha256(b"%d" % number).hexdigest().encode())


def _measured(ledger: Ledger, producer: Producer, power: int, grown: float) -> Grown:
    choice = random.Random(power)  # noqa: S311 - the same places each time
    size, reader = ledger.reader.size(), ledger.reader
    indexes = [choice.randrange(size) for _ in range(PROOFS)]
    olds = [choice.randrange(1, size) for _ in range(PROOFS)]
    sent = [producer.sign(f"{power}-{n}", producer.controllers[n % 20]) for n in range(APPENDS)]
    insert = references.insert_ms(ledger.database.url, 1.0)
    append_ms = _median(sent, lambda envelope: _append(ledger, envelope))
    follow.catch_up(ledger.pool)
    return Grown(
        size=size,
        grown_per_second=grown,
        append_ms=append_ms,
        receipt_ms=_median(indexes, reader.receipt),
        consistency_ms=_median(olds, lambda old: reader.prove_consistency(old, size)),
        follow_ms=_median(
            _appended(ledger, producer, power), lambda _: follow.follow_once(ledger.pool)
        ),
        as_of_ms=_median(
            [producer.controllers[n % 20] for n in range(ASKED)],
            lambda controller: _ask(ledger, size, controller),
        ),
        insert_ms=insert,
    )


def _appended(ledger: Ledger, producer: Producer, power: int) -> Iterator[int]:
    """Events, each appended when it is asked for."""
    for n in range(FOLLOWED):
        _append(ledger, producer.sign(f"{power}-followed-{n}", producer.controllers[n % 20]))
        yield n


def _ask(ledger: Ledger, size: int, controller: str) -> None:
    """The instructions of a controller as of now, known at a size: from its events."""
    ask(
        ledger.pool,
        REGISTERS["instructions"],
        Moment(ledger.clock(), size),
        controller=controller,
    )


def _append(ledger: Ledger, envelope: bytes) -> None:
    (answer,) = ledger.append([envelope])
    if not isinstance(answer, Appended):
        raise answer


def _median(asked: Iterable[T], answer: Callable[[T], object]) -> float:
    times = []
    for one in asked:
        begun = time.perf_counter()
        answer(one)
        times.append(time.perf_counter() - begun)
    return median(times) * 1000


if __name__ == "__main__":
    main()
