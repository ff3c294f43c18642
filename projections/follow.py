"""Following the log: the stored registers are kept as the folds over the log would give them.

One transaction takes a batch of new events, folds the cases that they touch anew, replaces the rows
of those cases and moves the position: so each event counts exactly once, whenever the process dies.
The row of `followed` is locked, so two followers never do the same work twice. `rebuild` does the
same from the first event into a new generation, which then takes the place of the old one.
`tests/test_follow.py` compares both with a fold of the whole log.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from ledger.database import is_away
from ledger.listener import Listener
from projections import cases, history, spans, stored
from projections.facts import Recorded
from projections.folds import FOLDS, FOLLOWED
from projections.rebuild import Workers
from projections.rebuild import rebuild as anew
from projections.register import Register, Row
from projections.rows import body

BATCH = 500
"""Events in one transaction while following."""

GATHER = 0.1
"""Seconds in which more events may come, to be applied together: applying each alone would take as
long as appending it did."""

TABLES = ("register_rows", "register_cases", "case_controllers")
"""What is stored of each generation."""

log = structlog.get_logger(__name__)


def follow_once(pool: ConnectionPool, registers: Mapping[str, Register] = FOLLOWED) -> int:
    """Apply one batch of new events; how many there were. 0: nothing new, or another follows, or
    the rows are those of other folds than ours."""
    with pool.connection() as conn, conn.transaction():
        row = conn.execute(
            "SELECT generation, position FROM followed WHERE folds = %s FOR UPDATE SKIP LOCKED",
            (FOLDS,),
        ).fetchone()
        if row is None:
            return 0
        generation, position = row
        events = history.after(conn, position, BATCH)
        if events:
            _apply(conn, registers, generation, events)
            conn.execute("UPDATE followed SET position = %s", (events[-1].position,))
        return len(events)


def remake(pool: ConnectionPool, registers: Mapping[str, Register] = FOLLOWED) -> int:
    """Make anew the rows that earlier folds than ours made; the position reached, 0 if none."""
    with pool.connection() as conn:
        row = conn.execute("SELECT FROM followed WHERE folds < %s", (FOLDS,)).fetchone()
    if row is None:
        return 0
    log.info("making the registers anew: this program has other folds")
    return rebuild(pool, registers)


def position(pool: ConnectionPool) -> int:
    """How many entries the stored rows have followed."""
    with pool.connection() as conn:
        row = conn.execute("SELECT position FROM followed").fetchone()
        return int(row[0]) if row else 0


def catch_up(pool: ConnectionPool, registers: Mapping[str, Register] = FOLLOWED) -> int:
    """Apply all events there are; how many there were.

    Rows that later folds than ours made are left to the program that has these.
    """
    total = remake(pool, registers)
    while count := follow_once(pool, registers):
        total += count
    return total


def rebuild(
    pool: ConnectionPool,
    registers: Mapping[str, Register] = FOLLOWED,
    progress: Callable[[int], None] = lambda position: None,
    workers: Workers | None = None,
) -> int:
    """Make all stored rows anew from the log and swap them in whole; the position reached.

    Following stands still meanwhile; readers keep the old rows until the end. `progress` is told
    how many entries have been worked through.
    """
    with pool.connection() as conn, conn.transaction():
        row = conn.execute("SELECT generation FROM followed FOR UPDATE").fetchone()
        old = int(row[0]) if row else 0
        for table in TABLES:
            conn.execute(f"DELETE FROM {table} WHERE generation <> %s".encode(), (old,))  # noqa: S608
        position = history.size(conn)
        anew(conn, old + 1, registers, position, progress, workers)
        # What came meanwhile.
        while events := history.after(conn, position, BATCH):
            _apply(conn, registers, old + 1, events)
            position = events[-1].position
            progress(position)
        conn.execute(
            "UPDATE followed SET generation = %s, position = %s, folds = %s",
            (old + 1, position, FOLDS),
        )
        for table in TABLES:
            conn.execute(f"DELETE FROM {table} WHERE generation = %s".encode(), (old,))  # noqa: S608
    return position


class Follower:
    """Follows in a thread of its own. It stops at the first error and keeps it to be seen."""

    def __init__(self, pool: ConnectionPool, listener: Listener) -> None:
        self._pool = pool
        self._new = threading.Event()
        self._closing = threading.Event()
        self._listener = listener
        self.error: BaseException | None = None
        listener.subscribe(self._new.set)
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the running batch."""
        self._closing.set()
        self._new.set()
        self._listener.unsubscribe(self._new.set)
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._new.clear()
            try:
                remake(self._pool)
                more = follow_once(self._pool) == BATCH
            except Exception as error:
                if is_away(error):
                    log.warning("following waits for the database", error=type(error).__name__)
                    self._closing.wait(1)
                    continue
                # Going on would leave rows that are wrong without anyone knowing.
                log.exception("following stopped")
                self.error = error
                return
            if not more:
                self._new.wait()
                self._closing.wait(GATHER)


def _apply(
    conn: psycopg.Connection,
    registers: Mapping[str, Register],
    generation: int,
    events: Sequence[Recorded],
) -> None:
    upto = events[-1].position
    for name, touched in cases.touched(conn, registers, events, upto=upto).items():
        register = registers[name]
        facts = cases.facts_of(conn, register, touched.keys(), upto=upto)
        rows = {case: list(register.fold(case, facts[case])) for case in facts}
        for case in _unchanged(conn, generation, name, touched, rows):
            del touched[case]
        _replace(conn, generation, name, touched, rows)
        spans.keep(conn, generation, name, spans.spans(register, touched, facts))


def _unchanged(
    conn: psycopg.Connection,
    generation: int,
    register: str,
    touched: Mapping[str, cases.Touch],
    rows: Mapping[str, Sequence[Row]],
) -> list[str]:
    """The cases that merely rest on what changed, and say the same as before."""
    resting = [case for case, touch in touched.items() if not touch.own]
    if not resting:
        return []
    known: dict[str, list[tuple[str, str | None, str]]] = {case: [] for case in resting}
    for case, *stands in conn.execute(
        "SELECT case_key, key, controller, body FROM register_rows"
        " WHERE generation = %s AND register = %s AND case_key = ANY(%b)",
        (generation, register, resting),
    ):
        known[case].append(tuple(stands))
    return [
        case
        for case in resting
        if sorted(known[case], key=str)
        == sorted(((r.key, stored.owner(r), body(r)) for r in rows.get(case, ())), key=str)
    ]


def _replace(
    conn: psycopg.Connection,
    generation: int,
    register: str,
    touched: Mapping[str, cases.Touch],
    rows: Mapping[str, Sequence[Row]],
) -> None:
    conn.execute(
        "DELETE FROM register_rows WHERE generation = %s AND register = %s AND case_key = ANY(%b)",
        (generation, register, sorted(touched)),
    )
    made = stored.stored(register, {case: rows[case] for case in touched if case in rows})
    stored.insert(conn, generation, register, made)
