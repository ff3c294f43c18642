"""Another key for the log: enrolled beside the old one, or in its place.

    rotate        a new key signs beside the old one from now on; both must be here
    retire        the old key signs no more
    replace       both in one transaction, for a key that was lost or stolen

Each is an event of the administrator in the log itself (`ledger/log_keys.py` reads them), so that
whoever verifies the log needs nothing but a key that he pinned before and a checkpoint that it
signed. A process that serves takes the new key up by itself. `DIR/log.vkey` is written last; it
can be made again from the log. `tests/test_key_rotation.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger import cloudevent, durable_file, envelope, head, keys, log_keys
from ledger.append import Appended
from ledger.cosignature import CosignatureSigner
from ledger.deployment import Home, read_vkeys
from ledger.errors import ConfigurationError, Refused
from ledger.keyring import ADMINISTRATOR, ALGORITHM, ENROLLED, REVOKED
from ledger.keys import SigningKey
from ledger.log_keys import LOG, LogKey, LogKeys
from ledger.opening import Ledger
from ledger.signers import SECOND_SIGNER

NO_EVENT = ("CheckpointSigned",)
"""The event types of a key of the log. It signs no event: this one is the ledger's own key's."""

Event = tuple[str, dict[str, Any]]
"""The name of an event type, and its data."""


def administer(home: Home, ledger: Ledger, events: Sequence[Event]) -> list[Appended]:
    """Append events of the administrator in one transaction. Raises Refused, Unavailable and
    SigningRefused."""
    administrator = keys.load(keys.key_file(home.keys, ADMINISTRATOR))
    answers = ledger.append([_sign(ledger, administrator, *event) for event in events])
    for answer in answers:
        if isinstance(answer, Refused):
            raise answer
    return [answer for answer in answers if isinstance(answer, Appended)]


def rotate(home: Home, ledger: Ledger) -> LogKeys:
    """Enrol a new key of the log, which signs beside the one in force; the keys afterwards.

    Raises ConfigurationError when two sign already.
    """
    known = ledger.log_keys()
    if len(_in_force(ledger, known)) > 1:
        raise ConfigurationError("two keys sign already; end the old one with `keys retire-log`")
    key = _make(home, known)
    administer(home, ledger, [*_first(known), (ENROLLED, _enrolled(key.key_id, key.public_key))])
    return publish(home, ledger)


def retire(home: Home, ledger: Ledger, key_id: str, reason: str) -> LogKeys:
    """End a key of the log; the keys afterwards. Raises ConfigurationError when no other signs."""
    known = ledger.log_keys()
    in_force = _in_force(ledger, known)
    if key_id not in {key.key_id for key in in_force}:
        raise ConfigurationError(f"{key_id} is no key of the log that signs; see `keys log`")
    if len(in_force) < 2:
        raise ConfigurationError(f"only {key_id} signs; make another with `keys rotate-log`")
    administer(home, ledger, [_revocation(key_id, reason, ledger.clock().isoformat())])
    return publish(home, ledger)


def replace_key(home: Home, ledger: Ledger, reason: str, suspect_since: str) -> LogKeys:
    """Enrol a new key of the log and end all others, in one transaction; the keys afterwards.

    The old keys need not be here: only the new one signs the tree that holds these events. So the
    administrator's signature alone leads from the old keys to the new one.
    """
    known = ledger.log_keys()
    ended = [key.key_id or _key_id(1) for key in _in_force(ledger, known)]
    key = _make(home, known)
    administer(
        home,
        ledger,
        [
            *_first(known),
            # The old ones end before the new one begins: no tree of a size in between is theirs.
            *(_revocation(key_id, reason, suspect_since) for key_id in ended),
            (ENROLLED, _enrolled(key.key_id, key.public_key)),
        ],
    )
    return publish(home, ledger)


def add_second_signer(home: Home, ledger: Ledger) -> LogKeys:
    """Make a key of ML-DSA-44 that signs beside the log's own; the keys afterwards.

    Raises ConfigurationError when there is one.
    """
    file = keys.key_file(home.keys, SECOND_SIGNER)
    if file.exists():
        raise ConfigurationError(f"there is a second signer already, in {file}")
    private_key = MLDSA44PrivateKey.generate()
    beside = keys.key_file(home.keys, f"new-{SECOND_SIGNER}")
    keys.write_private(beside, private_key)
    with _nobody_signs(ledger) as size:
        beside.rename(file)
    verifier = CosignatureSigner(ledger.identity.origin, private_key).verifier
    return publish(home, ledger, [*_second_signers(home), LogKey(verifier, size + 1)])


def end_second_signer(home: Home, ledger: Ledger) -> LogKeys:
    """Let the second signer sign no more; the keys afterwards. Its private key is kept aside.

    Raises ConfigurationError when there is none.
    """
    file = keys.key_file(home.keys, SECOND_SIGNER)
    if not file.exists():
        raise ConfigurationError("there is no second signer")
    with _nobody_signs(ledger) as size:
        file.rename(file.with_suffix(f".until-{size}"))
    ended = [key if key.last else replace(key, last=size) for key in _second_signers(home)]
    return publish(home, ledger, ended)


def publish(home: Home, ledger: Ledger, second: Sequence[LogKey] | None = None) -> LogKeys:
    """Write `DIR/log.vkey` anew: the keys that the log has, and its second signers.

    `DIR/KEY_ID.last.checkpoint` is the last one of a key that ended: it leads whoever pinned that
    key to the next (`ledger/trusted_keys.py`).
    """
    known = ledger.vkeys() if second is None else LogKeys((*ledger.log_keys().keys, *second))
    durable_file.write(home.vkey_file, log_keys.format(known).encode())
    for key in known.keys:
        if key.last is not None and key.key_id is not None:
            last = ledger.reader.checkpoint_upto(key.last)
            durable_file.write(home.data / f"{key.key_id}.last.checkpoint", last.note.encode())
    return known


def _second_signers(home: Home) -> list[LogKey]:
    """The second signers, which stand in `log.vkey` alone."""
    published = read_vkeys(home)
    return [key for key in published.keys if key.second] if published else []


@contextmanager
def _nobody_signs(ledger: Ledger) -> Iterator[int]:
    """While the block runs, no process signs for the log; the size it has meanwhile."""
    with ledger.pool.connection() as conn, conn.transaction():
        yield head.lock(conn).frontier.size


def _in_force(ledger: Ledger, known: LogKeys) -> tuple[LogKey, ...]:
    """The keys that sign the next tree."""
    return known.at(ledger.reader.size() + 1)


def _key_id(number: int) -> str:
    return f"{LOG}-{number}"


def _make(home: Home, known: LogKeys) -> SigningKey:
    """The next key of the log; that of a rotation that did not end is taken."""
    key_id = _key_id(1 + sum(not key.second for key in known.keys))
    file = keys.key_file(home.keys, key_id)
    if not file.exists():
        # Whoever serves looks at the directory: the key appears there whole.
        beside = keys.save(home.keys, keys.make_key(f"new-{key_id}"))
        beside.rename(file)
    return keys.load(file)


def _first(known: LogKeys) -> list[Event]:
    """The enrolment of the key that the log was made with, if it has none: it needs a name to end.

    It was a key of the log before, so this changes nothing.
    """
    if any(key.key_id for key in known.keys if key.verifier == known.first):
        return []
    return [(ENROLLED, _enrolled(_key_id(1), known.first.public_key))]


def _enrolled(key_id: str, public_key: bytes) -> dict[str, Any]:
    return {
        "key_id": key_id,
        "service": LOG,
        "algorithm": ALGORITHM,
        "public_key": base64.b64encode(public_key).decode(),
        "event_types": list(NO_EVENT),
    }


def _revocation(key_id: str, reason: str, suspect_since: str) -> Event:
    return REVOKED, {"key_id": key_id, "reason": reason, "suspect_since": suspect_since}


def _sign(ledger: Ledger, administrator: SigningKey, name: str, data: dict[str, Any]) -> bytes:
    at = ledger.clock()
    payload = cloudevent.format(
        id=f"{data['key_id']}-{uuid4()}",
        source=ledger.own_source(ADMINISTRATOR),
        type=name,
        time=at,
        occurred_at=at,
        data=data,
    )
    return envelope.format(administrator.sign(payload))
