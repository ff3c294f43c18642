"""Writing a log as files: the tree of C2SP tlog-tiles, which tools of others read as well.

    DIR/log.vkey · DIR/checkpoint · DIR/tile/L/N[.p/W] · DIR/tile/entries/N[.p/W]

The checkpoint is written last, so an export that did not end has none. Tiles that are there already
are kept: full ones never change, so exporting again into the same directory only adds.
`tests/test_export.py` verifies every size around a tile.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ledger import checkpoint, tiles
from ledger.note import parse_vkey
from ledger.reader import Reader
from ledger.tiles import Tile


def export_log(
    reader: Reader,
    vkey: str,
    directory: Path,
    progress: Callable[[int, int], None] = lambda done, all_: None,
    *,
    latest: bool = False,
) -> int:
    """Write the log up to its published checkpoint, or up to its latest; the number of entries.

    The checkpoint has the cosignatures that were kept of it. `progress` is told how many tiles are
    written, of how many.
    """
    stored = reader.cosigned(reader.checkpoint()) if latest else reader.published_or_latest()
    note = stored.note
    size = checkpoint.open(note, parse_vkey(vkey)).size
    wanted = [*tiles.tiles_of(size), *tiles.bundles_of(size)]
    for number, tile in enumerate(wanted, start=1):
        _write_new(directory / tiles.path(tile), reader, tile)
        progress(number, len(wanted))
    _write(directory / "log.vkey", (vkey + "\n").encode())
    _write(directory / "checkpoint", note.encode())
    return size


def _write_new(file: Path, reader: Reader, tile: Tile) -> None:
    if file.exists():
        return
    if tile.level is None:
        content = reader.entry_bundle(tile.index, tile.width)
    else:
        content = reader.tile(tile.level, tile.index, tile.width)
    _write(file, content)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.new")
    beside.write_bytes(content)
    beside.rename(file)
