"""Being a witness: C2SP tlog-witness, the answers of one who cosigns other people's logs.

A witness promises one thing: it never cosigns two trees of a log that do not go on from each
other. It does so in this order, under one lock that is also a transaction on disk:

    (1) the request and the text of the checkpoint are well-formed            otherwise 400
    (2) the log is one of those it was told of                                          404
    (3) its signatures are: a key it was told of signed, and none of these fails        403
    (4) the old size is not larger than the checkpoint's                                400
    (5) the old size is that of the tree it holds, 0 when none                          409 + size
    (6) the tree goes on from the one it holds; proof and roots are right               422
    (7) its clock is not behind its last cosignature of this log                        503
    (8) cosign, write what is held now to disk, and only then answer                    200

What it knows of a log at first is what the first checkpoint says, unless it is given one that was
kept from earlier to go on from. Entries are never seen by a witness. A log that signs two trees of
one size is kept as a conflict and logged.
`tests/test_witness.py` runs the sequence of litewitness and plays a dishonest log;
`tests/test_witness_service.py` kills it between (8)'s write and answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from ledger import add_checkpoint as messages
from ledger import checkpoint as checkpoints
from ledger import cosignature, note
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureSigner
from ledger.errors import (
    ConfigurationError,
    NoteMalformed,
    NoteUnverified,
    ProofInvalid,
    Unavailable,
)
from ledger.errors import VerificationFailed as Failed
from ledger.merkle import EMPTY_ROOT, check_consistency
from ledger.note import Note
from ledger.policy import LogKey
from ledger.witness.state import Held, WitnessState

TEXT = "text/plain; charset=utf-8"

LATER = 60
"""Seconds: the longest a log is told to wait."""

log = structlog.get_logger(__name__)

Logs = Mapping[str, Sequence[LogKey]]
"""The keys of the logs that are cosigned, by origin."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP; `retry_after` in seconds."""

    status: int
    body: str
    media_type: str = TEXT
    retry_after: int | None = None


class Witness:
    """Answers for one witness, from any number of threads.

    `signers` are its keys, all of which sign every answer; `kept` are checkpoints that logs which
    were never cosigned must go on from, verified by the caller; `clock` gives seconds since 1970.
    Raises ConfigurationError when a log has a key of the witness itself.
    """

    def __init__(
        self,
        signers: Sequence[CosignatureSigner],
        logs: Logs,
        state: WitnessState,
        clock: Callable[[], float] = time.time,
        kept: Iterable[Checkpoint] = (),
    ) -> None:
        self._kept = {checkpoint.origin: checkpoint for checkpoint in kept}
        self.signers = signers
        self.logs = logs
        self.state = state
        self._clock = clock
        self._origins = {messages.origin_hash(origin): origin for origin in logs}
        own = {signer.verifier.public_key for signer in signers}
        for origin, keys in logs.items():
            if any(key.public_key in own for key in keys):
                raise ConfigurationError(f"the log {origin} signs with the key of this witness")

    def add_checkpoint(self, body: bytes) -> Answer:
        """The answer to `POST add-checkpoint`."""
        try:
            request = messages.parse(body)  # (1)
            checkpoint = checkpoints.parse_any(note.split(request.checkpoint)[0])
        except Failed as error:
            return _refuse(400, str(error))
        keys = self.logs.get(checkpoint.origin)
        if keys is None:
            return _refuse(404, "this witness does not cosign that log")  # (2)
        try:
            opened = note.open(request.checkpoint, keys)  # (3)
        except (NoteMalformed, NoteUnverified) as error:
            return _refuse(403, str(error))
        if request.old > checkpoint.size:
            return _refuse(400, "the old size is larger than that of the checkpoint")  # (4)
        try:
            with self.state.transaction():
                return self._decide(request, checkpoint, opened)
        except Unavailable as error:
            log.warning("not cosigned", origin=checkpoint.origin, reason=str(error))
            return Answer(503, f"{error}\n", retry_after=error.retry_after)

    def checkpoint(self, origin_hash: str) -> str | None:
        """The checkpoint held of a log, with the log's and the witness's signatures."""
        origin = self._origins.get(origin_hash)
        if origin is None:
            return None
        with self.state.transaction():
            held = self.state.held(origin)
        return held.note if held else None

    def _decide(self, request: messages.Request, checkpoint: Checkpoint, opened: Note) -> Answer:
        held = self.state.held(checkpoint.origin)
        self._look_for_conflict(held, checkpoint, request.checkpoint)
        before = self._before(held, checkpoint.origin)
        if request.old != before.size:
            return Answer(409, messages.format_size(before.size), messages.SIZE_TYPE)  # (5)
        try:
            _check_goes_on(before, checkpoint, request.proof)  # (6)
        except ProofInvalid as error:
            return _refuse(422, str(error))
        return self._cosign(held, checkpoint, opened)

    def _before(self, held: Held | None, origin: str) -> Checkpoint:
        """What the next tree of a log must go on from."""
        if held is not None:
            return Checkpoint(origin, held.size, held.root)
        return self._kept.get(origin, Checkpoint(origin, 0, EMPTY_ROOT))

    def _cosign(self, held: Held | None, checkpoint: Checkpoint, opened: Note) -> Answer:
        now = int(self._clock())
        if held is not None and now < held.time:  # (7)
            behind = held.time - now
            raise Unavailable(
                f"the clock of this witness is {behind} seconds behind its last cosignature",
                min(behind, LATER),
            )
        if held is not None and (held.time, note.split(held.note)[0]) == (now, opened.text):
            # Sent again within a second: the same answer, and no write for whoever repeats it.
            return self._answer(held)
        lines = [note.format_line(line) for line in opened.verified]
        lines += [signer.cosign(opened.text, now) for signer in self.signers]  # (8)
        signed = f"{opened.text}\n{''.join(lines)}"
        holding = Held(checkpoint.origin, checkpoint.size, checkpoint.root, now, signed)
        self.state.hold(holding)
        return self._answer(holding)

    def _answer(self, held: Held) -> Answer:
        verifiers = [signer.verifier for signer in self.signers]
        return Answer(200, "".join(c.line for c in cosignature.read(held.note, verifiers)))

    def _look_for_conflict(self, held: Held | None, checkpoint: Checkpoint, signed: str) -> None:
        if held is None or held.size != checkpoint.size or held.root == checkpoint.root:
            return
        log.error("a log signed two trees of one size", origin=held.origin, size=held.size)
        self.state.keep_conflict(held, signed, checkpoint.root, int(self._clock()))


def _check_goes_on(before: Checkpoint, checkpoint: Checkpoint, proof: Sequence[bytes]) -> None:
    """Raises ProofInvalid unless the checkpoint's tree begins with the one before."""
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise ProofInvalid("the root of size 0 is not that of the empty tree")
    check_consistency(before.size, checkpoint.size, before.root, checkpoint.root, proof)


def _refuse(status: int, why: str) -> Answer:
    return Answer(status, f"{why}\n")
