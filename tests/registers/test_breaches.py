"""The breach register: who was concerned, told, missed; what is known of the breach, and when."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.facts import effective
from projections.register import Row
from projections.registers.breaches import REGISTER
from tests.recording import Recording, local, rows_of, scenario, scenario_file

CONFIRMED = {
    "breach_id": "B-1",
    "event_ref": "SE-1",
    "became_aware_at": "2025-03-28T08:00:00+01:00",
    "occurred_from": "2025-03-20",
    "occurred_until": "2025-03-21",
    "controller_ids": ["C1", "C2"],
    "subject_count": 10,
}


def notice(controller: str, **fields: Any) -> dict[str, Any]:
    return {"breach_id": "B-1", "controller_id": controller, "missing_items": [], **fields}


def update(number: int, to: list[Any], **changed: Any) -> dict[str, Any]:
    return {
        "breach_id": "B-1",
        "update_no": number,
        "delivered_to": to,
        "changed_facts": changed,
    }


def points() -> list[dict[str, Any]]:
    """The seven points of the scenario: as of when, as known when, and what must hold."""
    found: list[dict[str, Any]] = json.loads(scenario_file("expected_registers.json").read_text())
    return found


def moment(text: str | None) -> str | None:
    return text.removesuffix(" Europe/Amsterdam") if text else None


@pytest.mark.parametrize("number", range(7))
def test_the_number_of_data_subjects_at_each_point_of_the_scenario(number: int) -> None:
    """Updates count from when they occurred, corrections from when they were known."""
    point = points()[number]
    rows = rows_of(REGISTER, scenario(), moment(point["valid_at"]), moment(point["known_at"]))
    for breach, count in point["expect"]["breach_subject_count"].items():
        row = rows.get(f"breach:{breach}")
        assert (row.values["subject_count"] if row else None) == count


def notices(rows: dict[str, Row]) -> list[str]:
    return [r.values["controller"] for r in rows.values() if r.values["kind"] == "notice"]


def test_three_days_after_the_breach_the_cause_is_missing() -> None:
    """On 15 June: C1, C2 and C5 concerned, about 1840 data subjects, and no cause yet."""
    rows = rows_of(REGISTER, scenario(), "2025-06-15 12:00", "2025-06-15 12:00")
    breach = rows["breach:B-1"].values
    assert notices(rows) == ["C1", "C2", "C5"]
    assert (breach["subject_count"], breach["controllers_concerned"]) == (1840, 3)
    assert (breach["cause"], breach["still_missing"]) == (None, ["cause"])
    assert breach["state"] == "contained"


@pytest.mark.parametrize(("known", "count"), [("2025-06-28", 2115), ("2025-07-03", 2151)])
def test_a_correction_shows_beside_the_number(known: str, count: int) -> None:
    """On 28 June four controllers; the digits swapped then are put right as known on 3 July."""
    rows = rows_of(REGISTER, scenario(), "2025-06-28 12:00", f"{known} 12:00")
    assert notices(rows) == ["C1", "C2", "C5", "C6"]
    breach = rows["breach:B-1"]
    assert (breach.values["subject_count"], breach.values["still_missing"]) == (count, [])
    changes = [(c["old"], c["new"], c["known_at"]) for c in breach.corrected]
    assert changes == ([] if count == 2115 else [(2115, 2151, "2025-07-02T08:15:00Z")])


def test_a_late_report_is_there_from_when_it_was_recorded() -> None:
    """The telephone report of February stays unknown until 1 April 09:00, and is dismissed."""
    asked = ("2025-03-31 12:00", "2025-03-31 23:59")
    assert "security_event:SE-0" not in rows_of(REGISTER, scenario(), *asked)
    late = rows_of(REGISTER, scenario(), "2025-03-31 12:00", "2025-04-01 09:00")
    assert late["security_event:SE-0"].values["state"] == "reported"
    now = rows_of(REGISTER, scenario())["security_event:SE-0"].values
    assert (now["state"], now["reporter"]) == ("dismissed", "C2")


def test_each_controller_has_its_own_clocks() -> None:
    """Notice after 6 h 25, 6 h 35, 49 h 55 and, from its own start, 4 h; C2 told the AP late."""
    rows = rows_of(REGISTER, scenario())
    told = {c: rows[f"notice:B-1:{c}"].values for c in ("C1", "C2", "C5", "C6")}
    assert [t["hours_to_notice"] for t in told.values()] == [6.42, 6.58, 49.92, 4.0]
    assert [t["authority_in_time"] for t in told.values()] == [True, False, True, True]
    assert told["C2"]["authority_due_at"] == "2025-06-15T13:40:00Z"
    assert told["C2"]["authority_hours"] == 90.33
    assert told["C1"]["data_subjects_notified"] == 612


def test_an_update_that_adds_a_controller_is_not_missed_by_it() -> None:
    """C6, added by update 2, missed update 3 and received 4; the others received all."""
    rows = rows_of(REGISTER, scenario())
    added = rows["notice:B-1:C6"].values
    assert (added["updates_received"], added["updates_missed"]) == ([4], [3])
    assert rows["notice:B-1:C1"].values["updates_received"] == [1, 2, 3, 4]


def test_an_update_tells_the_processor_whom_it_missed() -> None:
    """Update 2 was not due to C6, which it added; update 3 was, and did not reach it."""
    rows = rows_of(REGISTER, scenario()).values()
    updates = [row for row in rows if row.values["kind"] == "update"]
    assert [row.values["not_delivered_to"] for row in updates] == [[], [], ["C6"], []]
    assert [row.values["controllers_added"] for row in updates] == [[], ["C6"], [], []]
    assert {row.controllers for row in updates} == {("",)}


def test_no_row_of_one_controller_tells_of_another() -> None:
    """Rows for everybody or for one controller hold no other controller's id."""
    for row in rows_of(REGISTER, scenario()).values():
        if row.controllers != ("",):
            others = {"C1", "C2", "C3", "C4", "C5", "C6"} - set(row.controllers)
            text = json.dumps([row.key, dict(row.values), [dict(c) for c in row.corrected]])
            assert not [other for other in others if other in text]


@pytest.mark.parametrize(
    ("told", "last"),
    [
        ("2025-03-28 12:00", "2025-03-31 13:00"),  # summer time begins on 30 March
        ("2025-10-24 12:00", "2025-10-27 11:00"),  # and ends on 26 October
        ("2025-06-12 15:40", "2025-06-15 15:40"),
    ],
)
@pytest.mark.parametrize(("after", "in_time"), [(0, True), (1, False)])
def test_72_hours_are_elapsed_hours(told: str, last: str, after: int, in_time: bool) -> None:
    """The controller's clock counts hours, not days on the calendar (B3); its end is in time."""
    reported_at = (local(last) + timedelta(seconds=after)).isoformat()
    story = Recording()
    story.add("BreachConfirmed", told, CONFIRMED)
    story.add("BreachNotified", told, notice("C1"))
    reported = {"breach_id": "B-1", "controller_id": "C1"}
    story.add("SupervisoryAuthorityNotified", reported_at, reported)
    row = story.row(REGISTER, "notice:B-1:C1").values
    assert local(row["authority_due_at"]) == local(last)
    assert row["authority_in_time"] is in_time


def test_updates_count_by_their_number() -> None:
    """An update recorded late does not undo what a later one said."""
    story = Recording()
    story.add("BreachConfirmed", "2025-03-28 09:00", CONFIRMED)
    story.add("BreachUpdateIssued", "2025-03-30 09:00", update(2, [], subject_count=30))
    story.add("BreachUpdateIssued", "2025-03-31 09:00", update(1, [], subject_count=20))
    assert story.row(REGISTER, "breach:B-1").values["subject_count"] == 30


def test_only_an_update_that_arrived_supplies_what_was_missing() -> None:
    """Numbers given in an update are still missing for the controller that it did not reach."""
    story = Recording()
    story.add("BreachConfirmed", "2025-03-28 09:00", CONFIRMED)
    for controller in ("C1", "C2"):
        missing = notice(controller, missing_items=["numbers", "measures"])
        story.add("BreachNotified", "2025-03-28 10:00", missing)
    story.add(
        "BreachUpdateIssued",
        "2025-03-29 09:00",
        update(1, [{"controller": "C1"}], subject_count=12, measures="closed"),
    )
    reached = story.row(REGISTER, "notice:B-1:C1").values
    missed = story.row(REGISTER, "notice:B-1:C2").values
    assert (reached["still_missing"], reached["measures"]) == ([], "closed")
    assert (missed["still_missing"], missed["updates_missed"]) == (["measures", "numbers"], [1])
    assert story.row(REGISTER, "breach:B-1").values["still_missing"] == ["measures", "numbers"]


def test_a_correction_of_the_scope_shows_a_controller_only_itself() -> None:
    """C1 does not learn from a correction that C3 was concerned as well."""
    story = Recording()
    event = story.add("BreachConfirmed", "2025-03-28 09:00", CONFIRMED)
    story.correct(event, "2025-03-29 09:00", "controller_ids", ["C1", "C3"])
    added = story.row(REGISTER, "notice:B-1:C3")
    assert [(c["old"], c["new"]) for c in added.corrected] == [([], ["C3"])]
    assert story.row(REGISTER, "notice:B-1:C1").corrected == ()
    assert story.row(REGISTER, "breach:B-1").corrected == ()


def test_a_breach_known_only_from_its_updates_has_rows() -> None:
    """Without the confirmation there is no awareness, and what is known is still shown."""
    story = Recording()
    story.add("BreachNotified", "2025-03-28 10:00", notice("C1", missing_items=["cause"]))
    row = story.row(REGISTER, "notice:B-1:C1").values
    assert (row["became_aware_at"], row["hours_to_notice"]) == (None, None)
    assert row["authority_due_at"] == "2025-03-31T09:00:00Z"
    assert story.row(REGISTER, "breach:B-1").values["subject_count"] is None


@given(st.data())
@settings(max_examples=60)
def test_every_controller_received_or_missed_every_update_since_it_was_concerned(
    data: st.DataObject,
) -> None:
    """Received and missed together are all updates after the one that added the controller."""
    everybody = ["C1", "C2", "C3", "C4"]
    story = Recording()
    story.add("BreachConfirmed", "2025-03-28 09:00", CONFIRMED)
    since = {"C1": 0, "C2": 0}
    number_of_updates = data.draw(st.integers(0, 5))
    for number in range(1, number_of_updates + 1):
        added = data.draw(st.lists(st.sampled_from(everybody), unique=True))
        to = data.draw(st.lists(st.sampled_from(everybody), unique=True))
        issued = update(number, to) | {"controllers_added": added}
        story.add("BreachUpdateIssued", f"2025-04-0{number} 09:00", issued)
        since = {**dict.fromkeys(added, number), **since}
    rows = rows_of(REGISTER, story.events)
    assert sorted(notices(rows)) == sorted(since)
    for controller, first in since.items():
        row = rows[f"notice:B-1:{controller}"].values
        due = {n for n in row["updates_received"] if n > first} | set(row["updates_missed"])
        assert due == set(range(first + 1, number_of_updates + 1))
        assert not set(row["updates_received"]) & set(row["updates_missed"])


def test_one_breach_may_concern_ten_thousand_controllers() -> None:
    """Every controller gets its own row, and the fold takes a moment, not minutes (B8)."""
    story = Recording()
    ids = [f"C{n}" for n in range(10_000)]
    story.add("BreachConfirmed", "2025-03-28 09:00", CONFIRMED | {"controller_ids": ids})
    for number in range(1, 5):
        story.add("BreachUpdateIssued", f"2025-04-0{number} 09:00", update(number, ids))
    for controller in ids:
        story.add("BreachNotified", "2025-03-28 12:00", notice(controller))
    facts = [f for f in effective(story.events) if "breach:B-1" in REGISTER.cases(f)]
    begun = time.process_time()
    rows = REGISTER.fold("breach:B-1", facts)
    took = time.process_time() - begun
    own = [row for row in rows if row.values["kind"] == "notice"]
    assert len(own) == 10_000
    assert all(len(row.positions) == 6 and len(row.controllers) == 1 for row in own)
    assert took < 5, f"{took:.1f} s: more than one look at each controller"
