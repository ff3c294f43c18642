"""What a monitor keeps between looks: one file, and a file for each proof of misbehaviour.

    {"format": "verantwoord monitor v1", "origin": …, "log.vkey": …,
     "seen": [{"at": "2026-11-24T09:00:00+00:00", "checkpoint": "…"}, …]}

It is read again with the pinned keys, so a changed file is found and not followed. A proof is
written before the state, and the state before anything is said: whoever kills a monitor loses no
proof. `tests/test_monitor_state.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ledger import durable_file, misbehaviour
from ledger.errors import ConfigurationError, VerificationFailed
from ledger.log_keys import LogKeys
from ledger.misbehaviour import Misbehaviour
from ledger.monitor import Seen, State

FORMAT = "verantwoord monitor v1"


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """No other monitor uses the file until the block ends. Raises ConfigurationError."""
    with ExitStack() as stack:
        try:
            stack.enter_context(durable_file.locked(file, wait=False))
        except BlockingIOError:
            raise ConfigurationError(f"another monitor uses {file}") from None
        except OSError as error:
            raise ConfigurationError(f"cannot keep a state in {file}: {error.strerror}") from None
        yield


def load(file: Path, keys: LogKeys) -> State:
    """The state in a file; an empty one when there is none. Raises ConfigurationError for a file
    that is no state of this log, and leaves it as it is."""
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return State()
    try:
        return _parse(json.loads(raw), keys)
    except (ValueError, TypeError, KeyError, VerificationFailed) as error:
        raise ConfigurationError(
            f"{file} is not what a monitor of {keys.name} kept ({error!r}); if you know why, move"
            " it away and begin anew"
        ) from None


def save(file: Path, state: State, keys: LogKeys) -> None:
    """Write the state, durably. Raises OSError."""
    document = {
        "format": FORMAT,
        "origin": keys.name,
        "log.vkey": state.beside,
        "seen": [{"at": seen.at.isoformat(), "checkpoint": seen.signed} for seen in state.seen],
    }
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    durable_file.write(file, text.encode())


def save_proof(state: Path, proof: Misbehaviour) -> Path:
    """Write a proof beside a state, named after its content; the file. Raises OSError."""
    text = misbehaviour.format(proof).encode()
    name = f"{state.name}.misbehaviour-{hashlib.sha256(text).hexdigest()[:16]}.txt"
    file = state.with_name(name)
    durable_file.write(file, text)
    return file


def proofs(state: Path) -> list[Path]:
    """The proofs that were written beside a state."""
    return sorted(state.parent.glob(f"{state.name}.misbehaviour-*.txt"))


def _parse(document: Any, keys: LogKeys) -> State:
    if document["format"] != FORMAT or document["origin"] != keys.name:
        raise ValueError("of another log or format")
    seen = tuple(
        Seen(datetime.fromisoformat(one["at"]), one["checkpoint"]) for one in document["seen"]
    )
    sizes = [keys.open(one.signed).size for one in seen]
    if sizes != sorted(set(sizes)) or any(one.at.tzinfo is None for one in seen):
        raise ValueError("its checkpoints are not in order")
    beside = document["log.vkey"]
    if beside is not None and not isinstance(beside, str):
        raise ValueError("its keys are no text")
    return State(seen, beside)
