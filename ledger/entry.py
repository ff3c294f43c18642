"""The entry: the record that a leaf of the log commits to.

    {"recorded_at":"2024-09-02T06:15:00.000000Z","payload":"…",
     "signatures":[{"keyid":"k","sig":"…"}],"numbers":"…"}              (without the line break)

The payload is the text the producer signed, byte for byte; `recorded_at` is the ledger's clock;
`numbers`, which not every entry has, commits to its place in the sequence of each controller that
it concerns (`ledger/numbers.py`). `format` is the only function that turns an object into these
bytes, and `parse` takes no second spelling. An entry has at most 65,535 bytes (C2SP tlog-tiles).
`tests/test_entry.py` keeps the bytes of old entries, which must never change.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ledger.envelope import Signature
from ledger.errors import EntryMalformed, TooLarge

MAX_ENTRY = 65_535
"""Bytes."""

NUMBERS = 32
"""Bytes of the commitment to its numbers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A signed payload and when the ledger recorded it (UTC).

    `numbers` are 32 bytes; None where the entry concerns no controller, or was recorded before
    entries were numbered.
    """

    recorded_at: datetime
    payload: bytes
    signatures: tuple[Signature, ...]
    numbers: bytes | None = None


def format(entry: Entry) -> bytes:
    """The bytes of the leaf.

    Raises TooLarge; and ValueError for what no admitted event has: a payload that is not UTF-8, no
    signature, a time without its zone, or a commitment of another length.
    """
    if entry.recorded_at.tzinfo is None or not entry.signatures:
        raise ValueError("an entry has a time in UTC and at least one signature")
    if entry.numbers is not None and len(entry.numbers) != NUMBERS:
        raise ValueError(f"the commitment to the numbers of an entry has {NUMBERS} bytes")
    # Not strftime: it leaves the year 999 unpadded.
    recorded_at = entry.recorded_at.astimezone(UTC).isoformat(timespec="microseconds")
    signatures = ",".join(
        f'{{"keyid":{_text(s.keyid)},"sig":"{_base64(s.sig)}"}}' for s in entry.signatures
    )
    numbers = "" if entry.numbers is None else f',"numbers":"{_base64(entry.numbers)}"'
    leaf = (
        f'{{"recorded_at":"{recorded_at.replace("+00:00", "Z")}"'
        f',"payload":{_text(entry.payload.decode("utf-8"))}'
        f',"signatures":[{signatures}]{numbers}}}'
    ).encode()
    if len(leaf) > MAX_ENTRY:
        raise TooLarge(f"the entry would be {len(leaf)} bytes; at most {MAX_ENTRY} fit in the log")
    return leaf


_text = json.JSONEncoder(ensure_ascii=False).encode
"""A text as JSON, which escapes no more than it must."""


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def parse(leaf: bytes) -> Entry:
    """The entry of a leaf. Raises EntryMalformed for anything that `format` would not write."""
    if len(leaf) > MAX_ENTRY:
        raise EntryMalformed(f"the leaf is larger than {MAX_ENTRY} bytes")
    try:
        value = json.loads(leaf.decode("utf-8"))
        entry = Entry(
            datetime.fromisoformat(value["recorded_at"]),
            value["payload"].encode("utf-8"),
            tuple(_signature(s) for s in value["signatures"]),
            base64.b64decode(value["numbers"], validate=True) if "numbers" in value else None,
        )
        again = format(entry)
    except _NO_ENTRY:
        raise EntryMalformed("the leaf is not an entry") from None
    if again != leaf:
        raise EntryMalformed("the leaf spells its entry in another way")
    return entry


_NO_ENTRY = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
    TooLarge,  # written in the one way it would not fit
)
"""What reading other bytes as an entry, or writing that entry again, can end in."""


def _signature(value: Any) -> Signature:
    keyid = value["keyid"]
    if not isinstance(keyid, str):
        raise TypeError("a key id is text")
    return Signature(keyid, base64.b64decode(value["sig"], validate=True))
