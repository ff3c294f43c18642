"""The master keys of sealed text: what the sealing keys in the database are wrapped with.

    DIR/keys/sealing-1.key      made by `verantwoord init`; the highest number is the one in use
    VERANTWOORD_SEALING_KEYS    1:BASE64,2:BASE64 of 32 bytes each, instead of files

The database and its backups hold nothing that opens a sealed text: that takes this key, which is
not in them. So a backup of DIR/keys belongs in another place than one of the database. `verantwoord
sealing rotate` wraps all keys anew and ends the old master key, with which the keys in earlier
backups end as well. `tests/test_master_keys.py`.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger import keys
from ledger.errors import ConfigurationError, MasterKeyMissing

VARIABLE = "VERANTWOORD_SEALING_KEYS"

_FILE = re.compile(r"sealing-([1-9][0-9]{0,5})\.key")


@dataclass(frozen=True, slots=True, repr=False)
class MasterKeys:
    """Master keys by number, 32 bytes each; the highest number is in use."""

    secrets: Mapping[int, bytes]

    @property
    def current(self) -> int:
        """The number of the one in use."""
        return max(self.secrets)

    def secret(self, number: int) -> bytes:
        """One of them. Raises ConfigurationError when it is not here."""
        if number not in self.secrets:
            raise ConfigurationError(
                f"master key {number} of sealed text is not here: put it back as"
                f" keys/sealing-{number}.key, or in {VARIABLE}"
            )
        return self.secrets[number]

    def __repr__(self) -> str:
        return f"MasterKeys({sorted(self.secrets)})"


def load(directory: Path) -> MasterKeys:
    """The master keys of a directory of keys, or of the environment where that has them.

    They are read each time they are needed: whoever replaces one need not start anything again.
    Raises MasterKeyMissing when there is none, ConfigurationError for what is no key.
    """
    given = os.environ.get(VARIABLE)
    found = _files(directory) if given is None else _from_text(given)
    if not found:
        raise MasterKeyMissing(
            f"there is no master key for sealed text, in {directory} or {VARIABLE}: make one with"
            " `verantwoord sealing rotate`"
        )
    return MasterKeys(found)


def from_environment() -> bool:
    """Whether the environment has them, and no file counts."""
    return VARIABLE in os.environ


def make(directory: Path) -> int:
    """Make the next master key, mode 0600; its number. Raises ConfigurationError where they come
    from the environment."""
    if from_environment():
        raise ConfigurationError(
            f"the master keys come from {VARIABLE}: add one with the next number to it"
        )
    number = max(_numbers(directory), default=0) + 1
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys.write_secret(_file(directory, number), _text(secrets.token_bytes(32)) + "\n")
    return number


def forget(directory: Path, before: int) -> list[int]:
    """Remove the files of the master keys below a number; their numbers. Those of the environment
    are for the operator to take out."""
    gone = [number for number in _numbers(directory) if number < before]
    for number in gone:
        _file(directory, number).unlink()
    return gone


def _file(directory: Path, number: int) -> Path:
    return directory / f"sealing-{number}.key"


def _numbers(directory: Path) -> list[int]:
    names = (_FILE.fullmatch(file.name) for file in directory.glob("sealing-*.key"))
    return sorted(int(name[1]) for name in names if name is not None)


def _files(directory: Path) -> dict[int, bytes]:
    found = {}
    for number in _numbers(directory):
        file = _file(directory, number)
        found[number] = _bytes(keys.read_secret(file).strip(), str(file))
    return found


def _from_text(given: str) -> dict[int, bytes]:
    found = {}
    for part in given.split(","):
        number, _, text = part.strip().partition(":")
        if not number.isascii() or not number.isdigit() or int(number) < 1:
            raise ConfigurationError(f"{VARIABLE} is 1:BASE64,2:BASE64: a number before each key")
        found[int(number)] = _bytes(text, VARIABLE)
    return found


def _bytes(text: str, where: str) -> bytes:
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    if len(raw) != 32:
        raise ConfigurationError(f"a master key in {where} is 32 bytes in base64")
    return raw


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
