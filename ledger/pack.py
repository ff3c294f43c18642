"""An evidence pack: one ZIP for a scope and a period, with a signed list of all its files.

    VERIFY.txt · index.html · index.pdf      for people
    manifest.json                            scope, period, what it rests on, SHA-256 of every file
    manifest.note                            the log's statement about it (`ledger/statement.py`)
    checkpoint                               the signed note that everything in it stands under
    trust/                                   policy and certificates, as the operator has them

    PART/events.jsonl                        entries with their proofs (`ledger/proven.py`)
    PART/export.jsonl                        of one controller: that none of its entries lacks
    PART/log/…                               of the whole ledger: the log itself (tlog-tiles)
    PART/registers/… findings.… clocks.…     what follows from the events
    PART/evidence/…                          for each framework

A part is about one controller, `controllers/1-C1`, or about the whole ledger, `ledger`.
Here is the list and its one spelling; `ledger/pack_check.py` checks a pack, and
`projections/exports/pack.py` makes one. `tests/test_pack.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger import strict_json
from ledger.archive import Filed, is_name
from ledger.checkpoint import MAX_SIZE
from ledger.errors import ArchiveMalformed
from ledger.tags import ID

MANIFEST = "manifest.json"
SIGNED = "manifest.note"
CHECKPOINT = "checkpoint"

MOST_PARTS = 40
"""Controllers that one pack is about; its index has some hundred lines for each."""

MAX_MANIFEST = 256 * 1024 * 1024
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a pack has about one controller, or (None) the whole ledger, in the folder `path`; it
    rests on the first `covered` entries."""

    controller: str | None
    path: str
    covered: int

    @classmethod
    def whole(cls, covered: int) -> Part:
        """The part about the whole ledger."""
        return cls(None, "ledger", covered)

    @classmethod
    def of(cls, number: int, controller: str, covered: int) -> Part:
        """The part about a controller, the first or second … of the pack. An id is no file name."""
        return cls(
            controller, f"controllers/{number}-{re.sub('[^A-Za-z0-9_-]', '_', controller)}", covered
        )


@dataclass(frozen=True, slots=True)
class Described:
    """A file of a pack, and what it is, in the language of the pack."""

    filed: Filed
    about: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The list of a pack. `size` and `root` (hex) are those of its checkpoint; `begin` and `until`
    those of the period; `made_with` is what the bytes of its files depend on beside the entries."""

    origin: str
    size: int
    root: str
    begin: datetime
    until: datetime
    language: str
    made_with: Mapping[str, str]
    parts: Sequence[Part]
    files: Sequence[Described]


def format(manifest: Manifest) -> bytes:
    """The list as JSON."""
    value = {
        "pack": 1,
        "origin": manifest.origin,
        "size": manifest.size,
        "root": manifest.root,
        "from": manifest.begin.isoformat(),
        "until": manifest.until.isoformat(),
        "language": manifest.language,
        "made_with": dict(manifest.made_with),
        "parts": [
            {"controller": part.controller, "path": part.path, "covered": part.covered}
            for part in manifest.parts
        ],
        "files": [
            {
                "name": each.filed.name,
                "bytes": each.filed.bytes,
                "sha256": each.filed.sha256,
                "about": each.about,
            }
            for each in manifest.files
        ],
    }
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def parse(raw: bytes) -> Manifest:
    """The list of a pack. Raises ArchiveMalformed for anything that `format` would not write."""
    try:
        value = strict_json.loads(raw)
        manifest = Manifest(
            _text(value["origin"]),
            _whole(value["size"]),
            _hex(value["root"]),
            datetime.fromisoformat(value["from"]),
            datetime.fromisoformat(value["until"]),
            _text(value["language"]),
            {_text(name): _text(what) for name, what in value["made_with"].items()},
            [_part(each) for each in value["parts"]],
            [_described(each) for each in value["files"]],
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ArchiveMalformed(f"{MANIFEST} is not the list of an evidence pack") from None
    if not 1 <= len(manifest.parts) <= MOST_PARTS:
        raise ArchiveMalformed(f"a pack has 1 to {MOST_PARTS} parts")
    if len({part.path for part in manifest.parts}) != len(manifest.parts):
        raise ArchiveMalformed("two parts of the pack are in one folder")
    if format(manifest) != raw:
        raise ArchiveMalformed(f"{MANIFEST} is spelled in another way")
    return manifest


def _part(value: Mapping[str, Any]) -> Part:
    controller, path = value["controller"], _text(value["path"])
    if controller is not None and re.fullmatch(ID, _text(controller)) is None:
        raise ValueError("not the id of a controller")
    if not is_name(path):
        raise ValueError("not a path in an archive")
    return Part(controller, path, _whole(value["covered"]))


def _described(value: Mapping[str, Any]) -> Described:
    name = _text(value["name"])
    if not is_name(name):
        raise ValueError("not a name in an archive")
    return Described(
        Filed(name, _whole(value["bytes"]), _hex(value["sha256"])), _text(value["about"])
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_SIZE:
        raise TypeError("not a whole number")
    return value


def _hex(value: Any) -> str:
    if re.fullmatch("[0-9a-f]{64}", _text(value)) is None:
        raise ValueError("not 32 bytes in hex")
    return str(value)
