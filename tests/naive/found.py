"""What a naive evaluation finds."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Found(NamedTuple):
    """One finding: which rule, how grave, about whom, at what moment."""

    rule: str
    severity: str
    controllers: tuple[str, ...]
    at: datetime
