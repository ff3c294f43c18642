"""What a question about the past reads is enough: the rows are those of a fold of all.

The stored rows and spans may follow the whole log, a part of it or none, and in batches of any
size: the answers are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.deployment import Home
from ledger.events import EVENT_TYPES
from ledger.opening import Ledger
from ledger.replay import demo_ledger, replay
from projections import follow, history, needed, sql
from projections.facts import Recorded, effective
from projections.folds import FOLLOWED
from projections.question import Moment, ask, from_log
from projections.reading import ids
from projections.register import Row
from tests.check_ledger import check_registers
from tests.event_strategies import data_of
from tests.ledgers import START, TestLedger
from tests.recording import by_case
from tests.test_follow import story
from tests.test_form_rules import correction
from tests.vectors import shared

CONTROLLERS = ("C1", "C2", "C3")


def all_rows(
    events: Sequence[Recorded], name: str, as_of: datetime | None
) -> Iterator[tuple[str, Row]]:
    """Every row of a register with its case, from one fold of everything."""
    register = FOLLOWED[name]
    everything = effective(events, as_of=as_of)
    for case, facts in by_case(register, everything).items():
        yield from ((case, row) for row in register.fold(case, facts))


def seen_by(rows: Iterable[tuple[str, Row]], controller: str | None) -> list[Row]:
    """The rows that a controller may see, or all, by key."""
    found = [r for _, r in rows if controller is None or r.controllers in ((), (controller,))]
    return sorted(found, key=lambda row: row.key)


def check_questions(
    ledger: Ledger, moments: Sequence[tuple[int, datetime | None]], controllers: Sequence[str]
) -> int:
    """Ask all registers for every controller at some (size, as_of); how many rows there were."""
    with ledger.pool.connection() as conn:
        recorded = history.after(conn, 0, 10**6)
    count = 0
    for size, as_of in moments:
        known = [event for event in recorded if event.position <= size]
        for name, register in FOLLOWED.items():
            rows = list(all_rows(known, name, as_of))
            for controller in (None, *controllers):
                answer = ask(ledger.pool, register, Moment(as_of, size), controller=controller)
                expected = register.present(seen_by(rows, controller))
                assert list(answer.rows) == list(expected), (name, controller, size, as_of)
                with ledger.pool.connection() as conn:
                    found = from_log(conn, register, size, as_of, controller)
                assert sorted(found, key=lambda row: row.key) == seen_by(rows, controller)
                count += len(answer.rows)
    return count


@pytest.fixture(params=[0, 7, 500])
def batch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many events are followed at once; 0: none are."""
    size = int(request.param)
    monkeypatch.setattr(follow, "BATCH", size)
    return size


def followed(ledger: Ledger, batch: int, *, leave: int = 0) -> None:
    """Follow the log, but for the last `leave` entries or so."""
    while batch and ledger.reader.size() - follow.position(ledger.pool) > leave:
        follow.follow_once(ledger.pool)


def test_the_scenario_for_each_controller_at_many_moments(home: Home, batch: int) -> None:
    """Every register, as of and as known at moments all along the log, is the fold of all of it."""
    events = shared("scenario") / "feed.ndjson"
    tables = [sql.text("registers.sql")]
    with demo_ledger(home, events, origin="demo.example/x", tables=tables, resume=False) as (
        ledger,
        clock,
    ):
        replay(home, ledger, clock, events)
        followed(ledger, batch, leave=20)
        with ledger.pool.connection() as conn:
            recorded = history.after(conn, 0, 10**6)
        everyone = {c for e in recorded for c in ids(e.data, "controller_id", "controller_ids")}
        size = len(recorded)
        middle = recorded[size // 2].occurred_at
        moments = [(size, None), (size, middle), (size // 2, None), (size // 2, middle)]
        moments += [(size * n // 7, recorded[size * n // 7 - 1].occurred_at) for n in (2, 5, 6)]
        assert check_questions(ledger, moments, [*sorted(everyone), "nobody"]) > 1000


def test_a_correction_that_moves_an_event_to_another_controller(
    ledger: TestLedger, batch: int
) -> None:
    """By itself, by the correction of it, and back when it is retracted: known from then on."""
    story(ledger)
    size = ledger.ledger.reader.size()
    ledger.append("EventCorrected", correction("engaged", "controller_ids", ["C2"]), id_="moved")
    ledger.append("EventCorrected", correction("moved", "field_changes.0.new", ["C3"]), id_="again")
    ledger.append("EventRetracted", {"retracts_event_id": "again", "reason": "x"})
    ledger.append("EventRetracted", {"retracts_event_id": "moved", "reason": "x"})
    followed(ledger.ledger, batch)
    check_questions(ledger.ledger, [(size + n, None) for n in range(5)], CONTROLLERS)


def test_other_controllers_are_not_read(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a register without rows for every reader: only what names the controller."""
    ledger.fill(20)
    ledger.ledger.append([ledger.instruction(n, "C2") for n in (21, 22)])
    register = FOLLOWED["instructions"]
    with ledger.ledger.pool.connection() as conn:
        found = needed.facts_for(conn, register, "C2", upto=10**6)
        assert set(found) == {"instruction:I-21", "instruction:I-22"}
        assert len(needed.facts_for(conn, register, None, upto=10**6)) == 22


TYPES = sorted(
    (t for t in EVENT_TYPES.values() if any(t.name in r.types for r in FOLLOWED.values())),
    key=lambda t: t.name,
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(TYPES).flatmap(lambda t: st.tuples(st.just(t.name), data_of(t))))
def test_registers_keep_what_they_say_of_themselves(made: tuple[str, dict[str, Any]]) -> None:
    """No row for every reader without a type of `wide`, no row of a controller without a fact that
    names it, and none of another in the case of a controller."""
    type_, data = made
    event = Recorded(1, type_, "s", "E1", START, START, data)
    for name, register in FOLLOWED.items():
        assert register.wide <= register.types
        for case, row in all_rows([event], name, None):
            if row.controllers == ():
                assert type_ in register.wide
                assert not case.startswith("controller:")
            elif row.controllers != ("",):
                (controller,) = row.controllers
                assert controller in ids(data, *needed.CONTROLLERS)
                assert not case.startswith("controller:") or case == f"controller:{controller}"


# What is generated: events of some cases for some controllers, and amendments of any event.

SOME = st.lists(st.sampled_from(CONTROLLERS), min_size=1, max_size=2, unique=True)
ONE = st.sampled_from(CONTROLLERS)
CASE = st.sampled_from(["1", "2"])
AT = "2026-01-04T09:00:00Z"

DATA: Mapping[str, Mapping[str, Any]] = {
    "SubprocessorEngaged": {
        "subprocessor_id": CASE,
        "controller_ids": SOME,
        "countries": st.just(["NL"]),
    },
    "SubprocessorChangeAnnounced": {
        "change_id": CASE,
        "subprocessor_id": CASE,
        "subprocessor_name": st.just("Opslag B.V."),
        "kind": st.just("add"),
        "countries": st.just(["NL"]),
        "intended_start": st.just("2026-02-01"),
        "announced_via": st.just("email"),
        "delivered_to": st.lists(
            st.fixed_dictionaries({"controller": ONE, "at": st.just(AT)}), min_size=1, max_size=2
        ),
    },
    "BreachConfirmed": {
        "breach_id": CASE,
        "event_ref": CASE,
        "became_aware_at": st.just(AT),
        "occurred_from": st.just("2026-01-01"),
        "occurred_until": st.just("2026-01-02"),
        "controller_ids": SOME,
        "subject_count": st.just(1),
    },
    "BreachNotified": {"breach_id": CASE, "controller_id": ONE, "missing_items": st.just(["x"])},
    "InstructionReceived": {
        "instruction_id": CASE,
        "controller_id": ONE,
        "channel": st.just("email"),
    },
    "InstructionExecuted": {"instruction_id": CASE, "controller_id": ONE},
    "ProcessingActivityRegistered": {
        "activity_id": CASE,
        "controller_ids": SOME,
        "data_categories": st.just(["name"]),
    },
    "ProcessingActivityAmended": {
        "activity_id": CASE,
        "instruction_id": CASE,
        "added_controller_ids": SOME,
    },
    "PersonalDataDisclosed": {
        "disclosure_id": CASE,
        "demand_id": CASE,
        "controller_ids": SOME,
        "subject_count": st.just(1),
    },
    "ConfidentialityUndertakingSigned": {"person_pseudonym": CASE},
    "ProcessingAgreementConcluded": {
        "controller_id": ONE,
        "effective_from": st.just("2026-01-02"),
        "objection_days": st.sampled_from([0, 1, 14]),
        "transfer_area": st.just("EU"),
        "initial_subprocessors": st.sampled_from([[], ["1"]]),
        "dsr_forward_days": st.sampled_from([0, 1, 5]),
        "data_categories": st.sampled_from([["name"], ["email"]]),
    },
    "DataSubjectRequestReceived": {
        "request_id": CASE,
        "controller_id": ONE,
        "right": st.just("access"),
    },
    "DisclosureDemandReceived": {
        "demand_id": CASE,
        "controller_ids": SOME,
        "authority": st.just("FIOD"),
        "notification_prohibited": st.booleans(),
        "prohibition_until": st.just("2026-01-03"),
    },
    "DisclosureDemandNotified": {"demand_id": CASE, "controller_id": ONE},
    "ResearchDataShared": {
        "share_id": CASE,
        "instruction_id": CASE,
        "attestation_id": CASE,
        "controller_id": ONE,
        "subject_tokens": st.just(["s1"]),
        "recipient": st.just("University"),
        "country": st.just("NL"),
    },
    "SubprocessingContractConcluded": {
        "subprocessor_id": CASE,
        "subprocessor_name": st.just("Opslag B.V."),
        "gaps": st.sampled_from([[], ["8"]]),
    },
}

MOMENTS = tuple((START + timedelta(days=n)).isoformat() for n in (-3, -1))
MOVING = {
    "controller_id": ONE,
    "controller_ids": SOME,
    "controller_ids.0": ONE,
    "added_controller_ids": SOME,
    "delivered_to": DATA["SubprocessorChangeAnnounced"]["delivered_to"],
    "delivered_to.0.controller": ONE,
    "breach_id": CASE,
    "instruction_id": CASE,
    "subprocessor_id": CASE,
    "request_id": CASE,
    "demand_id": CASE,
    "attestation_id": CASE,
    "dsr_forward_days": st.sampled_from([0, 1, 5]),
    "occurredat": st.sampled_from(MOMENTS),
}
"""Fields whose correction moves an event to another controller, case or day."""


def an_event(data: st.DataObject) -> tuple[str, dict[str, Any]]:
    """An event of some cases for some controllers."""
    type_ = data.draw(st.sampled_from([*DATA]))
    return type_, data.draw(st.fixed_dictionaries(dict(DATA[type_])))


def an_amendment(
    data: st.DataObject, recorded: Sequence[tuple[str, str, Mapping[str, Any]]]
) -> tuple[str, dict[str, Any]]:
    """A correction or retraction of an event, or of another amendment."""
    target, type_, content = data.draw(st.sampled_from(recorded))
    if type_ == "EventRetracted" or data.draw(st.integers(0, 3)) == 0:
        return "EventRetracted", {"retracts_event_id": target, "reason": "x"}
    if type_ == "EventCorrected":
        field = data.draw(st.sampled_from(["field_changes.0.new", "field_changes.0.field"]))
        old = content["field_changes"][0]["field"]
        new = data.draw(MOVING.get(old, st.one_of(list(MOVING.values()))))
        value = new if field.endswith("new") else data.draw(st.sampled_from([*MOVING]))
        return "EventCorrected", correction(target, field, value)
    fields = [f for f in MOVING if f.split(".")[0] in (*content, "occurredat")]
    field = data.draw(st.sampled_from(fields))
    return "EventCorrected", correction(target, field, data.draw(MOVING[field]))


BY_ONE_LEDGER = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.mark.long
@settings(max_examples=6, deadline=None, suppress_health_check=BY_ONE_LEDGER)
@given(data=st.data())
def test_any_events_with_any_amendments(ledger: TestLedger, data: st.DataObject) -> None:
    """Chains of corrections that move events between controllers, cases and days, followed in
    batches of any size; what the form rules refuse is not there."""
    check_any_events(ledger, data)


@pytest.mark.long
@settings(max_examples=50, deadline=None, suppress_health_check=BY_ONE_LEDGER)
@given(data=st.data())
def test_many_events_with_any_amendments(ledger: TestLedger, data: st.DataObject) -> None:
    """The same, many times."""
    check_any_events(ledger, data)


def check_any_events(ledger: TestLedger, data: st.DataObject) -> None:
    """Append events and amendments, follow now and then, and compare with a fold of all."""
    recorded: list[tuple[str, str, Mapping[str, Any]]] = []
    for _ in range(data.draw(st.integers(8, 20))):
        amends = bool(recorded) and data.draw(st.booleans())
        type_, content = an_amendment(data, recorded) if amends else an_event(data)
        id_ = f"h-{next(ledger.numbers)}"
        at = datetime.fromisoformat(data.draw(st.sampled_from(MOMENTS)))
        envelope = ledger.sign(type_, content, id_=id_, at=at)
        ledger.ledger.append([envelope])
        recorded.append((id_, type_, content))
        if data.draw(st.booleans()):
            follow.follow_once(ledger.ledger.pool)
    check_registers(ledger)
    size = ledger.ledger.reader.size()
    before = size - data.draw(st.integers(0, 8))
    asked = [(size, None), (before, datetime.fromisoformat(MOMENTS[0]))]
    check_questions(ledger.ledger, asked, CONTROLLERS)
