"""The export for one controller, as text: its entries by number, and what proves that none lacks.

    {"controller":"C1","key":"…","vkey":"…","checkpoint":"…"}
    {"latest":17,"index":301,"entry":"…","inclusion":["…"],"opening":["…"]}
    {"number":1,"index":9,"entry":"…","inclusion":["…"],"opening":["…"]}
    {"number":2,…

Lines of JSON (UTF-8), these keys in this order, no white space, bytes in standard base64. The first
line has the controller's key, the verifier key of the log and its signed checkpoint; the second is
an entry of type CheckpointSigned, which commits to the latest number; then come the entries of the
controller. Each has its inclusion proof (RFC 6962, the leaf's sibling first) and the path that
opens its numbers (`ledger/numbers.py`, likewise). `format` and `parse` are for one line; what the
lines say together is checked by `ledger/completeness.py`. `tests/test_controller_export.py`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from ledger import strict_json
from ledger.entry import MAX_ENTRY
from ledger.errors import ExportMalformed
from ledger.merkle import HASH
from ledger.numbers import BITS, SECRET
from ledger.proof import MAX_HASHES
from ledger.tags import ID

LONGEST_LINE = 256 * 1024
"""Bytes; an entry with its proofs needs at most 103 KiB, the rest is for cosignatures."""

BEGINNING = b'{"controller":'
"""Of the first line, by which an export is told from other files."""

LARGEST = 2**53 - 1
"""Of a number or index: what every reader of JSON keeps exactly."""


@dataclass(frozen=True, slots=True)
class Head:
    """Whose export this is: `key` has 32 bytes, `checkpoint` is a signed note."""

    controller: str
    key: bytes
    vkey: str
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with its proofs. `number` is its number, or the latest one where `latest`."""

    number: int
    index: int
    leaf: bytes
    inclusion: tuple[bytes, ...]
    opening: tuple[bytes, ...]
    latest: bool = False


def format(line: Head | Line) -> bytes:
    """A line, with its end."""
    value = _head(line) if isinstance(line, Head) else _line(line)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def parse(raw: bytes) -> Head | Line:
    """What a line says. Raises ExportMalformed for anything that `format` would not write."""
    if len(raw) > LONGEST_LINE:
        raise ExportMalformed(f"a line of an export has at most {LONGEST_LINE} bytes")
    try:
        value = strict_json.loads(raw.removesuffix(b"\n"))
        line = _read_head(value) if "controller" in value else _read_line(value)
    except (ValueError, TypeError, KeyError):
        raise ExportMalformed("the line is not one of an export for a controller") from None
    if format(line) != raw:
        raise ExportMalformed("the line is not spelled as its format says")
    return line


def read(opened: BinaryIO) -> Iterator[bytes]:
    """The lines of an open export, of bounded length each: `parse` refuses one that was cut."""
    return iter(lambda: opened.readline(LONGEST_LINE + 1), b"")


def is_export(beginning: bytes) -> bool:
    """Whether a file that begins so means to be an export."""
    return beginning.startswith(BEGINNING)


def _head(head: Head) -> dict[str, Any]:
    return {
        "controller": head.controller,
        "key": _encode(head.key),
        "vkey": head.vkey,
        "checkpoint": head.checkpoint,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "latest" if line.latest else "number": line.number,
        "index": line.index,
        "entry": _encode(line.leaf),
        "inclusion": [_encode(h) for h in line.inclusion],
        "opening": [_encode(h) for h in line.opening],
    }


def _read_head(value: Mapping[str, Any]) -> Head:
    controller = _text(value["controller"])
    if re.fullmatch(ID, controller) is None:
        raise ValueError("not the id of a controller")
    return Head(
        controller,
        _decode(value["key"], SECRET),
        _text(value["vkey"]),
        _text(value["checkpoint"]),
    )


def _read_line(value: Mapping[str, Any]) -> Line:
    latest = "latest" in value
    return Line(
        _whole(value["latest" if latest else "number"]),
        _whole(value["index"]),
        _decode(value["entry"]),
        _hashes(value["inclusion"], MAX_HASHES),
        _hashes(value["opening"], BITS),
        latest,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise TypeError("not a whole number")
    return value


def _hashes(value: Any, most: int) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > most:
        raise TypeError("not a list of hashes")
    return tuple(_decode(item, HASH) for item in value)


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decode(value: Any, length: int | None = None) -> bytes:
    raw = base64.b64decode(_text(value), validate=True)
    if len(raw) != length if length is not None else len(raw) > MAX_ENTRY:
        raise ValueError("bytes of another length")
    return raw
