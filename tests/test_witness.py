"""A witness: litewitness's sequence, every rule of the specification, and a log that cheats."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger import add_checkpoint, checkpoint, cosignature, note
from ledger.add_checkpoint import SIZE_TYPE, Request
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureSigner
from ledger.errors import ConfigurationError
from ledger.merkle import EMPTY_ROOT
from ledger.note import Signer, Verifier
from ledger.policy import LogKey
from ledger.witness import Answer, Witness
from ledger.witness.home import WitnessHome, open_witness
from tests.foreign_log import ForeignLog
from tests.log_builder import private_key
from tests.vectors import load
from tests.witnessing import NAME, Seconds

LOG = ForeignLog()
FORK = ForeignLog(history="other ")


@pytest.fixture
def clock() -> Seconds:
    """The clock of the witness."""
    return Seconds()


@pytest.fixture
def witness(tmp_path: Path, clock: Seconds) -> Iterator[Witness]:
    """A new witness of one log."""
    keys = [LOG.signer.verifier]
    with open_witness(WitnessHome(tmp_path / "w"), keys, name=NAME, clock=clock) as opened:
        yield opened


def sees(answer: Answer, signed: str, witness: Witness, time: float) -> None:
    """The answer is the cosignatures of both keys of the witness on this checkpoint."""
    assert answer.status == 200, answer
    verifiers = [signer.verifier for signer in witness.signers]
    found = cosignature.read(signed + answer.body, verifiers)
    assert [(c.by, c.time) for c in found] == [(v, time) for v in verifiers]
    assert "".join(c.line for c in found) == answer.body


def held(witness: Witness, log: ForeignLog = LOG) -> int | None:
    """The size of the tree that is served."""
    signed = witness.checkpoint(add_checkpoint.origin_hash(log.signer.name))
    return None if signed is None else checkpoint.parse_any(note.parse(signed).text).size


def test_the_sequence_of_litewitness(tmp_path: Path) -> None:
    """All 9 requests in order get the statuses of the 2026 specification, 404 included."""
    found = load("tlog/witness_add_checkpoint_sequence.json")
    origin = found["log"].split("origin ")[1].split(";")[0]
    key = Verifier(origin, bytes.fromhex(found["log_pubkey_hex"]))
    statuses = []
    with open_witness(WitnessHome(tmp_path), [key], name="example.com/witness") as witness:
        for step in found["steps"]:
            answer = witness.add_checkpoint(step["body"].encode())
            statuses.append(answer.status)
            assert answer.status == step.get("status_spec_2026", step["status_2025"])
            if answer.status == 200:
                assert "— example.com/witness" in answer.body
            if step["assert"].startswith("body == "):
                assert answer.body == step["assert"].split('"')[1].replace("\\n", "\n")
                assert answer.media_type == SIZE_TYPE
    assert statuses == [200, 403, 404, 422, 422, 200, 409, 200, 409]


def test_the_update_of_another_witness(tmp_path: Path) -> None:
    """The checkpoints of size 5 and 8, and the proof, of transparency-dev's own tests."""
    case = load("tlog/witness_add_checkpoint_sequence.json")["witness_update_cases"]
    key = note.parse_vkey(case["log_vkey"])
    proof = tuple(bytes.fromhex(hashed) for hashed in case["proof_hex"])
    with open_witness(WitnessHome(tmp_path), [key], name=NAME) as witness:
        requests = (Request(0, (), case["from"]), Request(5, proof, case["to"]))
        answers = [witness.add_checkpoint(add_checkpoint.format(r).encode()) for r in requests]
    assert [answer.status for answer in answers] == [200, 200]


def test_a_growing_log_is_cosigned(witness: Witness, clock: Seconds) -> None:
    """From nothing, through every size and by leaps, with both keys and the time of the clock."""
    sizes = [0, *range(1, 34), 40, 64]
    for old, new in zip([0, *sizes], sizes, strict=False):
        clock.now += 1
        sees(witness.add_checkpoint(LOG.request(old, new)), LOG.signed(new), witness, clock.now)
        assert held(witness) == new


def test_what_is_served_is_what_was_cosigned(witness: Witness, clock: Seconds) -> None:
    """The log's signature and the same cosignatures as were answered; nothing before the first."""
    assert witness.checkpoint(add_checkpoint.origin_hash(LOG.signer.name)) is None
    answer = witness.add_checkpoint(LOG.request(0, 5))
    served = witness.checkpoint(add_checkpoint.origin_hash(LOG.signer.name))
    assert served == LOG.signed(5) + answer.body
    assert witness.checkpoint(add_checkpoint.origin_hash("another")) is None
    assert witness.checkpoint("no hash") is None


def test_the_same_tree_is_cosigned_again(witness: Witness, clock: Seconds) -> None:
    """At a later time; within the same second the answer is the same, byte for byte."""
    first = witness.add_checkpoint(LOG.request(0, 5))
    assert witness.add_checkpoint(LOG.request(5, 5)) == first
    clock.now += 1
    again = witness.add_checkpoint(LOG.request(5, 5))
    sees(again, LOG.signed(5), witness, clock.now)
    assert again != first


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"\xff\xfe",
        LOG.request(0, 5)[:-1],
        LOG.request(0, 5).replace(b"\n\n", b"\n", 1),
        LOG.request(0, 5).replace(b"old 0", b"old 00"),
        LOG.request(0, 5).replace(b"\n5\n", b"\n05\n"),
        LOG.request(0, 5).replace(b"\n", b"\r\n"),
        LOG.request(5, 8).replace(b"old 5", b"old 9"),  # larger than the checkpoint
        LOG.request(0, 5, [bytes(32)] * 64),
        b"old 0\n\nno checkpoint\n\n" + LOG.signed(5).partition("\n\n")[2].encode(),
        b"old 0\n\n" + LOG.signed(5).encode() * 2,
        b"old 0\n\n" + b"x" * 300_000,
    ],
)
def test_400_for_what_is_malformed(witness: Witness, body: bytes) -> None:
    """Requests, checkpoints, and an old size beyond the checkpoint's; nothing is held then."""
    assert witness.add_checkpoint(body).status == 400
    assert held(witness) is None


def test_403_for_a_checkpoint_the_log_did_not_sign(witness: Witness) -> None:
    """By a stranger under the log's name, by nobody known, or with one signature that fails."""
    stranger = Signer(LOG.signer.name, private_key("mallory"))
    text = note.parse(LOG.signed(5)).text
    wrong = note.sign(text.replace("\n5\n", "\n6\n"), LOG.signer).rpartition("\n\n")[2]
    right = LOG.signed(5).rpartition("\n\n")[2]
    for signed in (
        note.sign(text, stranger),
        f"{text}\n{wrong}",
        LOG.signed(5) + wrong,  # a good one does not make up for it
        LOG.signed(5) + "— a.example AAAAAAA\n",  # nor for what is no signature line
        LOG.signed(5).replace("— ", "- "),
        LOG.signed(5) + right * 100,
    ):
        body = add_checkpoint.format(Request(0, (), signed)).encode()
        assert witness.add_checkpoint(body).status == 403
    assert held(witness) is None


def test_signatures_of_unknown_keys_are_left_alone(witness: Witness, clock: Seconds) -> None:
    """They neither help nor hinder, and are not served on."""
    other = note.sign(note.parse(LOG.signed(5)).text, Signer("o.example", private_key("o")))
    signed = LOG.signed(5) + other.rpartition("\n\n")[2] * 2
    answer = witness.add_checkpoint(add_checkpoint.format(Request(0, (), signed)).encode())
    sees(answer, LOG.signed(5), witness, clock.now)
    served = witness.checkpoint(add_checkpoint.origin_hash(LOG.signer.name))
    assert served == LOG.signed(5) + answer.body


def test_404_for_a_log_it_was_not_told_of(witness: Witness) -> None:
    """Whatever the signature."""
    assert witness.add_checkpoint(ForeignLog("log.example/else").request(0, 5)).status == 404


def test_409_tells_the_size_that_is_held(witness: Witness) -> None:
    """For every other old size, with a proof or not, with the media type of the specification."""
    assert witness.add_checkpoint(LOG.request(3, 7)) == Answer(409, "0\n", SIZE_TYPE)
    witness.add_checkpoint(LOG.request(0, 7))
    for old in (0, 1, 6, 8, 20):
        answer = witness.add_checkpoint(LOG.request(old, 20))
        assert answer == Answer(409, "7\n", SIZE_TYPE), old
    assert held(witness) == 7


@pytest.mark.parametrize(
    ("name", "proof"),
    [
        ("none", ()),
        ("one hash missing", LOG.proof(5, 8)[:-1]),
        ("one hash too many", (*LOG.proof(5, 8), bytes(32))),
        ("of other sizes", LOG.proof(5, 9)),
        ("in another order", LOG.proof(5, 8)[::-1]),
        ("of the fork", FORK.proof(5, 8)),
        ("huge", (bytes(32),) * 63),
    ],
)
def test_422_for_a_proof_that_does_not_prove(
    witness: Witness, name: str, proof: tuple[bytes, ...]
) -> None:
    """Seven of them; the true proof is then still taken."""
    witness.add_checkpoint(LOG.request(0, 5))
    assert witness.add_checkpoint(LOG.request(5, 8, proof)).status == 422
    assert held(witness) == 5
    assert witness.add_checkpoint(LOG.request(5, 8)).status == 200


def test_422_for_a_proof_from_nothing(witness: Witness) -> None:
    """From old size 0 nothing is to be proven, so a proof is a mistake."""
    for proof in ([bytes(32)], LOG.proof(3, 5)):
        assert witness.add_checkpoint(LOG.request(0, 5, proof)).status == 422
    assert held(witness) is None


def test_422_for_a_proof_between_equal_trees(witness: Witness) -> None:
    """It is empty."""
    witness.add_checkpoint(LOG.request(0, 5))
    assert witness.add_checkpoint(LOG.request(5, 5, [bytes(32)])).status == 422


def test_422_for_an_empty_tree_with_entries(witness: Witness) -> None:
    """Size 0 has the root of the empty tree, also once it was cosigned."""
    for root, status in ((bytes(32), 422), (EMPTY_ROOT, 200), (bytes(32), 422), (EMPTY_ROOT, 200)):
        signed = checkpoint.sign(Checkpoint(LOG.signer.name, 0, root), LOG.signer)
        body = add_checkpoint.format(Request(0, (), signed)).encode()
        assert witness.add_checkpoint(body).status == status


def test_a_second_history_is_never_cosigned(witness: Witness) -> None:
    """Of any size, from any old size, with the proof of either history."""
    witness.add_checkpoint(LOG.request(0, 8))
    for new in range(1, 17):
        for old in range(new + 1):
            for proof in {LOG.proof(old, new), FORK.proof(old, new)}:
                assert witness.add_checkpoint(FORK.request(old, new, proof)).status in (409, 422)
    assert held(witness) == 8
    assert witness.add_checkpoint(LOG.request(8, 9)).status == 200


def test_an_old_checkpoint_replayed_is_not_cosigned_again(witness: Witness) -> None:
    """A request that was right once gets 409, so a log cannot be shown as it was."""
    first, second = LOG.request(0, 5), LOG.request(5, 8)
    assert [witness.add_checkpoint(body).status for body in (first, second)] == [200, 200]
    for body in (first, LOG.request(5, 5), second, LOG.request(0, 8)):
        assert witness.add_checkpoint(body).status == 409
    assert witness.add_checkpoint(LOG.request(8, 5)).status == 400  # back to 5
    assert held(witness) == 8


def test_two_trees_of_one_size_are_kept_as_proof(witness: Witness) -> None:
    """Both notes, signed by the log, whatever old size came with the second; and only once."""
    witness.add_checkpoint(LOG.request(0, 8))
    for body, status in ((FORK.request(8, 8), 422), (FORK.request(0, 8), 409)) * 2:
        assert witness.add_checkpoint(body).status == status
    (conflict,) = witness.state.conflicts()
    assert conflict.note == FORK.signed(8)
    refused = checkpoint.open(conflict.note, LOG.signer.verifier)
    cosigned = checkpoint.open(conflict.held, LOG.signer.verifier)
    assert (refused.size, refused.root) != (cosigned.size, cosigned.root)
    assert refused.size == cosigned.size == conflict.size


def test_who_is_not_the_log_cannot_accuse_it(witness: Witness) -> None:
    """A second tree without the log's signature, or a junk proof, is no conflict."""
    witness.add_checkpoint(LOG.request(0, 8))
    forged = note.sign(
        note.parse(FORK.signed(8)).text, Signer(LOG.signer.name, private_key("mallory"))
    )
    assert (
        witness.add_checkpoint(add_checkpoint.format(Request(8, (), forged)).encode()).status == 403
    )
    assert witness.add_checkpoint(LOG.request(8, 9, [bytes(32)])).status == 422
    assert witness.state.conflicts() == []


def test_a_hundred_conflicts_are_enough(witness: Witness) -> None:
    """A log that signs ever more trees of one size does not fill the disk."""
    witness.add_checkpoint(LOG.request(0, 1))
    for number in range(103):
        witness.add_checkpoint(ForeignLog(history=f"{number}-", size=1).request(1, 1))
    assert len(witness.state.conflicts()) == 100


def test_a_clock_that_went_back_cosigns_nothing(witness: Witness, clock: Seconds) -> None:
    """503 with the seconds to wait, and what is held stays; then it goes on."""
    witness.add_checkpoint(LOG.request(0, 5))
    clock.now -= 3
    answer = witness.add_checkpoint(LOG.request(5, 8))
    assert (answer.status, answer.retry_after, held(witness)) == (503, 3, 5)
    clock.now -= 1000
    assert witness.add_checkpoint(LOG.request(5, 8)).retry_after == 60
    clock.now += 1003
    assert witness.add_checkpoint(LOG.request(5, 8)).status == 200


def test_a_clock_that_had_run_ahead_is_forgiven_when_told(witness: Witness, clock: Seconds) -> None:
    """Times after now are taken back, sizes are not."""
    witness.add_checkpoint(LOG.request(0, 5))
    clock.now -= 1000
    witness.state.forget_times(int(clock.now))
    sees(witness.add_checkpoint(LOG.request(5, 8)), LOG.signed(8), witness, clock.now)
    assert witness.add_checkpoint(FORK.request(8, 8)).status == 422


def test_logs_do_not_touch_each_other(tmp_path: Path) -> None:
    """Each has its own state, and its key speaks for its own origin only."""
    one, two = ForeignLog("log.example/1"), ForeignLog("log.example/2")
    keys = [one.signer.verifier, two.signer.verifier]
    with open_witness(WitnessHome(tmp_path), keys, name=NAME) as witness:
        assert witness.add_checkpoint(one.request(0, 5)).status == 200
        assert witness.add_checkpoint(two.request(0, 3)).status == 200
        assert (held(witness, one), held(witness, two)) == (5, 3)
        text = checkpoint.format(Checkpoint("log.example/1", 8, one.root(8)))
        body = Request(5, one.proof(5, 8), note.sign(text, two.signer))
        assert witness.add_checkpoint(add_checkpoint.format(body).encode()).status == 403


def test_a_log_that_changes_its_key_has_two_for_a_while(tmp_path: Path) -> None:
    """Either key, or both, sign; the tree goes on from the other's."""
    log = ForeignLog()
    next_key = Signer(log.signer.name, private_key("next"))
    keys = [log.signer.verifier, next_key.verifier]
    with open_witness(WitnessHome(tmp_path), keys, name=NAME) as witness:
        assert witness.add_checkpoint(log.request(0, 5)).status == 200
        text = note.parse(log.signed(8)).text
        both = note.sign(text, log.signer, next_key)
        body = add_checkpoint.format(Request(5, log.proof(5, 8), both)).encode()
        assert witness.add_checkpoint(body).status == 200
        served = witness.checkpoint(add_checkpoint.origin_hash(log.signer.name))
        assert served is not None
        assert served.startswith(both)
        fork = note.sign(note.parse(FORK.signed(8)).text, next_key)
        body = add_checkpoint.format(Request(8, (), fork)).encode()
        assert witness.add_checkpoint(body).status == 422


def test_a_log_may_sign_with_ml_dsa(tmp_path: Path) -> None:
    """C2SP recommends it to logs; the signature is then checked as a cosignature of its own."""
    signer = CosignatureSigner(LOG.signer.name, MLDSA44PrivateKey.generate())
    text = note.parse(LOG.signed(5)).text
    keys: list[LogKey] = [signer.verifier]
    with open_witness(WitnessHome(tmp_path), keys, name=NAME) as witness:
        signed = f"{text}\n{signer.cosign(text, 1)}"
        body = add_checkpoint.format(Request(0, (), signed)).encode()
        assert witness.add_checkpoint(body).status == 200
        assert witness.add_checkpoint(LOG.request(5, 8)).status == 403


def test_a_log_goes_on_from_a_checkpoint_that_was_kept(tmp_path: Path) -> None:
    """Whoever held one before the witness began is not at the mercy of what it is shown first; once
    a tree was cosigned, that one counts."""
    keys = [LOG.signer.verifier]
    with open_witness(WitnessHome(tmp_path), keys, name=NAME, kept=[LOG.signed(8)]) as witness:
        assert held(witness) is None
        assert witness.add_checkpoint(FORK.request(0, 5)) == Answer(409, "8\n", SIZE_TYPE)
        assert witness.add_checkpoint(FORK.request(8, 8)).status == 422
        assert witness.add_checkpoint(FORK.request(8, 20)).status == 422
        assert witness.add_checkpoint(LOG.request(8, 20)).status == 200
    with open_witness(WitnessHome(tmp_path), keys, kept=[LOG.signed(8)]) as witness:
        assert witness.add_checkpoint(LOG.request(8, 21)) == Answer(409, "20\n", SIZE_TYPE)
    other = ForeignLog("log.example/else")
    for kept in (other.signed(8), "no checkpoint", LOG.signed(8).replace("\n8\n", "\n9\n")):
        with pytest.raises(ConfigurationError, match="--kept"):
            with open_witness(WitnessHome(tmp_path), keys, kept=[kept]):
                pass


def test_extension_lines_are_cosigned_as_they_are(witness: Witness, clock: Seconds) -> None:
    """Other logs may write them; no empty one, which would end the text."""
    text = note.parse(LOG.signed(5)).text
    for more, status in (("an extension\nand another\n", 200), ("\nafter nothing\n", 400)):
        signed = note.sign(text + more, LOG.signer)
        answer = witness.add_checkpoint(add_checkpoint.format(Request(0, (), signed)).encode())
        assert answer.status == status
        if status == 200:
            sees(answer, signed, witness, clock.now)
            clock.now += 1
    assert held(witness) == 5


def test_its_own_key_is_not_a_log_s(tmp_path: Path) -> None:
    """Its cosignatures would then pass as the log's signatures."""
    with open_witness(WitnessHome(tmp_path), [], name=NAME) as witness:
        own = [signer.verifier for signer in witness.signers]
    for key in own:
        with pytest.raises(ConfigurationError, match="key of this witness"):
            with open_witness(WitnessHome(tmp_path), [key]):
                pass
    copied = Verifier("log.example/x", own[0].public_key)
    with pytest.raises(ConfigurationError, match="key of this witness"):
        with open_witness(WitnessHome(tmp_path), [copied]):
            pass


def test_of_two_at_once_one_wins(tmp_path: Path) -> None:
    """Twenty threads of two witnesses on one state, each with its own next tree: of every round
    one is cosigned, and the others are told of it."""
    log, home = ForeignLog(size=600), WitnessHome(tmp_path)
    with (
        open_witness(home, [log.signer.verifier], name=NAME) as one,
        open_witness(home, [log.signer.verifier]) as two,
    ):
        size = 0
        for _ in range(5):
            bodies = [log.request(size, size + 1 + n) for n in range(20)]
            answers = ask_at_once([one, two], bodies)
            assert sorted(answer.status for answer in answers) == [200] + [409] * 19
            size = held(one, log) or 0
            assert {a.body for a in answers if a.status == 409} == {f"{size}\n"}


def ask_at_once(witnesses: Sequence[Witness], bodies: Sequence[bytes]) -> list[Answer]:
    """The answers to requests that start together, each to the next of the witnesses."""
    answers: list[Answer] = []
    start = threading.Barrier(len(bodies))

    def ask(witness: Witness, body: bytes) -> None:
        start.wait()
        answers.append(witness.add_checkpoint(body))

    threads = [
        threading.Thread(target=ask, args=(witness, body))
        for witness, body in zip(itertools.cycle(witnesses), bodies, strict=False)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
