"""A time-stamping authority for tests: `openssl ts`, with a CA of its own, behind a real server.

    authority = Authority(tmp_path)
    with serving(authority.answer) as url: …

What a real one would not do (no purpose in its certificate, a forged time) is signed by
`openssl cms` over the same content.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger.authorities import Authority as Asked
from ledger.deployment import now
from ledger.timestamps import Timestamps
from tests.ledgers import TestLedger

CONFIG = """\
[tsa]
default_tsa = here
[here]
serial = {directory}/serial
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500
signer_digest = sha256
tsa_name = no
ess_cert_id_alg = sha256
"""

TSTINFO = "1.2.840.113549.1.9.16.1.4"

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")


def name(common: str) -> x509.Name:
    """A name of one part."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def asking(
    made: TestLedger, *asked: Asked, clock: Callable[[], datetime] = now, **options: object
) -> Timestamps:
    """The timestamps of a ledger, which asks these authorities."""
    return Timestamps(made.ledger.pool, made.ledger.log_keys, asked, clock=clock, **options)  # type: ignore[arg-type]


def named(name: str, url: str, of: Authority) -> Asked:
    """An authority at an address, trusted by its own CA."""
    return Asked(name, url, (of.root,))


class Authority:
    """A CA and an authority under it. `valid` is when the authority's certificate is, `purpose` its
    extended key usages (None for none), `critical` whether it says so critically; without
    `embedded` the answer does not hold the certificate."""

    def __init__(
        self,
        directory: Path,
        common: str = "Test TSA",
        *,
        valid: tuple[datetime, datetime] | None = None,
        purpose: list[x509.ObjectIdentifier] | None = [ExtendedKeyUsageOID.TIME_STAMPING],  # noqa: B006
        critical: bool = True,
        self_signed: bool = False,
    ) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        always = (now - timedelta(days=3650), now + timedelta(days=3650))
        self.key = ec.generate_private_key(ec.SECP256R1())
        ca_key = self.key if self_signed else ec.generate_private_key(ec.SECP256R1())
        root = name(common if self_signed else f"CA of {common}")
        if not self_signed:
            self.root = _certificate(root, root, ca_key.public_key(), ca_key, always, ca=True)
        self.certificate = _certificate(
            name(common), root, self.key.public_key(), ca_key, valid or always, purpose, critical
        )
        if self_signed:
            self.root = self.certificate
        self.ca_key = ca_key
        self.file("signer.pem", pem(self.certificate))
        self.file("roots.pem", pem(self.root))
        self.file(
            "signer.key",
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        self.file("openssl.cnf", CONFIG.format(directory=directory).encode())
        self.file("serial", b"01\n")
        self._one = threading.Lock()

    @property
    def roots(self) -> Path:
        """The file with the certificate that the chain ends in."""
        return self.directory / "roots.pem"

    def file(self, name: str, content: bytes) -> Path:
        """Write a file beside the keys."""
        path = self.directory / name
        path.write_bytes(content)
        return path

    def answer(self, query: bytes, *more: str) -> bytes:
        """The answer to a query, by `openssl ts -reply`."""
        with self._one:
            self.file("query.tsq", query)
            self.openssl(
                "ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query.tsq",
                "-signer", "signer.pem", "-inkey", "signer.key", "-out", "answer.tsr", *more,
            )  # fmt: skip
            return (self.directory / "answer.tsr").read_bytes()

    def stamp(self, message: bytes, algorithm: str = "sha256") -> bytes:
        """The answer to a query over a message, asked by `openssl ts -query`."""
        self.file("message", message)
        self.openssl("ts", "-query", "-data", "message", f"-{algorithm}", "-cert", "-out", "q.tsq")
        return self.answer((self.directory / "q.tsq").read_bytes())

    def sign(self, tstinfo: bytes) -> bytes:
        """An answer over any content, whatever the certificate is for."""
        self.file("tstinfo", tstinfo)
        self.openssl(
            "cms", "-sign", "-binary", "-nodetach", "-in", "tstinfo", "-econtent_type", TSTINFO,
            "-signer", "signer.pem", "-inkey", "signer.key", "-md", "sha256",
            "-outform", "DER", "-out", "token",
        )  # fmt: skip
        granted = bytes.fromhex("3003020100")
        return der(0x30, granted + (self.directory / "token").read_bytes())

    def content(self, answer: bytes) -> bytes:
        """The TSTInfo that an answer holds."""
        self.file("given.tsr", answer)
        self.openssl("ts", "-reply", "-in", "given.tsr", "-token_out", "-out", "given.token")
        self.openssl(
            "cms", "-verify", "-noverify", "-inform", "DER", "-in", "given.token", "-out", "given",
        )  # fmt: skip
        return (self.directory / "given").read_bytes()

    def verifies(self, answer: bytes, message: bytes) -> bool:
        """What `openssl ts -verify` says."""
        self.file("given.tsr", answer)
        self.file("given.data", message)
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-in", "given.tsr", "-data", "given.data", "-CAfile",
             "roots.pem"],
            cwd=self.directory, capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode == 0

    def openssl(self, *arguments: str) -> None:
        """Run openssl beside the keys."""
        subprocess.run(["openssl", *arguments], cwd=self.directory, capture_output=True, check=True)


def der(tag: int, content: bytes) -> bytes:
    """One DER element."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates as PEM."""
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    valid: tuple[datetime, datetime],
    purpose: list[x509.ObjectIdentifier] | None = None,
    critical: bool = True,
    *,
    ca: bool = False,
    serial: int | None = None,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purpose), critical)
    return builder.sign(signer, hashes.SHA256())


certificate = _certificate

Behaviour = Callable[[bytes], bytes | Iterator[bytes]]
"""query -> the body of the answer, whole or in pieces as they are sent."""


def forged(of: Authority) -> Behaviour:
    """Signs another year than it is."""

    def answer(query: bytes) -> bytes:
        content = of.content(of.answer(query))
        month = datetime.now(UTC).strftime("%Y%m").encode()
        assert month in content
        return of.sign(content.replace(month, b"202001"))

    return answer


def dripping(query: bytes) -> Iterator[bytes]:
    """A byte now and then, for ever."""
    while True:
        yield b"\x30"
        time.sleep(0.05)


def endless(query: bytes) -> Iterator[bytes]:
    """As much as the other side takes."""
    while True:
        yield bytes(65_536)


@contextmanager
def serving(
    answer: Behaviour, *, status: int = 200, media_type: str = "application/timestamp-reply"
) -> Iterator[str]:
    """Answer queries over HTTP on a free port; the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            made = answer(query)
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            if isinstance(made, bytes):
                self.send_header("Content-Length", str(len(made)))
                made = iter([made])
            self.end_headers()
            try:
                for piece in made:
                    self.wfile.write(piece)
                    self.wfile.flush()
            except OSError:
                pass  # the other side had enough

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsr"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
