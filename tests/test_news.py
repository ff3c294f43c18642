"""What a subscription is told of: what it may read, each thing once, and nothing of another's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from api.delivering import Sender
from ledger import subscriptions
from ledger.opening import Ledger
from ledger.outbound import Outbound
from ledger.reader import Reader
from ledger.subscriptions import Kind, Subscription
from projections import news
from projections.clocks import ask_clocks
from projections.findings import ask_findings
from projections.question import Moment
from projections.withheld import one_controller
from tests.ledgers import TestLedger
from tests.receiver import Receiver, receiving
from tests.subscribed import Standing, send_all, sender, subscribe, watch
from tests.test_isolation import CONTROLLERS, allowed, feed, ids_in, scenario
from tests.test_withheld import demand, disclosed, told

__all__ = ["scenario"]

URL = "https://hooks.example/"
DAY = timedelta(days=1)
SCHEMA = Path(__file__).parent.parent / "docs" / "reference" / "webhook.schema.json"


def of(controller: str | None, **more: Any) -> Subscription:
    """A subscription that was told of nothing yet, as it is read from the database."""
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    made: dict[str, Any] = {"within": 10_000 * DAY, "types": None, "position": 0, **more}
    return Subscription(
        id="w-1",
        address=URL,
        networks=(),
        holder="receiver-1",
        controller=controller,
        kinds=tuple(Kind),
        created_at=long_ago,
        disabled_at=None,
        disabled_why=None,
        **made,
    )


def all_entries(ledger: Ledger, to: Subscription, limit: int = 7) -> list[dict[str, Any]]:
    """Every entry that it is told of, some at a time as they are put in line."""
    found: list[dict[str, Any]] = []
    while True:
        messages, position = news.entries(ledger, to, limit)
        assert len(messages) <= limit
        found += [message.data for message in messages]
        if position == to.position:
            return found
        assert position > to.position
        to = replace(to, position=position)


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_controller_is_told_of_its_own_entries_and_the_shared_ones(
    scenario: Ledger, controller: str
) -> None:
    """Exactly those of the allow-list that is worked out from the feed, each once, in order; none
    names another controller."""
    mine = allowed()[controller]
    found = all_entries(scenario, of(controller))
    indexes = [data["index"] for data in found]
    assert indexes == sorted(set(indexes))
    read = {index: json.loads(scenario.reader.leaf(index)) for index in indexes}
    ids = {json.loads(entry["payload"])["id"] for entry in read.values()}
    noted = {data["index"] for data in found if data["event_type"] == "CheckpointSigned"}
    assert {id for id in ids if not id.startswith("checkpoint-")} == {
        event["id"]
        for event in feed()
        if event["id"] in mine and event["type"] != "CheckpointSigned"
    }
    assert noted
    assert {name for data in found for name in data["controllers"]} == {controller}
    assert not ids_in(found) - {controller}


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_it_is_told_of_no_clock_and_no_finding_of_another(
    scenario: Ledger, controller: str
) -> None:
    """But of all that it may read: as many as the questions over HTTP answer."""
    to, seen = of(controller), one_controller(scenario, controller)
    at = scenario.now()
    clocks, findings = news.clocks(scenario, to), news.findings(scenario, to)
    assert len(clocks) == len(ask_clocks(seen, at, Moment()).clocks)
    assert len(findings) == len(ask_findings(seen, at, Moment()).findings)
    assert findings
    for message in (*clocks, *findings):
        assert not ids_in(message.data) - {controller}, message


def test_a_question_that_forgets_its_condition_tells_nothing_of_another(
    scenario: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database shows a subscription of a controller no other rows, whatever is asked: here for
    all entries."""
    monkeypatch.setattr(Reader, "visible", lambda self, controller, **asked: self.events(**asked))
    mine = {data["index"] for data in all_entries(scenario, of("C5"))}
    monkeypatch.undo()
    assert mine == {data["index"] for data in all_entries(scenario, of("C5"))}


def test_the_whole_ledger_is_told_of_whole(scenario: Ledger) -> None:
    """Each entry once, with whom it concerns."""
    found = all_entries(scenario, of(None), limit=50)
    assert [data["index"] for data in found] == list(range(scenario.reader.size()))
    with scenario.pool.connection() as conn:
        rows = conn.execute("SELECT position, controller FROM numbers").fetchall()
    assert {(d["index"] + 1, c) for d in found for c in d["controllers"]} == set(rows)


def test_no_message_repeats_what_an_event_says(scenario: Ledger) -> None:
    """Ids of cases, types, rules and moments; no text and no other field of any event."""
    to = of(None)
    messages = [*news.clocks(scenario, to), *news.findings(scenario, to)]
    entries, _ = news.entries(scenario, to, 100_000)
    known = {
        Kind.ENTRY: {"index", "event_type", "controllers", "href"},
        Kind.CLOCK: {
            "rule",
            "subject",
            "controllers",
            "started_at",
            "due_at",
            "state",
            "href",
        },
        Kind.FINDING: {"rule", "severity", "subject", "controllers", "at", "href"},
    }
    for message in (*messages, *entries):
        assert message.data.keys() == known[Kind(message.kind)]
    texts = {
        value
        for event in feed()
        for value in event["data"].values()
        if isinstance(value, str) and re.search(r"\s", value)
    }
    sent = json.dumps([message.data for message in (*messages, *entries)], ensure_ascii=False)
    # What a certificate is for is the subject of a finding about it.
    assert {text for text in texts if text in sent} <= {"ISO/IEC 27001", "NEN 7510"}


def test_messages_are_as_the_reference_says(scenario: Ledger) -> None:
    """Each fits the published schema, and each kind is met."""
    schema = json.loads(SCHEMA.read_text())
    to = of(None)
    entries, _ = news.entries(scenario, to, 100)
    met = set()
    for message in (*news.clocks(scenario, to), *news.findings(scenario, to), *entries):
        body = {"type": message.kind, "timestamp": "2026-01-01T00:00:00Z", "data": message.data}
        jsonschema.validate(body, schema, format_checker=jsonschema.FormatChecker())
        met.add(message.kind)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**body, "data": {**message.data, "more": 1}}, schema)
    assert met == {*Kind}


def test_what_may_not_be_told_yet_is_told_when_it_may(ledger: TestLedger) -> None:
    """A demand under a ban (4.7): nothing of it or after it, until its controller was told; then
    all of it. Another controller sees no difference."""
    ledger.fill(2)
    first = demand(ledger, "C1")
    disclosed(ledger, "C1")
    ledger.fill(2, start=10)
    to, other = of("C1"), of("C2")
    before = all_entries(ledger.ledger, to)
    assert max(data["index"] for data in before) < first
    assert before
    _, position = news.entries(ledger.ledger, to, 100)
    told(ledger, "C1")
    after = all_entries(ledger.ledger, replace(to, position=position))
    mine = [data["index"] for data in (*before, *after)]
    assert mine == [e.position - 1 for e in ledger.ledger.reader.visible("C1", limit=1000)]
    assert first in mine
    assert first not in {data["index"] for data in all_entries(ledger.ledger, other)}


# Clocks and findings, as time passes.


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path) as made:
        yield made


class Passing:
    """A ledger with a breach, whose time the test lets pass."""

    def __init__(self, made: TestLedger, receiver: Receiver) -> None:
        self.made = made
        self.receiver = receiver
        self.by: Sender = sender(made.ledger, Outbound(receiver.trusted))
        self.clock = Standing(made.clock.moment)
        made.ledger.clock = self.clock

    def breach(self, number: int, *controllers: str) -> None:
        """A breach of which the processor becomes aware now."""
        at = self.clock().isoformat().replace("+00:00", "Z")
        data = {
            "breach_id": f"B-{number}",
            "event_ref": f"SE-{number}",
            "became_aware_at": at,
            "occurred_from": at,
            "occurred_until": at,
            "controller_ids": [*controllers],
            "subject_count": 3,
        }
        self.made.append("BreachConfirmed", data, service="security-desk", at=self.clock())

    def look(self, **later: float) -> list[tuple[str, str, str, tuple[str, ...]]]:
        """What is told when somebody looks after a while: the path, kind, rule and controllers."""
        self.clock.moment += timedelta(**later)
        self.receiver.got.clear()
        watch(self.made.ledger, self.by)
        send_all(self.by)
        return [
            (
                got.path.rpartition("/")[2],
                got.told["type"],
                got.told["data"]["rule"],
                tuple(got.told["data"]["controllers"]),
            )
            for got in self.receiver.got
        ]


@pytest.fixture
def passing(ledger: TestLedger, receiver: Receiver) -> Passing:
    return Passing(ledger, receiver)


JUDGED = (Kind.CLOCK, Kind.FINDING)


def test_a_clock_is_told_of_once_before_it_is_due(passing: Passing) -> None:
    """Not before its time, and not again; another term is another thing to be told."""
    url, of = passing.receiver.url, passing.made.ledger
    subscribe(of, f"{url}/all", kinds=[Kind.CLOCK], within=timedelta(hours=6))
    passing.breach(1, "C1")
    assert passing.look(hours=1) == []
    assert passing.look(hours=16) == []
    assert passing.look(hours=2) == [("all", "clock.due", "R-9.1", ("C1",))]
    assert passing.receiver.got[0].told["data"]["state"] == "running"
    assert passing.look(minutes=1) == passing.look(hours=10) == []
    passing.breach(2, "C1")
    assert [told[2] for told in passing.look(hours=20)] == ["R-9.1"]


def test_a_clock_that_became_due_while_nobody_looked_is_told_of_all_the_same(
    passing: Passing,
) -> None:
    """A service that was away; but what was overdue before somebody subscribed is no news."""
    url, of = passing.receiver.url, passing.made.ledger
    subscribe(of, f"{url}/early", kinds=[Kind.CLOCK])
    passing.breach(1, "C1")
    passing.clock.moment += 3 * DAY
    subscribe(of, f"{url}/late", kinds=[Kind.CLOCK])
    found = passing.look()
    assert found == [("early", "clock.due", "R-9.1", ("C1",))]
    assert passing.receiver.got[0].told["data"]["state"] == "late"


def test_a_clock_that_was_stopped_is_not_told_of(passing: Passing) -> None:
    """What was done in time reminds nobody."""
    of = passing.made.ledger
    subscribe(of, f"{passing.receiver.url}/all", kinds=[Kind.CLOCK])
    passing.breach(1, "C1")
    passing.clock.moment += timedelta(hours=1)
    at = passing.clock().isoformat().replace("+00:00", "Z")
    data = {"breach_id": "B-1", "controller_id": "C1", "missing_items": [], "notified_at": at}
    passing.made.append("BreachNotified", data, service="security-desk", at=passing.clock())
    assert [told for told in passing.look(hours=1) if told[2] == "R-9.1"] == []


def test_a_finding_is_told_of_once_when_it_begins_to_hold(passing: Passing) -> None:
    """Also one that comes with time alone; what held before somebody subscribed is no news."""
    url, of = passing.receiver.url, passing.made.ledger
    passing.breach(1, "C1")
    passing.look(days=2)
    subscribe(of, f"{url}/all", kinds=[Kind.FINDING])
    assert passing.look(hours=1) == []
    passing.breach(2, "C2")
    assert passing.look(hours=20) == []
    assert passing.look(hours=5) == [("all", "finding.held", "R-9.1", ("C2",))]
    assert passing.look(hours=1) == passing.look(minutes=1) == []
    assert passing.receiver.got == []


def test_each_is_told_of_its_own_at_its_own_address(passing: Passing) -> None:
    """Three receivers, of one controller each and of the whole ledger: what reaches one of another
    controller's would be a leak."""
    url, of = passing.receiver.url, passing.made.ledger
    secrets = {}
    for controller in ("C1", "C2", None):
        made = subscribe(of, f"{url}/{controller}", controller=controller, kinds=JUDGED)
        secrets[str(controller)] = made.secret
    passing.breach(1, "C1")
    passing.breach(2, "C2", "C1")
    found = passing.look(hours=23) + passing.look(days=20)
    for path, *_, controllers in found:
        if path != "None":
            assert {*controllers} <= {path}
    assert {c for path, *_, named in found if path == "None" for c in named} == {"C1", "C2"}
    assert {path for path, *_ in found} == {"C1", "C2", "None"}
    for path in ("C1", "C2"):
        assert ("finding.held", "R-9.1", (path,)) in [told[1:] for told in found if told[0] == path]


def test_one_that_is_removed_while_somebody_looks_is_told_nothing(passing: Passing) -> None:
    """And nothing is left of it."""
    of = passing.made.ledger
    made = subscribe(of, f"{passing.receiver.url}/all", kinds=[Kind.CLOCK]).to
    passing.breach(1, "C1")
    with of.database.connect_as_owner() as conn:
        subscriptions.remove(conn, made.id)
    assert passing.look(hours=23) == []
