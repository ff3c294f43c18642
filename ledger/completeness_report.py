"""What the export for one controller was found to be, written out: for machines and for people.

Like the report of a log (`ledger/report.py`), every sentence is true of this run: what was merely
found in the export is never called the controller's own. `tests/test_completeness.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger.completeness import Complete, Pins

REGISTERED = "ControllerRegistered"
"""The event that a sequence begins with: nothing is taken about a controller before it."""


def as_json(found: Complete, pins: Pins) -> dict[str, Any]:
    """The answer as a JSON document."""
    return {
        "verdict": "complete",
        "headline": headline(found),
        "controller": found.head.controller,
        "origin": found.checkpoint.origin,
        "size": found.checkpoint.size,
        "root": found.checkpoint.root.hex(),
        "covered": found.covered,
        "committed_at": found.committed_at.isoformat(),
        "entries": found.entries,
        "later": found.later,
        "rests_on": list(rests_on(found, pins)),
        "does_not_show": list(does_not_show(found, pins)),
    }


def as_lines(found: Complete, pins: Pins) -> Iterator[str]:
    """The answer as lines of text, for a terminal of any width."""
    yield headline(found)
    at = found.committed_at.isoformat()
    yield f"  the ledger committed to that in entry {found.covered}, recorded {at}"
    if found.later:
        yield f"  {found.later} that came later are here and in the log; others may be left out"
    for title, sentences in (
        ("rests on", rests_on(found, pins)),
        ("does not show", does_not_show(found, pins)),
    ):
        yield title
        yield from (f"  · {sentence}" for sentence in sentences)


def headline(found: Complete) -> str:
    """The answer in a sentence."""
    return (
        f"complete: all {found.entries} entries of {found.head.controller} among the first"
        f" {found.covered} of {found.checkpoint.origin}"
    )


def rests_on(found: Complete, pins: Pins) -> Iterator[str]:
    """On whose word, a sentence each."""
    yield f"The log's key {found.head.vkey}, {_origin_of_pin(pins.vkey)}."
    yield f"The key of {found.head.controller}, {_origin_of_pin(pins.key)}."
    kept = len(pins.receipts) + len(pins.checkpoints) + len(pins.earlier)
    yield f"{kept} files kept from earlier." if kept else "Nothing that was kept from earlier."
    yield "SHA-256, HMAC-SHA256 and Ed25519."


def does_not_show(found: Complete, pins: Pins) -> Iterator[str]:
    """What remains open, a sentence each."""
    who = found.head.controller
    yield f"That everything about {who} was recorded: what was never recorded has no number."
    yield (
        f"That every entry about {who} was given its number: whoever reads the whole log, with the"
        " secret of its numbers, finds one that was passed over."
    )
    yield f"That nothing is left out from entry {found.covered} on: ask for a newer export."
    yield "That the events are true, or signed by their producers: the latter takes the whole log."
    yield "That others are shown the same log: compare checkpoints, or ask for witnesses."
    if pins.vkey is None:
        yield "That this is the log you mean: its key was found in the export."
    if pins.key is None:
        yield (
            f"That there is no second sequence of {who} under another key: keep the key you were"
            " given at the beginning, and give it with --key."
        )
    if found.first != REGISTERED:
        yield f"What was recorded about {who} before its first number, which is a {found.first}."


def _origin_of_pin(pinned: object) -> str:
    return "first seen in this export" if pinned is None else "pinned by you"
