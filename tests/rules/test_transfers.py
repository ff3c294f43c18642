"""Processing outside the agreed area: each stretch without consent, and the ground of chapter V."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from projections.rules.transfers import CHAPTER
from tests.recording import Recording, local
from tests.rules.judging import brief, clocks, found

START = "2025-03-03 09:00"
NORWAY: dict[str, Any] = {
    "transfer_id": "TR-1",
    "subprocessor_id": "S3",
    "country": "NO",
    "controller_ids": ["C1"],
    "mechanism": "eea",
}
AMERICA = {**NORWAY, "country": "US", "subprocessor_id": "S4", "mechanism": "adequacy"}
STARTED, ENDED = "ThirdCountryTransferStarted", "ThirdCountryTransferEnded"
GRANTED, WITHDRAWN = "TransferConsentGranted", "TransferConsentWithdrawn"


def consent(id_: str = "T-1", controller: str = "C1", **fields: Any) -> dict[str, Any]:
    data = {
        "consent_id": id_,
        "controller_id": controller,
        "country": "NO",
        "subprocessor_id": "S3",
    }
    return {**data, **fields}


def story(*steps: tuple[str, str, dict[str, Any]], **transfer: Any) -> Recording:
    """A transfer to Norway of 3 March at 09:00 for C1, and other events."""
    made = Recording()
    added = [*steps, (STARTED, START, {**NORWAY, **transfer})]
    for type_, at, data in sorted(added, key=lambda step: step[1]):
        made.add(type_, at, data)
    return made


def stretches(*steps: tuple[str, str, dict[str, Any]], **transfer: Any) -> list[str]:
    """When each stretch without consent began."""
    findings = found(CHAPTER, story(*steps, **transfer))
    return [at for rule, _, at in brief(findings) if rule == "R-5.3"]


def test_with_consent_nothing_is_found() -> None:
    """Given before, or with the transfer."""
    assert stretches((GRANTED, "2025-03-01 09:00", consent())) == []
    assert stretches((GRANTED, START, consent())) == []


@pytest.mark.parametrize("country", ["NL", "DE", "IE"])
def test_within_the_union_no_consent_is_needed(country: str) -> None:
    """Nor is a ground of chapter V."""
    assert found(CHAPTER, story(country=country)) == []


def test_without_consent_in_an_eea_country() -> None:
    """Minor, from the start until consent came; chapter V has no part in it."""
    (finding,) = found(CHAPTER, story((GRANTED, "2025-03-17 09:00", consent())))
    assert brief([finding]) == [("R-5.3", "C1", START)]
    assert (finding.severity, finding.parameters) == ("minor", {"transfer_area": "EU"})
    assert finding.text.en == (
        "NO (S3) without written consent from 2025-03-03 09:00 until 2025-03-17 09:00;"
        " EEA country, GDPR chapter V not at stake"
    )
    assert finding.text.nl == (
        "NO (S3) zonder Schriftelijke toestemming van 2025-03-03 09:00 tot 2025-03-17 09:00;"
        " EER-land, hoofdstuk V AVG niet aan de orde"
    )
    assert finding.events == (1, 2)


def test_without_consent_in_a_third_country() -> None:
    """Major, also when a decision says that the country protects data adequately."""
    (finding,) = found(CHAPTER, story(**AMERICA))
    assert (finding.rule.id, finding.severity) == ("R-5.3", "major")
    assert finding.text.en == "US (S4) without written consent from 2025-03-03 09:00"


@pytest.mark.parametrize(
    "other",
    [{"country": "IS"}, {"subprocessor_id": "S4"}, {"controller_id": "C2"}],
)
def test_consent_is_for_one_controller_subprocessor_and_country(other: dict[str, Any]) -> None:
    """Another one covers nothing."""
    assert stretches((GRANTED, "2025-03-01 09:00", consent(**other))) == [START]


def test_each_controller_has_its_own_stretches() -> None:
    """One that consented is not found with the other."""
    made = story((GRANTED, "2025-03-01 09:00", consent()), controller_ids=["C1", "C2"])
    assert brief(found(CHAPTER, made)) == [("R-5.3", "C2", START)]


@pytest.mark.parametrize(
    ("agreed", "effective", "expected"),
    [
        ("EEA", "2025-01-01", []),
        ("EU", "2025-01-01", [START]),
        ("EEA", "2025-03-04", [START]),
    ],
)
def test_the_area_is_that_of_the_terms_at_the_start(
    agreed: str, effective: str, expected: list[str]
) -> None:
    """Agreed a day later it does not count."""
    terms = {"controller_id": "C1", "version": "2", "transfer_area": agreed}
    step = (
        "ProcessingAgreementAmended",
        "2024-12-01 09:00",
        {**terms, "effective_from": effective},
    )
    assert stretches(step) == expected


# Consent that ends.

CONSENTED = (GRANTED, "2025-03-01 09:00", consent())


def withdrawn(at: str, id_: str = "T-1") -> tuple[str, str, dict[str, Any]]:
    return WITHDRAWN, at, {"consent_id": id_, "controller_id": "C1"}


def stopped(at: str) -> tuple[str, str, dict[str, Any]]:
    return ENDED, at, {k: NORWAY[k] for k in NORWAY if k != "mechanism"}


@pytest.mark.parametrize(
    ("end", "state", "expected"),
    [
        ("2025-03-10 17:00", "met", []),
        ("2025-03-11 09:00", "met", []),
        ("2025-03-11 09:00:01", "late", ["2025-03-10 09:00"]),
        ("2025-04-01 09:00", "late", ["2025-03-10 09:00"]),
    ],
)
def test_a_transfer_ends_within_a_day_of_the_withdrawal(
    end: str, state: str, expected: list[str]
) -> None:
    """The last instant of 24 hours is in time."""
    steps = (CONSENTED, withdrawn("2025-03-10 09:00"), stopped(end))
    assert stretches(*steps) == expected
    (clock,) = clocks(CHAPTER, story(*steps))
    assert (clock.rule.id, clock.state, clock.subject) == ("R-5.3", state, "TR-1")
    assert (clock.started_at, clock.stopped_at) == (local("2025-03-10 09:00"), local(end))


def test_a_withdrawal_is_found_when_the_day_has_passed() -> None:
    """Not at its last instant yet, and from the withdrawal on."""
    made = story(CONSENTED, withdrawn("2025-03-10 09:00"))
    assert found(CHAPTER, made, at="2025-03-11 09:00") == []
    assert clocks(CHAPTER, made, at="2025-03-11 09:00")[0].state == "running"
    (finding,) = found(CHAPTER, made, at="2025-03-11 09:00:01")
    assert finding.text.en.startswith("NO (S3) without written consent from 2025-03-10 09:00;")
    assert finding.holds_from - local("2025-03-11 09:00") == timedelta(microseconds=1)


def test_a_day_is_24_hours_when_the_clocks_change() -> None:
    """On 30 March 2025 summer time began: 24 hours end at 10:00 on the wall."""
    steps = (CONSENTED, withdrawn("2025-03-29 09:00"))
    assert stretches(*steps, stopped("2025-03-30 10:00")) == []
    assert stretches(*steps, stopped("2025-03-30 10:00:01")) == ["2025-03-29 09:00"]


def test_the_end_of_the_agreement_ends_the_transfer() -> None:
    """In time or not, as any other end."""
    agreed = ("ProcessingAgreementConcluded", "2025-01-01 09:00", {"controller_id": "C1"})
    ended = ("ProcessingAgreementEnded", "2025-03-10 10:00", {"controller_id": "C1"})
    assert stretches(agreed, CONSENTED, withdrawn("2025-03-10 09:00"), ended) == []


def test_another_consent_covers_what_a_withdrawal_left() -> None:
    """Then there is no stretch without."""
    both = (GRANTED, "2025-03-05 09:00", consent("T-2"))
    assert stretches(CONSENTED, both, withdrawn("2025-03-10 09:00")) == []


def test_withdrawn_before_the_transfer_it_gives_no_day() -> None:
    """The transfer should not have started."""
    assert stretches(CONSENTED, withdrawn("2025-03-02 09:00"), stopped("2025-03-03 10:00")) == [
        START
    ]


def test_a_consent_that_expires() -> None:
    """Found from the expiry, which gives no day either, and not before it."""
    until = (GRANTED, "2025-03-01 09:00", consent(valid_until="2025-03-31"))
    assert stretches(until) == ["2025-04-01 00:00"]
    made = story(until)
    assert found(CHAPTER, made, at="2025-03-31 23:59:59") == []
    assert len(found(CHAPTER, made, at="2025-04-01 00:00")) == 1
    assert stretches(until, stopped("2025-04-01 00:00")) == []


def test_what_expired_is_not_withdrawn_any_more() -> None:
    """A withdrawal at the moment of the expiry gives no day to wind down; just before, it does."""
    until = (GRANTED, "2025-03-01 09:00", consent(valid_until="2025-03-31"))
    end = stopped("2025-04-01 10:00")
    assert stretches(until, withdrawn("2025-04-01 00:00"), end) == ["2025-04-01 00:00"]
    assert stretches(until, withdrawn("2025-03-31 23:59:59"), end) == []


def test_expired_at_the_moment_at_which_another_is_withdrawn() -> None:
    """The other would have gone on, so it is the withdrawal that took the cover away: there is a
    day to wind down, and after it the stretch is found from the withdrawal on."""
    until = (GRANTED, "2025-03-01 09:00", consent(valid_until="2025-03-31"))
    other = (GRANTED, "2025-03-01 09:00", consent("T-2"))
    steps = (until, other, withdrawn("2025-04-01 00:00", "T-2"))
    assert stretches(*steps, stopped("2025-04-02 00:00")) == []
    assert stretches(*steps, stopped("2025-04-02 00:01")) == ["2025-04-01 00:00"]


def test_each_stretch_is_found() -> None:
    """Before the first consent, and after it expired until the second."""
    first = (GRANTED, "2025-03-05 09:00", consent(valid_until="2025-03-31"))
    second = (GRANTED, "2025-04-10 09:00", consent("T-2"))
    assert stretches(first, second) == [START, "2025-04-01 00:00"]
    (_, later) = found(CHAPTER, story(first, second))
    assert "from 2025-04-01 00:00 until 2025-04-10 09:00" in later.text.en


def test_a_transfer_that_started_again_is_another_stretch() -> None:
    """What was found of the first time stays."""
    again = (STARTED, "2025-04-01 09:00", NORWAY)
    assert stretches(stopped("2025-03-10 09:00"), again) == [START, "2025-04-01 09:00"]
    covered = (GRANTED, "2025-03-20 09:00", consent())
    assert stretches(stopped("2025-03-10 09:00"), covered, again) == [START]


def test_the_validity_of_a_consent_is_shown_as_a_window() -> None:
    """Running until its last day is over; one without an end is none."""
    until = (GRANTED, "2025-03-01 09:00", consent(valid_until="2025-03-31"))
    for at, state in (("2025-03-31 23:59:59", "running"), ("2025-04-01 00:00", "ended")):
        (clock,) = clocks(CHAPTER, story(until), at=at)
        assert (clock.rule.id, clock.subject, clock.state) == ("C-5.3", "T-1", state)
    assert clocks(CHAPTER, story(CONSENTED)) == []
    taken = story(until, withdrawn("2025-03-10 09:00"))
    states = {c.rule.id: c.state for c in clocks(CHAPTER, taken, at="2025-03-10 10:00")}
    assert states == {"C-5.3": "ended", "R-5.3": "running"}


# A subprocessor of which no transfer was recorded.

ENGAGED = {"subprocessor_id": "S3", "controller_ids": ["C1"], "countries": ["NL", "NO"]}


def engaged(*steps: tuple[str, str, dict[str, Any]], **fields: Any) -> list[tuple[str, str, str]]:
    made = Recording()
    added = [*steps, ("SubprocessorEngaged", START, {**ENGAGED, **fields})]
    for type_, at, data in sorted(added, key=lambda step: step[1]):
        made.add(type_, at, data)
    return brief(found(CHAPTER, made))


def test_an_engagement_outside_the_area_without_a_transfer() -> None:
    """For the country that is outside, and no other."""
    assert engaged() == [("R-5.3", "C1", START)]
    assert engaged(countries=["NL", "DE"]) == []
    assert len(engaged(countries=["NO", "US"])) == 2


def test_with_consent_an_engagement_is_fine() -> None:
    """As a transfer would be, and only as long as it lasts."""
    assert engaged(CONSENTED) == []
    assert engaged(CONSENTED, withdrawn("2025-03-10 09:00")) == [
        ("R-5.3", "C1", "2025-03-10 09:00")
    ]
    left = {"subprocessor_id": "S3", "controller_ids": ["C1"]}
    gone = ("SubprocessorDisengaged", "2025-03-10 17:00", left)
    assert engaged(CONSENTED, withdrawn("2025-03-10 09:00"), gone) == []


def test_a_recorded_transfer_takes_the_place_of_the_engagement() -> None:
    """Whenever it was recorded; of another country or controller it does not."""
    assert engaged((STARTED, "2025-03-03 09:05", NORWAY)) == [("R-5.3", "C1", "2025-03-03 09:05")]
    for other in ({"country": "IS"}, {"controller_ids": ["C2"]}, {"subprocessor_id": "S4"}):
        ended = {**NORWAY, **other}
        assert ("R-5.3", "C1", START) in engaged((STARTED, "2025-03-03 09:05", ended))


def test_an_engagement_in_another_country_begins_with_it() -> None:
    """Engaged in the Union first, and in America a month later."""
    later = ("SubprocessorEngaged", "2025-04-03 09:00", {**ENGAGED, "countries": ["NL", "US"]})
    assert engaged(later, countries=["NL"]) == [("R-5.3", "C1", "2025-04-03 09:00")]


# Chapter V.


def ground(at: str, country: str, mechanism: str, **fields: Any) -> list[tuple[str, str]]:
    made = Recording()
    data = {**NORWAY, "country": country, "mechanism": mechanism, **fields}
    made.add(STARTED, at, data)
    return [
        (finding.severity, finding.text.en.rpartition(", ")[2])
        for finding in found(CHAPTER, made)
        if finding.rule.id == "R-44"
    ]


@pytest.mark.parametrize(
    ("country", "at", "expected"),
    [
        ("BR", "2026-01-25 23:59", 1),
        ("BR", "2026-01-26 00:00", 0),
        ("GB", "2031-12-27 23:59", 0),
        ("GB", "2031-12-28 00:00", 1),
    ],
)
def test_adequacy_is_that_of_the_day_of_the_transfer(country: str, at: str, expected: int) -> None:
    """Brazil from 26 January 2026, the United Kingdom to 27 December 2031."""
    found_ = [("major", "no adequacy decision on that day")] * expected
    assert ground(at, country, "adequacy") == found_


def test_a_mechanism_that_is_none_of_chapter_v() -> None:
    """A third country that is called one of the EEA."""
    assert ground(START, "IN", "eea") == [("major", "no ground given")]
    assert ground(START, "NO", "eea") == []


@pytest.mark.parametrize("mechanism", ["SCC", "BCR"])
def test_safeguards_may_be_documented_elsewhere(mechanism: str) -> None:
    """Nothing is found when the ledger does not say where they are; the register shows that."""
    assert ground(START, "IN", mechanism) == []
    assert ground(START, "IN", mechanism, safeguard_ref="contract 12") == []


def test_a_derogation_is_a_ground() -> None:
    """Whether it holds is not for a rule to say."""
    assert ground(START, "IN", "derogation") == []


def test_consent_and_chapter_v_are_two_tests() -> None:
    """Consent is no ground in law, nor is a ground consent: both may be missing."""
    made = Recording()
    made.add(STARTED, START, {**NORWAY, "country": "IN", "mechanism": "eea"})
    assert [rule for rule, _, _ in brief(found(CHAPTER, made))] == ["R-44", "R-5.3"]
    made.add(GRANTED, "2025-03-01 09:00", consent(country="IN"))
    assert [rule for rule, _, _ in brief(found(CHAPTER, made))] == ["R-44"]
