"""Putting lost entries back, exactly: the same bytes at the same places, so the same log.

A database that was set back lacks its last entries; exports have them, and every receipt holds its
own. None of these is trusted. A checkpoint that this log signed says what the first n entries were:

    1  the checkpoints that are known beyond the database: what is kept, and in the sources
    2  the entries after the database's, from any source; each has its leaf hash, and at the size of
       each of these checkpoints the root must be that of the checkpoint
    3  in one transaction, up to the largest that they reach: write each entry again from its event,
       which must give the same bytes, with its tags, numbers and tiles, and the checkpoint
    4  `fsck` of the whole log, over what is written, and only then the commit

Nothing is signed. When the log reaches what is kept, it signs on, and no receipt contradicts it:
nothing happened that an event would have to tell. Where the end is still missing, it is as it was
before, only shorter. Keys of sealed text are not in a log: those made since are lost, and those
that an entry says are destroyed are destroyed again. `tests/test_reconcile.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from ledger import checkpoint as checkpoints
from ledger import cloudevent, entry, erasure, form_rules, fsck, head, note, proof, tiles
from ledger.admission import Admitted
from ledger.append import read_seen
from ledger.checkpoint import Checkpoint
from ledger.database import acknowledged
from ledger.deployment import Home, read_vkeys
from ledger.entry import Entry
from ledger.envelope import PAYLOAD_TYPE, Envelope
from ledger.errors import ConfigurationError, LedgerError, SigningRefused, VerificationFailed
from ledger.form_rules import Facts, Seen
from ledger.merkle import Frontier, leaf_hash
from ledger.numbering import Numbering
from ledger.opening import Ledger
from ledger.rollback import Opened, Standing, opened
from ledger.sources import directory
from ledger.tags import controllers_of
from ledger.tiles import WIDTH, Tile

BATCH = 1000
"""Entries written at once."""

Leaf = Callable[[int], bytes | None]
"""The entry at an index, as a source has it; None when it does not."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was put back: so many entries, up to this checkpoint; how it stands with the log now."""

    entries: int
    checkpoint: Checkpoint
    standing: Standing


@dataclass(frozen=True, slots=True)
class _Source:
    signed: str
    leaf: Leaf


def reconcile(home: Home, sources: Sequence[Path]) -> Reconciled:
    """Put back what the sources have: directories of `export-log`, and receipts.

    Raises ConfigurationError when nothing is missing or a source cannot be read, SigningRefused
    when this log signed none of what is given, and VerificationFailed when the entries are not
    those that it signed, or do not reach a checkpoint; then nothing is written.
    """
    with opened(home) as log:
        if log.standing().refusal is None:
            raise ConfigurationError("nothing is missing: the log goes on from what is kept")
        read = [_read(source) for source in sources]
        known = _beyond(log, [source.signed for source in read])
        missing = _Missing(log.frontier, [source.leaf for source in read])
        signed, reached = _reach(missing, known)
        _put_back(home, log, missing, signed, reached)
        grown = Opened(log.ledger, log.kept, log.conn, head.read(log.conn).frontier)
        return Reconciled(reached.size - log.frontier.size, reached, grown.standing())


class _Missing:
    """The entries after those of the database, as far as any source has them."""

    def __init__(self, frontier: Frontier, leaves: Sequence[Leaf]) -> None:
        self.frontier = frontier
        self._leaves = leaves

    def upto(self, size: int) -> Iterator[bytes]:
        """Those before an index, or before the first that nobody has."""
        for index in range(self.frontier.size, size):
            leaf = next((found for find in self._leaves if (found := find(index))), None)
            if leaf is None:
                return
            yield leaf


def _beyond(log: Opened, given: Sequence[str]) -> dict[Checkpoint, str]:
    """The checkpoints of this log that are known and larger than what the database has, each with
    the note that says so."""
    kept = [p.file.read_text() for p in log.standing().places if p.checkpoint is not None]
    found = {log.kept.open(text.encode(), "a checkpoint in a source"): text for text in given}
    found |= {log.kept.open(text.encode(), "what is kept"): text for text in kept}
    return {c: text for c, text in found.items() if c.size > log.frontier.size}


def _reach(missing: _Missing, known: dict[Checkpoint, str]) -> tuple[str, Checkpoint]:
    """The largest checkpoint that the entries lead to. Raises VerificationFailed."""
    largest = max((checkpoint.size for checkpoint in known), default=missing.frontier.size)
    frontier, best = missing.frontier, None
    for leaf in missing.upto(largest):
        frontier = frontier.append([leaf_hash(leaf)])
        for checkpoint in known:
            if checkpoint.size == frontier.size:
                if checkpoint.root != frontier.root():
                    raise VerificationFailed(
                        f"the first {frontier.size} entries have another root than this log signed:"
                        " what is in the database or in a source is of another history",
                        frontier.size - 1,
                    )
                best = checkpoint
    if best is None:
        raise VerificationFailed(
            f"entry {frontier.size} is in none of these sources, and no checkpoint is known that"
            " the entries before it lead to",
            frontier.size,
        )
    return known[best], best


def _put_back(home: Home, log: Opened, missing: _Missing, signed: str, reached: Checkpoint) -> None:
    keys = (read_vkeys(home) or log.ledger.log_keys()).first
    with acknowledged(log.conn):
        frontier = head.lock(log.conn).frontier
        batch: list[bytes] = []
        for leaf in missing.upto(reached.size):
            batch.append(leaf)
            if len(batch) == BATCH or frontier.size + len(batch) == reached.size:
                last = frontier.size + len(batch) == reached.size
                own = _own_lines(signed, reached.origin) if last else None
                frontier = _write(log.conn, log.ledger, frontier, batch, own)
                batch = []
        fsck.check(
            log.conn,
            keys,
            log.ledger.identity.administrator_key,
            keys=log.ledger.controller_keys,
            kept=reached,
        )
        erasure.destroy_again(log.ledger, log.conn, log.frontier.size)


def _write(
    conn: psycopg.Connection,
    ledger: Ledger,
    frontier: Frontier,
    leaves: Sequence[bytes],
    signed: str | None,
) -> Frontier:
    """One batch, each entry written again from its event."""
    read = [entry.parse(leaf) for leaf in leaves]
    batch = [_admitted(each) for each in read]
    facts = Facts(read_seen(conn, form_rules.needed(batch, read[-1].recorded_at)))
    numbering = Numbering(conn, ledger.require_controller_keys(), batch, frontier.size)
    written: list[head.NewEntry] = []
    moments: list[datetime] = []
    for index, (stored, event) in enumerate(zip(read, batch, strict=True), start=frontier.size):
        amended = form_rules.amended(event, stored.recorded_at, facts)
        new = numbering.write(event, stored.recorded_at, index, amended)
        if new.leaf != leaves[index - frontier.size]:
            raise VerificationFailed(f"entry {index} is not what its event gives here", index)
        facts.add(Seen.read(new.type, index + 1, new.leaf, new.tags))
        written.append(new)
        moments.append(stored.recorded_at)
    return head.put_back(conn, frontier, moments, written, signed)


def _admitted(stored: Entry) -> Admitted:
    """An entry as what it was when it was let in; that it may be in the log is what its root and
    `fsck` say."""
    event = cloudevent.parse(stored.payload)
    controllers = controllers_of(event.type.name, event.raw["data"])
    return Admitted(
        Envelope(stored.payload, PAYLOAD_TYPE, stored.signatures),
        event,
        event.tags(),
        tuple(controllers),
    )


def _own_lines(signed: str, origin: str) -> str:
    """A checkpoint as the log signed it, without what others said of it."""
    parsed = note.parse(signed)
    own = (note.format_line(line) for line in parsed.unverified if line.name == origin)
    return f"{parsed.text}\n{''.join(own)}"


def _read(source: Path) -> _Source:
    try:
        return _export(source) if source.is_dir() else _receipt(source)
    except (OSError, LedgerError) as error:
        if isinstance(error, SigningRefused):
            raise
        raise ConfigurationError(f"{source} is no exported log and no receipt: {error}") from None


def _receipt(file: Path) -> _Source:
    found = proof.parse(file.read_text(encoding="utf-8"))
    return _Source(found.checkpoint, lambda i: found.extra if i == found.index else None)


def _export(where: Path) -> _Source:
    fetch = directory(where)
    signed = note.decode(fetch("checkpoint"))
    size = checkpoints.parse(note.parse(signed).text).size
    opened: dict[int, list[bytes]] = {}

    def leaf(index: int) -> bytes | None:
        if index >= size:
            return None
        number = index // WIDTH
        if number not in opened:
            width = tiles.width_at(0, number, size)
            try:
                bundle = fetch(tiles.path(Tile(None, number, width)))
            except FileNotFoundError:
                return None
            opened.clear()
            opened[number] = list(tiles.parse_bundle(bundle, width))
        return opened[number][index % WIDTH]

    return _Source(signed, leaf)
