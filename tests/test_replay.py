"""Replaying a feed: into a demonstration only, resumable, and bad lines named."""

from __future__ import annotations

import json
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from ledger import feed
from ledger.deployment import Home
from ledger.errors import ConfigurationError
from ledger.feed import LONGEST_LINE, FeedError
from ledger.replay import Replayed, demo_ledger, replay
from projections import sql
from projections.civil import AMSTERDAM
from tests.check_ledger import check_ledger, check_registers
from tests.ledgers import Clock, TestLedger, make_home
from tests.vectors import shared

ORIGIN = "demo.example/feed"


def run(
    home: Home, events: Path, *, origin: str = ORIGIN, resume: bool = False
) -> tuple[Replayed, int]:
    """Replay a feed and check the ledger; what was done, and the size of the log."""
    tables = [sql.text("registers.sql")]
    with demo_ledger(home, events, origin=origin, tables=tables, resume=resume) as (ledger, clock):
        done = replay(home, ledger, clock, events)
        made = TestLedger(home, ledger, Clock())
        check_ledger(made)
        return done, ledger.reader.size()


@pytest.fixture
def demo() -> Path:
    """The feed of the demonstration."""
    with resources.as_file(resources.files("ledger.demo") / "feed.ndjson") as file:
        return file


def months(events: Path) -> int:
    """The months of a feed: the ledger notes itself at the begin of each but the first, and at the
    end."""
    recorded = (json.loads(line)["recorded_at"] for line in events.read_text().splitlines())
    return len(
        {datetime.fromisoformat(at).astimezone(AMSTERDAM).strftime("%Y-%m") for at in recorded}
    )


def write(tmp_path: Path, lines: list[Any]) -> Path:
    file = tmp_path / "feed.ndjson"
    file.write_text(
        "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    )
    return file


def good(demo: Path, count: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in demo.read_text().splitlines()[:count]]


def test_the_demonstration_is_a_good_feed(home: Home, demo: Path) -> None:
    """Two years of most event types, every one recorded at the moment the feed says."""
    done, size = run(home, demo)
    lines = len(demo.read_text().splitlines())
    assert done == Replayed(lines, 0)
    assert size == lines + 2 + months(demo)


def test_the_scenario_is_recorded_whole(home: Home) -> None:
    """Every event of the acceptance scenario is taken, and the registers are folds of the log."""
    events = shared("scenario") / "feed.ndjson"
    tables = [sql.text("registers.sql")]
    with demo_ledger(home, events, origin=ORIGIN, tables=tables, resume=False) as (ledger, clock):
        assert replay(home, ledger, clock, events) == Replayed(225, 0)
        assert ledger.reader.size() == 2 + 225 + months(events)
        assert replay(home, ledger, clock, events) == Replayed(0, 225)
        assert ledger.reader.size() == 2 + 225 + months(events)
        made = TestLedger(home, ledger, Clock())
        check_ledger(made)
        check_registers(made)


def test_a_replay_that_stopped_goes_on(home: Home, demo: Path, tmp_path: Path) -> None:
    """What was recorded is found again, the rest is added, nothing twice."""
    half = write(tmp_path, [json.dumps(line) for line in good(demo, 60)])
    assert run(home, half)[0] == Replayed(60, 0)
    done, size = run(home, demo, resume=True)
    total = len(demo.read_text().splitlines())
    assert done == Replayed(total - 60, 60)
    assert size == total + 2 + months(demo) + 1  # one more at the end of the first half


def test_a_real_ledger_is_never_replayed_into(home: Home, demo: Path) -> None:
    """Its clock is the machine's; neither as it is nor to resume."""
    make_home(home, Clock())
    for resume in (True, False):
        with pytest.raises(ConfigurationError):
            run(home, demo, resume=resume)


def test_a_demonstration_says_so_in_its_origin(home: Home, demo: Path) -> None:
    """An origin that could be a real one is refused."""
    with pytest.raises(ConfigurationError, match="starts with demo"):
        run(home, demo, origin="ledger.example/log")


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("{", "not JSON"),
        ("[]", "fields"),
        ({"id": "x"}, "fields"),
        ({"id": 7}, "id must be text"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"recorded_at": "2024-01-02"}, "recorded_at"),
        ({"recorded_at": "2020-01-01T00:00:00Z"}, "before the line above"),
        ({"data": []}, "data must be an object"),
        ({"type": "Nothing"}, "not an event type"),
        ({"producer": "stranger"}, "no key was enrolled"),
        ({"data": {"processor_id": "P"}}, "legal_name"),
        ('{"a":' * 40 + "1" + "}" * 40, "deeper"),
        ("x" * (LONGEST_LINE + 5), "longer than"),
        ("y" * 10_000_000, "longer than"),
    ],
)
def test_a_bad_line_is_named(
    home: Home, demo: Path, tmp_path: Path, line: Any, finding: str
) -> None:
    """The number of the line and what is wrong with it; the lines above are recorded."""
    lines: list[Any] = list(good(demo, 7))
    if isinstance(line, dict) and line != {"id": "x"}:
        line = {**lines[6], **line}
    lines[6] = line
    with pytest.raises(FeedError, match=finding) as found:
        run(home, write(tmp_path, lines))
    assert found.value.line == 7
    assert len(str(found.value)) < 500


def test_a_long_feed_is_read_line_by_line(tmp_path: Path, demo: Path) -> None:
    """The first bad line is found after 10,000 good ones, without holding them."""
    text = demo.read_text().splitlines()[0] + "\n"
    file = tmp_path / "long.ndjson"
    with file.open("w") as out:
        for _ in range(100):
            out.write(text * 100)
        out.write("{\n")
    with pytest.raises(FeedError) as found:
        for _ in feed.read(file):
            pass
    assert found.value.line == 10_001


def test_an_empty_feed_is_an_error(home: Home, tmp_path: Path) -> None:
    """Not an empty ledger."""
    with pytest.raises(FeedError, match="no event"):
        run(home, write(tmp_path, []))
