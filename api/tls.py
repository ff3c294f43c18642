"""TLS in the service itself, for who has no proxy: versions and ciphers that are good today.

TLS 1.2 and 1.3 with forward secrecy and authenticated encryption: those that the guidelines of the
Dutch National Cyber Security Centre (TLS, 2021) call good. `tests/test_tls.py` asks for others.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import ConfigurationError
from ledger.keys import read_secret

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; all of TLS 1.3 are good."""


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate with what leads to its root, and its private key: two files in PEM."""

    certificate: Path
    key: Path

    def serving(self) -> ssl.SSLContext:
        """For whoever serves. Raises ConfigurationError that names the file."""
        read_secret(self.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self.key, password=_none)
        except (ssl.SSLError, OSError) as error:
            raise ConfigurationError(
                f"cannot serve with {self.certificate} and {self.key}: {error.strerror}"
            ) from None
        return context

    def beside(self) -> ssl.SSLContext:
        """For a process of this machine that asks another: exactly this certificate, of whatever
        name. Raises ConfigurationError."""
        context = ssl.create_default_context(cafile=self.certificate)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False
        return context


def _none() -> str:
    raise ConfigurationError("the private key of TLS is encrypted; the service asks nobody for it")
