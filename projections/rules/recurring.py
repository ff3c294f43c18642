"""Duties that come back: each time something is done, the term until the next time begins.

`tests/rules/test_recurring.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from projections.reading import Act


@dataclass(frozen=True, slots=True)
class Stretch:
    """From one act to the next, which was due before `due_at`; `next` is None while there is none.

    The next may be the end of the duty.
    """

    last: Act
    due_at: datetime
    next: Act | None

    @property
    def is_late(self) -> bool:
        """Whether the next act did not come before it was due."""
        return self.next is None or self.next[0] >= self.due_at


def stretches(
    acts: Iterable[Act], due: Callable[[datetime], datetime], end: Act | None = None
) -> list[Stretch]:
    """The stretches between acts from the first to the last, and from there to the end of the duty.

    `due` gives when the next is due after an act at a moment. Acts after the end do not count.
    """
    done = sorted(
        (act for act in acts if end is None or act[0] <= end[0]),
        key=lambda act: (act[0], act[1].position),
    )
    following = [*done[1:], end]
    return (
        [Stretch(act, due(act[0]), after) for act, after in zip(done, following, strict=True)]
        if done
        else []
    )
