"""Where hashes and entries of a log lie: C2SP tlog-tiles, coordinates and bytes, no I/O.

Hash i of tile n at level L is MTH(D[(n*256+i)*256^L : (n*256+i+1)*256^L]). A tile holds 256 hashes;
the last of a level may be partial, with a width of its own. Numbers in paths come in groups of
three digits, all but the last with an `x`: tile 1234067 is `x001/x234/067`. `tests/test_tiles.py`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from ledger.errors import TileMalformed
from ledger.merkle import HASH, HashReader, level_above

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""

LEVEL_BITS = 8
MAX_LEVEL = 63

Fetch = Callable[[int, int, int], bytes]
"""(level, index, width) -> the bytes of that hash tile"""

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of hashes, or of entries when `level` is None."""

    level: int | None
    index: int
    width: int = WIDTH


def path(tile: Tile) -> str:
    """The path of a tile below the log's prefix."""
    level = "entries" if tile.level is None else str(tile.level)
    partial = "" if tile.width == WIDTH else f".p/{tile.width}"
    return f"tile/{level}/{_number(tile.index)}{partial}"


def parse_path(text: str) -> Tile:
    """The tile at a path. Raises TileMalformed for any second spelling."""
    match = _PATH.fullmatch(text)
    if match is None or len(text) > 100:
        raise TileMalformed("not the path of a tile")
    level = None if match["level"] == "entries" else int(match["level"])
    index = int(match["index"].replace("x", "").replace("/", ""))
    tile = Tile(level, index, int(match["width"] or WIDTH))
    if (level or 0) > MAX_LEVEL or tile.width > WIDTH or path(tile) != text:
        raise TileMalformed("not the path of a tile")
    return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """Every hash tile of a tree, level by level; none is empty."""
    level, hashes = 0, size
    while hashes:
        for index in range(hashes // WIDTH):
            yield Tile(level, index)
        if hashes % WIDTH:
            yield Tile(level, hashes // WIDTH, hashes % WIDTH)
        level, hashes = level + 1, hashes // WIDTH


def bundles_of(size: int) -> Iterator[Tile]:
    """Every entry bundle of a tree."""
    return (Tile(None, t.index, t.width) for t in tiles_of(size) if t.level == 0)


def width_at(level: int, index: int, size: int) -> int:
    """How many hashes a tile has in a tree: 0 when the tree does not have it."""
    hashes = size >> LEVEL_BITS * level
    return max(0, min(WIDTH, hashes - index * WIDTH))


def hashes_of(tile: bytes, width: int) -> list[bytes]:
    """The hashes of a tile. Raises TileMalformed when it is not `width` hashes long."""
    _check_length(tile, width)
    return [tile[i : i + HASH] for i in range(0, len(tile), HASH)]


def _check_length(tile: bytes, width: int) -> None:
    if len(tile) != width * HASH:
        raise TileMalformed(f"a tile of {width} hashes has {width * HASH} bytes, not {len(tile)}")


class OpenTile:
    """A tile and the roots of the perfect subtrees within it, which are made when asked for.

    `hashes` are those of the tile, joined. Raises TileMalformed when it is not `width` hashes long.
    """

    def __init__(self, hashes: bytes, width: int) -> None:
        _check_length(hashes, width)
        self._levels = [hashes]

    @property
    def hashes(self) -> bytes:
        """The hashes of the tile, joined."""
        return self._levels[0]

    def node(self, below: int, index: int) -> bytes:
        """The root over hashes `index << below` and on, `1 << below` of them."""
        while len(self._levels) <= below:
            self._levels.append(level_above(self._levels[-1]))
        return self._levels[below][index * HASH : (index + 1) * HASH]


def node_reader(open_tile: Callable[[int, int, int], OpenTile], size: int) -> HashReader:
    """Reads the perfect subtrees of a tree through its tiles: of a level, an index and a width."""

    def read(level: int, index: int) -> bytes:
        tile_level, below = divmod(level, LEVEL_BITS)
        tile, inside = divmod(index, WIDTH >> below)
        return open_tile(tile_level, tile, width_at(tile_level, tile, size)).node(below, inside)

    return read


def hash_reader(fetch: Fetch, size: int) -> HashReader:
    """As `node_reader`, from the bytes of tiles, each of which is fetched once."""

    @cache
    def open_tile(level: int, index: int, width: int) -> OpenTile:
        return OpenTile(fetch(level, index, width), width)

    return node_reader(open_tile, size)


def cut(full: bytes, width: int, level: int | None) -> bytes:
    """The partial tile of a level, or of entries when it is None, that a full one begins with.

    What follows in the full one is not looked at. Raises TileMalformed.
    """
    if level is None:
        return format_bundle(list(islice(parse_bundle(full, WIDTH), width)))
    return b"".join(hashes_of(full, WIDTH)[:width])


def format_bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry after its length in two bytes, big-endian."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def parse_bundle(bundle: bytes, width: int) -> Iterator[bytes]:
    """The entries of a bundle, one by one, so that the entries before a faulty one are still read.

    Raises TileMalformed where the bytes end too early, and at the end when more than `width`
    entries follow: nothing is known of the bundle until the iterator is exhausted.
    """
    at = 0
    for _ in range(width):
        length = int.from_bytes(bundle[at : at + 2], "big")
        entry = bundle[at + 2 : at + 2 + length]
        at += 2 + length
        if at > len(bundle):
            raise TileMalformed("the bundle ends within an entry, or has too few")
        yield entry
    if at != len(bundle):
        raise TileMalformed(f"the bundle goes on after {width} entries")


def _number(index: int) -> str:
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
