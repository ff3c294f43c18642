"""Replaying a feed: into a demonstration only, resumable, and bad lines named."""

from __future__ import annotations

import json
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from ledger import cloudevent, entry, keys
from ledger.deployment import Home
from ledger.errors import ConfigurationError
from ledger.feed import LONGEST_LINE, FeedError
from ledger.keyring import CHECKPOINT_SIGNED
from ledger.opening import open_ledger
from ledger.replay import Replayed, demo_ledger, replay
from projections import sql
from projections.civil import AMSTERDAM
from tests.check_ledger import check_ledger, check_registers
from tests.feeds import header
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


def instructions(*moments: str) -> list[dict[str, Any]]:
    """A feed of parties and of instructions that were recorded at these moments, from line 7 on."""
    return [
        *header(["C1", "C2"]),
        *(
            {
                "id": f"I-{number}",
                "type": "InstructionReceived",
                "occurred_at": at,
                "recorded_at": at,
                "producer": "desk",
                "data": {
                    "instruction_id": f"I-{number}",
                    "controller_id": "C1",
                    "channel": "email",
                },
            }
            for number, at in enumerate(moments)
        ),
    ]


def ids_in(home: Home) -> list[str]:
    """The ids of the events in the ledger, in its order, without those in which it notes itself."""
    with open_ledger(home) as ledger:
        events = [
            cloudevent.parse(entry.parse(stored.leaf).payload) for stored in ledger.reader.scan()
        ]
        return [event.id for event in events if event.type.name != CHECKPOINT_SIGNED]


BAD_IN_A_GROUP: list[Any] = [
    {"producer": "stranger"},
    {"type": "Nothing"},
    {"data": {"instruction_id": "I-3", "controller_id": "C1"}},
    {"data": {"instruction_id": "I-3", "controller_id": "C99", "channel": "email"}},
    {"data": {"instruction_id": "I-3", "controller_id": "C1", "channel": "email", "x": 1}},
    {"type": "InstructionExecuted", "data": {"instruction_id": "I-none", "controller_id": "C1"}},
    {"occurred_at": "2030-01-01T00:10:00Z"},
    {"id": "I-1"},
    {"data": {"instruction_id": "I-3", "controller_id": "C1", "channel": "email",
              "sender_claimed": "jan@example.nl"}},
    '{"id": ',
]  # fmt: skip


@pytest.mark.parametrize("change", BAD_IN_A_GROUP)
def test_nothing_below_a_bad_line_is_recorded(home: Home, tmp_path: Path, change: Any) -> None:
    """Nor is it when they were recorded at one moment; and all above it is. When the line was
    mended the replay goes on, and the ledger is as if it had never been wrong."""
    lines = instructions(*["2030-01-01T00:00:00Z"] * 6)
    bad: list[Any] = [*lines]
    bad[9] = change if isinstance(change, str) else {**lines[9], **change}
    with pytest.raises(FeedError) as error:
        run(home, write(tmp_path, bad))
    assert error.value.line == 10
    assert ids_in(home)[2:] == [line["id"] for line in lines[:9]]
    done, _ = run(home, write(tmp_path, lines), resume=True)
    assert done == Replayed(3, 9)
    assert ids_in(home)[2:] == [line["id"] for line in lines]


def test_many_events_of_one_moment_are_recorded(home: Home, tmp_path: Path) -> None:
    """More than a transaction takes, and more than may wait for a commit."""
    lines = instructions(*["2030-01-01T00:00:00Z"] * 4200)
    file = write(tmp_path, lines)
    tables = [sql.text("registers.sql")]
    with demo_ledger(home, file, origin=ORIGIN, tables=tables, resume=False) as (ledger, clock):
        assert replay(home, ledger, clock, file) == Replayed(4206, 0)
        assert replay(home, ledger, clock, file) == Replayed(0, 4206)
    assert ids_in(home)[2:] == [line["id"] for line in lines]


def test_another_feed_is_not_taken_for_the_rest(home: Home, tmp_path: Path) -> None:
    """One that was recorded between what is in the ledger, or that says something else."""
    lines = instructions("2030-01-01T00:00:00Z", "2030-01-03T00:00:00Z")
    assert run(home, write(tmp_path, lines))[0] == Replayed(8, 0)
    between = instructions("2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z")
    between[-1]["id"] = "other"
    with pytest.raises(FeedError, match="filled from another feed") as error:
        run(home, write(tmp_path, between), resume=True)
    assert error.value.line == 8
    changed = [*lines]
    changed[6] = {**lines[6], "occurred_at": "2029-01-01T00:00:00Z"}
    with pytest.raises(FeedError, match="with other content") as error:
        run(home, write(tmp_path, changed), resume=True)
    assert error.value.line == 7
    assert ids_in(home)[2:] == [line["id"] for line in lines]


def test_a_replay_that_died_goes_on(home: Home, demo: Path) -> None:
    """At any line, with the same keys; what was committed is found."""
    tables = [sql.text("registers.sql")]
    for line in (1, 30, 100):

        def die(done: int, at: int = line) -> None:
            if done >= at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            with demo_ledger(home, demo, origin=ORIGIN, tables=tables, resume=True) as (
                made,
                clock,
            ):
                replay(home, made, clock, demo, die)
    secrets = {file: file.read_bytes() for file in home.keys.rglob("*.key")}
    done, _ = run(home, demo, resume=True)
    lines = [json.loads(line)["id"] for line in demo.read_text().splitlines()]
    assert ids_in(home)[2:] == lines
    assert done.recorded + done.already == len(lines)
    assert done.already >= 100
    assert {file: file.read_bytes() for file in secrets} == secrets


def test_what_died_while_it_was_made_is_made(home: Home, tmp_path: Path) -> None:
    """The files are there, the log is not, and one key is still empty."""
    home.keys.mkdir(parents=True)
    log_key = keys.load_or_make(home.keys, "log")
    keys.key_file(home.keys, "administrator").touch(0o600)
    home.vkey_file.write_text("demo.example/feed+00000000+AAAA\n")
    file = write(tmp_path, instructions("2030-01-01T00:00:00Z"))
    assert run(home, file, resume=True)[0] == Replayed(7, 0)
    assert keys.load(keys.key_file(home.keys, "log")).public_key == log_key.public_key


def test_a_ledger_that_is_there_is_said_to_be(home: Home, tmp_path: Path) -> None:
    """And how to go on with it."""
    file = write(tmp_path, instructions("2030-01-01T00:00:00Z"))
    run(home, file)
    with pytest.raises(ConfigurationError, match="--resume goes on"):
        run(home, file)


def test_an_empty_feed_is_an_error(home: Home, tmp_path: Path) -> None:
    """Not an empty ledger."""
    with pytest.raises(FeedError, match="no event"):
        run(home, write(tmp_path, []))
