"""The time-stamping authorities that a ledger asks, from a file.

    # name     URL                        certificates, in PEM, beside this file
    authority  tsa1  https://tsa1.example/tsr  tsa1.pem
    authority  tsa2  http://tsa2.example       tsa2.pem

Words are separated by spaces and tabs. The certificates are those that the ledger trusts when it
verifies an answer; a verifier trusts those that it is given, never these.
`tests/test_authorities.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.x509 import Certificate

from ledger import tokens
from ledger.errors import ConfigurationError

MOST = 8
"""Authorities of one ledger; a note looks at twice as many tokens."""

FORM = "authority NAME URL FILE.pem"


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority: its name here, where it is asked (RFC 3161, 3.4), and what is trusted of it."""

    name: str
    url: str
    certificates: tuple[Certificate, ...]


def load(file: Path) -> tuple[Authority, ...]:
    """The authorities of a file. Raises ConfigurationError, which names the file and the line."""
    found: list[Authority] = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not UTF-8") from None
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            authority = _parse(words, file.parent)
        except ConfigurationError as error:
            raise ConfigurationError(f"{file}, line {number}: {error}") from None
        if authority.name in {other.name for other in found}:
            raise ConfigurationError(f"{file}, line {number}: {authority.name} is there already")
        found.append(authority)
    if not 0 < len(found) <= MOST:
        raise ConfigurationError(f"{file} names {len(found)} authorities; 1 to {MOST} can be asked")
    return tuple(found)


def _parse(words: list[str], beside: Path) -> Authority:
    if len(words) != 4 or words[0] != "authority":
        raise ConfigurationError(f"the line is `{FORM}`")
    _, name, url, certificates = words
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", name) is None:
        raise ConfigurationError("a name has letters, digits and `._/-`, at most 64")
    _check_url(url)
    file = beside / certificates
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    return Authority(name, url, tokens.load_certificates(content, str(file)))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ConfigurationError("an authority is asked at an http or https URL")
