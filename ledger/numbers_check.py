"""Check 9 of a log: entries carry the numbers of whom they concern.

Entries from before the first numbered one need none; from then on every entry that names a
controller carries a commitment. Whether it is to the right numbers takes the secret of the ledger:
with it each is made again from the entries before, as the ledger made it. That holds whom every
entry and case concerned, about 1,300 bytes an entry; without the secret nothing is held.
`tests/test_numbers_check.py` plays the attacker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ledger import numbers
from ledger.concerned import OWN, Concerned, named, reference, referred
from ledger.errors import VerificationFailed
from ledger.keyring import CHECKPOINT_SIGNED
from ledger.merkle import leaf_hash
from ledger.numbers import ControllerKeys, Sequences
from ledger.tags import tags_of


class NumbersCheck:
    """Checks the commitments of a log from its first entry on."""

    def __init__(self, keys: ControllerKeys | None = None) -> None:
        self._keys = keys
        self._concerned = Concerned()
        self._sequences = Sequences({})
        self._tags: dict[str, list[str]] = {}
        self.numbered = 0
        """Entries that carry a commitment."""
        self._notes = 0

    def showed(self) -> str:
        """What the check showed, in a sentence."""
        if self._keys is None:
            return (
                f"{self.numbered} entries carry numbers of controllers; whether these are the right"
                " ones takes the secret of the numbers."
            )
        return (
            f"{self.numbered} entries commit to the right numbers, dense for each of"
            f" {len(self._sequences.latest)} controllers, and {self._notes} of them to the latest"
            " number of all."
        )

    def add(
        self,
        index: int,
        leaf: bytes,
        commitment: bytes | None,
        *,
        source: str,
        id: str,
        type: str,
        data: Mapping[str, Any],
    ) -> None:
        """Check the next entry, with the event in it. Raises VerificationFailed."""
        notes = type == CHECKPOINT_SIGNED
        if self._keys is None and commitment is not None:
            self.numbered += 1
            return
        tags = tags_of(source, id, type, data)
        if commitment is None and self.numbered and (notes or named(tags)):
            raise VerificationFailed("the entry concerns a controller and carries no number")
        self.numbered += commitment is not None
        self._notes += notes and commitment is not None
        if self._keys is not None:
            self._check(self._keys, index, leaf, commitment, tags, type, data)

    def _check(
        self,
        keys: ControllerKeys,
        index: int,
        leaf: bytes,
        commitment: bytes | None,
        tags: Iterable[str],
        type: str,
        data: Mapping[str, Any],
    ) -> None:
        kept = referred(tags)
        about = reference(type, data)
        concerned = self._concerned.of(tags, about)
        self._concerned.add((*kept, *self._tags.get(about or "", ())), concerned)
        for tag in kept[: len(OWN)]:
            self._tags.setdefault(tag, []).extend(kept)
        numbered = self._sequences.next(concerned if self.numbered else ())
        wanted = None
        if type == CHECKPOINT_SIGNED and self.numbered:
            wanted = numbers.commit(keys, numbers.latest_at(index), self._sequences.latest)
        elif numbered:
            wanted = numbers.commit(keys, numbers.at_entry(index), numbered)
        if commitment != wanted:
            raise VerificationFailed("the entry does not commit to the numbers of whom it concerns")
        self._sequences.add(numbered, leaf_hash(leaf))
