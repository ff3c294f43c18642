"""The line between service and PostgreSQL: lost at every statement of an append, for a while, or
silent.

A statement whose answer is lost was done: after COMMIT, the append was committed and nobody was
told. The service commits the same batch again, and finds what was.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from ledger.deployment import DATABASE
from ledger.embedded import EmbeddedServer, guard
from tests.faults.fault import Fault, Outcome, Says
from tests.faults.scene import Scene, until
from tests.faults.wire import Cut, Line, When

KIND = "connection"


@contextmanager
def line(scene: Scene) -> Iterator[Line]:
    """The service reaches the server of its ledger over a line that can be cut."""
    with (
        EmbeddedServer.open(scene.postgres),
        tempfile.TemporaryDirectory(prefix="line-") as directory,
        Line(Path(directory), Path((scene.postgres / guard.SOCKET).read_text())) as made,
    ):
        host = quote(directory, safe="")
        url = f"postgresql://postgres@/{DATABASE}?host={host}"
        scene.service.options = ("--database-url", url)
        yield made
        scene.end()


def cut_everywhere(when: When) -> Callable[[Scene, int], None]:
    """Each statement of an append in its turn, with appends answered between."""

    def play(scene: Scene, number: int) -> None:
        made: Line = scene.beside
        # Once only, it may be of an append that the ledger makes by itself now and then.
        statements = [text for text, count in made.statements.items() if count > 2]
        assert statements[0].startswith("BEGIN"), statements
        assert any("INSERT INTO entries" in each for each in statements), statements
        assert any(each.startswith("COMMIT") for each in statements), statements
        for statement in statements:
            cut = made.cut = Cut(statement, when)
            assert cut.hit.wait(60), f"this statement did not come again: {statement}"
            scene.answered()

    return play


def away(scene: Scene, seconds: int) -> None:
    """Every connection is lost, and none is taken for so long."""
    scene.beside.away.set()
    scene.beside.break_all()
    time.sleep(seconds)
    scene.beside.away.clear()


def away_until_told(scene: Scene, number: int) -> None:
    """As long as it takes until a client is told."""
    before = scene.clients.mark().failed
    scene.beside.away.set()
    scene.beside.break_all()
    until(lambda: scene.clients.mark().failed > before, "a client is told", 180)
    scene.beside.away.clear()


def mute(scene: Scene, seconds: int) -> None:
    """Nothing comes and nobody is told, for so long; then the connections are lost."""
    scene.beside.mute.set()
    time.sleep(seconds)
    scene.beside.break_all()
    scene.beside.mute.clear()


FAULTS: Sequence[Fault] = (
    *(
        Fault(
            f"statement-{name}",
            KIND,
            f"The connection is lost at every statement of an append in turn, {when}",
            Outcome.GOES_ON,
            cut_everywhere(when),
            [Says("service", "a commit failed")],
            around=line,
        )
        for name, when in (
            ("unsent", When.BEFORE),
            ("half-sent", When.HALF),
            ("unanswered", When.UNANSWERED),
        )
    ),
    Fault(
        "database-away-shortly",
        KIND,
        "Every connection to PostgreSQL is lost, and none can be made for 1 and 3 seconds",
        Outcome.BY_ITSELF,
        away,
        (),
        (1, 3),
        around=line,
    ),
    Fault(
        "database-away",
        KIND,
        "Every connection to PostgreSQL is lost, and none can be made until a client is told",
        Outcome.BY_ITSELF,
        away_until_told,
        [Says("answer", "status 503: the database does not answer")],
        around=line,
    ),
    Fault(
        "database-mute",
        KIND,
        "Nothing comes from PostgreSQL for 5 seconds, and then the connections are lost",
        Outcome.BY_ITSELF,
        mute,
        (),
        (5,),
        around=line,
    ),
)
