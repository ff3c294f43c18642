"""Kept receipts, as files: written whole or not at all, and refreshed in place.

`tests/test_refresh.py`, `tests/test_client.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import httpx

from ledger import note
from ledger.errors import HistoriesDiffer, LogUnreadable
from ledger.log_keys import LogKeys
from ledger.note import Verifier
from ledger.receipt import MAX_RECEIPT
from ledger.refresh import Ask, Refreshed, refresh
from ledger.report import Pins


def write(file: Path, text: str) -> None:
    """Write a receipt, in place of the one that is there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.new")
    with beside.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    beside.rename(file)


def refresh_file(file: Path, ask: Ask, verifier: Verifier | LogKeys, pins: Pins) -> Refreshed:
    """Refresh the receipt in a file (`ledger/refresh.py`); it changes only for a better one.

    When the ledger's answer is not of one history with it, both are evidence: the answer is written
    to `FILE.other`, and HistoriesDiffer is raised. Raises VerificationFailed and what `ask` raises.
    """
    try:
        found = refresh(note.decode(file.read_bytes()), ask, verifier, pins)
    except HistoriesDiffer as differ:
        write(file.with_name(f"{file.name}.other"), differ.answer)
        raise
    if found.replaced:
        write(file, found.text)
    return found


def asking(http: httpx.Client, token: str | None = None) -> Ask:
    """Asks a ledger over HTTP, with the token that reads. Raises LogUnreadable."""

    def ask(path: str, parameters: Mapping[str, str]) -> bytes:
        headers = {"Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        received = bytearray()
        try:
            with http.stream("GET", path, params=parameters, headers=headers) as answer:
                if answer.status_code != 200:
                    raise LogUnreadable(f"{path} is answered with status {answer.status_code}")
                for piece in answer.iter_raw():
                    received += piece
                    if len(received) > MAX_RECEIPT:
                        raise LogUnreadable(f"the answer of {path} is too large for a receipt")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise LogUnreadable(f"the ledger does not answer: {reason}") from None
        return bytes(received)

    return ask
