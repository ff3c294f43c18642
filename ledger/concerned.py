"""Whom an entry concerns: every controller that may read it, and in whose sequence it counts.

* Every controller that the event names in its own fields: the `controller:` tags.
* An event that amends another: also those whom that one concerns, and those whom earlier
  amendments of it concern.
* An answer that is not about one controller, such as an update of a breach: also those whom the
  earlier events of its case concern, and the amendments of these.

So a retraction reaches whom the retracted event reached, and an update of a breach those who should
have been told of it, told or not. An answer with a `controller_id` is about that controller alone:
when one practice was told of a breach is no matter of another. What concerns nobody in particular
(keys, certificates, measures) has no number.

A correction that adds a controller gives that controller the correction, not what was recorded
before; and one that adds it by correcting a correction gives it nothing (`ledger/tags.py`).
`tests/test_concerned.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ledger.cases import AMENDS, ANSWERS
from ledger.tags import CASES

CONTROLLER = "controller:"

OWN = ("source-id", "event-id")
REFERRED = frozenset({*OWN, *(CASES[field] for field, _ in ANSWERS.values() if field in CASES)})
"""Kinds of tags that a later event can refer to."""


def reference(name: str, data: Mapping[str, Any]) -> str | None:
    """The tag of the earlier events whose controllers an event of a type concerns as well."""
    if name in AMENDS:
        target = str(data.get(AMENDS[name]))
        return f"source-id:{target}" if " " in target else f"event-id:{target}"
    if name in ANSWERS and "controller_id" not in data:
        field, _ = ANSWERS[name]
        return f"{CASES.get(field, field)}:{data.get(field)}"
    return None


def referred(tags: Iterable[str]) -> list[str]:
    """The tags by which a later event can refer to one with these; those of its own ids first."""
    return [tag for tag in tags if tag.partition(":")[0] in REFERRED]


def named(tags: Iterable[str]) -> set[str]:
    """The controllers that an event names itself, from its tags."""
    return {tag.removeprefix(CONTROLLER) for tag in tags if tag.startswith(CONTROLLER)}


class Concerned:
    """Whom events concern, one after another; by tag, whom the events before them concerned."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = defaultdict(set)

    def of(self, tags: Iterable[str], reference: str | None) -> tuple[str, ...]:
        """Whom the next event concerns, sorted."""
        found = named(tags)
        if reference is not None:
            found |= self._known.get(reference, set())
        return tuple(sorted(found))

    def add(self, tags: Iterable[str], controllers: Iterable[str]) -> None:
        """Events with these tags concern these controllers: those of the event itself, and of the
        one that it amends."""
        for tag in referred(tags):
            self._known[tag].update(controllers)
