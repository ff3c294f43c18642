"""Personal data in clear: found where it stands, and not where it only looks so."""

from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.events import EVENT_TYPES, latest
from ledger.personal_data import BSN, EMAIL, PHONE, PersonalData, find, is_bsn, kinds_in
from tests.test_events import golden
from tests.vectors import shared


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def sealed(**header: Any) -> str:
    """A JWE with this header, whose encrypted text reads as a BSN."""
    head = b64(json.dumps(header).encode())
    return f"{head}.{'A' * 54}.{'A' * 16}.111222333.{'A' * 22}"


KID = "s-" + 16 * "5e"


@pytest.mark.parametrize(
    "text",
    [
        "111222333",
        "BSN 111222333.",
        "bsn_111222333",
        "BSN:111222333",
        "1112.22.333",
        "1112 22 333",
        "111 222 333",
        "111-222-333",
        "11.12.22.333",
        "999 111 222 333",
        "111\u00a0222\u00a0333",  # a space that does not break
        "111\u2011222\u2011333",  # a dash that does not
        "111\u200b222333",  # an invisible space
        "\uff11\uff11\uff11\uff12\uff12\uff12\uff13\uff13\uff13",  # digits of full width
        "op 2026-01-05: 111222333",
    ],
)
def test_a_bsn_is_found_alone_and_in_groups(text: str) -> None:
    """Nine digits that pass the 11-proef, however they are grouped."""
    assert list(kinds_in(text)) == [BSN]


@pytest.mark.parametrize(
    "text",
    [
        "a.b@voorbeeld.nl",
        "mail naar fysio@praktijk.example svp",
        "<info@praktijk.example>",
        "info@m\u00fcnchen.example",
        "info\uff20praktijk.example",
        "a@b.co",
        "x@xn--mnchen-3ya.de",
    ],
)
def test_an_email_address_is_found(text: str) -> None:
    """Alone and within a sentence, also of an international domain."""
    assert list(kinds_in(text)) == [EMAIL]


@pytest.mark.parametrize(
    "text",
    [
        "0612345678",
        "06-12 34 56 78",
        "06/12345678",
        "tel.0612345678",
        "bel 06-12345678- na vijven",
        "+31 6 12345678",
        "+31 (0)6 - 12 34 56 78",
        "0031 10 1234567",
        "(010) 123 4567",
        "0182-621121",
        "+31 182 621 121",
        "+32 2 123 45 67",
        "2025-06-12 09:05 0612345678",
        "0612-34-5678",
    ],
)
def test_a_telephone_number_is_found(text: str) -> None:
    """Dutch and international, with the usual separators, and not as a BSN."""
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
        "op 01-02-2025 10:30 uur",
        "01.02.2025 10",
        "van 09.30 tot 10.45 uur",
        "192.111.222.333",
        "111.222.333.4",
        "L-0612345678",
        "2025.0612345678",
        "2017+A1:2020",
        "ISO/IEC 27001:2022 + NEN 7510-1:2017+A1:2020",
        "P1M",
        "a" * 30 + "111222333" + "b" * 25,
        "C@E",
        "entry 4711 of 90000",
        sealed(alg="A256KW", enc="A256GCM", kid=KID),
    ],
)
def test_ids_dates_and_hashes_are_left_alone(text: str) -> None:
    """What only resembles personal data is not refused."""
    assert list(kinds_in(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "eyJa.111222333.a.b.c",
        f"eyJa..{'A' * 16}.111222333.{'A' * 22}",
        f"eyJhbGciOiJkaXIifQ..{'A' * 16}.111222333.{'A' * 22}",
        f"{b64(b'[' * 9000)}..{'A' * 16}.111222333.{'A' * 22}",
        f"{b64(b'{}')}..{'A' * 16}.111222333.{'A' * 22}",
        sealed(alg="A256KW", enc="A256GCM"),
        sealed(alg="dir", enc="A256GCM", kid=KID),
        sealed(alg="A256KW", kid=KID),
        sealed(alg="none", enc="none", kid=KID),
        sealed(alg=["A256KW"], enc="A256GCM", kid=KID),
        sealed(alg="A256KW", enc="A256GCM", kid=[KID]),
        sealed(alg="A256KW", enc="A256GCM", kid="s-111222333"),
        sealed(alg="A256KW", enc="A256GCM", kid=KID, note="BSN 111222333"),
        sealed(alg="A256KW", enc="A256GCM", kid=KID) + ".x",
        sealed(alg="A256KW", enc="A256GCM", kid=KID).replace("A" * 22, "A" * 9),
    ],
)
def test_what_only_has_the_form_of_sealed_text_is_searched(text: str) -> None:
    """Its header must say how it was sealed, and no more than that."""
    assert BSN in set(kinds_in(text))


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
    assert event({"reasons": "bel 010 1234567"}, "InstructionConfirmed") == [
        PersonalData("/data/reasons", PHONE)
    ]
    assert event({"delivered_to": [{"controller": "C1", "message_id": "<1@nieuws.example>"}]}) == []
    assert event({"delivered_to": [{"controller": "C1", "at": "<1@nieuws.example>"}]}) != []


def test_a_bsn_is_no_contact_point() -> None:
    """Not even where an organisation may be reached."""
    found = event({"contact": "010 1234567, BSN 111222333"}, "ControllerRegistered")
    assert found == [PersonalData("/data/contact", BSN)]


CONTACTS = {
    *("ControllerRegistered", "ProcessorRegistered", "BreachNotified", "DataSubjectReferred"),
}


@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_only_types_with_a_contact_point_take_one(topic: str) -> None:
    """An address in all text of an event is taken in no other type than these four."""
    event_type = EVENT_TYPES[topic]
    raw = json.loads(golden(event_type))
    addresses = {**raw, "data": dict.fromkeys(raw["data"], "fysio@praktijk.example")}
    found = {place.pointer.removeprefix("/data/") for place in find(addresses, event_type)}
    allowed = {name for name in raw["data"].keys() - found if not NO_TEXT.search(name)}
    assert (allowed != set()) == (event_type.name in CONTACTS), allowed


NO_TEXT = re.compile(
    r"_sha256$|^(?:kvk|agb_code|lines|public_key|root|signed_root|query_hash|.*_commitment|.*_approx)$"
)
"""Fields that hold digits or hexadecimals and nothing else: their form is checked elsewhere."""


def test_a_correction_may_change_a_contact_point() -> None:
    """The new address of an organisation stands in a correction, and no other address does."""

    def correction(field: str) -> list[PersonalData]:
        change = {"field": field, "old": "a@praktijk.example", "new": "b@praktijk.example"}
        return event({"field_changes": [{"field": "x", "new": 1}, change]}, "EventCorrected")

    assert correction("breach_contact") == []
    assert correction("delivered_to.3.message_id") == []
    refused = [PersonalData(f"/data/field_changes/1/{part}", EMAIL) for part in ("old", "new")]
    assert correction("reason") == correction("changed_facts.contact") == refused


def test_a_count_is_a_count() -> None:
    """A number in a field that counts is not taken for a BSN; one among free facts is."""
    counts = {"subject_count": 111222333, "records_approx": {"min": 111222333, "max": 111222333}}
    assert event(counts, "BreachConfirmed") == []
    for number in (111222333, 111222333.0):
        assert [found.kind for found in event({"changed_facts": {"number": number}})] == [BSN]
    assert event({"changed_facts": {"number": 111222334, "final": True, "share": 0.5}}) == []


def test_no_event_of_the_scenario_is_refused() -> None:
    """Two years of ordinary events hold nothing that is taken for personal data."""
    lines = (shared("scenario") / "feed.ndjson").read_text().splitlines()
    for line in lines:
        given_ = json.loads(line)
        raw = {"id": given_["id"], "data": given_["data"]}
        assert find(raw, latest(given_["type"])) == [], given_["id"]
    assert len(lines) == 225


DIGITS = st.integers(100_000_000, 999_999_999).map(str)
AROUND = st.text("abcXYZ,;:()\n\u00e9", max_size=5)


BSNS = st.integers(1_000_000, 9_999_999).map(
    lambda first: next(bsn for n in range(100) if is_bsn(bsn := f"{first}{n:02d}"))
)


@given(BSNS, AROUND, AROUND)
def test_every_bsn_standing_alone_is_found(digits: str, before: str, after: str) -> None:
    """Between spaces, whatever stands around it."""
    assert BSN in kinds_in(f"{before} {digits} {after}")
    assert BSN in kinds_in(f"{before} {digits[:4]}.{digits[4:6]}.{digits[6:]} {after}")


@given(DIGITS.filter(lambda digits: not is_bsn(digits)), AROUND, AROUND)
def test_nine_other_digits_are_left_alone(digits: str, before: str, after: str) -> None:
    """Ten of eleven numbers of nine digits are no BSN."""
    assert BSN not in kinds_in(f"{before} {digits} {after}")


@given(st.binary(min_size=32, max_size=32), st.datetimes(datetime(1970, 1, 1)))
def test_hashes_and_times_hold_nothing(digest: bytes, moment: datetime) -> None:
    """What machines write into text is not taken for personal data."""
    for text in (digest.hex(), f"sha256:{digest.hex()}", moment.isoformat(), f"{moment.date()}"):
        assert list(kinds_in(text)) == [], text


def test_a_long_text_is_searched_in_time_that_grows_with_its_size() -> None:
    """A payload full of what begins like a number or an address keeps nobody waiting."""
    for piece in ("a@", "1 ", "0 1", "+1 (", "@a.", "111-", "eyJ."):
        started = time.perf_counter()
        list(kinds_in(piece * (32_768 // len(piece))))
        assert time.perf_counter() - started < 2, piece


@pytest.mark.parametrize("key", ["a@b.nl", "06 12345678", "111 222 333"])
def test_what_is_found_is_never_repeated(key: str) -> None:
    """A refusal would otherwise store in a log what must not be stored: not even in a pointer."""
    found = event({"clause_map": {key: "111222333"}}, "SubprocessingContractConcluded")
    assert [place.pointer for place in found] == ["/data/clause_map", "/data/clause_map/-"]
    assert found[1].kind == BSN
