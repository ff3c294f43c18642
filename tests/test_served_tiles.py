"""The log as tiles over HTTP: the bytes, types, lifetimes and addresses of C2SP tlog-tiles."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.tiles import takes_gzip
from ledger import tiles
from ledger.merkle import leaf_hash
from ledger.tiles import Tile, parse_bundle
from projections.follow import Follower
from tests.ledgers import TestLedger
from tests.log_builder import hash_tiles
from tests.serving import reader, serving

SIZE = 600


@pytest.fixture
def filled(ledger: TestLedger) -> TestLedger:
    """A log of 600 entries, under checkpoints of 10, 300 and 600."""
    ledger.fill(290)
    ledger.fill(SIZE - ledger.ledger.reader.size(), start=1000)
    return ledger


@pytest.fixture
def http(filled: TestLedger) -> Iterator[httpx.Client]:
    with reader(filled) as client:
        client.headers["Accept-Encoding"] = "identity"
        yield client


def leaves_of(made: TestLedger) -> list[bytes]:
    """Every entry, in order."""
    return [stored.leaf for stored in made.ledger.reader.scan()]


def test_every_tile_of_every_checkpoint_is_served(http: httpx.Client, filled: TestLedger) -> None:
    """With the bytes that its entries give, the type of the specification and a long life."""
    leaves = leaves_of(filled)
    for size in (10, 300, SIZE):
        wanted = hash_tiles([leaf_hash(leaf) for leaf in leaves[:size]])
        for tile in tiles.bundles_of(size):
            start = tile.index * 256
            wanted[tiles.path(tile)] = tiles.format_bundle(leaves[start : start + tile.width])
        assert len(wanted) == {10: 2, 300: 5, SIZE: 7}[size]
        for path, content in wanted.items():
            answer = http.get(f"/log/{path}")
            assert (answer.status_code, answer.content) == (200, content), path
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"


def test_the_checkpoint_and_the_key_are_text(http: httpx.Client, filled: TestLedger) -> None:
    """As UTF-8, the checkpoint not kept longer than a few seconds."""
    checkpoint, vkey = http.get("/log/checkpoint"), http.get("/log/log.vkey")
    assert checkpoint.text == filled.ledger.reader.checkpoint().note
    assert vkey.text == filled.ledger.identity.vkey + "\n"
    for answer in (checkpoint, vkey):
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "private, max-age=5"


def test_what_is_public_may_be_kept_by_anyone(filled: TestLedger) -> None:
    """Hashes and checkpoints, where the operator says so; entries never."""
    follower = Follower(filled.ledger.pool, filled.ledger.listener)
    token = {"Authorization": f"Bearer {filled.home.token_file.read_text()}"}
    with serving(filled, follower, public_hashes=True) as url:
        for path, lifetime in (("checkpoint", "max-age=5"), ("tile/0/000", "max-age=31536000")):
            answer = httpx.get(f"{url}/log/{path}")
            assert answer.headers["cache-control"].startswith(f"public, {lifetime}")
        assert httpx.get(f"{url}/log/tile/entries/000").status_code == 401
        entries = httpx.get(f"{url}/log/tile/entries/000", headers=token)
        assert entries.headers["cache-control"].startswith("private")


def test_entries_are_compressed_for_whoever_takes_it(http: httpx.Client) -> None:
    """And for nobody else; inside are the same bytes; hashes, which are noise, never are."""
    plain = http.get("/log/tile/entries/000")
    packed = http.get("/log/tile/entries/000", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content  # httpx unpacks it
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
    assert {a.headers["vary"] for a in (plain, packed)} == {"Accept-Encoding"}
    hashes = http.get("/log/tile/0/000", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in hashes.headers


def test_a_compressed_bundle_is_one_whole_gzip(http: httpx.Client) -> None:
    """The same bytes each time, without the time in them."""
    raw = []
    for _ in range(2):
        with http.stream("GET", "/log/tile/entries/001", headers={"Accept-Encoding": "gzip"}) as a:
            raw.append(b"".join(a.iter_raw()))
    assert raw[0] == raw[1]
    assert len(list(parse_bundle(gzip.decompress(raw[0]), 256))) == 256


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ([], False),
        ([""], False),
        (["identity"], False),
        (["gzip"], True),
        (["GZip"], True),
        (["br, gzip"], True),
        (["br", "gzip"], True),
        (["gzip;q=0"], False),
        (["gzip; q=0.000"], False),
        (["gzip ; Q=0"], False),
        (["gzip;q=0.001"], True),
        (["gzip;q=1.0"], True),
        (["*"], True),
        (["*;q=0"], False),
        (["*;q=0, gzip"], True),
        (["gzip;q=0, *"], False),
        (["notgzip, gzip2"], False),
    ],
)
def test_who_takes_gzip(fields: list[str], taken: bool) -> None:
    """By name before any other, case and spaces aside, and not with weight zero (RFC 9110)."""
    assert takes_gzip(fields) == taken


@settings(max_examples=50)
@given(st.lists(st.text("gzip*;q=01. ,", max_size=12), max_size=3))
def test_any_field_is_taken_or_not(fields: list[str]) -> None:
    """Nothing a client sends there is an error, and gzip must be named, or everything."""
    assert not takes_gzip(fields) or any("gzip" in f.lower() or "*" in f for f in fields)


NOT_THERE = [
    # wider or further than the log
    "tile/0/002.p/89",
    "tile/0/002",
    "tile/0/003.p/1",
    "tile/0/003",
    "tile/1/000.p/3",
    "tile/1/000",
    "tile/2/000.p/1",  # would be empty
    "tile/63/000.p/1",
    "tile/entries/002.p/89",
    "tile/entries/002",
    "tile/entries/003.p/1",
    "tile/0/" + "x999/" * 17 + "999",
    "tile/0/" + "x999/" * 17 + "999.p/1",
    "tile/63/x999/x999/x999/x999/x999/x999/999",
    "tile/entries/x999/x999/x999/x999/x999/x999/999.p/255",
    # second spellings
    "tile/00/000",
    "tile/0/0",
    "tile/0/00",
    "tile/0/0000",
    "tile/0/x000/000",
    "tile/0/000/",
    "tile/0//000",
    "tile/0/000.p/0",
    "tile/0/000.p/01",
    "tile/0/000.p/256",
    "tile/0/000.p",
    "tile/0/000.P/1",
    "tile/0/+00",
    "tile/0/%30%30%30",
    "tile/%30/000",
    "tile/0/00%30.p/1",
    "tile/0/000%2Ep/1",
    "tile/0/000%2fx",
    "tile/entrie%73/000",
    "tile/entries/%30%30%30",
    "tile/0/%D9%A0%D9%A0%D9%A0",
    "tile/64/000.p/1",
    "tile/-1/000",
    "tile/entries/x/000",
    "tile/entries/entries/000",
    "tile/entries/../0/000",
    "tile/entries/000.gz",
    "tile//000",
    "tile/",
    "tile",
    "Tile/0/000",
    "checkpoint/",
    "check%70oint",
    "checkpoint.txt",
    "",
]


def get(client: httpx.Client, path: str) -> tuple[int, Mapping[str, str], bytes]:
    """The answer at exactly this path: httpx would tidy it up."""
    line = HTTPConnection(client.base_url.netloc.decode())
    line.putrequest("GET", f"/log/{path}")
    line.putheader("Authorization", client.headers["Authorization"])
    line.endheaders()
    answer = line.getresponse()
    content = answer.read()
    line.close()
    return answer.status, answer.headers, content


def test_anything_else_is_not_found(http: httpx.Client) -> None:
    """As a problem, not to be kept by anyone, without a redirect and without an error inside."""
    assert get(http, "tile/0/000")[0] == 200
    for path in NOT_THERE:
        status, headers, content = get(http, path)
        assert status == 404, path
        assert json.loads(content)["type"] == "/v1/problems/not-found"
        assert headers["cache-control"] == "no-store"


any_path = st.one_of(
    st.builds(
        tiles.path,
        st.builds(
            Tile,
            st.one_of(st.none(), st.integers(0, 63)),
            st.one_of(st.integers(0, 4), st.integers(0, 10**30)),
            st.integers(1, 256),
        ),
    ),
    st.text("tile/entrs0123456789x.p%", max_size=30),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(any_path)
def test_any_path_is_a_tile_of_the_log_or_not_found(http: httpx.Client, path: str) -> None:
    """Every tile within the log is there with its length, everything else is not."""
    status, _, content = get(http, path)
    try:
        tile = tiles.parse_path(path)
        there = tile.width <= tiles.width_at(tile.level or 0, tile.index, SIZE)
    except tiles.TileMalformed:
        there = False
    assert status == (200 if there else 404)
    if there and tile.level is not None:
        assert len(content) == 32 * tile.width


def test_a_tile_costs_two_statements_at_most(
    filled: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows and perhaps the size of the log: no tree is walked, whatever is asked for."""
    statements: list[object] = []
    execute = psycopg.Connection.execute

    def counted(conn: psycopg.Connection, query: Any, *args: Any, **more: Any) -> Any:
        # The pool asks an empty question to see whether a connection lives.
        if query and threading.current_thread() is threading.main_thread():
            statements.append(query)
        return execute(conn, query, *args, **more)

    monkeypatch.setattr(psycopg.Connection, "execute", counted)
    log = filled.ledger.reader
    wanted = [*tiles.tiles_of(300), *tiles.tiles_of(SIZE), *tiles.bundles_of(SIZE)]
    for tile in wanted:
        statements.clear()
        log.read(tile)
        assert len(statements) <= 2, tile
    for tile in (Tile(0, 10**30), Tile(63, 10**30, 1), Tile(None, 10**30)):
        statements.clear()
        with pytest.raises(LookupError):
            log.read(tile)
        assert len(statements) == 1
