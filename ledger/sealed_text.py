"""The form of sealed text: a JWE (RFC 7516, compact) that says with which key of the ledger.

    {"alg":"A256KW","enc":"A256GCM","kid":"s-…"} . encrypted key . IV . text . tag

A key of the ledger wraps a key for this text alone (A256KW, RFC 7518, 4.4), which encrypts it
(A256GCM, 5.3); `kid` names the former, so that whoever has the event knows what destroying that key
takes away. Nothing is opened here (`ledger/sealing.py`); what looks like sealed text and is not of
this form is searched for personal data like any other. `tests/test_sealing.py`.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any, Final

ALGORITHM: Final = "A256KW"
ENCRYPTION: Final = "A256GCM"

KID = re.compile(r"s-[0-9a-f]{32}")
"""The name of a sealing key."""

LONGEST = 8000
"""Characters of a field that holds nothing but sealed text."""

PATTERN = (
    # Header, encrypted key of 320 bits, initialization vector of 96, text, tag of 128.
    r"(eyJ[A-Za-z0-9_-]{20,200})\.[A-Za-z0-9_-]{54}\.[A-Za-z0-9_-]{16}"
    r"\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{22}"
)
_JWE = re.compile(PATTERN)


def kid_of(text: str) -> str | None:
    """The name of the key that a text is sealed with; None for a text that is not sealed."""
    parts = _JWE.fullmatch(text) if text.startswith("eyJ") else None
    if parts is None:
        return None
    try:
        header = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or header.keys() != {"alg", "enc", "kid"}:
        return None
    kid = header["kid"]
    if (header["alg"], header["enc"]) != (ALGORITHM, ENCRYPTION) or not isinstance(kid, str):
        return None
    return kid if KID.fullmatch(kid) else None


def sealed_in(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every sealed text in a JSON value: where it is (a JSON pointer), and the name of its key."""
    if isinstance(value, str):
        kid = kid_of(value)
        if kid is not None:
            yield pointer, kid
    elif isinstance(value, dict):
        for name, item in value.items():
            step = str(name).replace("~", "~0").replace("/", "~1")
            yield from sealed_in(item, f"{pointer}/{step}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from sealed_in(item, f"{pointer}/{number}")
