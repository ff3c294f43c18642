"""The checks of a whole log, by number: what `ledger/verify.py` does and reports.

Every failure leaves as VerificationFailed with the number of its check and, where one entry is to
blame, the index of the first one. `tests/test_verify.py` has an attack for each number.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, TracebackType

from ledger.errors import Refused, VerificationFailed

CHECKS: Mapping[int, str] = MappingProxyType(
    {
        1: "the verifier key is that of the log",
        2: "the checkpoint is signed by that key, and its origin is the name of the key",
        3: "every entry is there, and has the leaf hash of its tile",
        4: "every tile is made from the tile below, and the tree has the root of the checkpoint",
        5: "every entry is spelled in the one way, and recorded time never runs backwards",
        6: "every event is signed by keys that the log enrolled, in force when it was recorded",
        7: "every payload is a JSON event, and no source and id come twice",
        8: "the log goes on from every checkpoint that was kept from earlier",
        9: "entries carry the numbers of the controllers that they concern",
    }
)


class check:  # noqa: N801 - read as `with check(5, index):`
    """Whatever fails inside failed check `number`, at entry `index` or the one the failure names.

    A refusal counts as a failure: what admission would refuse cannot be in a log.
    """

    # A class, since four of these are entered for every entry of a log.
    __slots__ = ("_index", "_number")

    def __init__(self, number: int, index: int | None = None) -> None:
        self._number = number
        self._index = index

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, VerificationFailed | Refused):
            return
        index = self._index
        if isinstance(error, VerificationFailed) and error.index is not None:
            index = error.index
        reason = f"check {self._number} failed: {error}"
        raise VerificationFailed(reason, index, self._number) from error
