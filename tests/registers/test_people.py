"""Who had access when, and whether bound to secrecy by then."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from projections.facts import Recorded
from projections.registers.people import REGISTER
from tests.recording import Recording, local, rows_of, scenario

AUTHORISED, REVOKED, SIGNED = (
    "DataAccessAuthorised",
    "DataAccessRevoked",
    "ConfidentialityUndertakingSigned",
)
BEGIN = local("2025-01-01 00:00")


def test_the_people_of_the_scenario() -> None:
    """A and D have access, B had it until 2026, C never; D had it before its undertaking."""
    rows = rows_of(REGISTER, scenario())
    assert {key: row.values["state"] for key, row in rows.items()} == {
        "person:A": "authorised",
        "person:B": "revoked",
        "person:C": "none",
        "person:D": "authorised",
    }
    early = {key: row.values["access_before_undertaking"] for key, row in rows.items()}
    assert early.pop("person:D") == [
        {"from": "2024-11-01T08:00:00Z", "until": "2024-11-15T09:00:00Z"}
    ]
    assert list(early.values()) == [[], [], []]


def test_access_without_an_undertaking_lasts_until_one_is_signed() -> None:
    """As of a day in between, the stretch has no end yet."""
    row = rows_of(REGISTER, scenario(), "2024-11-10")["person:D"].values
    assert row["access_before_undertaking"] == [{"from": "2024-11-01T08:00:00Z", "until": None}]
    assert row["undertaking_signed_at"] is None


def test_the_order_in_the_log_decides_at_the_same_instant() -> None:
    """Revoked and authorised anew at one instant leaves access; the other way round it does not."""
    for first, second, state in (
        (REVOKED, AUTHORISED, "authorised"),
        (AUTHORISED, REVOKED, "revoked"),
    ):
        story = Recording()
        for type_ in (first, second):
            story.add(type_, "2025-01-01 09:00", {"person_pseudonym": "A"})
        assert story.row(REGISTER, "person:A").values["state"] == state


@given(st.lists(st.tuples(st.sampled_from([AUTHORISED, REVOKED, SIGNED]), st.integers(0, 20))))
def test_access_before_the_undertaking_agrees_with_a_count_of_hours(
    steps: list[tuple[str, int]],
) -> None:
    """An hour is in a stretch exactly when somebody had access in it and nobody had signed yet."""
    events = [
        Recorded(
            position,
            type_,
            "s",
            f"E{position}",
            BEGIN + timedelta(hours=hour),
            BEGIN,
            {"person_pseudonym": "A"},
        )
        for position, (type_, hour) in enumerate(steps, start=1)
    ]
    rows = rows_of(REGISTER, events)
    stretches = rows["person:A"].values["access_before_undertaking"] if rows else []
    found = {hour for s in stretches for hour in range(24) if _holds(s, hour)}
    assert found == {hour for hour in range(24) if _open(steps, hour)}


def _holds(stretch: dict[str, str | None], hour: int) -> bool:
    at = BEGIN + timedelta(hours=hour, minutes=30)
    begin, end = stretch["from"], stretch["until"]
    return begin is not None and local(begin) <= at and (end is None or at < local(end))


def _open(steps: list[tuple[str, int]], hour: int) -> bool:
    """Second evaluation: go through everything up to the hour, in order."""
    access = signed = False
    for type_, at in sorted(steps, key=lambda step: step[1]):
        if at <= hour:
            access = type_ == AUTHORISED or (access and type_ != REVOKED)
            signed = signed or type_ == SIGNED
    return access and not signed
