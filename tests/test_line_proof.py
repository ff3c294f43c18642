"""Proofs of lines: every line of every small tree has one, and no change to it goes unnoticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import line_proof
from ledger.entry_check import Event
from ledger.errors import ProofInvalid
from ledger.line_proof import check, parse
from tests.anchoring import digested, lines_of, new_log, proof_of, record

PROOF = line_proof.format(
    proof_of(made := digested(lines_of(5)), record(new_log(), made), lines_of(5)[3])
)


@pytest.mark.parametrize("size", range(10))
def test_every_line_of_every_tree_is_proven(size: int) -> None:
    """And with another line, index or salt, with a hash left out, added or changed, it is not."""
    lines = lines_of(size)
    made = digested(lines)
    for n, line in enumerate(lines):
        proof = proof_of(made, "", line)
        assert proof.index == n
        check(proof, made.digest)
        wrong = [
            replace(proof, line=line + b" "),
            replace(proof, line=line[:-1]),
            replace(proof, line=proof.salt[-1:] + line, salt=b"x" + proof.salt[:-1]),
            replace(proof, salt=bytes(32)),
            replace(proof, hashes=(*proof.hashes, bytes(32))),
            *(replace(proof, line=other) for other in lines if other != line),
            *(replace(proof, index=m) for m in range(-1, size + 1) if m != n),
            *(
                replace(proof, hashes=proof.hashes[:at] + proof.hashes[at + 1 :])
                for at in range(len(proof.hashes))
            ),
            *(
                replace(proof, hashes=(*proof.hashes[:at], bytes(32), *proof.hashes[at + 1 :]))
                for at in range(len(proof.hashes))
            ),
        ]
        for each in wrong:
            with pytest.raises(ProofInvalid):
                check(each, made.digest)


def test_a_proof_is_of_its_own_day_log_and_supplement() -> None:
    """The same lines on another day, in another log or under another secret have another root."""
    lines = lines_of(6)
    proof = proof_of(digested(lines), "", lines[2])
    for other in (
        digested(lines, day=date(2025, 1, 2)),
        digested(lines, source="other"),
        digested(lines, secret=bytes(32)),
        digested(lines[::-1]),
        digested(lines[:5]),
        digested([*lines, b"late"]),
    ):
        with pytest.raises(ProofInvalid):
            check(proof, other.digest)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_line(line: bytes) -> None:
    """In no encoding, and empty as well; the text is read as it was written."""
    made = digested([b"before", line, b"after"])
    proof = proof_of(made, "receipt", line)
    check(proof, made.digest)
    assert parse(line_proof.format(proof)) == proof


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "verantwoord line v1",
        PROOF[:-100].partition("\n\n")[0],
        PROOF.replace("line v1", "line v2"),
        PROOF.replace("\nline ", "\nLine "),
        PROOF.replace("\nline ", "\nline  "),
        PROOF.replace("\nindex 3", "\nindex 03"),
        PROOF.replace("\nindex 3", "\nindex -3"),
        PROOF.replace("\nindex 3", "\nindex ٣"),
        PROOF.replace("\nindex 3", "\nindex " + "9" * 40),
        PROOF.replace("\nsalt ", "\nsalt AAAA"),
        PROOF.replace("\nsalt ", "\n\nsalt ", 1),
        PROOF.replace("\nindex 3", "\nindex 3\nAAAA"),
        PROOF.replace("\nindex 3", "\nindex 3\n" + "A" * 43 + "B"),
        "\r\n".join(PROOF.split("\n")),
        " " + PROOF,
        PROOF + "x" * line_proof.MAX_PROOF,
    ],
)
def test_a_proof_has_one_spelling(wrong: str) -> None:
    """Anything else is refused, without an error of another kind."""
    assert parse(PROOF)
    with pytest.raises(ProofInvalid):
        parse(wrong)


GOOD = {
    "log_source": "epd",
    "standard": "ldv",
    "day": "2025-01-01",
    "supplement": 0,
    "form": "lines",
    "lines": 1,
    "root": "A" * 43 + "=",
    "hash_algorithm": "sha-256",
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"root": "AAAA"},
        {"root": None},
        {"root": "é"},
        {"lines": True},
        {"lines": -1},
        {"lines": "1"},
        {"supplement": -1},
        {"supplement": 0.0},
        {"hash_algorithm": "md5"},
        {"day": "yesterday"},
        {"day": 3},
        {"log_source": 7},
    ],
)
def test_a_digest_of_another_shape_is_none(wrong: dict[str, object]) -> None:
    """The ledger would have refused it; whoever has the key of a log need not."""
    event = Event("LogDigestRecorded", "s", "i", dict(GOOD))
    assert line_proof.read_digest(event).lines == 1
    with pytest.raises(ProofInvalid):
        line_proof.read_digest(replace(event, data={**GOOD, **wrong}))
    with pytest.raises(ProofInvalid):
        line_proof.read_digest(replace(event, type="BreachClosed"))
