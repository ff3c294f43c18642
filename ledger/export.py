"""Writing a log as files: the tree of C2SP tlog-tiles, which tools of others read as well.

    DIR/log.vkey · DIR/checkpoint · DIR/tile/L/N[.p/W] · DIR/tile/entries/N[.p/W]

Each file appears whole or not at all, and the checkpoint is written last, when everything that it
covers is on disk: an export that was interrupted has the checkpoint of before or none, and is taken
up where it stopped. Exporting again adds what is new. A checkpoint that is there already is one
kept outside the database, so an export is never made over one that the log does not go on from.
`tests/test_export.py` verifies every size around a tile, and ends exports at every file.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger import merkle, note, tiles
from ledger.errors import ConfigurationError, NoteMalformed, TileMalformed, VerificationFailed
from ledger.log_keys import LogKeys
from ledger.log_keys import format as format_keys
from ledger.log_keys import parse as parse_keys
from ledger.merkle import leaf_hash
from ledger.reader import Reader, StoredCheckpoint
from ledger.tiles import Tile


def export_log(
    reader: Reader,
    log_keys: LogKeys,
    directory: Path,
    progress: Callable[[int, int], None] = lambda done, all_: None,
    *,
    latest: bool = False,
    timestamped: bool = False,
) -> int:
    """Write the log up to its published checkpoint, its latest, or the latest that was timestamped;
    the number of entries.

    The checkpoint has what others said of it: cosignatures and timestamps. `progress` is told how
    many tiles are written, of how many. Raises ConfigurationError for a directory of another log or
    one that is being written, and VerificationFailed when the log does not go on from the
    checkpoint there; then nothing is written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory):
        _check_log(directory, log_keys)
        signed = _checkpoint(reader, latest=latest, timestamped=timestamped).note
        size = log_keys.open(signed).size
        covered = _check_goes_on(directory, log_keys, reader, size)
        _write(directory, "log.vkey", format_keys(log_keys).encode())
        wanted = [*tiles.tiles_of(size), *tiles.bundles_of(size)]
        grown = {directory}
        for number, tile in enumerate(wanted, start=1):
            file = directory / tiles.path(tile)
            if not _is_there(file, tile, reader, covered):
                _write(directory, tiles.path(tile), reader.read(tile))
                grown.update(file.parents)
            progress(number, len(wanted))
        for folder in grown - set(directory.parents):
            _sync(folder)
        _write(directory, "checkpoint", signed.encode())
        _sync(directory)
    return size


def _checkpoint(reader: Reader, *, latest: bool, timestamped: bool) -> StoredCheckpoint:
    if timestamped:
        try:
            return reader.timestamped()
        except LookupError:
            raise ConfigurationError(
                "no checkpoint was timestamped yet: run `verantwoord timestamp`"
            ) from None
    stored = reader.cosigned(reader.checkpoint()) if latest else reader.published_or_latest()
    return reader.stamped(stored)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """No other export writes to the directory until the block ends."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ConfigurationError(f"another export is writing to {directory}") from None
    finally:
        os.close(descriptor)


def _check_log(directory: Path, log_keys: LogKeys) -> None:
    """A log that got another key since is the same log: the first one tells."""
    try:
        there = parse_keys(note.decode((directory / "log.vkey").read_bytes())).first
    except FileNotFoundError:
        return
    except NoteMalformed:
        there = None
    if there != log_keys.first:
        raise ConfigurationError(
            f"{directory} holds the export of another log; give another directory"
        )


def _check_goes_on(directory: Path, log_keys: LogKeys, reader: Reader, size: int) -> int:
    """The size of the checkpoint that is there, once the log was found to go on from it."""
    file = directory / "checkpoint"
    try:
        older = log_keys.open(note.decode(file.read_bytes()))
    except FileNotFoundError:
        return 0
    except VerificationFailed as error:
        raise VerificationFailed(
            f"{file} is no checkpoint of this log ({error}); give another directory"
        ) from None
    if size < older.size <= reader.size():
        raise ConfigurationError(
            f"{file} is of {older.size} entries, and the checkpoint that is published or asked for"
            f" of {size}; export the latest (--latest), or to another directory"
        )
    if older.size > size:
        raise VerificationFailed(
            f"{file} is of {older.size} entries, and the ledger has {size}: it was set back."
            " Keep that export, it is evidence, and see how to recover",
            size,
        )
    if merkle.root(older.size, reader.hash_reader(older.size)) != older.root:
        raise VerificationFailed(
            f"the first {older.size} entries have another root than {file}: the log was forked."
            " Keep that export, it is evidence"
        )
    return older.size


def _is_there(file: Path, tile: Tile, reader: Reader, covered: int) -> bool:
    """Whether a file need not be written.

    What the older checkpoint covers was on disk before it was. What an interrupted export left
    behind may be of a database that was set back since, so it is compared with the hashes.
    """
    if not file.exists():
        return False
    level = tile.level or 0
    if tiles.width_at(level, tile.index, covered) >= tile.width:
        return True
    hashes = reader.tile(level, tile.index, tile.width)
    if tile.level is not None:
        return file.read_bytes() == hashes
    try:
        leaves = list(tiles.parse_bundle(file.read_bytes(), tile.width))
    except TileMalformed:
        return False
    return b"".join(leaf_hash(leaf) for leaf in leaves) == hashes


def _write(directory: Path, path: str, content: bytes) -> None:
    beside, file = directory / ".writing", directory / path
    with beside.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    file.parent.mkdir(parents=True, exist_ok=True)
    beside.rename(file)


def _sync(folder: Path) -> None:
    """The names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
