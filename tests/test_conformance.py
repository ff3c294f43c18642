"""Served and exported logs of every size, verified by aics-tlog: another's program, unmodified."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ledger.deployment import Home
from ledger.export import export_log
from ledger.log_keys import parse
from ledger.tiles import bundles_of, tiles_of
from projections.follow import Follower
from tests.conformance import aics as conformance
from tests.conformance.aics import Auditor, auditor
from tests.ledgers import TestLedger
from tests.log_builder import busy_log
from tests.serving import serving
from tests.stored_logs import StoredLog, stored_log


@pytest.fixture(scope="module")
def aics(request: pytest.FixtureRequest) -> Iterator[Auditor]:
    """aics-tlog, running."""
    assert request.config.cache is not None
    with auditor(request.config.cache.mkdir("aics-tlog")) as found:
        yield found


@contextmanager
def with_token(url: str, token: str) -> Iterator[str]:
    """The address of a relay that adds a token to what is asked: aics-tlog knows of none.

    Answers pass as they are, compressed or not.
    """

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
            headers = dict(self.headers.items()) | {"Authorization": f"Bearer {token}"}
            line.request("GET", self.path, headers=headers)
            answer = line.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            line.close()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def served(log: StoredLog, home: Home) -> Iterator[str]:
    """The prefix of a served log, for a reader who has the token."""
    idle = Follower(log.ledger.pool, log.ledger.listener)
    idle.close()  # these entries are no events of registers
    with (
        serving(log, idle) as url,
        with_token(url, home.token_file.read_text()) as relay,
    ):
        yield f"{relay}/log"


def audit_sizes(home: Home, aics: Auditor, folder: Path, sizes: Iterable[int]) -> None:
    """Grow a log to each size; export it over the export of before, and have both audited."""
    sizes = list(sizes)
    leaves = busy_log(sizes[-1]).leaves
    lines = folder / "leaves"
    lines.write_bytes(b"\n".join(leaves))
    with stored_log(home, leaves) as log, served(log, home) as address:
        for size in sizes:
            log.grow(size)
            wanted = {
                "size": size,
                "tiles": len(list(tiles_of(size))),
                "bundles": len(list(bundles_of(size))),
            }
            assert aics.audit(address, log.vkey) == wanted
            assert export_log(log.ledger.reader, parse(log.vkey), folder / "log") == size
            assert aics.audit(folder / "log", log.vkey, leaves=lines) == wanted


def test_logs_of_some_sizes_are_verified_by_others(
    home: Home, aics: Auditor, tmp_path: Path
) -> None:
    """Served and exported, around a full tile; every file has the bytes that others give it."""
    audit_sizes(home, aics, tmp_path, [1, 2, 3, 7, 254, 255, 256, 257, 511, 512, 513, 600])


@pytest.mark.long
def test_logs_of_every_size_to_600_are_verified_by_others(
    home: Home, aics: Auditor, tmp_path: Path
) -> None:
    """Served and exported, one entry at a time."""
    audit_sizes(home, aics, tmp_path, range(1, 601))


@pytest.mark.long
def test_logs_around_three_levels_of_tiles_are_verified_by_others(
    home: Home, aics: Auditor, tmp_path: Path
) -> None:
    """At 65,536 entries the second level is full and the third begins."""
    audit_sizes(home, aics, tmp_path, [65_279, 65_280, 65_281, 65_535, 65_536, 65_537])


def test_what_is_absent_is_left_out_or_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a new Python these tests skip; where aics-tlog is required they fail."""
    monkeypatch.setattr(conformance, "find_python", lambda: None)
    monkeypatch.delenv("VERANTWOORD_TEST_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Python 3"):
        conformance.environment(tmp_path)
    monkeypatch.setenv("VERANTWOORD_TEST_REQUIRE", "atheris,aics-tlog")
    with pytest.raises(pytest.fail.Exception, match="Python 3"):
        conformance.environment(tmp_path)


def test_others_find_a_changed_byte(home: Home, aics: Auditor, tmp_path: Path) -> None:
    """The auditor of these tests is no rubber stamp: each file of an export counts."""
    with stored_log(home, busy_log(300).leaves) as log:
        log.grow(300)
        export_log(log.ledger.reader, parse(log.vkey), tmp_path)
        assert aics.audit(tmp_path, log.vkey)["size"] == 300
        tiles = [file for file in (tmp_path / "tile").rglob("*") if file.is_file()]
        assert len(tiles) == 5
        for file in [tmp_path / "checkpoint", *tiles]:
            raw = file.read_bytes()
            file.write_bytes(raw[:25] + bytes([raw[25] ^ 1]) + raw[26:])
            assert "error" in aics.audit(tmp_path, log.vkey), file
            file.write_bytes(raw)


def test_an_outsider_checks_one_event_without_a_token(
    ledger: TestLedger, aics: Auditor, tmp_path: Path
) -> None:
    """With public hashes, the entry of a receipt is found in the log by the commands of aics-tlog,
    and the log is seen to have grown from a checkpoint that was kept."""
    given = ledger.fill(300)[7]
    vkey = ledger.ledger.identity.vkey
    leaf, kept = tmp_path / "leaf", tmp_path / "kept"
    leaf.write_bytes(ledger.ledger.reader.entry(given.index).leaf)
    follower = Follower(ledger.ledger.pool, ledger.ledger.listener)
    with serving(ledger, follower, public_hashes=True) as url:
        log = ["--tiles", f"{url}/log", "--log-key", vkey]
        first = aics.run("verify-checkpoint", *log, "--save-checkpoint", kept)
        assert first["ok"], first
        found = aics.run("verify-inclusion", *log, "--leaf", leaf, "--index", given.index)
        assert found["ok"], found
        other = aics.run("verify-inclusion", *log, "--leaf", leaf, "--index", given.index + 1)
        assert not other["ok"]
        ledger.fill(300, start=1000)
        grown = aics.run("verify-consistency", *log, "--old-checkpoint", kept)
        assert grown["ok"], grown
        hashes = aics.audit(f"{url}/log", vkey, entries=False)
        assert hashes["size"] == ledger.ledger.reader.size()
        assert "401" in aics.audit(f"{url}/log", vkey)["error"]
