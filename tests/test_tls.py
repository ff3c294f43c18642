"""TLS of the service itself: versions and ciphers that are good, and no others."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.tls import Tls
from api.workers import Line
from ledger.authorities import Authority
from ledger.errors import ConfigurationError
from tests.ledgers import TestLedger
from tests.serving import serving
from tests.test_workers import beside


def trusting(tls: Tls) -> ssl.SSLContext:
    """A client that trusts that certificate."""
    return ssl.create_default_context(cafile=tls.certificate)


def connected(url: str, context: ssl.SSLContext) -> tuple[str | None, str]:
    """Version and cipher of a connection."""
    parts = urlsplit(url)
    with (
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=20) as line,
        context.wrap_socket(line, server_hostname="127.0.0.1") as secured,
    ):
        cipher = secured.cipher()
        assert cipher is not None
        return secured.version(), cipher[0]


def test_a_ledger_is_served_over_https(ledger: TestLedger, tls: Tls) -> None:
    """To whoever trusts the certificate; and browsers are told to come that way only."""
    with serving(ledger, line=Line(tls)) as url:
        assert url.startswith("https:")
        answer = httpx.get(f"{url}/healthz", verify=trusting(tls))
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url}/healthz".replace("https", "http"))
    with serving(ledger) as url:
        assert "strict-transport-security" not in httpx.get(f"{url}/healthz").headers


def test_old_versions_and_weak_ciphers_are_refused(ledger: TestLedger, tls: Tls) -> None:
    """TLS 1.3 and 1.2 with forward secrecy; no 1.1, and no cipher without either."""
    with serving(ledger, line=Line(tls)) as url:
        assert connected(url, trusting(tls))[0] == "TLSv1.3"
        client = trusting(tls)
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        version, cipher = connected(url, client)
        assert version == "TLSv1.2"
        assert cipher.startswith("ECDHE-")
        for weak in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"):
            client.set_ciphers(weak)
            with pytest.raises(ssl.SSLError):
                connected(url, client)
        old = trusting(tls)
        old.set_ciphers("ALL:@SECLEVEL=0")
        for end in ("minimum_version", "maximum_version"):
            with pytest.warns(DeprecationWarning, match="TLSv1_1"):
                setattr(old, end, ssl.TLSVersion.TLSv1_1)
        with pytest.raises(ssl.SSLError):
            connected(url, old)


def test_a_proxy_that_is_trusted_says_how_it_was_asked(ledger: TestLedger) -> None:
    """Another one is not believed."""
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    for proxies, believed in ((("127.0.0.1",), True), (("192.0.2.0/24",), False)):
        with serving(ledger, line=Line(proxies=proxies)) as url:
            answer = httpx.get(f"{url}/healthz", headers=told)
            assert ("strict-transport-security" in answer.headers) == believed


def test_a_process_beside_the_first_asks_it_over_tls(ledger: TestLedger, tls: Tls) -> None:
    """It knows the certificate, whatever name is in it."""
    operator = {"Authorization": f"Bearer {ledger.home.token_file.read_text()}"}
    timestamps = ledger.ledger.timestamps([Authority("tsa", "http://127.0.0.1:1/", ())])
    with (
        serving(ledger, timestamps=timestamps, line=Line(tls)) as first,
        beside(ledger, first, Line(tls)) as url,
    ):
        found = httpx.get(f"{url}/v1/timestamps", headers=operator, verify=trusting(tls))
        assert [one["name"] for one in found.json()["authorities"]] == ["tsa"]


def test_what_is_wrong_with_the_files_is_said(tls: Tls, tmp_path: Path) -> None:
    """A key that others can read, one of another certificate, one that is encrypted, none."""
    tls.key.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        tls.serving()
    tls.key.chmod(0o600)
    with pytest.raises(ConfigurationError, match="cannot read"):
        Tls(tls.certificate, tmp_path / "none").serving()
    with pytest.raises(ConfigurationError, match="cannot serve with"):
        Tls(tmp_path / "none", tls.key).serving()
    with pytest.raises(ConfigurationError, match="cannot serve with"):
        Tls(tls.key, tls.key).serving()
    other, closed = tmp_path / "other.key", tmp_path / "closed.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", other], check=True)
    subprocess.run(
        ["openssl", "pkey", "-in", tls.key, "-aes256", "-passout", "pass:x", "-out", closed],
        check=True,
    )
    for key in (other, closed):
        key.chmod(0o600)
        with pytest.raises(ConfigurationError, match=r"cannot serve with|encrypted"):
            Tls(tls.certificate, key).serving()
