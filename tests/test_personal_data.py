"""Personal data in clear: found where it stands, and not where it only looks so."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import cloudevent
from ledger.personal_data import BSN, EMAIL, PHONE, PersonalData, find, is_bsn, kinds_in
from tests.test_events import golden
from ledger.events import latest
from tests.vectors import shared


@pytest.mark.parametrize("text", ["111222333", "BSN 111222333.", "1112.22.333", "111 222 333"])
def test_a_bsn_is_found_alone_and_in_groups(text: str) -> None:
    """Nine digits that pass the 11-proef, however they are grouped."""
    assert list(kinds_in(text)) == [BSN]


@pytest.mark.parametrize("text", ["a.b@voorbeeld.nl", "mail naar fysio@praktijk.example svp"])
def test_an_email_address_is_found(text: str) -> None:
    """Alone and within a sentence."""
    assert list(kinds_in(text)) == [EMAIL]


@pytest.mark.parametrize(
    "text",
    ["0612345678", "06-12 34 56 78", "+31 6 12345678", "0031 10 1234567", "(010) 123 4567", "0182-621121"],
)
def test_a_telephone_number_is_found(text: str) -> None:
    """Dutch and international, with the usual separators."""
    assert list(kinds_in(text)) == [PHONE]


@pytest.mark.parametrize(
    "text",
    [
        "111222334",  # fails the 11-proef
        "E111222333",  # part of an id
        "1112223330",  # ten digits
        "000000000",
        "T-NO-C1",
        "PA-EHR",
        "2025-06-12T09:05:00+02:00",
        "2025-06-12",
        "2017+A1:2020",
        "ISO/IEC 27001:2022 + NEN 7510-1:2017+A1:2020",
        "P1M",
        "a" * 30 + "111222333" + "b" * 25,
        "C@E",
        "entry 4711 of 90000",
        "eyJhbGciOiJkaXIifQ..AAAA.111222333.BBBB",
    ],
)
def test_ids_dates_and_hashes_are_left_alone(text: str) -> None:
    """What only resembles personal data is not refused."""
    assert list(kinds_in(text)) == []


@given(st.integers(0, 999_999_999))
def test_the_11_proef_is_the_weighted_sum(number: int) -> None:
    """Against the rule written out: 9a + 8b + … + 2h - i divides by eleven."""
    digits = f"{number:09d}"
    a, b, c, d, e, f, g, h, i = (int(x) for x in digits)
    total = 9 * a + 8 * b + 7 * c + 6 * d + 5 * e + 4 * f + 3 * g + 2 * h - i
    assert is_bsn(digits) == (total % 11 == 0 and number != 0)


@given(st.text(alphabet=st.characters(blacklist_categories=["Nd"])))
def test_text_without_digits_holds_no_number(text: str) -> None:
    """Nothing but an e-mail address can be found in it."""
    assert set(kinds_in(text)) <= {EMAIL}


def event(data: dict[str, object], name: str = "BreachUpdateIssued") -> list[PersonalData]:
    raw = json.loads(golden(latest(name)))
    raw["data"] = {**raw["data"], **data}
    return find(raw, latest(name))


def test_every_corner_of_an_event_is_searched() -> None:
    """Ids, lists, keys and free numbers; the place is named, not what was found."""
    assert event({"changed_facts": {"bsn": 111222333}}) == [
        PersonalData("/data/changed_facts/bsn", BSN)
    ]
    assert event({"changed_facts": {"a": ["x", "06 12345678"]}}) == [
        PersonalData("/data/changed_facts/a/1", PHONE)
    ]
    assert event({"changed_facts": {"a@b.nl": 1}}) == [PersonalData("/data/changed_facts", EMAIL)]
    raw = {**json.loads(golden(latest("BreachClosed"))), "id": "111222333"}
    assert find(raw, latest("BreachClosed")) == [PersonalData("/id", BSN)]


def test_contact_points_of_organisations_are_allowed() -> None:
    """Where the vocabulary asks for one, and nowhere else."""
    contact = {"contact": "fysio@praktijk.example, 010 1234567", "kvk": "11122233"}
    assert event(contact, "ControllerRegistered") == []
    assert event({"reasons": "bel 010 1234567"}, "InstructionConfirmed") != []
    assert event({"delivered_to": [{"controller": "C1", "message_id": "<1@nieuws.example>"}]}) == []


def test_a_count_is_a_count() -> None:
    """A number in a field that counts is not taken for a BSN."""
    assert event({"subject_count": 111222333}, "BreachConfirmed") == []


def test_no_event_of_the_scenario_is_refused() -> None:
    """Two years of ordinary events hold nothing that is taken for personal data."""
    lines = (shared("scenario") / "feed.ndjson").read_text().splitlines()
    for line in lines:
        given_ = json.loads(line)
        raw = {"id": given_["id"], "data": given_["data"]}
        assert find(raw, latest(given_["type"])) == [], given_["id"]
    assert len(lines) == 225


def test_no_message_repeats_what_was_found() -> None:
    """A refusal would otherwise store in a log what must not be stored."""
    for found in event({"changed_facts": {"x": "111222333"}}):
        assert not re.search(r"\d{9}", f"{found}")
    assert cloudevent.parse(golden(latest("BreachUpdateIssued")))
