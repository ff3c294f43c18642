"""Which key of a log a verification rests on: the pinned one, or one that took its place.

Whoever pinned a key keeps it for years, and the log may have another by then. The old key is led to
the new one by what both sides signed: a checkpoint from earlier, signed by the pinned key, fixes
the first entries of the log and with them the administrator's key; the log goes on from it; and in
it the administrator enrolled the new key (`ledger/log_keys.py`). So nobody but the administrator
can put another key in the place of a pinned one, and not even he can change what was there before.
`tests/test_trusted_keys.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.checkpoint import Checkpoint
from ledger.errors import NoteUnverified, VerificationFailed
from ledger.log_keys import LogKey, LogKeys
from ledger.note import Verifier


@dataclass(frozen=True, slots=True)
class Trusted:
    """The keys found beside a log, and those of them that were pinned; all, when none was."""

    beside: LogKeys
    pinned: LogKeys

    @classmethod
    def of(cls, beside: LogKeys, pinned: LogKeys | None) -> Trusted:
        """Raises VerificationFailed when what was pinned is not beside the log.

        A pinned key may have got an end since, and no other period than it had.
        """
        if pinned is None:
            return cls(beside, beside)
        found = {key.verifier: key for key in beside.keys}
        for key in pinned.keys:
            there = found.get(key.verifier)
            if there is None:
                raise VerificationFailed("the key beside the log is not the pinned one")
            if key.first not in (0, there.first) or key.last not in (None, there.last):
                raise VerificationFailed("the key beside the log has another period than pinned")
        wanted = {key.verifier for key in pinned.keys}
        return cls(beside, LogKeys(tuple(k for k in beside.keys if k.verifier in wanted)))

    def signer(self, signed: str) -> Verifier:
        """The key that a checkpoint rests on: a pinned one, where one signed it.

        Raises NoteMalformed, NoteUnverified and CheckpointMalformed.
        """
        other = self.beside.signer_of(signed)
        try:
            return self.pinned.signer_of(signed)
        except NoteUnverified:
            return other

    def check_signer(
        self, verifier: Verifier, size: int, by_the_log: LogKeys, kept: Sequence[str]
    ) -> LogKey | None:
        """Check that a log has the key that signed it: as its own events, which were verified, say.

        None for a pinned key. For one that took its place, `kept` must hold a checkpoint that a
        pinned one signed; that the log goes on from it is for the caller to check. Raises
        VerificationFailed.
        """
        signing = {key.verifier: key for key in by_the_log.at(size)}
        key = signing.get(verifier)
        if key is None:
            raise VerificationFailed(
                f"the log itself has another key for a tree of {size} entries than the one that"
                " signed it"
            )
        if any(pinned.verifier == verifier for pinned in self.pinned.keys):
            return None
        if key.first == 0:
            raise VerificationFailed("no event of the administrator enrols the key that signed")
        if not any(earlier.size > 0 for earlier in self._by_pinned(kept)):
            raise VerificationFailed(
                "another key took the place of the pinned one: give a receipt or checkpoint that"
                " the pinned key signed (--kept), so that the change can be checked"
            )
        return key

    def _by_pinned(self, kept: Sequence[str]) -> list[Checkpoint]:
        found = []
        for text in kept:
            try:
                found.append(self.pinned.open(text))
            except NoteUnverified:
                continue  # by another key of the log, which is checked elsewhere
        return found
