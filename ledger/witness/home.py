"""Where a witness lives, and opening it.

    DIR/witness.db              what it cosigned (`ledger/witness/state.py`)
    DIR/keys/ed25519.key        its private keys, made at the first start, mode 0600
    DIR/keys/mldsa44.key
    DIR/witness.policy          the public halves, as lines for the policy of logs and verifiers

A witness is its name, its keys and its state; with one of them lost or another, it does not start,
since it could then be led to cosign a second history under a name that people trust.
`tests/test_witness_home.py` takes each of them away.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger import checkpoint as checkpoints
from ledger import cosignature, keys, note
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureSigner, CosignatureVerifier
from ledger.errors import ConfigurationError, LedgerError, NoteMalformed
from ledger.policy import LogKey
from ledger.witness import Logs, Witness
from ledger.witness.state import WitnessState

KINDS: dict[str, Callable[[], keys.PrivateKey]] = {
    "ed25519": Ed25519PrivateKey.generate,
    "mldsa44": MLDSA44PrivateKey.generate,
}
"""The names of the key files, and what makes a key of each kind."""


@dataclass(frozen=True, slots=True)
class WitnessHome:
    """The places of one witness."""

    data: Path

    @property
    def state_file(self) -> Path:
        """What it cosigned."""
        return self.data / "witness.db"

    @property
    def policy_file(self) -> Path:
        """Its public keys."""
        return self.data / "witness.policy"

    def key_file(self, kind: str) -> Path:
        """A private key."""
        return self.data / "keys" / f"{kind}.key"


@contextmanager
def open_witness(
    home: WitnessHome,
    logs: Iterable[LogKey],
    *,
    name: str | None = None,
    kept: Iterable[str] = (),
    clock: Callable[[], float] = time.time,
) -> Iterator[Witness]:
    """Open a witness until the block ends; made when its directory is empty and `name` is given.

    `kept` are signed checkpoints from earlier: a log that was not cosigned yet must go on from its
    own. Raises ConfigurationError, with the way out, when its state, a key or its name is not what
    it was, or is missing.
    """
    state = _open_state(home)
    try:
        signers = _signers(home, state, name)
        keys = by_origin(logs)
        yield Witness(signers, keys, state, clock, [_kept(signed, keys) for signed in kept])
    finally:
        state.close()


def by_origin(logs: Iterable[LogKey]) -> Logs:
    """The keys of each log; a log that changes its key has two for a while."""
    found: dict[str, list[LogKey]] = defaultdict(list)
    for key in logs:
        found[key.name].append(key)
    return dict(found)


def policy_lines(verifiers: Sequence[CosignatureVerifier]) -> str:
    """What names this witness in a policy (C2SP tlog-policy); a log adds its URL to each key."""
    name = verifiers[0].name
    members = [(f"{name}/{cosignature.ALGORITHM[key.kind]}", key.vkey) for key in verifiers]
    lines = [f"witness {member} {vkey}\n" for member, vkey in members]
    return "".join(lines) + f"group {name} any {' '.join(member for member, _ in members)}\n"


def _kept(signed: str, logs: Logs) -> Checkpoint:
    try:
        checkpoint = checkpoints.parse_any(note.split(signed)[0])
        note.open(signed, logs.get(checkpoint.origin, ()))
    except LedgerError as error:
        raise ConfigurationError(
            f"--kept: it is no checkpoint of a log that this witness cosigns: {error}"
        ) from None
    return checkpoint


def _open_state(home: WitnessHome) -> WitnessState:
    if not home.state_file.exists():
        if any(home.key_file(kind).exists() for kind in KINDS):
            raise ConfigurationError(
                f"there are keys in {home.data / 'keys'} and no {home.state_file}: what this"
                " witness cosigned is lost, and it could be led to cosign a second history. If the"
                " file was moved, put the latest one back, never an older copy. If it is gone, move"
                " the directory aside and start a witness with a new name and new keys"
                " (docs/how-to/witness.md)."
            )
        home.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        WitnessState.create(home.state_file)
    return WitnessState(home.state_file)


def _signers(home: WitnessHome, state: WitnessState, name: str | None) -> list[CosignatureSigner]:
    """The keys of this state; made, as long as it holds nothing."""
    bound = [cosignature.parse_vkey(vkey) for vkey in state.vkeys()]
    if name is None and not bound:
        raise ConfigurationError(
            "a new witness needs a name: an address of yours without its scheme, such as"
            " --name witness.example.org/w1. It is part of its keys and never changes"
        )
    if bound and name not in (None, bound[0].name):
        raise ConfigurationError(
            f"this witness is named {bound[0].name}; another name is another witness, in a"
            " directory of its own"
        )
    cosigned = bool(state.all_held())
    private = [_private_key(home, kind, make=not cosigned) for kind in KINDS]
    try:
        signers = [CosignatureSigner(bound[0].name if bound else name or "", k) for k in private]
        verifiers = [signer.verifier for signer in signers]
    except NoteMalformed as error:
        raise ConfigurationError(f"--name: {error}") from None
    if not cosigned:
        state.bind([verifier.vkey for verifier in verifiers])
        home.policy_file.write_text(policy_lines(verifiers))
    elif verifiers != bound:
        raise ConfigurationError(
            f"the keys in {home.data / 'keys'} are not those that {home.state_file} belongs to; put"
            f" back those of {home.policy_file}"
        )
    state.check(verifiers)
    return signers


def _private_key(home: WitnessHome, kind: str, *, make: bool) -> keys.PrivateKey:
    file = home.key_file(kind)
    if not file.exists():
        if not make:
            raise ConfigurationError(
                f"the key {file} of this witness is gone; put it back, or move the directory aside"
                " and start a witness with a new name (docs/how-to/witness.md)"
            )
        keys.write_private(file, KINDS[kind]())
    found = keys.read_private(file)
    if not isinstance(found, Ed25519PrivateKey if kind == "ed25519" else MLDSA44PrivateKey):
        raise ConfigurationError(f"the key in {file} is not of the kind its name says")
    return found
