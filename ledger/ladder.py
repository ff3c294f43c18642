"""The ladder: how far a receipt or a log stands up, rung by rung, and on whose word.

    signed        the producer's signature verifies, with a key that was given or the log enrols
    included      the log's key signed a tree that holds it
    witnessed     the witnesses that the policy asks for cosigned that tree: others see the same one
    timestamped   a trusted authority saw that signed tree at a time (RFC 3161)

Each rung is decided by itself. The verdict is the highest rung with none missing below it: a
timestamp without witnesses is told, but does not make the verdict "timestamped". One gap is passed
over, and named: *signed* is about the producer, the others are about the log, so a receipt that was
checked without a key of its producer can still be "included".

Nothing that was not given is trusted. A rung for which nothing was given is "not decided", which is
something else than one that was looked at and not reached. `tests/test_ladder.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cryptography.x509 import Certificate

from ledger import note, tokens
from ledger.errors import TimestampInvalid
from ledger.note import COSIGNATURE_MLDSA44, SignatureLine, Verifier
from ledger.policy import Cosigned, Policy

if TYPE_CHECKING:
    from ledger.rfc3161 import Timestamp


class Rung(StrEnum):
    """The rungs, lowest first."""

    SIGNED = "signed"
    INCLUDED = "included"
    WITNESSED = "witnessed"
    TIMESTAMPED = "timestamped"


class State(StrEnum):
    """What is known of a rung."""

    REACHED = "reached"
    NOT_REACHED = "not reached"
    NOT_DECIDED = "not decided"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung, and in a sentence what shows it, or why it is not reached."""

    rung: Rung
    state: State
    says: str


SKEW = timedelta(minutes=5)
"""How far honest clocks may be apart."""


@dataclass(frozen=True, slots=True)
class Attested:
    """What others say of a checkpoint: the two upper rungs, who cosigned, who stamped it.

    `witnesses` are those that the policy counts; `unfit` are timestamps that did not verify, with
    the reason.
    """

    witnessed: Step
    timestamped: Step
    witnesses: tuple[Cosigned, ...]
    timestamps: tuple[Timestamp, ...]
    unfit: tuple[str, ...]

    @property
    def earliest(self) -> datetime | None:
        """The earliest time at which a trusted authority saw the checkpoint."""
        return min((stamp.time for stamp in self.timestamps), default=None)


def verdict(steps: Sequence[Step]) -> Rung | None:
    """The highest rung with none missing below it, "signed" excepted; None if there is none."""
    highest = None
    for step in steps:
        if step.state is State.REACHED:
            highest = step.rung
        elif step.rung is not Rung.SIGNED:
            break
    return highest


def look_up(
    signed: str,
    verifier: Verifier,
    policy: Policy | None = None,
    certificates: Sequence[Certificate] = (),
) -> Attested:
    """Decide the two upper rungs for a signed checkpoint of the log with this key.

    Raises VerificationFailed when the signature of a known key fails, the log's or a witness's.
    """
    witnessed, witnesses = _witnessed(signed, verifier, policy)
    timestamped, timestamps, unfit = _timestamped(signed, verifier, certificates)
    return Attested(witnessed, timestamped, witnesses, timestamps, unfit)


def moment(time: datetime) -> str:
    """A moment as reports write it: UTC, to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def cosigned_at(cosigned: Cosigned) -> datetime | None:
    """When a witness says it cosigned; None for a number that is no date."""
    try:
        return datetime.fromtimestamp(cosigned.time, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def trusted(attested: Attested, policy: Policy | None) -> list[str]:
    """On whose word the upper rungs rest, a sentence each."""
    sentences = []
    if policy is not None:
        sentences.append(f"Your policy for witnesses: {policy.rule()}.")
    sentences += [
        f"The key of witness {cosigned.witness.name}, {cosigned.witness.key.vkey}, by your policy."
        for cosigned in attested.witnesses
    ]
    anchors = {stamp.anchor_digest: stamp.anchor for stamp in attested.timestamps}
    sentences += [
        f"The certificate {anchor.subject.rfc4514_string()} with SHA-256 {digest}, given by you,"
        " and who it certifies."
        for digest, anchor in anchors.items()
    ]
    return sentences


def beyond(attested: Attested) -> list[str]:
    """What the upper rungs leave open, a sentence each."""
    if attested.witnessed.state is State.REACHED:
        sentences = [
            "That others are shown this log, should the witnesses that cosigned have lied."
        ]
    else:
        sentences = [
            "That others are shown this log: without witnesses its key can sign a second history."
        ]
    if attested.earliest is not None:
        sentences += [
            "That recorded times are right: the ledger's own clock gave them. The timestamp shows"
            f" that what it covers was there at {moment(attested.earliest)}, not since when.",
            "That no certificate of the authority was revoked: that is not looked up.",
        ]
    else:
        sentences.append(
            "That recorded times are right: the ledger's own clock gave them, and only order is"
            " shown."
        )
    return sentences


def headline(steps: Sequence[Step]) -> str:
    """The verdict in a few words: with the rung it passes over, and what is reached above a gap."""
    stands = verdict(steps)
    if stands is None:
        return "nothing is shown"
    by_rung = {step.rung: step.state for step in steps}
    words = str(stands)
    if by_rung[Rung.SIGNED] is not State.REACHED:
        words += f", {Rung.SIGNED} {by_rung[Rung.SIGNED]}"
    rungs = list(Rung)
    above = [r for r in rungs[rungs.index(stands) + 1 :] if by_rung[r] is State.REACHED]
    if above:
        words += f" ({', '.join(above)} by itself, above a gap)"
    return words


def algorithms(attested: Attested) -> str:
    """The mathematics that all of it rests on."""
    names = ["SHA-256", "Ed25519"]
    if any(by.witness.key.kind == COSIGNATURE_MLDSA44 for by in attested.witnesses):
        names.append("ML-DSA-44")
    if attested.timestamps:
        names.append("the algorithms in the certificates of the authority")
    return f"{', '.join(names[:-1])} and {names[-1]}."


def contradiction(recorded_at: datetime, attested: Attested) -> list[str]:
    """A recorded time that a timestamp proves wrong, in a sentence; none if there is none."""
    earliest = attested.earliest
    if earliest is None or recorded_at <= earliest + SKEW:
        return []
    return [
        f"The last entry says it was recorded at {moment(recorded_at)}, and the checkpoint over it"
        f" was seen at {moment(earliest)} already: the clock of the ledger or that of the authority"
        " was wrong."
    ]


def _witnessed(
    signed: str, verifier: Verifier, policy: Policy | None
) -> tuple[Step, tuple[Cosigned, ...]]:
    if policy is None:
        opened = note.open(signed, [verifier])
        others = len(opened.unverified) - len(tokens.token_lines(opened))
        carries = f" The checkpoint carries {others} signatures of others." if others else ""
        return _undecided(
            Rung.WITNESSED, f"No policy was given that says which witnesses count.{carries}"
        ), ()
    judged = policy.judge(signed, [verifier])
    if judged.of == 0:
        return _missed(Rung.WITNESSED, "The policy asks for no witness."), ()
    who = "; ".join(f"{c.witness.name} at {_when(c)}" for c in judged.counted)
    said = f"{len(judged.counted)} of the {judged.of} witnesses of the policy cosigned"
    said += f": {who}." if who else "."
    if not judged.quorum_met:
        said += f" It asks for {policy.rule()}."
        return _missed(Rung.WITNESSED, said), judged.counted
    return _reached(Rung.WITNESSED, said), judged.counted


def _timestamped(
    signed: str, verifier: Verifier, certificates: Sequence[Certificate]
) -> tuple[Step, tuple[Timestamp, ...], tuple[str, ...]]:
    opened = note.open(signed, [verifier])
    lines = tokens.token_lines(opened)
    found: tuple[Timestamp, ...] = ()
    unfit: tuple[str, ...] = ()
    names = ", ".join(line.name for line in lines)
    carried = f"The checkpoint carries a timestamp ({names}), and"
    if not lines:
        step = _missed(Rung.TIMESTAMPED, "No timestamp is with the checkpoint.")
    elif not certificates:
        says = f"{carried} no certificate of an authority was given."
        step = _undecided(Rung.TIMESTAMPED, says)
    elif find_spec("rfc3161_client") is None:
        says = f"{carried} rfc3161-client, which verifies it, is not installed."
        step = _undecided(Rung.TIMESTAMPED, says)
    else:
        message = tokens.covered(opened.text, opened.verified[0])
        found, unfit = _check_tokens(lines, message, certificates)
        step = _time_step(found, unfit)
    return step, found, unfit


def _time_step(found: Sequence[Timestamp], unfit: Sequence[str]) -> Step:
    if not found:
        return _missed(Rung.TIMESTAMPED, f"No timestamp verifies: {'; '.join(unfit)}.")
    said = "; ".join(f"{stamp.authority} at {moment(stamp.time)}" for stamp in found)
    return _reached(Rung.TIMESTAMPED, f"The signed checkpoint was seen by {said}.")


def _check_tokens(
    lines: Sequence[SignatureLine], message: bytes, certificates: Sequence[Certificate]
) -> tuple[tuple[Timestamp, ...], tuple[str, ...]]:
    # Not above: whoever has no token to check needs no library for it.
    from ledger import rfc3161  # noqa: PLC0415

    found: list[Timestamp] = []
    unfit: list[str] = []
    for line in lines:
        try:
            found.append(rfc3161.check(line.signature, message, certificates))
        except TimestampInvalid as error:
            unfit.append(f"{line.name}: {error}")
    return tuple(sorted(found, key=lambda stamp: stamp.time)), tuple(unfit)


def _when(cosigned: Cosigned) -> str:
    time = cosigned_at(cosigned)
    return f"second {cosigned.time}" if time is None else moment(time)


def _reached(rung: Rung, says: str) -> Step:
    return Step(rung, State.REACHED, says)


def _missed(rung: Rung, says: str) -> Step:
    return Step(rung, State.NOT_REACHED, says)


def _undecided(rung: Rung, says: str) -> Step:
    return Step(rung, State.NOT_DECIDED, says)
