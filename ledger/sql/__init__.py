"""The SQL files of the log, read as package data."""

from __future__ import annotations

from importlib import resources


def text(name: str) -> str:
    """The text of one SQL file of this package."""
    return resources.files(__name__).joinpath(name).read_text("utf-8")
