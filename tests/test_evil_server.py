"""What a server can do that has the log's own key, and who catches it.

Each lie is told by a real server (`tests/evil_server.py`) to three observers: the client of a
producer, the offline verifier of somebody who kept a checkpoint, and a monitor that has looked
before. Whoever is named must catch it; whoever is not cannot, and takes it. With the checks that
are named put out of order, the very same lie is taken by them too: so it is those that catch it.
The table is at the end of the test output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from ledger import checkpoint as checkpoints
from ledger import entry_check, envelope, log_keys, note, proof, receipt, sources
from ledger import verify as verifying
from ledger.client import AppendRefused, Client, Event
from ledger.cosignature import CosignatureVerifier
from ledger.entry_check import EntryCheck
from ledger.envelope import Envelope
from ledger.errors import VerificationFailed
from ledger.keys import SigningKey
from ledger.merkle import check_inclusion, leaf_hash, root
from ledger.monitor import Monitor
from ledger.note import Signer
from ledger.policy import Policy
from ledger.receipt import Receipt
from ledger.report import Pins
from ledger.verify import verify
from tests.evil_server import (
    HELD,
    SERVICE,
    SIZE,
    SYSTEM,
    WITNESS,
    EvilServer,
    World,
    cosigned_elsewhere,
    honest,
    instruction,
    monitor,
    receipt_of,
    record,
    rewritten,
    signed_anew,
    world,
)
from tests.log_builder import START, export, payload, private_key, reader, reading

POLICY = Policy.parse(f"witness w {WITNESS.verifier.vkey}\nquorum w\n")


class Found(Exception):
    """A monitor found something wrong."""


def client(server: EvilServer) -> None:
    """A producer appends a batch of three, and checks what it gets for it."""
    events = [
        Event("InstructionReceived", instruction(2000 + n), f"sent-{n}", START) for n in range(3)
    ]
    key = SigningKey(SERVICE, private_key(SERVICE))
    source = f"urn:nld:kvk:12345678:systeem:{SYSTEM}"
    pinned = world().signer.verifier
    with Client(server.url, key, source=source, verifier=pinned) as sender:
        answers = sender.append_all(events)
    assert not any(isinstance(answer, AppendRefused) for answer in answers)


def verifier(server: EvilServer) -> None:
    """An auditor verifies the whole log: with the pinned key, a kept checkpoint and a policy."""
    pins = Pins(world().signer.verifier.vkey, kept=[server.world.held], policy=POLICY)
    with sources.address(f"{server.url}/log") as fetch:
        verify(fetch, pins)


def watcher(server: EvilServer) -> None:
    """A monitor that saw the log at an earlier size looks again."""
    with sources.address(f"{server.url}/log") as fetch:
        look = monitor().look(fetch, server.world.monitored)
    if look.findings:
        raise Found("; ".join(f"{found.kind}: {found.detail}" for found in look.findings))


OBSERVERS = {"client": client, "verifier": verifier, "monitor": watcher}

Patch = pytest.MonkeyPatch
Disable = Callable[[Patch], None]


def kept_checkpoints(patch: Patch) -> None:
    """the log goes on from what was kept"""
    patch.setattr(verifying, "_open_kept", lambda notes, keys, checkpoint: ())


def signatures_of_producers(patch: Patch) -> None:
    """a producer signed every entry"""
    patch.setattr(entry_check, "check_signature", lambda payload, signature, key: None)


def order_of_times(patch: Patch) -> None:
    """time never runs backwards"""
    patch.setattr(
        EntryCheck, "_check_time", lambda self, entry: self._recorded.append(entry.recorded_at)
    )


def cosignatures(patch: Patch) -> None:
    """the witness signed this checkpoint"""
    patch.setattr(CosignatureVerifier, "check", lambda self, text, signature: None)


def comparing_trees(patch: Patch) -> None:
    """one tree begins with the other"""
    patch.setattr(Monitor, "_between", lambda self, *args, **more: [])


def inclusion(patch: Patch) -> None:
    """the proof leads to the root"""
    patch.setattr(receipt, "check_inclusion", lambda *args: None)


def same_event(patch: Patch) -> None:
    """it is the event that was sent"""
    patch.setattr(Receipt, "matches", lambda self, sent: None)


def key_of_the_log(patch: Patch) -> None:
    """the pinned key signed it"""
    patch.setattr(log_keys, "open", lambda signed, key: checkpoints.parse(note.parse(signed).text))


# What the server does.


def truncated_tail(evil: World) -> None:
    evil.show(evil.log.leaves[:280])


def replaced_middle(evil: World) -> None:
    leaves = list(evil.log.leaves)
    leaves[150] = rewritten(leaves[150], b"email", b"phone")
    evil.show(leaves)


def replaced_middle_with_the_producers_key(evil: World) -> None:
    leaves = list(evil.log.leaves)
    leaves[150] = signed_anew(leaves[150], instruction(9999), "crm-150")
    evil.show(leaves)


def two_histories(evil: World) -> None:
    evil.show(evil.fork(HELD - 10, SIZE + 30))


def two_histories_of_one_size(evil: World) -> None:
    evil.show(evil.fork(HELD - 10, HELD))


def old_checkpoint_replayed(evil: World) -> None:
    """The tiles are all there, those of every size."""
    evil.files = {**export(evil.log.leaves[:HELD], evil.signer), **evil.files}
    evil.files["checkpoint"] = evil.log.checkpoint(200).encode()


def swapped_controller_in_an_entry(evil: World) -> None:
    leaves = list(evil.log.leaves)
    leaves[-1] = rewritten(leaves[-1], b'"C1"', b'"C2"')
    evil.show(leaves)


def invented_event(evil: World) -> None:
    said = payload("InstructionReceived", instruction(7), id="invented", system=SYSTEM)
    evil.log.append(envelope.sign(said, SERVICE, private_key("mallory")))
    evil.show(evil.log.leaves)


def forged_time(evil: World) -> None:
    record(evil.log, 3000, at=evil.log.now - timedelta(days=30))
    evil.show(evil.log.leaves)


def cosignature_for_another_origin(evil: World) -> None:
    evil.files["checkpoint"] += cosigned_elsewhere(evil).encode()


def proof_of_another_size(evil: World) -> None:
    def answer(evil: World, batch: Sequence[Envelope]) -> list[str]:
        first, *others = honest(evil, batch)
        index, smaller = proof.parse(first).index, evil.log.leaves[:-1]
        hashes = proof.parse(receipt_of(evil, smaller[index], index, smaller)).hashes
        leaves = [leaf_hash(leaf) for leaf in smaller]
        tree = root(len(leaves), reader(leaves))
        check_inclusion(index, len(leaves), leaves[index], hashes, tree)  # true of that size
        return [proof.format(replace(proof.parse(first), hashes=hashes)), *others]

    evil.answer = answer


def wrong_index(evil: World) -> None:
    def answer(evil: World, batch: Sequence[Envelope]) -> list[str]:
        good = [proof.parse(text) for text in honest(evil, batch)]
        return [proof.format(replace(one, index=one.index - 1)) for one in good]

    evil.answer = answer


def swapped_controller(evil: World) -> None:
    """Another event is recorded in the place of the last one, and truly receipted."""

    def answer(evil: World, batch: Sequence[Envelope]) -> list[str]:
        receipts = honest(evil, batch)
        leaves = evil.log.leaves
        leaves[-1] = signed_anew(leaves[-1], instruction(2002, "C2"), "sent-2")
        return [*receipts[:-1], evil.log.receipt(len(leaves) - 1)]

    evil.answer = answer


def reordered_batch(evil: World) -> None:
    evil.answer = lambda evil, batch: honest(evil, batch)[::-1]


def promised_and_left_out(evil: World) -> None:
    def answer(evil: World, batch: Sequence[Envelope]) -> list[str]:
        receipts = honest(evil, batch)
        left_out = evil.log.leaves.pop()
        index = len(evil.log.leaves) - 1
        return [*receipts[:-1], receipt_of(evil, left_out, index, evil.log.leaves)]

    evil.answer = answer


def forged_time_in_a_receipt(evil: World) -> None:
    def answer(evil: World, batch: Sequence[Envelope]) -> list[str]:
        receipts = honest(evil, batch)
        index = len(evil.log.leaves) - 1
        true = evil.log.leaves[index]
        earlier = true.replace(b'{"recorded_at":"2025', b'{"recorded_at":"2024', 1)
        assert earlier != true
        return [*receipts[:-1], receipt_of(evil, earlier, index, evil.log.leaves)]

    evil.answer = answer


def receipts_of_another_key(evil: World) -> None:
    def answer(evil: World, batch: Sequence[Envelope]) -> list[str]:
        receipts = honest(evil, batch)
        evil.log.signer = Signer(evil.signer.name, private_key("mallory"))
        return [evil.log.receipt(proof.parse(text).index) for text in receipts]

    evil.answer = answer


@dataclass(frozen=True)
class Row:
    """Who must catch a lie: words of what is said, and the checks that it takes.

    A `flawless` one passes every check of somebody who has kept nothing.
    """

    play: Callable[[World], None]
    caught: dict[str, tuple[str, tuple[Disable, ...]]]
    flawless: bool = False


def row(play: Callable[[World], None], *, flawless: bool = False, **caught: object) -> Row:
    found = {who: (words, checks) for who, (words, *checks) in caught.items()}  # type: ignore[misc]
    return Row(play, {who: (w, tuple(c)) for who, (w, c) in found.items()}, flawless)


ROWS = [
    row(
        truncated_tail,
        flawless=True,
        verifier=("check 8 .* kept checkpoint 300: it was cut", kept_checkpoints),
        monitor=("not-shown: .* 300 entries .* 280", comparing_trees),
    ),
    row(
        replaced_middle,
        verifier=(
            "check 6 failed: the signature of key 'k-crm' does not verify",
            signatures_of_producers,
            kept_checkpoints,
        ),
        monitor=("misbehaviour: .*two histories", comparing_trees),
    ),
    row(
        replaced_middle_with_the_producers_key,
        flawless=True,
        verifier=("check 8 .* another root .* fork", kept_checkpoints),
        monitor=("misbehaviour: .*two histories", comparing_trees),
    ),
    row(
        two_histories,
        flawless=True,
        verifier=("check 8 .* another root .* fork", kept_checkpoints),
        monitor=("misbehaviour: .*300 entries .* 350", comparing_trees),
    ),
    row(
        two_histories_of_one_size,
        flawless=True,
        verifier=("check 8 .* another root .* fork", kept_checkpoints),
        monitor=("misbehaviour: .*300 entries .* 300", comparing_trees),
    ),
    row(
        old_checkpoint_replayed,
        flawless=True,
        verifier=("check 8 .* old copy", kept_checkpoints),
        monitor=("backwards: .* 200 entries", comparing_trees),
    ),
    row(
        swapped_controller_in_an_entry,
        verifier=("check 6 failed: the signature .* does not verify", signatures_of_producers),
    ),
    row(
        invented_event,
        verifier=("check 6 failed: the signature .* does not verify", signatures_of_producers),
    ),
    row(
        forged_time,
        verifier=("check 5 failed: .* before the one in front of it", order_of_times),
    ),
    row(
        cosignature_for_another_origin,
        verifier=("check 2 failed: the signature of witness.example does not", cosignatures),
    ),
    row(proof_of_another_size, client=("inclusion proof", inclusion)),
    row(wrong_index, client=("inclusion proof", inclusion)),
    row(swapped_controller, client=("another event than the one sent", same_event)),
    row(reordered_batch, client=("another event than the one sent", same_event)),
    row(promised_and_left_out, client=("does not lead to the root", inclusion)),
    row(forged_time_in_a_receipt, client=("does not lead to the root", inclusion)),
    row(receipts_of_another_key, client=("no known key signed", key_of_the_log)),
]
NAMES = [row.play.__name__.replace("_", " ") for row in ROWS]


def play(row: Row) -> EvilServer:
    """The server of a lie. What it signs is signed as it should be, and nothing is malformed."""
    evil = world()
    row.play(evil)
    with_key = evil.files["checkpoint"].decode()
    checkpoints.open(with_key, world().signer.verifier)
    if row.flawless:
        fetch = sources.with_full_tiles(reading(evil.files))
        verify(fetch, Pins(world().signer.verifier.vkey))
    return EvilServer(evil)


def observe(row: Row, who: str) -> None:
    with play(row) as server:
        OBSERVERS[who](server)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_every_lie_is_caught(row: Row, request: pytest.FixtureRequest) -> None:
    """By whom the table names, in these words, and by nobody else."""
    said: list[str] = []
    for who in OBSERVERS:
        if who not in row.caught:
            observe(row, who)
            continue
        words, _ = row.caught[who]
        with pytest.raises((VerificationFailed, Found), match=f"(?s){words}") as caught:
            observe(row, who)
        said.append(str(caught.value))
    marks = "".join(f"{'caught' if who in row.caught else '–':9}" for who in OBSERVERS)
    checks = [check for _, checks in row.caught.values() for check in checks]
    why = "; ".join(dict.fromkeys(str(check.__doc__) for check in checks))
    name = row.play.__name__.replace("_", " ")
    request.node.user_properties.append(("evil server", f"{name:40}{marks}{why}"))


@pytest.mark.parametrize(
    ("row", "who"),
    [(row, who) for row in ROWS for who in row.caught],
    ids=[f"{name}-{who}" for row, name in zip(ROWS, NAMES, strict=True) for who in row.caught],
)
def test_without_the_check_that_is_named_the_lie_is_taken(
    row: Row, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is that check, and no other fault of the answer, that catches it; where two are named,
    either of them does."""
    checks = row.caught[who][1]
    for left in checks if len(checks) > 1 else ():
        server = play(row)
        with monkeypatch.context() as patch, server:
            for check in checks:
                if check is not left:
                    check(patch)
            with pytest.raises((VerificationFailed, Found)):
                OBSERVERS[who](server)
    server = play(row)
    for check in checks:
        check(monkeypatch)
    with server:
        OBSERVERS[who](server)


def test_an_honest_server_is_taken_by_all() -> None:
    """Nobody cries wolf."""
    for observe_one in OBSERVERS.values():
        with EvilServer(world()) as server:
            observe_one(server)


def test_every_lie_that_was_asked_for_is_played() -> None:
    """The list of the specification of this suite."""
    assert {
        "truncated tail",
        "replaced middle",
        "two histories",
        "old checkpoint replayed",
        "proof of another size",
        "wrong index",
        "swapped controller",
        "reordered batch",
        "forged time",
        "cosignature for another origin",
    } <= set(NAMES)
