"""Rows as they are shown: sealed text in short, or opened for whoever may read it.

Stored rows are as sealed as the events they rest on. `tests/test_unsealing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ledger.unsealing import Show, in_short
from projections.question import Answer
from projections.register import Row


def values_of(answer: Answer) -> Iterator[Any]:
    """Everything in an answer that may be sealed."""
    for row in answer.rows:
        yield dict(row.values)
        yield list(row.corrected)


def shown(answer: Answer, show: Show = in_short) -> Answer:
    """An answer whose rows show sealed text in some way."""
    return replace(answer, rows=[shown_row(row, show) for row in answer.rows])


def shown_row(row: Row, show: Show = in_short) -> Row:
    """A row that shows sealed text in some way."""
    corrected = tuple(show(dict(each)) for each in row.corrected)
    return replace(row, values=show(dict(row.values)), corrected=corrected)
