"""The messages of tlog-witness: one spelling, limits, and the bodies others sent."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import add_checkpoint
from ledger.add_checkpoint import Request
from ledger.errors import WitnessMessageMalformed
from tests.foreign_log import ForeignLog
from tests.vectors import load

LOG = ForeignLog()
HASH = base64.b64encode(bytes(range(32))).decode()
GOOD = f"old 7\n{HASH}\n{HASH}\n\ncheckpoint\n"


def test_the_bytes_of_a_request() -> None:
    """Old size, hashes in base64, an empty line, the checkpoint."""
    request = Request(7, (bytes(range(32)),) * 2, "checkpoint\n")
    assert add_checkpoint.format(request) == GOOD
    assert add_checkpoint.parse(GOOD.encode()) == request


def test_the_requests_of_the_vectors_are_read_and_written_again() -> None:
    """All 9 bodies that litewitness was sent, byte for byte."""
    steps = load("tlog/witness_add_checkpoint_sequence.json")["steps"]
    assert len(steps) == 9
    for step in steps:
        request = add_checkpoint.parse(step["body"].encode())
        assert add_checkpoint.format(request) == step["body"]
        assert request.checkpoint.startswith("sigsum.org/v1/tree/")


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
)
def test_what_is_written_is_read(old: int, proof: list[bytes], checkpoint: str) -> None:
    """Whatever the sizes and hashes."""
    request = Request(old, tuple(proof), checkpoint)
    assert add_checkpoint.parse(add_checkpoint.format(request).encode()) == request


@pytest.mark.parametrize(
    "text",
    [
        "",
        "old 7\n",
        "old 7\n\n".replace("old", "Old"),
        GOOD.replace("old 7", "old  7"),
        GOOD.replace("old 7", "old\t7"),
        GOOD.replace("old 7", "old 07"),
        GOOD.replace("old 7", "old +7"),
        GOOD.replace("old 7", "old -7"),
        GOOD.replace("old 7", "old ٧"),
        GOOD.replace("old 7", "old ²"),
        GOOD.replace("old 7", "old 7 "),
        GOOD.replace("old 7", "old "),
        GOOD.replace("old 7", "old"),
        GOOD.replace("old 7", "7"),
        GOOD.replace("old 7", f"old {2**63}"),
        GOOD.replace("old 7", f"old {'9' * 5000}"),
        GOOD.replace("=", "", 1),
        GOOD.replace("h8=", "h9=", 1),  # loose bits
        GOOD.replace("AAEC", "AA EC", 1),
        GOOD.replace("AAEC", "AA-C", 1),
        GOOD.replace("AAECAwQF", "", 1),
        GOOD.replace("AAEC", "AAECAAEC", 1),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n\n", "\n"),
        "\n" + GOOD,
        " " + GOOD,
        "old 7\n" + f"{HASH}\n" * 64 + "\ncheckpoint\n",
    ],
)
def test_second_spellings_of_requests_are_refused(text: str) -> None:
    """Each of these reads almost as the good one."""
    with pytest.raises(WitnessMessageMalformed):
        add_checkpoint.parse(text.encode())


def test_sixty_three_hashes_are_taken() -> None:
    """The most that the specification lets a log send."""
    text = "old 7\n" + f"{HASH}\n" * 63 + "\ncheckpoint\n"
    assert len(add_checkpoint.parse(text.encode()).proof) == 63


def test_a_message_that_is_too_large_is_not_read() -> None:
    """Nor one that is not UTF-8."""
    filled = f"{GOOD}{'x' * (add_checkpoint.MAX_BODY - len(GOOD))}".encode()
    assert add_checkpoint.parse(filled).old == 7
    with pytest.raises(WitnessMessageMalformed, match="262144"):
        add_checkpoint.parse(filled + b"x")
    with pytest.raises(WitnessMessageMalformed, match="UTF-8"):
        add_checkpoint.parse(GOOD.encode() + b"\xff")


def test_a_size_has_one_spelling() -> None:
    """A decimal and a newline, both ways."""
    for size in (0, 7, 2**63 - 1):
        assert add_checkpoint.parse_size(add_checkpoint.format_size(size).encode()) == size
    for body in (b"", b"\n", b"7", b"07\n", b"7\n\n", b" 7\n", b"-7\n", b"7\r\n", b"%d\n" % 2**63):
        with pytest.raises(WitnessMessageMalformed):
            add_checkpoint.parse_size(body)


def test_the_name_of_a_log_in_addresses() -> None:
    """SHA-256 of the origin in small hexadecimal (known answer: that of the empty string)."""
    assert add_checkpoint.origin_hash("") == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="old 7AB=\n", max_size=120)))
def test_any_bytes_are_a_request_in_one_way_or_none(raw: bytes | str) -> None:
    """Any bytes are refused as malformed, or are exactly what would be written of what was read."""
    body = raw.encode() if isinstance(raw, str) else raw
    try:
        request = add_checkpoint.parse(body)
    except WitnessMessageMalformed:
        return
    assert add_checkpoint.format(request).encode() == body
