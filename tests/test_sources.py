"""Where a verifier reads a log: a directory or a server, either of which may do anything."""

from __future__ import annotations

import gzip
import ipaddress
import os
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ledger import sources, tiles
from ledger.errors import ConfigurationError, LogUnreadable, VerificationFailed
from ledger.report import Pins
from ledger.sources import address, directory, gunzip, with_full_tiles
from ledger.verify import verify
from tests.ledgers import TestLedger
from tests.log_builder import busy_log, reading
from tests.serving import serving

LOG = busy_log(300)
FILES = LOG.export()

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each path as it is told, and keeps the requests it saw."""

    daemon_threads = True

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.seen: list[tuple[str, Mapping[str, str]]] = []
        self.connections: set[object] = set()

    @property
    def prefix(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/log"

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side hung up, as it should."""

    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        path = self.path.removeprefix("/log/")
        self.server.seen.append((path, self.headers))
        self.server.connections.add(self.client_address)
        self.server.answers.get(path, status(404))(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


def whole(content: bytes, **headers: str) -> Answer:
    """An answer as it should be."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def status(number: int, **headers: str) -> Answer:
    """An answer without content."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(number)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def raw(*parts: bytes, then: Iterable[bytes] = (), pause: float = 0.0) -> Answer:
    """Bytes on the line, whatever they are, and the end of the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            for part in chain(parts, then):
                handler.wfile.write(part)
                time.sleep(pause)
        except OSError:
            pass  # the other side has had enough

    return answer


def in_turn(*answers: Answer) -> Answer:
    """Another answer each time."""
    left = list(answers)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        left.pop(0)(handler)

    return answer


@contextmanager
def serve(answers: Mapping[str, Answer]) -> Iterator[Server]:
    server = Server(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def honest(files: Mapping[str, bytes] = FILES) -> dict[str, Answer]:
    """The answers of a server that has these files."""
    return {path: whole(content) for path, content in files.items()}


def read(server: Server, path: str, **options: float) -> bytes:
    """The bytes at a path, without waiting between attempts."""
    with address(server.prefix, pause=lambda _: None, **options) as fetch:
        return fetch(path)


# A log at an address.


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_log_is_verified_at_its_address(slash: str) -> None:
    """The same report as from files; the checkpoint is asked for once, over one connection."""
    with serve(honest()) as server, address(server.prefix + slash) as fetch:
        assert verify(fetch) == verify(reading(FILES))
    assert server.paths().count("checkpoint") == 1
    assert sorted(server.paths()) == sorted(FILES)
    assert len(server.connections) == 1


def test_a_served_ledger_is_verified_at_its_address(ledger: TestLedger) -> None:
    """By a holder of the token, whole, as it was at the checkpoint, while it grows."""
    ledger.fill(300)
    identity, token = ledger.ledger.identity, ledger.home.token_file.read_text()
    kept = ledger.ledger.reader.checkpoint().note
    ledger.fill(400, start=1000)
    size = ledger.ledger.reader.size()
    with serving(ledger) as url, address(f"{url}/log", token) as fetch:

        def fetch_while_it_grows(path: str) -> bytes:
            if path.startswith("tile/"):
                ledger.fill(60, start=2000 + 60 * len(asked))
            asked.append(path)
            return fetch(path)

        asked: list[str] = []
        pins = Pins(identity.vkey, identity.administrator_key, [kept])
        assert verify(fetch_while_it_grows, pins).size == size
    assert ledger.ledger.reader.size() > size + 256
    with serving(ledger, public_hashes=True) as url, address(f"{url}/log") as fetch:
        assert len(fetch("tile/0/000.p/42")) == 42 * 32
        with pytest.raises(LogUnreadable, match="token"):
            verify(fetch)


def test_a_compressed_bundle_is_read() -> None:
    """Gzip is asked for and taken, also where nobody asked; the content is what counts."""
    answers = honest() | {
        path: whole(gzip.compress(content), Content_Encoding="gzip")
        for path, content in FILES.items()
        if path.startswith("tile/entries/") or path == "checkpoint"
    }
    with serve(answers) as server, address(server.prefix) as fetch:
        assert verify(fetch) == verify(reading(FILES))
    assert {headers["Accept-Encoding"] for _, headers in server.seen} == {"gzip, identity"}


def test_partial_tiles_that_are_gone_are_cut_from_the_full_ones() -> None:
    """A log that grew meanwhile may have deleted them (tlog-tiles, Partial Tiles)."""
    grown = busy_log(520).export()
    old = {path: raw for path, raw in LOG.export(300).items() if not path.startswith("tile/")}
    mixed = grown | old
    assert "tile/0/001.p/44" not in mixed
    assert "tile/0/001" in mixed
    missing = {path: raw for path, raw in mixed.items() if path != "tile/1/000.p/1"}
    with pytest.raises(VerificationFailed):
        verify(with_full_tiles(reading(missing)))
    mixed["tile/1/000.p/1"] = FILES["tile/1/000.p/1"]
    with serve(honest(mixed)) as server, address(server.prefix) as fetch:
        assert verify(fetch) == verify(reading(FILES))
    assert {"tile/0/001.p/44", "tile/entries/001.p/44"} < set(server.paths())


def test_a_full_tile_stands_in_only_for_what_it_begins_with() -> None:
    """Other bytes in the part that counts are found, and named; those behind it are not read."""
    grown = busy_log(520).export()
    bundle = grown["tile/entries/001"]
    mixed = FILES | {path: raw for path, raw in grown.items() if path.endswith("001")}
    del mixed["tile/entries/001.p/44"]
    for change, failing in ((bundle[:-5], False), (bundle[:90] + b"x" + bundle[91:], True)):
        fetch = with_full_tiles(reading(mixed | {"tile/entries/001": change}))
        if failing:
            with pytest.raises(VerificationFailed) as caught:
                verify(fetch)
            assert (caught.value.check, caught.value.index) == (3, 256)
        else:
            assert verify(fetch).size == 300


@given(st.integers(1, 255))
def test_a_cut_tile_is_the_partial_one(width: int) -> None:
    """For every width: hashes and entries."""
    leaves = [b"%d" % n * (n % 7) for n in range(256)]
    full = tiles.format_bundle(leaves)
    assert tiles.cut(full, width, None) == tiles.format_bundle(leaves[:width])
    assert tiles.cut(bytes(range(256)) * 32, width, 3) == (bytes(range(256)) * 32)[: 32 * width]


def test_what_is_not_there_is_not_there() -> None:
    """404 and 410 alike, for full and partial tiles and for the rest, and the answer goes on."""
    with serve({"log.vkey": status(410), "checkpoint": whole(b"c")}) as server:
        with address(server.prefix) as fetch:
            for path in ("log.vkey", "tile/0/000", "tile/0/000.p/3", "tile/entries/000.p/3"):
                with pytest.raises(FileNotFoundError):
                    fetch(path)
                assert fetch("checkpoint") == b"c"
    assert len(server.connections) == 1


# The attacker has the server.


def test_no_redirect_is_followed() -> None:
    """Neither to another server nor on the same one; so a token goes nowhere else."""
    with serve(honest()) as other:
        for number in (301, 302, 303, 307, 308):
            for target in (f"{other.prefix}/checkpoint", "/log/tile/0/000"):
                with serve({"checkpoint": status(number, Location=target)}) as server:
                    with pytest.raises(LogUnreadable, match="redirects"):
                        read(server, "checkpoint")
                assert server.paths() == ["checkpoint"]
    assert other.seen == []


TOO_LARGE = {
    "checkpoint": 1_000_000,
    "log.vkey": 1_000_000,
    "tile/0/000": 8_192,
    "tile/5/x001/000.p/7": 7 * 32,
    "tile/entries/000.p/3": 3 * 65_537,
}


@pytest.mark.parametrize(("path", "limit"), TOO_LARGE.items())
def test_an_answer_larger_than_anything_there_is_refused(path: str, limit: int) -> None:
    """With a length, without one, in chunks, compressed; one of just that size is taken."""
    large = bytes(limit + 1)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    for answer in (
        whole(large),
        raw(b"HTTP/1.1 200 OK\r\n\r\n", large),
        raw(chunked % (len(large), large)),
        whole(gzip.compress(large), Content_Encoding="gzip"),
        whole(gzip.compress(large, 0), Content_Encoding="gzip"),
    ):
        with serve({path: answer}) as server, pytest.raises(VerificationFailed, match="more than"):
            read(server, path)
    for answer in (
        whole(large[1:]),
        raw(b"HTTP/1.1 200 OK\r\n\r\n", large[1:]),
        raw(chunked % (limit, large[1:])),
        whole(gzip.compress(large[1:], 0), Content_Encoding="gzip"),
    ):
        with serve({path: answer}) as server:
            assert read(server, path) == large[1:]


def test_an_endless_answer_is_cut_off() -> None:
    """No more is read than can be there, however long the server says or goes on."""
    endless = raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", then=repeat(bytes(65536))
    )
    with serve({"tile/0/000": endless}) as server:
        with pytest.raises(VerificationFailed, match="8192"):
            read(server, "tile/0/000")


def test_a_gzip_bomb_does_not_go_off() -> None:
    """A thousand times its size: refused at the limit, in little memory."""
    bomb = gzip.compress(bytes(200_000_000), 9)
    assert len(bomb) < 200_000
    for path in ("tile/entries/000.p/3", "checkpoint"):
        with serve({path: whole(bomb, Content_Encoding="gzip")}) as server:
            tracemalloc.start()
            with pytest.raises(VerificationFailed, match="more than"):
                read(server, path)
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
            tracemalloc.stop()


GZIPPED = gzip.compress(b"content" * 50, mtime=0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no gzip at all",
        GZIPPED[:-1],
        GZIPPED[:5],
        GZIPPED + b"\0",
        GZIPPED + GZIPPED,
        GZIPPED[:-8] + bytes(4) + GZIPPED[-4:],  # another checksum
        GZIPPED[:-4] + bytes(4),  # another length
    ],
)
def test_a_broken_gzip_is_refused(body: bytes) -> None:
    """Cut, longer, twice, with another checksum: it is not one whole member."""
    with pytest.raises(VerificationFailed):
        gunzip(body, 10_000)
    if body:
        with serve({"checkpoint": whole(body, Content_Encoding="gzip")}) as server:
            with pytest.raises(VerificationFailed):
                read(server, "checkpoint")


@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_gzip_comes_back_up_to_its_limit(content: bytes, limit: int) -> None:
    """Exactly as long as it may be, and no longer."""
    if len(content) <= limit:
        assert gunzip(gzip.compress(content), limit) == content
    else:
        with pytest.raises(VerificationFailed, match="more than"):
            gunzip(gzip.compress(content), limit)


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda b: GZIPPED[:10] + b)))
def test_any_bytes_are_a_gzip_or_refused(body: bytes) -> None:
    """Nothing but VerificationFailed is raised."""
    try:
        gunzip(body, 1000)
    except VerificationFailed:
        return


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_an_encoding_not_asked_for_is_not_read(encoding: str) -> None:
    """Its bytes are not taken for the content."""
    with serve({"checkpoint": whole(b"x", Content_Encoding=encoding)}) as server:
        with pytest.raises(LogUnreadable, match="encoding"):
            read(server, "checkpoint")


SLOW = {
    "silence": raw(b"", pause=1.5),
    "a byte at a time": raw(*[b"x"] * 300, pause=0.05),
    "headers without end": raw(b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n"] * 60, pause=0.05),
    "nothing but 100 Continue": raw(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 60, pause=0.05),
    "a body without end": raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n", *[b"x"] * 60, pause=0.05
    ),
    "chunks without end": raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        *[b"1\r\nx\r\n"] * 60,
        pause=0.05,
    ),
}


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW.keys())
def test_a_slow_answer_is_given_up_as_a_whole(answer: Answer) -> None:
    """Each byte comes in time, the answer does not: it is not asked for again."""
    with serve({"checkpoint": answer}) as server:
        with pytest.raises(LogUnreadable, match=r"no whole answer in 0\.4 seconds"):
            read(server, "checkpoint", seconds=0.4)
    assert server.paths() == ["checkpoint"]


CUT = {
    "closed": raw(),
    "empty": whole(b""),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "in the headers": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "in the body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "before the body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
    "in a chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"),
    "too many headers": raw(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 200, b"\r\n"),
    "a long line": raw(b"HTTP/1.1 200 " + b"O" * 70_000 + b"\r\n\r\n"),
    "busy": status(503),
    "too much": status(429),
    "broken": status(500),
}


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT.keys())
def test_a_broken_line_is_tried_again(answer: Answer) -> None:
    """A few times, and no more; that nothing came says nothing about the log."""
    with serve({"checkpoint": in_turn(answer, answer, answer, whole(b"c"))}) as server:
        assert read(server, "checkpoint") == b"c"
    with serve({"checkpoint": answer}) as server:
        with pytest.raises(LogUnreadable, match="4 times"):
            read(server, "checkpoint")
    assert server.paths() == ["checkpoint"] * sources.ATTEMPTS


def test_pauses_between_attempts_grow() -> None:
    """A server that is busy is not pressed."""
    pauses: list[float] = []
    with serve({"checkpoint": status(503)}) as server:
        with address(server.prefix, pause=pauses.append) as fetch, pytest.raises(LogUnreadable):
            fetch("checkpoint")
    assert pauses == [0.25, 1.0, 4.0]


def test_what_is_left_of_an_answer_is_not_taken_for_the_next() -> None:
    """After an answer that was not read to its end, the next is read from a new connection."""
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000
    with serve({"log.vkey": raw(large), "checkpoint": whole(b"c")}) as server:
        with address(server.prefix) as fetch:
            with pytest.raises(VerificationFailed):
                fetch("log.vkey")
            assert fetch("checkpoint") == b"c"
    assert len(server.connections) == 2


@pytest.mark.parametrize("number", [201, 204, 206, 400, 405, 451])
def test_another_status_is_no_content(number: int) -> None:
    """Whatever comes with it is not read as the log."""
    with serve({"checkpoint": status(number)}) as server:
        with pytest.raises(LogUnreadable, match=str(number)):
            read(server, "checkpoint")


def test_a_server_that_is_not_there_is_named() -> None:
    """After some attempts, with the address."""
    with serve({}) as server:
        prefix = server.prefix
    with address(prefix, pause=lambda _: None) as fetch:
        with pytest.raises(LogUnreadable, match=f"{prefix}/checkpoint"):
            fetch("checkpoint")


# Addresses and tokens.


@pytest.mark.parametrize(
    "prefix",
    [
        "http://",
        "https:///log",
        "http://user:secret@host/log",
        "http://user@host/log",
        "https://host/log?a=b",
        "https://host/log#part",
        "https://host:port/log",
        "https://host:99999/log",
        "https://[::1/log",
        "https://höst/log",
        "https://host/l og",
        "https://host/log\r\nX: y",
        "https://host/log\n",
    ],
)
def test_addresses_that_cannot_be_used(prefix: str) -> None:
    """Each is refused before anything is asked, and none is repeated with its password."""
    with pytest.raises(ConfigurationError) as caught:
        with address(prefix):
            pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "two words", "line\n", "a\r\nX: y", "é", "\0"])
def test_tokens_that_cannot_be_sent(token: str) -> None:
    """A token cannot add a header of its own."""
    with pytest.raises(ConfigurationError, match="token"):
        with address("https://host/log", token):
            pass


def test_a_token_is_sent_to_the_server_it_is_for() -> None:
    """To this machine over http, to any other only over https."""
    with serve({"checkpoint": whole(b"c")}) as server:
        with address(server.prefix, "vrw_secret") as fetch:
            fetch("checkpoint")
        with address(server.prefix) as fetch:
            fetch("checkpoint")
    assert [h["Authorization"] for _, h in server.seen] == ["Bearer vrw_secret", None]
    for host in ("ledger.example.nl", "10.0.0.1", "[2001:db8::1]", "localhost.example.nl"):
        with pytest.raises(ConfigurationError, match="https"):
            with address(f"http://{host}/log", "vrw_secret"):
                pass
        with address(f"https://{host}/log", "vrw_secret"):
            pass
    for host in ("localhost", "127.0.0.7", "[::1]"):
        with address(f"http://{host}/log", "vrw_secret"):
            pass


@contextmanager
def certified(folder: Path, server: Server) -> Iterator[Path]:
    """Have a server speak TLS with a certificate of its own; the file of that certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield file


def test_a_server_must_be_who_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over https the certificate is checked, and its name; nothing is sent to another server."""
    with serve(honest()) as server, certified(tmp_path, server) as certificate:
        secure = server.prefix.replace("http:", "https:")
        with address(secure, "vrw_secret", pause=lambda _: None) as fetch:
            with pytest.raises(LogUnreadable, match="self-signed"):
                fetch("checkpoint")
        assert server.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        named = secure.replace("127.0.0.1", "localhost")
        with address(named, "vrw_secret", pause=lambda _: None) as fetch:
            with pytest.raises(LogUnreadable, match="Hostname mismatch"):
                fetch("checkpoint")
        assert server.seen == []
        with address(secure, "vrw_secret") as fetch:
            assert verify(fetch) == verify(reading(FILES))


# A log in a directory.


def write(files: Mapping[str, bytes], folder: Path) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def test_a_log_is_verified_in_a_directory(tmp_path: Path) -> None:
    """The same report as from any other source."""
    write(FILES, tmp_path)
    assert verify(directory(tmp_path)) == verify(reading(FILES))


def test_a_directory_can_hold_anything(tmp_path: Path) -> None:
    """What is no file is not there, and a file without end is read no further than it may go."""
    write(FILES, tmp_path)
    fetch = directory(tmp_path)
    (tmp_path / "tile/0/001.p/44").unlink()
    (tmp_path / "tile/0/001.p/44").mkdir()
    (tmp_path / "checkpoint").unlink()
    os.mkfifo(tmp_path / "checkpoint")
    (tmp_path / "tile/entries/000").unlink()
    (tmp_path / "tile/entries/000").symlink_to("/dev/zero")
    (tmp_path / "tile/0/000").write_bytes(bytes(10**6))
    for path in ("checkpoint", "tile/0/001.p/44", "tile/entries/000", "tile/7/007"):
        with pytest.raises(FileNotFoundError):
            fetch(path)
    with pytest.raises(VerificationFailed, match="8192"):
        fetch("tile/0/000")
