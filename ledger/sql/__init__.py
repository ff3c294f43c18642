"""The SQL files of the log, read as package data."""

from __future__ import annotations

from importlib import resources
from typing import LiteralString, cast


def text(name: str) -> LiteralString:
    """The text of one SQL file of this package."""
    # Shipped with the program and never made of input, which is what LiteralString promises.
    return cast("LiteralString", resources.files(__name__).joinpath(name).read_text("utf-8"))
