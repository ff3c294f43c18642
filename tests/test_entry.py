"""Entries: bytes that never change, and one spelling."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import entry
from ledger.entry import Entry
from ledger.envelope import Signature
from ledger.errors import EntryMalformed, TooLarge

AT = datetime(2024, 9, 2, 6, 15, tzinfo=UTC)
ENTRY = Entry(
    AT, '{"naam":"Zoë \\"é\\"",\n\t"x":"</script>"}'.encode(), (Signature("k-crm", b"12"),)
)
GOLDEN = (
    '{"recorded_at":"2024-09-02T06:15:00.000000Z",'
    '"payload":"{\\"naam\\":\\"Zoë \\\\\\"é\\\\\\"\\",\\n\\t\\"x\\":\\"</script>\\"}",'
    '"signatures":[{"keyid":"k-crm","sig":"MTI="}]}'
).encode()


NUMBERED = replace(ENTRY, numbers=bytes(range(32)))
GOLDEN_NUMBERED = GOLDEN[:-1] + b',"numbers":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}'


@pytest.mark.parametrize(("made", "golden"), [(ENTRY, GOLDEN), (NUMBERED, GOLDEN_NUMBERED)])
def test_the_bytes_of_an_entry_never_change(made: Entry, golden: bytes) -> None:
    """These bytes are what logs commit to: of before entries were numbered, and since."""
    assert entry.format(made) == golden
    assert entry.parse(golden) == made


times = st.datetimes(timezones=st.just(UTC))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
signatures = st.lists(st.builds(Signature, texts, st.binary(max_size=70)), min_size=1, max_size=3)


commitments = st.none() | st.binary(min_size=32, max_size=32)


@given(times, texts, signatures, commitments)
def test_an_entry_is_read_as_it_was_written(
    at: datetime, payload: str, signed: list[Signature], numbers: bytes | None
) -> None:
    """Any time, text, signatures and commitment come back, from the year 1 on."""
    made = Entry(at, payload.encode(), tuple(signed), numbers)
    assert entry.parse(entry.format(made)) == made


def test_a_time_is_written_in_utc() -> None:
    """The same instant in another zone gives the same bytes; a time without zone gives none."""
    there = AT.astimezone(timezone(timedelta(hours=2)))
    assert entry.format(Entry(there, ENTRY.payload, ENTRY.signatures)) == GOLDEN
    with pytest.raises(ValueError, match="UTC"):
        entry.format(Entry(AT.replace(tzinfo=None), ENTRY.payload, ENTRY.signatures))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"{", b" {"),
        (b":", b": "),
        (b'8="}', b'8="}\n'),
        (b"000000Z", b"000000+00:00"),
        (b"000000Z", b"000Z"),
        (b"000000Z", b"000000"),
        (b".000000Z", b".000000z"),
        (b"2024-09-02T", b"2024-09-02 "),
        (b"2024-09-02T", b"20240902T"),
        (b"2024-09-02T", b"2024-13-02T"),
        ("ë".encode(), b"\\u00eb"),
        (b"\\n", b"\\u000a"),
        (b"</", b"<\\/"),
        (b"MTI=", b"MTI"),
        (b"MTI=", b"MTJ="),
        (b"MTI=", b"MT-="),
        (b'"k-crm"', b"7"),
        (b'"k-crm"', b"null"),
        (b'"k-crm"', b'["k"]'),
        (b'"keyid"', b'"keyID"'),
        (b'{"keyid":"k-crm","sig":"MTI="}', b'{"sig":"MTI=","keyid":"k-crm"}'),
        (b'[{"keyid":"k-crm","sig":"MTI="}]', b"[]"),
        (b'{"recorded_at"', b'{"extra":1,"recorded_at"'),
        (b'{"recorded_at"', b'{"payload":"x","recorded_at"'),
        (b'"signatures"', b'"Signatures"'),
        (b"{", b"\xef\xbb\xbf{"),
        (b"Zo", b"Zo\xff"),
        (b"Zo", b"Zo\\ud800"),
        (b"Hh8=", b"Hh8"),
        (b"Hh8=", b"Hh9="),
        (b"Hh8=", b"Hh8=AA=="),
        (b'"AAEC', b'"'),
        (b'"numbers":"', b'"numbers": "'),
        (b'"numbers"', b'"Numbers"'),
        (b'"numbers":"AAE', b'"numbers":null,"x":"AAE'),
        (b'"numbers":"AAE', b'"numbers":["AAE'),
        (b',"numbers"', b',"signatures":[],"numbers"'),
        (b'{"recorded_at"', b'{"numbers":"AAE","recorded_at"'),
    ],
)
def test_second_spellings_of_entries_are_refused(right: bytes, wrong: bytes) -> None:
    """Each of these is almost the golden entry, and some JSON readers see no difference."""
    assert right in GOLDEN_NUMBERED
    with pytest.raises(EntryMalformed):
        entry.parse(GOLDEN_NUMBERED.replace(right, wrong, 1))


@settings(deadline=None)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.recursive(
            st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=4)),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["recorded_at", "payload", "signatures", "keyid", "sig", "numbers"]
                    ),
                    inner,
                )
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_bytes_are_an_entry_in_one_way_or_none(leaf: bytes) -> None:
    """Any bytes are refused as EntryMalformed."""
    with pytest.raises(EntryMalformed):
        entry.parse(leaf)


@given(st.data())
def test_a_changed_byte_is_another_entry_or_none(data: st.DataObject) -> None:
    """No byte of an entry is free: whatever is changed shows in what is read."""
    golden = GOLDEN_NUMBERED
    place = data.draw(st.integers(0, len(golden) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != golden[place]))
    changed = golden[:place] + bytes([byte]) + golden[place + 1 :]
    try:
        found = entry.parse(changed)
    except EntryMalformed:
        return
    assert found != NUMBERED
    assert entry.format(found) == changed


def test_deep_nesting_is_refused_without_a_crash() -> None:
    """The parser's recursion limit is an error like any other."""
    with pytest.raises(EntryMalformed):
        entry.parse(b"[" * 60_000)


def test_the_largest_entry_has_65535_bytes() -> None:
    """The length of an entry travels in two bytes."""
    rest = len(entry.format(Entry(AT, b"", ENTRY.signatures)))
    largest = Entry(AT, b"x" * (65_535 - rest), ENTRY.signatures)
    leaf = entry.format(largest)
    assert len(leaf) == 65_535
    assert entry.parse(leaf) == largest
    with pytest.raises(TooLarge, match="65536"):
        entry.format(Entry(AT, b"x" * (65_536 - rest), ENTRY.signatures))
    with pytest.raises(EntryMalformed, match="larger"):
        entry.parse(leaf.replace(b"x", b"xx", 1))


def test_a_leaf_that_fits_only_in_another_spelling_is_refused() -> None:
    """As malformed, like every other second spelling: its time is shorter than it is written."""
    room = entry.MAX_ENTRY - len(GOLDEN)
    largest = GOLDEN.replace(b"naam", b"n" * (4 + room))
    assert len(largest) == entry.MAX_ENTRY
    assert entry.parse(largest)
    other = largest.replace(b":00.000000Z", b":00Z").replace(b"nn", b"nnnnn", 1)
    assert len(other) <= entry.MAX_ENTRY
    with pytest.raises(EntryMalformed):
        entry.parse(other)


def test_an_entry_has_a_signature_and_a_text() -> None:
    """What nobody signed, or is not UTF-8, is never written."""
    with pytest.raises(ValueError, match="signature"):
        entry.format(Entry(AT, b"{}", ()))
    with pytest.raises(ValueError, match="32 bytes"):
        entry.format(replace(ENTRY, numbers=bytes(31)))
    with pytest.raises(UnicodeDecodeError):
        entry.format(Entry(AT, b"\xff", ENTRY.signatures))
