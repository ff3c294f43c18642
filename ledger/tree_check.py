"""Checks 3 and 4 of a log: entries against tiles, tiles against each other, all against the root.

Entries come in order; each leaf hash must be where the level-0 tile has it, and each full tile's
root where the tile above has it, so that the first entry that differs is named. Of every level one
tile is held (C2SP tlog-tiles, 256 hashes), so memory does not grow with the log.
`tests/test_verify.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ledger.checks import check
from ledger.errors import ProofInvalid, TileMalformed
from ledger.merkle import Frontier, leaf_hash, perfect_root
from ledger.tiles import LEVEL_BITS, WIDTH, Fetch, Tile, hashes_of, parse_bundle, width_at


class TreeCheck:
    """Checks the bundles of a tree of `size` entries, from first to last.

    `fetch` gives hash tiles, and raises TileMalformed for one that is not there. The roots of the
    trees of the sizes in `remember` are kept on the way.
    """

    def __init__(self, fetch: Fetch, size: int, remember: Collection[int] = ()) -> None:
        self._fetch = fetch
        self._size = size
        self._remember = frozenset(remember)
        self._tiles: dict[int, list[bytes]] = {}
        self._frontier = Frontier()
        self.roots: dict[int, bytes] = {}
        self._keep_root()

    def entries(self, tile: Tile, bundle: bytes) -> Iterator[tuple[int, bytes]]:
        """The index and bytes of each entry of a bundle, once it is where its tile has it."""
        first = tile.index * WIDTH
        with check(3, first):
            hashes = hashes_of(self._fetch(0, tile.index, tile.width), tile.width)
        entries = parse_bundle(bundle, tile.width)
        for index, hashed in enumerate(hashes, first):
            with check(3, index):
                entry = next(entries)
                if leaf_hash(entry) != hashed:
                    raise TileMalformed(f"tile {tile.index} of level 0 has another hash")
            yield index, entry
        with check(3, first + tile.width - 1):
            next(entries, None)  # raises when the bundle goes on
        self._grow(hashes)
        if tile.width == WIDTH:
            self._place(1, tile.index, perfect_root(hashes))

    def finish(self, root: bytes) -> None:
        """Check the root of the tree, once every bundle was read."""
        with check(4):
            if self._frontier.root() != root:
                raise ProofInvalid("the entries do not lead to the root of the checkpoint")

    def _grow(self, hashes: Sequence[bytes]) -> None:
        begin = self._frontier.size
        end = begin + len(hashes)
        for size in sorted({end, *(n for n in self._remember if begin < n < end)}):
            self._frontier = self._frontier.append(
                hashes[self._frontier.size - begin : size - begin]
            )
            self._keep_root()

    def _place(self, level: int, number: int, hashed: bytes) -> None:
        """Find hash `number` of a level above 0 in its tile, and a full tile in the one above."""
        tile, place = divmod(number, WIDTH)
        with check(4, number << LEVEL_BITS * level):
            if place == 0:
                width = width_at(level, tile, self._size)
                self._tiles[level] = hashes_of(self._fetch(level, tile, width), width)
            if self._tiles[level][place] != hashed:
                raise TileMalformed(f"tile {tile} of level {level} has another hash")
        if place == WIDTH - 1:
            self._place(level + 1, tile, perfect_root(self._tiles[level]))

    def _keep_root(self) -> None:
        if self._frontier.size in self._remember:
            self.roots[self._frontier.size] = self._frontier.root()
