"""The private keys of the log that are on this machine.

    DIR/keys/log.key             the key the log was made with
    DIR/keys/log-2.key …         those that took its place
    DIR/keys/log-mldsa.key       a second signer (ML-DSA-44), if there is one

They are looked for again whenever the directory has changed, so a process that serves takes up a
new key without a restart. Every key that is in its period must sign (`ledger/log_keys.py`): a
checkpoint without one of them could not be verified by those who pinned that one.
`tests/test_key_rotation.py`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger import checkpoint as checkpoints
from ledger import keys, note
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureSigner
from ledger.errors import ConfigurationError, SigningRefused
from ledger.log_keys import LogKeys
from ledger.note import Signer, Verifier

SECOND_SIGNER = "log-mldsa"

_NAME = re.compile(r"log(?:-[1-9][0-9]{0,5}|-mldsa)?\.key")


@dataclass(frozen=True, slots=True)
class _Found:
    """The keys in the files of these names."""

    names: frozenset[str] = frozenset()
    own: Mapping[Verifier, Signer] = field(default_factory=dict)
    second: CosignatureSigner | None = None


class Signers:
    """The keys of the log `origin` in a directory."""

    def __init__(self, directory: Path, origin: str) -> None:
        self._directory = directory
        self._origin = origin
        self._found = _Found()
        self._lock = threading.Lock()

    def verifiers(self) -> list[Verifier]:
        """The public halves of the keys that are here; second signers are not among them.

        Raises ConfigurationError when a key cannot be read.
        """
        return list(self._look().own)

    def second(self) -> CosignatureSigner | None:
        """The second signer, if there is one."""
        return self._look().second

    def sign(self, checkpoint: Checkpoint, log_keys: LogKeys, time: int) -> str:
        """The checkpoint, signed by every key of the log that is in its period, and by the second
        signer at this time (seconds since 1970).

        Raises SigningRefused when one of them is not here, or none is in its period.
        """
        text = checkpoints.format(checkpoint)
        signed = self.sign_text(text, checkpoint.size, log_keys)
        second = self.second()
        return signed if second is None else signed + second.cosign(text, time)

    def sign_text(self, text: str, size: int, log_keys: LogKeys) -> str:
        """A text, signed by every key of the log that signs trees of a size.

        Raises SigningRefused when one of them is not here, or none is in its period.
        """
        found = self._look()
        wanted = [key.verifier for key in log_keys.at(size)]
        if not wanted:
            raise SigningRefused(f"no key of the log signs a tree of {size} entries")
        signers = []
        for verifier in wanted:
            signer = found.own.get(verifier) if isinstance(verifier, Verifier) else None
            if signer is None:
                raise SigningRefused(
                    f"the private key of {verifier.vkey} is not in the directory of keys"
                )
            signers.append(signer)
        return note.sign(text, *signers)

    def _look(self) -> _Found:
        # A key is never written over, so other names are the only change.
        names = frozenset(filter(_NAME.fullmatch, self._names()))
        with self._lock:
            if names != self._found.names:
                self._found = self._read(names)
            return self._found

    def _names(self) -> list[str]:
        if not self._directory.is_dir():
            return []
        return [file.name for file in self._directory.iterdir()]

    def _read(self, names: frozenset[str]) -> _Found:
        own, second = {}, None
        for name in names:
            file = self._directory / name
            if file.stem == SECOND_SIGNER:
                second = CosignatureSigner(self._origin, _mldsa(file))
            else:
                signer = Signer(self._origin, keys.load(file).private_key)
                own[signer.verifier] = signer
        return _Found(names, own, second)


def _mldsa(file: Path) -> MLDSA44PrivateKey:
    private_key = keys.read_private(file)
    if not isinstance(private_key, MLDSA44PrivateKey):
        raise ConfigurationError(f"the key in {file} is not an ML-DSA-44 key")
    return private_key
