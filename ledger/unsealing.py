"""Showing sealed text: in short, or opened for whoever may read it.

What is stored of registers is as sealed as the events are; text is opened for one answer, and kept
nowhere. `tests/test_unsealing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import psycopg

from ledger import sealing, sealing_keys
from ledger.master_keys import MasterKeys
from ledger.sealed_text import kid_of, sealed_in
from ledger.sealing import SealingKey

Show = Callable[[Any], Any]
"""Puts a JSON value as it is shown."""


def in_short(value: Any) -> Any:
    """A JSON value with `[sealed s-…]` for every sealed text."""
    return _replaced(value, lambda kid, _: f"[sealed {kid}]")


def opener(conn: psycopg.Connection, masters: MasterKeys, values: Iterable[Any]) -> Show:
    """What shows these values with their text, or `[erased s-…]` where the key was destroyed.

    Raises ConfigurationError when a master key is missing.
    """
    kids = {kid for value in values for _, kid in sealed_in(value)}
    keys = (
        {kid: kept.open(masters) for kid, kept in sealing_keys.find(conn, kids).items()}
        if kids
        else {}
    )
    return lambda value: _replaced(value, lambda kid, text: _opened(text, kid, keys))


def _opened(sealed: str, kid: str, keys: dict[str, SealingKey | None]) -> str:
    key = keys.get(kid)
    if key is None:
        return f"[erased {kid}]"
    text = sealing.unseal(sealed, key)
    return f"[cannot be opened {kid}]" if text is None else text


def _replaced(value: Any, put: Callable[[str, str], str]) -> Any:
    if isinstance(value, str):
        kid = kid_of(value)
        return value if kid is None else put(kid, value)
    if isinstance(value, dict):
        return {name: _replaced(item, put) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, put) for item in value]
    return value
