"""The tree over the lines of a day: fixed by every byte, told by no leaf, compared line by line."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import anchor
from ledger.anchor import Compared, DayKey, Place, Tree, compare, later
from ledger.errors import AnchorMalformed
from ledger.merkle import EMPTY_ROOT, HASH, leaf_hash
from tests.anchoring import DAY, SECRET, SOURCE, digested, lines_of

KEY = DayKey(SECRET, SOURCE, DAY)


def leaves_of(lines: list[bytes]) -> list[bytes]:
    return [KEY.leaf(line) for line in lines]


def by_the_text(hashes: list[bytes]) -> bytes:
    """The root as RFC 6962 2.1 defines it."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << ((len(hashes) - 1).bit_length() - 1)
    left, right = by_the_text(hashes[:half]), by_the_text(hashes[half:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def test_a_leaf_is_what_the_format_says() -> None:
    """From the secret to the leaf, by nothing but the two functions that are named there."""
    key = hmac.new(SECRET, b"verantwoord-lines-v1\nepd-toegang\n2025-01-01", hashlib.sha256)
    salt = hmac.new(key.digest(), b"a line", hashlib.sha256).digest()
    assert KEY.salt(b"a line") == salt
    assert KEY.leaf(b"a line") == hashlib.sha256(b"\x00" + salt + b"a line").digest()
    by_openssl = "e5ebfa28a451cb568939523ae734b3bc9958cf2a138504d480ca6e79504aefbc"
    assert KEY.leaf(b"a line").hex() == by_openssl


@pytest.mark.parametrize("size", range(34))
def test_the_root_is_that_of_rfc_6962(size: int) -> None:
    """For every small number of lines, none included."""
    lines = lines_of(size)
    assert Tree(KEY.leaves(lines)).root() == by_the_text(leaves_of(lines))


def test_no_leaf_is_guessed_without_the_secret() -> None:
    """A line that can be guessed gives another leaf without a salt, and in another day or log."""
    line = b"dokter-7 las patient-12"
    leaves = {
        leaf_hash(line),
        KEY.leaf(line),
        DayKey(bytes(32), SOURCE, DAY).leaf(line),
        DayKey(SECRET, "epd", DAY).leaf(line),
        DayKey(SECRET, SOURCE, DAY + timedelta(days=1)).leaf(line),
    }
    assert len(leaves) == 5


def test_an_anchor_is_read_as_it_was_written() -> None:
    """Also with a line feed among its leaves."""
    for size in range(70):
        made = digested(lines_of(size))
        assert anchor.parse(b"".join(anchor.format(made))) == made


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda raw: raw[:-1], "another root"),
        (lambda raw: raw[:-HASH], "another root"),
        (lambda raw: raw + bytes(HASH), "another root"),
        (lambda raw: raw[:-HASH] + bytes(HASH), "another root"),
        (lambda raw: raw[: -2 * HASH] + raw[-HASH:] + raw[-2 * HASH : -HASH], "another root"),
        (lambda raw: raw.replace(b'"lines": 5', b'"lines": 4'), "another root"),
        (lambda raw: raw.replace(b"log-digest-recorded", b"breach-closed"), "holds no digest"),
        (lambda raw: raw.replace(b"sha-256", b"sha-512"), "holds no digest"),
        (lambda raw: raw.replace(b"\n", b""), "begins with the payload"),
        (lambda raw: b"x" + raw, "holds no digest"),
        (lambda raw: b"", "begins with the payload"),
    ],
)
def test_an_anchor_that_was_changed_is_refused(change: object, told: str) -> None:
    """Its leaves must give the root that its payload says."""
    raw = b"".join(anchor.format(digested(lines_of(5))))
    changed = change(raw)  # type: ignore[operator]
    assert changed != raw
    with pytest.raises(AnchorMalformed, match=told):
        anchor.parse(changed)


def compared(was: list[bytes], now: list[bytes], late: list[bytes] | None = None) -> Compared:
    anchors = [digested(was)]
    if late is not None:
        anchors.append(digested(late, supplement=1))
    return compare(anchors, leaves_of(now))


@pytest.mark.parametrize("size", range(10))
def test_every_line_that_is_altered_is_named(size: int) -> None:
    """By its number, and nothing else is."""
    lines = lines_of(size)
    assert compared(lines, lines).same
    for n in range(size):
        found = compared(lines, [*lines[:n], lines[n] + b" ", *lines[n + 1 :]])
        assert found.altered == [(n + 1, Place(0, n))]
        assert (found.missing, found.extra, found.moved, found.same) == ([], [], [], False)


@pytest.mark.parametrize("size", range(1, 10))
def test_every_line_that_lacks_or_is_extra_is_named(size: int) -> None:
    """By its number in the digest, or in what is there now."""
    lines = lines_of(size)
    for n in range(size):
        cut = compared(lines, lines[:n] + lines[n + 1 :])
        assert (cut.missing, cut.altered, cut.extra, cut.moved) == ([Place(0, n)], [], [], [])
    for n in range(size + 1):
        added = compared(lines, [*lines[:n], b"put in", *lines[n:]])
        assert (added.extra, added.altered, added.missing, added.moved) == ([n + 1], [], [], [])


def test_lines_that_changed_places_are_named() -> None:
    """The one that follows what it came before."""
    lines = lines_of(5)
    swapped = [lines[0], lines[2], lines[1], *lines[3:]]
    assert compared(lines, swapped).moved == [(3, Place(0, 1))]


def test_a_line_that_was_there_twice_must_be_there_twice() -> None:
    """The same bytes are not the same line."""
    twice = [b"a", b"b", b"a"]
    assert compared(twice, twice).same
    assert compared(twice, [b"a", b"b"]).missing == [Place(0, 2)]
    assert compared(twice, [*twice, b"a"]).extra == [4]


def test_late_lines_may_stand_anywhere() -> None:
    """A supplement says that they are there, not where."""
    lines, late = lines_of(4), [b"late 1", b"late 2"]
    assert compared(lines, [lines[0], late[0], *lines[1:], late[1]], late).same
    assert compared(lines, [*lines, late[1]], late).missing == [Place(1, 0)]


@given(st.lists(st.sampled_from([b"a", b"b", b"c"])), st.lists(st.sampled_from([b"a", b"b", b"d"])))
def test_later_lines_are_those_that_are_too_many(was: list[bytes], now: list[bytes]) -> None:
    """As often as they are, in their order; with them nothing is extra any more."""
    anchors = [digested(was)]
    new = later(anchors, KEY.leaves(now))
    for line in (b"a", b"b", b"d"):
        leaf = KEY.leaf(line)
        count = sum(new[at : at + HASH] == leaf for at in range(0, len(new), HASH))
        assert count == max(0, now.count(line) - was.count(line))
    of_new = [new[at : at + HASH] for at in range(0, len(new), HASH)]
    late = digested(
        [line for leaf in of_new for line in (b"a", b"b", b"d") if KEY.leaf(line) == leaf],
        supplement=1,
    )
    assert late.leaves == new
    assert not compare([*anchors, late], leaves_of(now)).extra


def test_a_day_without_lines_has_a_digest() -> None:
    """That there were none is said as well."""
    made = digested([])
    assert (made.digest.lines, made.digest.root) == (0, EMPTY_ROOT)
    assert compare([made], []).same
    assert compare([made], leaves_of([b"x"])).extra == [1]


def test_a_digest_names_the_one_before_it() -> None:
    """By its id, and by the SHA-256 of its payload."""
    first = digested(lines_of(3))
    second = digested(lines_of(2), day=date(2025, 1, 2), previous=first.payload)
    assert second.digest.previous == "log-digest/epd-toegang/2025-01-01/0"
    assert second.digest.previous_sha256 == hashlib.sha256(first.payload).hexdigest()
    assert first.digest.previous is None
