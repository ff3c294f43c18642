"""Tiles: paths in one spelling, the geometry of the specification, hashes read through tiles."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import tiles
from ledger.errors import TileMalformed
from ledger.merkle import (
    Frontier,
    check_consistency,
    check_inclusion,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root,
)
from ledger.tiles import Tile, format_bundle, hash_reader, hashes_of, parse_bundle
from tests.log_builder import hash_tiles
from tests.vectors import load

any_tile = st.builds(
    Tile,
    st.one_of(st.none(), st.integers(0, 63)),
    st.integers(0, 10**21),
    st.integers(1, 256),
)


def test_vectors_of_tile_paths() -> None:
    """All 7 numbers, 5 hash tiles and 7 entry bundles have the path that others give them."""
    found = load("tlog/tile_paths.json")
    numbers, hashes, bundles = (
        found[name] for name in ("index_encoding", "tile_path", "entries_path_for_log_index")
    )
    assert (len(numbers), len(hashes), len(bundles)) == (7, 5, 7)
    for number, text in numbers:
        assert tiles.path(Tile(0, number)) == f"tile/0/{text}"
    for level, index, width, text in hashes:
        assert tiles.path(Tile(level, index, width or 256)) == text
        assert tiles.parse_path(text) == Tile(level, index, width or 256)
    for index, size, text in bundles:
        assert tiles.path(bundle_with(index, size)) == text


def bundle_with(index: int, size: int) -> Tile:
    """The bundle that has an entry, in a log of this size."""
    number = index // tiles.WIDTH
    return Tile(None, number, tiles.width_at(0, number, size))


def test_vectors_of_tree_sizes() -> None:
    """Both trees of the specification have the tiles it counts."""
    found = load("tlog/tile_paths.json")["tree_size_to_tiles"]
    assert len(found) == 2
    for case in found:
        levels = list(tiles.tiles_of(case["size"]))
        for level in range(3):
            full = sum(t.width == 256 for t in levels if t.level == level)
            partial = [t.width for t in levels if t.level == level and t.width < 256]
            assert full == case.get(f"full_level{level}", 0)
            assert sum(partial) == case.get(f"partial_level{level}", 0)
            assert len(partial) <= 1
        assert max(t.level for t in levels) <= 2


@given(any_tile)
def test_a_path_is_read_as_it_was_written(tile: Tile) -> None:
    """Every tile has a path, and the path names that tile."""
    assert tiles.parse_path(tiles.path(tile)) == tile


path_like = st.text(alphabet="tileentrs/x0123456789.p-+_ \n٣", max_size=40)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=40), path_like, path_like.map(lambda t: f"tile/0/{t}")))
def test_a_path_has_no_second_spelling(text: str) -> None:
    """Any text is refused as TileMalformed, or is exactly the path of the tile it names."""
    try:
        tile = tiles.parse_path(text)
    except TileMalformed:
        return
    assert tiles.path(tile) == text


@pytest.mark.parametrize(
    "text",
    [
        "tile/00/000",
        "tile/64/000",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/x234",
        "tile/0/1234/567",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/-1",
        "tile/-1/000",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/entries/000.p/256",
        "tile/entries/../0/000",
        "tile/0/" + "x001/" * 40 + "001",
    ],
)
def test_second_spellings_of_paths_are_refused(text: str) -> None:
    """Each of these would be a second name of a tile, or of none."""
    with pytest.raises(TileMalformed):
        tiles.parse_path(text)


def test_tiles_of_every_small_size() -> None:
    """Every hash of every level is in one tile, only the last is partial, and none is empty."""
    for size in [*range(300), 511, 512, 513, 65_535, 65_536, 65_537]:
        widths: dict[int | None, list[int]] = {}
        for tile in tiles.tiles_of(size):
            assert tile.index == len(widths.setdefault(tile.level, []))
            assert tile.width == tiles.width_at(tile.level or 0, tile.index, size)
            widths[tile.level].append(tile.width)
        for level, found in widths.items():
            assert sum(found) == size // 256 ** (level or 0)
            assert all(width == 256 for width in found[:-1])
            assert 1 <= found[-1] <= 256
            assert tiles.width_at(level or 0, len(found), size) == 0


def test_proofs_through_tiles_are_those_of_the_tree() -> None:
    """In a tree of three levels of tiles, roots and proofs read through tiles hold."""
    size = 70_000
    leaves = [leaf_hash(b"%d" % n) for n in range(size)]
    files = hash_tiles(leaves)
    read = hash_reader(
        lambda level, index, width: files[tiles.path(Tile(level, index, width))], size
    )
    tree_root = Frontier().append(leaves).root()
    assert root(size, read) == tree_root
    for index in (0, 1, 255, 256, 65_535, 65_536, 69_631, 69_632, 69_999):
        check_inclusion(index, size, leaves[index], prove_inclusion(index, size, read), tree_root)
    for old in (1, 255, 256, 257, 65_535, 65_536, 65_537, 69_999):
        old_root = Frontier().append(leaves[:old]).root()
        check_consistency(old, size, old_root, tree_root, prove_consistency(old, size, read))


@pytest.mark.parametrize("length", [0, 31, 33, 8_191, 8_193])
def test_a_tile_of_another_length_is_refused(length: int) -> None:
    """A tile holds exactly as many hashes as its width says."""
    with pytest.raises(TileMalformed, match="bytes"):
        hashes_of(bytes(length), 256 if length > 100 else 1)


entries = st.lists(st.binary(max_size=40), max_size=8)


@given(entries)
def test_a_bundle_is_read_as_it_was_written(leaves: list[bytes]) -> None:
    """Entries come back from a bundle byte for byte, also empty ones."""
    assert list(parse_bundle(format_bundle(leaves), len(leaves))) == leaves


def test_a_bundle_takes_entries_up_to_the_limit_of_their_length() -> None:
    """An entry of 65,535 bytes is the largest that fits."""
    largest = bytes(65_535)
    assert list(parse_bundle(format_bundle([largest]), 1)) == [largest]


@given(entries.filter(bool), st.integers(-3, 3).filter(bool), st.data())
def test_a_bundle_with_bytes_cut_or_added_is_refused(
    leaves: list[bytes], change: int, data: st.DataObject
) -> None:
    """A bundle that is too long or cut anywhere never passes for whole, nor a cut entry for one."""
    bundle = format_bundle(leaves)
    cut = data.draw(st.integers(0, len(bundle) - 1))
    bad = bundle + bytes(change) if change > 0 else bundle[:cut]
    found: list[bytes] = []
    with pytest.raises(TileMalformed):
        found.extend(parse_bundle(bad, len(leaves)))
    assert found == leaves[: len(found)]


@given(st.binary(max_size=60), st.integers(1, 5))
def test_any_bytes_are_a_bundle_in_one_way_or_none(bundle: bytes, width: int) -> None:
    """Any bytes are refused as TileMalformed, or are exactly the bundle of what was read."""
    try:
        found = list(parse_bundle(bundle, width))
    except TileMalformed:
        return
    assert len(found) == width
    assert format_bundle(found) == bundle
