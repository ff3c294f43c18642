"""The SQL files of the log, read as package data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources

_PIECES = re.compile(r"--[^\n]*|'[^']*'|\$\$.*?\$\$|;|[^-'$;]+|.", re.DOTALL)
"""Comments, texts and bodies of functions, where a semicolon ends nothing, and what is between."""


def text(name: str) -> str:
    """The text of one SQL file of this package."""
    return resources.files(__name__).joinpath(name).read_text("utf-8")


def statements(text: str) -> Iterator[str]:
    """The statements of a file, without comments between them: a cluster takes one at a time."""
    statement = ""
    for piece in _PIECES.findall(text):
        if piece == ";":
            yield statement.strip()
            statement = ""
        elif not piece.startswith("--"):
            statement += piece
    if statement.strip():
        yield statement.strip()
