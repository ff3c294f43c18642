"""Verifying a whole log offline: the export of a log, or a log behind HTTP.

    log.vkey                          the verifier key, beside the log
    checkpoint                        the latest signed note (C2SP tlog-checkpoint)
    tile/L/N[.p/W]                    hash tiles (C2SP tlog-tiles)
    tile/entries/N[.p/W]              the entries

Nine numbered checks (`ledger/checks.py`), in one pass with bounded memory, and nothing but the
standard library and `cryptography`. The answer is a report (`ledger/report.py`), never a bare
"passed". `tests/test_verify.py` plays the attacker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger import checkpoint as checkpoints
from ledger import ladder, log_keys, note, report, tiles
from ledger.checkpoint import Checkpoint
from ledger.checks import check
from ledger.entry import MAX_ENTRY
from ledger.entry_check import EntryCheck
from ledger.errors import VerificationFailed
from ledger.log_keys import LogKeys
from ledger.merkle import HASH
from ledger.note import MAX_NOTE
from ledger.numbers import ControllerKeys
from ledger.report import Pins, Report
from ledger.tiles import Tile
from ledger.tree_check import TreeCheck
from ledger.trusted_keys import Trusted

Fetch = Callable[[str], bytes]
"""path -> the bytes there. Raises FileNotFoundError when there is nothing at that path."""

VKEY = "log.vkey"
CHECKPOINT = "checkpoint"


def verify(fetch: Fetch, pins: Pins | None = None) -> Report:
    """Verify a log from its first entry to its latest checkpoint.

    (1) The verifier key is the one the caller pinned, or the one found beside the log.
    (2) That key signed the checkpoint, in its period, and is named after its origin; so did the
        witnesses of the policy whose signatures it carries. When another key took its place, the
        log shows how (`ledger/trusted_keys.py`).
    (3) Every entry is there and has the leaf hash of its level-0 tile.
    (4) Every tile is made from the tile below, and the root is that of the checkpoint.
    (5) Every entry is spelled in the one way, and recorded time never runs backwards.
    (6) Entry 0 enrols the administrator's key and is signed by it; every signature of a later entry
        is over its payload, by a key enrolled before and in force by recorded time, and one of them
        may produce the event; keys are enrolled and revoked by the administrator.
    (7) Every payload is a JSON event of this vocabulary, and no source and id come twice.
    (8) The log has the root of every kept checkpoint at its size.
    (9) Entries that name a controller carry a number for it, from the first numbered entry on; with
        the secret of the numbers, every commitment is to the right ones.

    Raises VerificationFailed, with the number of the check and the index of the first entry that
    differs, where one does. Fields of events and rules of the agreement are not judged here.
    """
    pins = pins or Pins()
    trusted = _trusted(fetch, pins)  # (1)
    with check(2):
        signed = note.decode(_read(fetch, CHECKPOINT))
        verifier = trusted.signer(signed)
        checkpoint = checkpoints.open(signed, verifier)
        attested = ladder.look_up(signed, verifier, pins.policy, pins.certificates)
    kept = _open_kept(pins.kept, trusted.beside, checkpoint)
    tree = TreeCheck(_tile_reader(fetch), checkpoint.size, [c.size for c in kept])
    secret = pins.numbers_secret
    story = EntryCheck(
        LogKeys.of(trusted.beside.first),
        None if secret is None else ControllerKeys(secret, checkpoint.origin),
    )
    for tile in tiles.bundles_of(checkpoint.size):
        for index, leaf in tree.entries(tile, _bundle(fetch, tile)):  # (3) (4)
            story.add(index, leaf)  # (5) (6) (7) (9)
            if index == 0:
                _check_administrator(story, pins)
    tree.finish(checkpoint.root)
    _check_kept(kept, tree)  # (8)
    with check(2):
        successor = trusted.check_signer(verifier, checkpoint.size, story.log_keys, pins.kept)
    return report.make(checkpoint, verifier, story, pins, kept, attested, successor)


def most(path: str) -> int:
    """The most bytes there can be at a path of a log."""
    if not path.startswith("tile/"):
        return MAX_NOTE
    tile = tiles.parse_path(path)
    return tile.width * (2 + MAX_ENTRY if tile.level is None else HASH)


def _trusted(fetch: Fetch, pins: Pins) -> Trusted:
    with check(1):
        pinned = None if pins.vkey is None else log_keys.parse(pins.vkey)
        try:
            beside = log_keys.parse(note.decode(fetch(VKEY)))
        except FileNotFoundError:
            if pinned is None:
                raise VerificationFailed("no verifier key is pinned or beside the log") from None
            beside = pinned
        return Trusted.of(beside, pinned)


def _open_kept(
    notes: Sequence[str], log_keys: LogKeys, checkpoint: Checkpoint
) -> tuple[Checkpoint, ...]:
    with check(8):
        opened = (log_keys.open(text) for text in notes)
        kept = tuple(sorted(opened, key=lambda earlier: earlier.size))
        for earlier in kept:
            if earlier.size > checkpoint.size:
                raise VerificationFailed(
                    f"the log has {checkpoint.size} entries and a kept checkpoint {earlier.size}:"
                    " it was cut, or this is an old copy",
                    checkpoint.size,
                )
        return kept


def _check_kept(kept: Sequence[Checkpoint], tree: TreeCheck) -> None:
    with check(8):
        for earlier in kept:
            if tree.roots[earlier.size] != earlier.root:
                raise VerificationFailed(
                    f"the first {earlier.size} entries have another root than the log signed for"
                    " them before: the kept checkpoint and this one prove a fork"
                )


def _check_administrator(story: EntryCheck, pins: Pins) -> None:
    with check(6, 0):
        if pins.administrator_key not in (None, story.administrator_key):
            raise VerificationFailed("the administrator's key is not the pinned one")


def _tile_reader(fetch: Fetch) -> tiles.Fetch:
    return lambda level, index, width: _read(fetch, tiles.path(Tile(level, index, width)))


def _bundle(fetch: Fetch, tile: Tile) -> bytes:
    with check(3, tile.index * tiles.WIDTH):
        return _read(fetch, tiles.path(tile))


def _read(fetch: Fetch, path: str) -> bytes:
    try:
        return fetch(path)
    except FileNotFoundError:
        raise VerificationFailed(f"there is no {path}") from None
