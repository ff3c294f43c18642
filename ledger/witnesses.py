"""Asking witnesses: C2SP tlog-witness, the side of the log.

A witness is asked to cosign a checkpoint with the proof that its tree goes on from the one the
witness holds. Where the log errs about that size, the witness tells it (409) and is asked again.

    (1) 200: a cosignature counts when it is by a key of the policy, verifies over this checkpoint,
        and is dated now, give or take `SKEW`
    (2) 409: the size it holds. Smaller than what we have its cosignature of: it forgot. Larger than
        our log, or equal and refused: there are two histories. Both are alarms, never retried away
    (3) 422: our proof does not lead from its tree to ours: two histories as well
    (4) 400, 403, 404 and what is no answer: it refuses
    (5) no answer in time, 429, 5xx: unavailable; asked again after ever longer pauses

An alarm looks at what the witness shows at its monitoring address. A checkpoint there that the key
of this log signed, and that does not fit, is proof and not an accusation. What a witness sends has
a limit; redirects are not followed. `tests/test_witnesses.py` has witnesses of every kind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from ledger import add_checkpoint as messages
from ledger import cosignature, log_keys
from ledger.add_checkpoint import MAX_BODY, SIZE_TYPE
from ledger.checkpoint import Checkpoint
from ledger.cosignature import Cosignature
from ledger.errors import (
    ConfigurationError,
    LedgerError,
    VerificationFailed,
    WitnessAlarm,
    WitnessMessageMalformed,
    WitnessRefused,
    WitnessUnavailable,
)
from ledger.log_keys import LogKeys
from ledger.merkle import check_consistency
from ledger.note import Verifier
from ledger.policy import Policy, Witness

SKEW = 300
"""Seconds by which the clock of a witness may differ from ours."""

TIMEOUT = 10.0
"""Seconds for a whole answer."""

CONFLICTS = 3
"""How often a witness may name another size in one conversation."""

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""


@dataclass(frozen=True, slots=True)
class Target:
    """One witness to be asked: where, and its keys in the policy (often one of each kind)."""

    url: str
    witnesses: tuple[Witness, ...]

    @property
    def name(self) -> str:
        """Its names in the policy."""
        return ", ".join(witness.name for witness in self.witnesses)


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint to be cosigned: the signed note, what it says, and how to prove it.

    `prove` gives the consistency proof between two sizes, `size` the size of the log at this
    moment, which may be larger than the checkpoint's by now.
    """

    signed: str
    checkpoint: Checkpoint
    verifier: Verifier | LogKeys
    prove: Callable[[int, int], Sequence[bytes]]
    size: Callable[[], int]


def targets(policy: Policy) -> tuple[Target, ...]:
    """The witnesses of a policy that have an address. Raises ConfigurationError for a bad one."""
    by_url: dict[str, list[Witness]] = {}
    for witness in policy.witnesses:
        if witness.url is not None:
            by_url.setdefault(_url(witness, witness.url), []).append(witness)
    return tuple(Target(url, tuple(witnesses)) for url, witnesses in by_url.items())


def make_client() -> httpx.Client:
    """The HTTP client of `ask`: one for all witnesses, so that connections are used again."""
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False)


def ask(
    http: httpx.Client,
    target: Target,
    submission: Submission,
    *,
    known: int,
    now: Callable[[], float] = time.time,
) -> tuple[Cosignature, ...]:
    """Ask one witness for its cosignatures of a checkpoint; at least one.

    `known` is the largest size that we have its cosignature of, 0 when none; `now` our clock, in
    seconds since 1970. Raises WitnessUnavailable, WitnessRefused and WitnessAlarm.
    """
    size = submission.checkpoint.size
    old = min(known, size)
    for _ in range(CONFLICTS + 1):
        request = messages.Request(old, tuple(submission.prove(old, size)), submission.signed)
        answer = _send(http, target.url, messages.format(request))
        if answer.status == 200:
            return _accept(answer, target, submission, now())  # (1)
        if answer.status == 422:
            raise _fork(http, target, submission, old)  # (3)
        if answer.status != 409:
            raise _refusal(answer)  # (4) (5)
        held = _held_size(answer)  # (2)
        if held < known:
            raise WitnessAlarm(
                f"it holds a tree of {held} entries and cosigned one of {known}: it lost its state,"
                " and what it cosigns from now on says nothing. Take it out of the policy; it needs"
                " a new name and key"
            )
        if held > size:
            raise _ahead(http, target, submission, held)
        if held == old:
            raise _fork(http, target, submission, old)
        old = held
    raise WitnessRefused("it names another size every time it is asked")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    media_type: str
    body: bytes


def _url(witness: Witness, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(
            f"the address of witness {witness.name} is not one of http or https: {url}"
        )
    return url.rstrip("/")


def _send(http: httpx.Client, url: str, body: str | None, path: str = "add-checkpoint") -> _Answer:
    """One request: a POST of a body, or a GET. Raises WitnessUnavailable and WitnessRefused."""
    # Compressed answers would have a second size, after unpacking.
    headers = {"Accept-Encoding": "identity", "Content-Type": "text/plain; charset=utf-8"}
    content = None if body is None else body.encode()
    received = bytearray()
    deadline = time.monotonic() + TIMEOUT
    try:
        with http.stream(
            "GET" if body is None else "POST", f"{url}/{path}", content=content, headers=headers
        ) as response:
            for chunk in response.iter_raw():
                received += chunk
                if len(received) > MAX_BODY:
                    raise WitnessRefused(f"its answer has more than {MAX_BODY} bytes")
                if time.monotonic() > deadline:
                    raise WitnessUnavailable(f"its answer takes more than {TIMEOUT:g} seconds")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WitnessUnavailable(f"{type(error).__name__}: {error}") from None
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return _Answer(response.status_code, media_type, bytes(received))


def _accept(
    answer: _Answer, target: Target, submission: Submission, now: float
) -> tuple[Cosignature, ...]:
    keys = [witness.key for witness in target.witnesses]
    try:
        found = cosignature.read(submission.signed + answer.body.decode(), keys)
    except UnicodeDecodeError:
        raise WitnessRefused("its answer is not UTF-8") from None
    except VerificationFailed as error:
        raise WitnessRefused(f"its answer is no cosignature of this checkpoint: {error}") from None
    for made in found:
        if abs(made.time - now) > SKEW:
            raise WitnessRefused(
                f"its cosignature is dated {made.time - now:+.0f} seconds from our clock"
            )
    return found


def _held_size(answer: _Answer) -> int:
    if answer.media_type != SIZE_TYPE:
        raise WitnessRefused(f"its answer 409 is not of media type {SIZE_TYPE}")
    try:
        return messages.parse_size(answer.body)
    except WitnessMessageMalformed as error:
        raise WitnessRefused(f"its answer 409 names no size: {error}") from None


def _refusal(answer: _Answer) -> WitnessRefused | WitnessUnavailable:
    said = answer.body[:200].decode("utf-8", "replace").strip()
    printable = "".join(c if c.isprintable() else " " for c in said)
    detail = f"it answered {answer.status}: {printable}"
    if answer.status in AGAIN:
        return WitnessUnavailable(detail)
    if answer.status == 404:
        return WitnessRefused(f"{detail} (it was not told of this log's key, or the URL is wrong)")
    return WitnessRefused(detail)


def _ahead(
    http: httpx.Client, target: Target, submission: Submission, held: int
) -> WitnessAlarm | WitnessUnavailable:
    """It holds more than our checkpoint: as much as the log has by now, or more than that."""
    size = submission.size()
    if held <= size:
        return WitnessUnavailable(f"it holds {held} entries already: asked again with a newer tree")
    held_there = shown(http, target.url, submission.verifier)
    if held_there is not None and held_there[1].size > size:
        return WitnessAlarm(
            f"it shows a tree of {held_there[1].size} entries that the key of this log signed, and"
            f" this log has {size}: the database was set back, or the key signs elsewhere. Stop"
            " appending, keep this checkpoint, and read docs/how-to/recover.md",
            held_there[0],
        )
    return WitnessAlarm(
        f"it says that it holds {held} entries, and this log has {size}; it does not show a"
        " checkpoint of them that this log signed. The database was set back, or the witness errs"
    )


def _fork(
    http: httpx.Client, target: Target, submission: Submission, old: int
) -> WitnessAlarm | WitnessRefused:
    """It says that our tree does not go on from the one it holds."""
    held = shown(http, target.url, submission.verifier)
    if held is None:
        return WitnessAlarm(
            f"it says that this log does not go on from the tree of {old} entries that it holds,"
            " and shows no checkpoint of them that this log signed"
        )
    signed, checkpoint = held
    if _goes_on(submission, checkpoint):
        return WitnessRefused("it refuses a proof from the tree that it shows, which is right")
    return WitnessAlarm(
        f"it shows a tree of {checkpoint.size} entries that the key of this log signed, and this"
        " log does not go on from it: there are two histories. Stop appending, keep this"
        " checkpoint, and read docs/how-to/recover.md",
        signed,
    )


def _goes_on(submission: Submission, earlier: Checkpoint) -> bool:
    """Whether our own tree has this beginning."""
    size = submission.checkpoint.size
    if earlier.size > size:
        return False
    try:
        proof = submission.prove(earlier.size, size)
        check_consistency(earlier.size, size, earlier.root, submission.checkpoint.root, proof)
    except VerificationFailed:
        return False
    return True


def shown(http: httpx.Client, url: str, keys: Verifier | LogKeys) -> tuple[str, Checkpoint] | None:
    """What a witness shows of this log, if a key of this log signed it."""
    try:
        answer = _send(http, url, None, f"{messages.origin_hash(keys.name)}/checkpoint")
        signed = answer.body.decode()
        return signed, log_keys.open(signed, keys)
    except (LedgerError, UnicodeDecodeError):
        return None
