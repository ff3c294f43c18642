"""A feed with fewer lines that still shows something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ledger.form_rules import AMENDS, ANSWERS

Line = Mapping[str, Any]


def smaller(feed: Sequence[Line], shows: Callable[[Sequence[Line]], bool]) -> list[Line]:
    """Leave out lines one by one, the last first, as long as what is left shows it; what others
    answer or amend stays."""
    least = [*feed]
    fewer = True
    while fewer:
        fewer = False
        for number in reversed(range(len(least))):
            without = [*least[:number], *least[number + 1 :]]
            if not is_needed(least[number], without) and shows(without):
                least, fewer = without, True
    return least


def is_needed(line: Line, others: Sequence[Line]) -> bool:
    """Whether another line would have nothing that it answers or amends without this one."""
    if line["type"] in ("ProcessorRegistered", "ControllerRegistered"):
        return False
    for other in others:
        if other["type"] in AMENDS and other["data"][AMENDS[other["type"]]] == line["id"]:
            return True
        field, question = ANSWERS.get(other["type"], ("", ""))
        if line["type"] == question and line["data"][field] == other["data"][field]:
            return True
    return False
