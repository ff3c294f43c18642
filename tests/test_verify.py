"""Verifying a log: honest ones pass, and every attack on an export is found, by which check.

The attacker of these tests has, from section to section, the files; the files and the key of the
log; the key of a producer. What only a kept checkpoint or a pinned key shows is said in the report.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.metadata import packages_distributions
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import checkpoint, tiles
from ledger.checks import CHECKS
from ledger.entry_check import type_name
from ledger.envelope import Envelope, Signature
from ledger.errors import VerificationFailed
from ledger.events import EVENT_TYPES
from ledger.keyring import ADMINISTRATOR, ENROLLED
from ledger.merkle import Frontier, leaf_hash
from ledger.note import Signer
from ledger.report import Pins, Report
from ledger.tiles import Tile, format_bundle
from ledger.tree_check import TreeCheck
from ledger.verify import verify
from tests.log_builder import (
    ORIGIN,
    START,
    LogBuilder,
    busy_log,
    enrolment,
    export,
    hash_tiles,
    payload,
    private_key,
    public_bytes,
    reading,
    sign,
)

Files = Mapping[str, bytes]
SIZE = 300
LOG = busy_log(SIZE)
EXPORT = LOG.export()


def failure(files: Files, pins: Pins | None = None) -> VerificationFailed:
    """The failure of a verification that must fail."""
    with pytest.raises(VerificationFailed) as caught:
        verify(reading(files), pins)
    return caught.value


def found(files: Files, pins: Pins | None = None) -> tuple[int | None, int | None]:
    """Which check failed, and at which entry."""
    error = failure(files, pins)
    return error.check, error.index


# Honest logs.


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 8, 255, 256, 257, 300])
def test_an_honest_log_verifies(size: int) -> None:
    """At every size, with every check but that of kept checkpoints."""
    report = verify(reading(LOG.export(size)))
    assert (report.origin, report.size) == (ORIGIN, size)
    assert report.root == Frontier().append([leaf_hash(e) for e in LOG.leaves[:size]]).root()
    assert [passed.number for passed in report.passed] == [1, 2, 3, 4, 5, 6, 7]
    assert report.suspect == ()


def test_a_report_names_every_check_it_made() -> None:
    """All 9, when checkpoints were kept and entries are numbered, with a sentence each."""
    log = LogBuilder(secret=bytes(32))
    log.enrol("k-crm", "crm")
    log.record("InstructionReceived", {"controller_id": "C1"}, by="k-crm", concerns=["C1"])
    report = verify(reading(log.export()), Pins(kept=[log.checkpoint(size) for size in (0, 1, 3)]))
    assert {passed.number: passed.name for passed in report.passed} == CHECKS
    assert all(passed.showed.endswith(".") for passed in report.passed)


def test_a_report_says_what_was_pinned_and_what_first_seen() -> None:
    """Of both keys; a key that was found beside the log is never called pinned."""
    seen = verify(reading(EXPORT))
    vkey = LOG.signer.verifier.vkey
    pinned = verify(reading(EXPORT), Pins(vkey, public_bytes(ADMINISTRATOR)))
    assert sentences(seen.rests_on, "first seen") == 2
    assert sentences(seen.rests_on, "pinned") == 0
    assert sentences(pinned.rests_on, "pinned by the caller") == 2
    assert sentences(seen.does_not_show, "found beside it") == 1
    assert sentences(pinned.does_not_show, "found beside it") == 0
    assert (seen.vkey, seen.administrator_key) == (vkey, public_bytes(ADMINISTRATOR))
    assert sentences(pinned.rests_on, vkey) == 1


def sentences(of: tuple[str, ...], words: str) -> int:
    """How many sentences have these words."""
    return sum(words in sentence for sentence in of)


def test_a_report_always_says_what_it_does_not_show() -> None:
    """Truth, omission, split view and time are out of reach of any verifier of one log."""
    for pins in (None, Pins(kept=[LOG.checkpoint(10)])):
        report = verify(reading(EXPORT), pins)
        for words in ("true", "never recorded", "second history", "own clock", "agreement"):
            assert sentences(report.does_not_show, words) == 1, words
        assert sentences(report.does_not_show, "first 10 entries") == (pins is not None)


def test_the_files_of_the_key_may_be_missing_when_it_is_pinned() -> None:
    """A pinned key needs no other source; without it there must be one."""
    files = {path: raw for path, raw in EXPORT.items() if path != "log.vkey"}
    assert verify(reading(files), Pins(LOG.signer.verifier.vkey)).size == SIZE
    assert found(files) == (1, None)


def test_a_failing_disk_is_not_a_failed_verification() -> None:
    """Other errors of the reader pass through: they say nothing about the log."""

    def fetch(path: str) -> bytes:
        raise PermissionError(path)

    with pytest.raises(PermissionError):
        verify(fetch)


# The attacker has the files.


def first_entry_of(path: str, place: int) -> int | None:
    """The first entry that is touched by a byte of a file."""
    if not path.startswith("tile/"):
        return None
    tile = tiles.parse_path(path)
    start = tile.index * tiles.WIDTH
    if tile.level is not None:
        return (start + place // 32) * tiles.WIDTH**tile.level
    for index in range(start, start + tile.width):
        place -= 2 + len(LOG.leaves[index])
        if place < 0:
            return index
    raise AssertionError("the byte is outside the file")


@pytest.mark.parametrize("path", sorted(EXPORT))
def test_a_changed_byte_is_found_where_it_is(path: str) -> None:
    """In every region of every file, with the first entry that differs and the right check."""
    level = {"log.vkey": {1, 2}, "checkpoint": {2}, "tile/1": {4}}
    checks = next((level[head] for head in level if path.startswith(head)), {3})
    raw = EXPORT[path]
    for number, place in enumerate(sorted({*range(0, len(raw), 1 + len(raw) // 24), len(raw) - 1})):
        changed = raw[:place] + bytes([raw[place] ^ 1 << number % 8]) + raw[place + 1 :]
        check, index = found(EXPORT | {path: changed})
        assert check in checks
        assert index == first_entry_of(path, place)


def test_every_byte_of_a_small_log_counts() -> None:
    """Of a log of two entries, no byte of any file can be another one."""
    files = LOG.export(2)
    for path, raw in files.items():
        for place in range(len(raw)):
            changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
            failure(files | {path: changed})


@pytest.mark.parametrize("path", sorted(EXPORT.keys() - {"log.vkey"}))
def test_a_missing_file_is_found(path: str) -> None:
    """The first entry that cannot be checked is named."""
    files = {name: raw for name, raw in EXPORT.items() if name != path}
    check, index = found(files)
    assert check == (2 if path == "checkpoint" else 4 if path.startswith("tile/1") else 3)
    assert index == first_entry_of(path, 0)


@pytest.mark.parametrize("path", sorted(EXPORT))
@pytest.mark.parametrize("change", [lambda r: r[:-1], lambda r: r + b"\0", lambda r: b""])
def test_a_file_that_is_cut_or_longer_is_found(path: str, change: Callable[[bytes], bytes]) -> None:
    """Nothing can be taken from the end of a file, or added to it.

    The newline after the verifier key is the one exception: it carries nothing.
    """
    changed = change(EXPORT[path])
    if changed + b"\n" == EXPORT["log.vkey"]:
        assert verify(reading(EXPORT | {path: changed})).size == SIZE
    else:
        failure(EXPORT | {path: changed})


def bundles_of(leaves: list[bytes]) -> dict[str, bytes]:
    """Only the entry bundles of a log with these entries."""
    made = export(leaves, LOG.signer)
    return {path: raw for path, raw in made.items() if path.startswith("tile/entries")}


def test_two_swapped_entries_are_found() -> None:
    """At the first of them, within a bundle and across bundles."""
    for one, other in ((3, 4), (7, 200), (100, 299)):
        leaves = list(LOG.leaves)
        leaves[one], leaves[other] = leaves[other], leaves[one]
        assert found(EXPORT | bundles_of(leaves)) == (3, one)


def test_a_dropped_entry_is_found() -> None:
    """At the place where it was, whatever follows."""
    leaves = LOG.leaves[:50] + LOG.leaves[51:]
    assert found(EXPORT | bundles_of([*leaves, LOG.leaves[-1]])) == (3, 50)


def test_a_cut_tail_is_found() -> None:
    """The signed checkpoint says how many entries there are."""
    shorter = LOG.export(290) | {"checkpoint": EXPORT["checkpoint"]}
    assert found(shorter) == (3, 256)


def same_time_log() -> LogBuilder:
    """A log whose entries from 3 on are of one batch, so of one recorded time."""
    log = busy_log(3)
    for number in range(3, SIZE):
        log.record("InstructionReceived", {"number": number}, by="k-crm", at=log.now)
    return log


def test_entries_in_another_order_are_found_with_tiles_made_anew() -> None:
    """Time and signatures show nothing here; the tile above does, and at last the root."""
    log = same_time_log()
    leaves = list(log.leaves)
    leaves[20], leaves[30] = leaves[30], leaves[20]
    forged = export(leaves, log.signer)
    old = log.export()
    honest_above = forged | {path: old[path] for path in ("checkpoint", "tile/1/000.p/1")}
    assert found(honest_above) == (4, 0)
    assert found(forged | {"checkpoint": old["checkpoint"]}) == (4, None)
    assert verify(reading(old)).size == SIZE


def test_a_middle_replaced_with_tiles_made_anew_is_found() -> None:
    """By the signature, when the attacker has no producer's key; by the root, when it has one."""
    event = payload("InstructionReceived", {"number": -1}, id="E50", system="crm")
    for keys, wanted in ((("mallory",), (6, 50)), (("k-crm",), (4, None))):
        signed = sign(event, *keys)
        as_crm = Envelope(
            event, signed.payload_type, (Signature("k-crm", signed.signatures[0].sig),)
        )
        log = LogBuilder()
        index = log.append(as_crm, START + timedelta(seconds=51))
        leaves = [*LOG.leaves[:50], log.leaves[index], *LOG.leaves[51:]]
        forged = export(leaves, LOG.signer) | {"checkpoint": EXPORT["checkpoint"]}
        assert found(forged) == wanted


def test_a_checkpoint_by_another_key_is_found() -> None:
    """Also when the key has the name of the log."""
    for name in (ORIGIN, "log.example/other"):
        stranger = Signer(name, private_key("mallory"))
        forged = export(LOG.leaves, stranger)["checkpoint"]
        assert found(EXPORT | {"checkpoint": forged}) == (2, None)


def test_a_whole_log_under_another_key_is_found_by_the_pinned_key() -> None:
    """Without a pin it verifies, and the report says that the key was only found there."""
    forged = export(LOG.leaves, Signer(ORIGIN, private_key("mallory")))
    assert found(forged, Pins(vkey=LOG.signer.verifier.vkey)) == (1, None)
    assert found(
        {path: raw for path, raw in forged.items() if path != "log.vkey"},
        Pins(vkey=LOG.signer.verifier.vkey),
    ) == (2, None)
    assert sentences(verify(reading(forged)).does_not_show, "found beside it") == 1


def test_an_old_checkpoint_over_a_larger_tree_is_found() -> None:
    """The files are those of the larger tree: the partial tiles of the old one are not there."""
    old = LOG.checkpoint(270).encode()
    assert found(EXPORT | {"checkpoint": old}) == (3, 256)


def test_an_old_copy_is_found_by_a_kept_checkpoint() -> None:
    """A whole old state verifies by itself; whoever kept a later checkpoint sees what is gone."""
    old = LOG.export(270)
    report = verify(reading(old))
    assert report.size == 270
    assert sentences(report.does_not_show, "log cut") == 1
    assert found(old, Pins(kept=[LOG.checkpoint(300)])) == (8, 270)


junk = st.one_of(
    st.binary(max_size=200),
    st.binary(min_size=8192, max_size=8192),
    st.text(max_size=50).map(str.encode),
    st.sampled_from(list(EXPORT.values())),
)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(EXPORT)), junk)
def test_any_file_in_place_of_any_other_fails_as_one(path: str, raw: bytes) -> None:
    """Whatever a file holds, verification fails with a numbered check and nothing else."""
    if raw not in (EXPORT[path], EXPORT[path] + b"\n", EXPORT[path].removesuffix(b"\n")):
        assert failure(EXPORT | {path: raw}).check in CHECKS


# The attacker has the files and the key of the log: the operator.


def test_a_fork_is_found_by_a_kept_checkpoint() -> None:
    """Two histories by one key verify each by itself; two checkpoints cannot both be true."""
    ours, theirs = busy_log(40), busy_log(40)
    ours.record("BreachDetected", {}, by="k-crm")
    theirs.record("BreachDetected", {"breach_id": "none"}, by="k-crm")
    for log in (ours, theirs):
        assert verify(reading(log.export())).size == 41
        assert verify(reading(log.export()), Pins(kept=[ours.checkpoint(40)])).size == 41
    assert found(theirs.export(), Pins(kept=[ours.checkpoint(41)])) == (8, None)


def test_a_rewritten_log_is_found_by_a_checkpoint_from_before() -> None:
    """However much was appended since, and wherever the change is."""
    rewritten = busy_log(20)
    rewritten.leaves[10] = rewritten.leaves[10].replace(b".000000Z", b".000001Z")
    while len(rewritten.leaves) < 60:
        number = len(rewritten.leaves)
        rewritten.record("InstructionReceived", {"number": number}, by="k-crm")
    files = rewritten.export()
    assert verify(reading(files)).size == 60
    assert verify(reading(files), Pins(kept=[busy_log(10).checkpoint()])).size == 60
    for size in range(11, 21):
        assert found(files, Pins(kept=[busy_log(20).checkpoint(size)])) == (8, None)


def test_a_kept_checkpoint_must_be_of_this_log() -> None:
    """A checkpoint of another log, or no checkpoint, is not passed over."""
    for text in (LogBuilder("log.example/other").checkpoint(), "", "checkpoint\n\n"):
        assert found(EXPORT, Pins(kept=[text])) == (8, None)


def test_another_administrator_is_found_by_the_pinned_key() -> None:
    """A log written anew with all keys of one's own verifies by itself, and says first seen."""
    assert found(EXPORT, Pins(administrator_key=public_bytes("mallory"))) == (6, 0)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b'{"recorded_at"', b'{ "recorded_at"'),
        (b".000000Z", b"Z"),
        (b".000000Z", b".000000+00:00"),
        (b'"keyid":"k-crm"', b'"keyid":"k-\\u0063rm"'),
    ],
)
def test_a_second_spelling_of_an_entry_is_found(right: bytes, wrong: bytes) -> None:
    """Though it says the same, with tiles and checkpoint over it in good order."""
    log = busy_log(12)
    index = next(i for i in range(5, 12) if b'"keyid":"k-crm"' in log.leaves[i])
    assert right in log.leaves[index]
    log.leaves[index] = log.leaves[index].replace(right, wrong)
    assert found(log.export()) == (5, index)


def test_recorded_time_that_runs_backwards_is_found() -> None:
    """By a microsecond; the same time twice is one batch."""
    log = busy_log(5)
    log.record("BreachDetected", {}, by="k-crm", at=log.now)
    assert verify(reading(log.export())).size == 6
    log.record("BreachDetected", {}, by="k-crm", at=log.now - timedelta(microseconds=1))
    assert found(log.export()) == (5, 6)


def test_the_first_entry_must_enrol_the_administrator() -> None:
    """Any other beginning gives no key to trust the rest by."""
    genuine = LogBuilder().leaves[0]
    own = enrolment(ADMINISTRATOR, ADMINISTRATOR)
    beginnings = [
        ("BreachDetected", own, ADMINISTRATOR, "does not enrol"),
        (ENROLLED, enrolment("k-crm", "crm"), ADMINISTRATOR, "does not enrol"),
        (ENROLLED, enrolment("k-crm", ADMINISTRATOR), "k-crm", "does not enrol"),
        (ENROLLED, own, "k-crm", "not enrolled before"),
        (ENROLLED, own | {"service": "crm"}, ADMINISTRATOR, "may sign"),
    ]
    for type_, data, signer, reason in beginnings:
        log = LogBuilder()
        log.leaves.clear()
        log.record(type_, data, by=signer, system=ADMINISTRATOR)
        log.leaves.append(genuine)  # too late
        error = failure(log.export())
        assert (error.check, error.index) == (6, 0)
        assert reason in str(error)


Act = Callable[[LogBuilder], Any]


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(
            lambda log: log.record("BreachDetected", {}, by="mallory", system="crm"),
            id="unknown key",
        ),
        pytest.param(
            lambda log: log.append(forged(log, "k-crm", signed_by="mallory")), id="forged signature"
        ),
        pytest.param(
            lambda log: log.append(forged(log, "k-crm", signed_by="k-help")),
            id="signature of another enrolled key",
        ),
        pytest.param(
            lambda log: log.record("BreachDetected", {}, by=("k-crm", "mallory")),
            id="countersigned by an unknown key",
        ),
        pytest.param(
            lambda log: log.record("BreachDetected", {}, by="k-help", system="crm"),
            id="source of another service",
        ),
        pytest.param(
            lambda log: log.record("DataReturned", {}, by="k-one"), id="type of another key"
        ),
        pytest.param(
            lambda log: log.record("CheckpointSigned", {}, by="k-crm"), id="ledger's type"
        ),
        pytest.param(
            lambda log: log.enrol("k-new", "crm", by="k-crm"), id="enrolled by a producer"
        ),
        pytest.param(lambda log: log.revoke("k-help", by="k-crm"), id="revoked by a producer"),
        pytest.param(lambda log: log.revoke("k-crm", by="k-crm"), id="revoked by itself"),
        pytest.param(lambda log: log.enrol("k-crm", "crm"), id="enrolled twice"),
        pytest.param(lambda log: log.enrol(ADMINISTRATOR, ADMINISTRATOR), id="administrator twice"),
        pytest.param(lambda log: log.revoke("k-unknown"), id="unknown key revoked"),
        pytest.param(lambda log: log.revoke("k-gone"), id="revoked twice"),
        pytest.param(lambda log: log.record("BreachDetected", {}, by="k-gone"), id="revoked key"),
        pytest.param(
            lambda log: log.record("BreachDetected", {}, by="k-late"), id="not yet in force"
        ),
        pytest.param(
            lambda log: log.record("BreachDetected", {}, by="k-old"), id="no longer in force"
        ),
        pytest.param(
            lambda log: log.record("BreachDetected", {}, by=("k-crm", "k-gone")),
            id="countersigned by a revoked key",
        ),
        pytest.param(lambda log: log.enrol("k-new", "crm", valid_from="soon"), id="unreadable key"),
        pytest.param(lambda log: log.enrol("k-new", "crm", public_key="AAAA"), id="no key"),
    ],
)
def test_an_event_without_a_right_to_be_there_is_found(act: Act) -> None:
    """Though the operator put tiles and checkpoint over it in good order."""
    log = log_with_keys()
    assert verify(reading(log.export())).suspect == ()
    size = len(log.leaves)
    act(log)
    log.record("BreachDetected", {}, by="k-crm")
    assert found(log.export()) == (6, size)


def log_with_keys() -> LogBuilder:
    """A log with keys in force, revoked, too early, too late and for one type only."""
    log = busy_log(8)
    log.enrol("k-one", "one", event_types=["BreachDetected"])
    log.enrol("k-gone", "gone")
    log.enrol("k-late", "late", valid_from="2025-01-02")
    log.enrol("k-old", "old", valid_until="2024-12-31")
    log.record("BreachDetected", {}, by="k-one")
    log.record("BreachDetected", {}, by=("k-gone", "k-crm"))
    log.revoke("k-gone")
    return log


def forged(log: LogBuilder, key_id: str, *, signed_by: str) -> Envelope:
    """An event under the key id of one key with the signature of another."""
    event = payload("BreachDetected", {}, id=f"F{len(log.leaves)}", system="crm")
    (signature,) = sign(event, signed_by).signatures
    return Envelope(event, "application/cloudevents+json", (Signature(key_id, signature.sig),))


def test_events_that_may_be_there_pass() -> None:
    """Countersigned events, the administrator's own, and key events with a second signature."""
    log = log_with_keys()
    log.record("InstructionReceived", {}, by=("k-help", "k-crm"))
    log.record("BreachDetected", {}, by=ADMINISTRATOR)
    log.enrol("k-new", "new", by=ADMINISTRATOR)
    log.record(
        ENROLLED, enrolment("k-newer", "new"), by=("k-crm", ADMINISTRATOR), system=ADMINISTRATOR
    )
    log.record("BreachDetected", {}, by="k-newer", system="new")
    log.revoke("k-newer")
    assert verify(reading(log.export())).size == len(log.leaves)


def event_with(**change: Any) -> bytes:
    """A payload with fields changed; None removes one."""
    event = json.loads(payload("BreachDetected", {}, id="X", system="crm")) | change
    return json.dumps({key: value for key, value in event.items() if value is not None}).encode()


@pytest.mark.parametrize(
    "event",
    [
        b"not JSON",
        b"[]",
        b'"text"',
        event_with(type=None),
        event_with(type=""),
        event_with(type=7),
        event_with(type="org.example.breach-detected.v1"),
        event_with(type="nl.verwerkersovereenkomsten.BreachDetected.v1"),
        event_with(type="nl.verwerkersovereenkomsten.breach-detected.v01"),
        event_with(source=None),
        event_with(id=""),
        event_with(data=None),
        event_with(data=[]),
        event_with().replace(b'"id"', b'"id": "E1", "id"'),
        b"[" * 1000,
    ],
)
def test_a_payload_that_is_no_event_is_found(event: bytes) -> None:
    """Though a producer signed it: a reader could take it for anything."""
    log = busy_log(5)
    log.append(sign(event, "k-crm"))
    assert found(log.export()) == (7, 5)


def test_a_source_and_id_that_come_twice_are_found() -> None:
    """The same event again, and another under its id; the same id of another source is another."""
    log = busy_log(5)
    log.record("BreachDetected", {}, by="k-crm", id="B1")
    log.record("BreachDetected", {}, by="k-help", id="B1")
    assert verify(reading(log.export())).size == 7
    for data in ({}, {"other": 1}):
        again = busy_log(5)
        again.record("BreachDetected", {}, by="k-crm", id="B1")
        again.record("BreachDetected", data, by="k-crm", id="B1")
        assert found(again.export()) == (7, 6)


def test_source_and_id_are_kept_apart() -> None:
    """A space at the border of source and id makes no two events one."""
    log = busy_log(5)
    for source, identifier in (("urn:a:systeem:crm", "b c"), ("urn:a:systeem:crm b", "c")):
        key_id = {"crm": "k-crm", "crm b": "k-crm-b"}[source.rpartition(":")[2]]
        if key_id not in log.services:
            log.enrol(key_id, "crm b")
        log.append(sign(event_with(source=source, id=identifier), key_id))
    assert verify(reading(log.export())).size == len(log.leaves)


# The attacker has the key of a producer.


def test_what_a_stolen_key_signed_is_listed_as_suspect() -> None:
    """From the suspicion to the revocation, also as countersignature; the rest is not."""
    log = busy_log(6)
    day = timedelta(days=1)
    log.record("BreachDetected", {}, by="k-crm", at=START + day)
    suspect = [
        log.record("BreachDetected", {}, by="k-crm", at=START + 2 * day),
        log.record("BreachDetected", {}, by=("k-help", "k-crm"), at=START + 2 * day),
    ]
    log.record("BreachDetected", {}, by="k-help")
    log.revoke("k-crm", suspect_since="2025-01-03")
    log.record("BreachDetected", {}, by="k-help")
    assert verify(reading(log.export())).suspect == tuple(suspect)


def test_a_thief_cannot_backdate() -> None:
    """Validity is judged by recorded time: what the event claims of itself changes nothing."""
    log = busy_log(6)
    log.revoke("k-crm", suspect_since="2025-01-01")
    claims = event_with(time="2024-06-01T00:00:00Z", occurredat="2024-06-01T00:00:00Z")
    log.append(sign(claims, "k-crm"))
    assert found(log.export()) == (6, 7)


def test_a_revocation_counts_within_its_batch() -> None:
    """Of entries of one recorded time, those after the revocation are refused, not those before."""
    log = busy_log(6)
    log.record("BreachDetected", {}, by="k-crm", at=log.now)
    log.record("SigningKeyRevoked", {"key_id": "k-crm"}, by=ADMINISTRATOR, at=log.now)
    assert verify(reading(log.export())).size == 8
    log.record("BreachDetected", {}, by="k-crm", at=log.now)
    assert found(log.export()) == (6, 8)


# The verifier itself.


def test_tiles_of_three_levels_are_checked() -> None:
    """In a tree of more than 65,536 entries every level is compared with the one below."""
    size = 256**2 + 300
    leaves = [b"%d" % number for number in range(size)]
    files = hash_tiles([leaf_hash(leaf) for leaf in leaves])
    assert {tiles.parse_path(path).level for path in files} == {0, 1, 2}
    root = walk(leaves, files)
    assert root == Frontier().append([leaf_hash(leaf) for leaf in leaves]).root()
    for path, place, wanted in (
        ("tile/2/000.p/1", 0, (4, 0)),
        ("tile/1/000", 100, (4, 3 * 256)),
        ("tile/1/001.p/1", 31, (4, 256**2)),
        ("tile/0/256", 32, (3, 256**2 + 1)),
        ("tile/0/257.p/44", 1407, (3, size - 1)),
    ):
        raw = files[path]
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(VerificationFailed) as caught:
            walk(leaves, files | {path: changed})
        assert (caught.value.check, caught.value.index) == wanted


def walk(leaves: list[bytes], files: Files) -> bytes:
    """Check a tree of any leaves; its root."""
    size = len(leaves)
    tree = TreeCheck(lambda *place: files[tiles.path(Tile(*place))], size, [size])
    for tile in tiles.bundles_of(size):
        start = tile.index * tiles.WIDTH
        bundle = leaves[start : start + tile.width]
        assert [leaf for _, leaf in tree.entries(tile, format_bundle(bundle))] == bundle
    tree.finish(tree.roots[size])
    return tree.roots[size]


def test_types_of_the_vocabulary_are_read_without_it() -> None:
    """The verifier derives the name of every event type from its topic."""
    assert len(EVENT_TYPES) > 80
    for known, event_type in EVENT_TYPES.items():
        assert type_name(known) == event_type.name


def test_memory_grows_by_little_for_each_entry() -> None:
    """Entries are not held: of each stay some 250 bytes, for its time, numbers and digest."""
    leaves = busy_log(4_000).leaves
    used = [peak_memory(reading(export(leaves[:size], LOG.signer))) for size in (1_000, 4_000)]
    average = sum(len(leaf) for leaf in leaves) / len(leaves)
    assert (used[1] - used[0]) / 3_000 < 300 < average


def peak_memory(fetch: Callable[[str], bytes]) -> int:
    """Bytes that a verification needs beyond what was there, at most."""
    tracemalloc.start()
    try:
        verify(fetch)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_auditor_needs_nothing_but_cryptography() -> None:
    """Importing the verifier, and the check of receipts, loads no other package."""
    program = (
        "import sys; before = set(sys.modules); import ledger.verify, ledger.receipt;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "cryptography" in loaded
    installed = set(packages_distributions()) & set(loaded)
    assert installed <= {"ledger", "cryptography", "cffi", "_cffi_backend"}


def test_checkpoint_of_the_report_is_the_signed_one() -> None:
    """What the report names is what the log's key signed."""
    report: Report = verify(reading(EXPORT))
    opened = checkpoint.open(EXPORT["checkpoint"].decode(), LOG.signer.verifier)
    assert (report.origin, report.size, report.root) == (opened.origin, opened.size, opened.root)
