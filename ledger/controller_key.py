"""A controller's key, as text: what it checks exports with, and keeps from the beginning.

    numbers-key ORIGIN CONTROLLER BASE64

One line; neither an origin nor the id of a controller has a space. Whoever has the key can tell
which entries are of this controller and what number they have, where it sees their openings; it
signs nothing. `tests/test_controller_key.py`.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from ledger.errors import ConfigurationError
from ledger.numbers import SECRET
from ledger.tags import ID

WORD = "numbers-key"

_LINE = re.compile(rf"{WORD} (?P<origin>[^\s]{{1,255}}) (?P<controller>{ID}) (?P<key>[^\s]{{44}})")


@dataclass(frozen=True, slots=True)
class ControllerKey:
    """The key, 32 bytes, of a controller in the log of this origin."""

    origin: str
    controller: str
    key: bytes


def format(key: ControllerKey) -> str:
    """The key as a line, without its end. Raises ConfigurationError for what is no controller."""
    if re.fullmatch(ID, key.controller) is None:
        raise ConfigurationError(f"{key.controller!r} is not the id of a controller")
    return f"{WORD} {key.origin} {key.controller} {base64.b64encode(key.key).decode()}"


def parse(text: str) -> ControllerKey:
    """The key of a line. Raises ConfigurationError for anything that `format` would not write."""
    match = _LINE.fullmatch(text)
    try:
        if match is not None:
            raw = base64.b64decode(match["key"].encode("ascii"), validate=True)
            found = ControllerKey(match["origin"], match["controller"], raw)
            if len(raw) == SECRET and format(found) == text:
                return found
    except (binascii.Error, UnicodeEncodeError):
        pass
    raise ConfigurationError(
        f"this is no key of a controller: a line `{WORD} ORIGIN CONTROLLER BASE64`, as"
        " `verantwoord keys controller` writes it"
    )
