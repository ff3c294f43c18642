"""Which findings hold at a moment, and which rows are one finding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from projections.facts import Fact, effective
from projections.findings import SEVERITIES, held_at, moment_of
from projections.question import Basis, Moment
from projections.register import Label, Row
from projections.rules.chapter import Chapter
from projections.rules.data_subject_requests import REFER
from projections.rules.lateness import LATE
from projections.rules.rule import Clock, Finding, Rule
from tests.recording import Recording, local

AT = local("2025-03-05 09:00")
DUE = local("2025-03-11 00:00")
WHY = Label("omdat", "because")


def facts(count: int = 3) -> list[Fact]:
    made = Recording()
    for number in range(count):
        made.add("LicenceGranted", f"2025-03-0{number + 1} 09:00", {"controller_id": "C1"})
    return effective(made.events)


def finding(owner: str | None = "C1", rule: Rule = REFER, **more: Any) -> Finding:
    (first, *_) = facts()
    given = {"at": AT, "text": WHY, "rests_on": [first], "subject": "R-1", **more}
    return Finding(rule, owner=owner, **given)


def rows(*judged: Finding | Clock) -> Sequence[Row]:
    """What a chapter makes of findings and clocks."""
    chapter = Chapter("x", (), {}, lambda case, facts: judged)
    return chapter.register().fold("case", [])


def test_a_finding_holds_from_when_it_can_be_told() -> None:
    """From that instant on; without one, from the moment it is about."""
    found = rows(finding(holds_from=DUE), finding(subject="R-2"))
    for at, subjects in (
        (AT - timedelta.resolution, []),
        (AT, ["R-2"]),
        (DUE - timedelta.resolution, ["R-2"]),
        (DUE, ["R-1", "R-2"]),
    ):
        assert [held.subject for held in held_at(found, at)] == subjects


def test_a_finding_has_what_its_rule_and_row_say() -> None:
    """The gravity of the rule unless it says its own; the terms it read; what it rests on."""
    first, second, _ = facts()
    more = {"rests_on": [second, first], "parameters": {"dsr_forward_days": 5}}
    (plain,) = held_at(rows(finding(**more)), AT)
    assert (plain.rule, plain.version, plain.severity) == (REFER, REFER.version, REFER.severity)
    assert (plain.controllers, plain.at, plain.holds_from) == (("C1",), AT, AT)
    assert (plain.text, plain.parameters, plain.events) == (WHY, {"dsr_forward_days": 5}, (1, 2))
    (grave,) = held_at(rows(finding(severity="major")), AT)
    assert grave.severity == "major"


@pytest.mark.parametrize(
    ("owner", "readers", "controllers"),
    [("C1", ("C1",), ("C1",)), (None, (), ()), ("", ("",), ())],
)
def test_whom_it_concerns(
    owner: str | None, readers: tuple[str, ...], controllers: tuple[str, ...]
) -> None:
    """One controller, all of them, or the processor alone."""
    (row,) = rows(finding(owner))
    assert row.controllers == readers
    assert held_at([row], AT)[0].controllers == controllers


def test_a_secret_finding_names_its_controller_to_the_processor_alone() -> None:
    """A reader of that controller is not given the row."""
    (row,) = rows(finding("C1", secret=True))
    assert row.controllers == ("",)
    assert held_at([row], AT)[0].controllers == ("C1",)


def test_rows_of_a_group_are_one_finding() -> None:
    """With all its controllers and all it rests on; to a reader of one it is about that one."""
    first, second, _ = facts()
    found = rows(
        finding("C2", group="7", rests_on=[second]), finding("C1", group="7", rests_on=[first])
    )
    (held,) = held_at(found, AT)
    assert (held.controllers, held.events, held.text) == (("C1", "C2"), (1, 2), WHY)
    (own,) = held_at([row for row in found if row.controllers == ("C1",)], AT)
    assert own.controllers == ("C1",)


@pytest.mark.parametrize(
    "other",
    [{"group": "8"}, {"group": None}, {"at": DUE}, {"rule": LATE}],
)
def test_another_group_moment_or_rule_is_another_finding(other: dict[str, Any]) -> None:
    """Each of these keeps them apart, and so does having no group."""
    found = rows(finding("C1", group="7"), finding("C2", **{"group": "7", **other}))
    assert len(held_at(found, DUE)) == 2
    assert len(held_at(rows(finding("C1"), finding("C2")), AT)) == 2


def test_texts_that_differ_are_all_told() -> None:
    """And only the terms that are the same."""
    one = {"dsr_forward_days": 5, "copies_days": 30}
    found = rows(
        finding("C1", group="7", parameters=one),
        finding("C2", group="7", text=Label("want", "for"), parameters={**one, "copies_days": 9}),
        finding("C3", group="7", parameters=one),
    )
    (held,) = held_at(found, AT)
    assert (held.text.nl, held.text.en) == ("omdat; want", "because; for")
    assert held.parameters == {"dsr_forward_days": 5}


def test_findings_come_in_the_order_of_time() -> None:
    """At one moment by rule, controller and subject."""
    found = rows(
        finding("C2"),
        finding("C1", subject="R-3"),
        finding("C1", subject="R-2"),
        finding("C9", at=AT - timedelta(days=1)),
        finding("C9", rule=LATE),
    )
    held = held_at(found[::-1], AT)
    assert [(f.controllers[0], f.subject) for f in held] == [
        ("C9", "R-1"),
        ("C1", "R-2"),
        ("C1", "R-3"),
        ("C2", "R-1"),
        ("C9", "R-1"),
    ]
    assert [f.rule.id for f in held][-1] == "R-LATE"


def test_the_same_finding_by_two_roads_is_one() -> None:
    """A case may reach it twice."""
    assert len(rows(finding(), finding())) == 1


def test_clocks_are_no_findings() -> None:
    """Not even late ones."""
    clock = Clock(REFER, AT, DUE, None, "C1", "R-1", facts()[0])
    assert held_at(rows(clock), DUE + timedelta(days=9)) == []


NOW = local("2026-01-01 09:00")
KNOWN = local("2025-06-01 09:00")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (Moment(), NOW),
        (Moment(as_of=AT), AT),
        (Moment(as_of=AT, known_at=DUE), AT),
        (Moment(known_at=DUE), DUE),
        (Moment(known_at=12), KNOWN),
    ],
)
def test_the_moment_at_which_terms_have_passed(moment: Moment, expected: datetime) -> None:
    """As of when was asked; else when it was known, of a log size when the last entry was recorded;
    else now."""
    assert moment_of(moment, Basis(12, KNOWN, "note"), NOW) == expected


def test_every_gravity_has_its_place() -> None:
    """The gravest first, as they are counted."""
    assert SEVERITIES == ("major", "minor", "observation", "policy")
