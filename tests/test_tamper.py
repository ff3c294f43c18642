"""The attacker who owns the database: each move is found, and by what.

The table of moves and findings is printed with `pytest -s tests/test_tamper.py`, and each row of it
is asserted. The attacker has the rights of the database's owner, who may drop triggers; in the last
rows also the private key of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import checkpoint, receipt
from ledger.checkpoint import Checkpoint
from ledger.entry import Entry
from ledger.entry import format as format_entry
from ledger.entry import parse as parse_entry
from ledger.errors import VerificationFailed
from ledger.fsck import fsck
from ledger.merkle import Frontier, leaf_hash
from ledger.note import Signer
from tests.guards import unguard
from tests.ledgers import TestLedger

SIZE = 300


@dataclass
class Attack:
    """An attacker with the owner's connection, triggers out of the way."""

    conn: psycopg.Connection
    made: TestLedger

    def leaf(self, position: int) -> bytes:
        row = self.conn.execute("SELECT leaf FROM entries WHERE position = %s", (position,))
        return bytes(row.fetchone()[0])  # type: ignore[index]

    def set(self, table: str, values: str, condition: str, *args: object) -> None:
        self.conn.execute(f"UPDATE {table} SET {values} WHERE {condition}".encode(), args)

    def edited(self, position: int) -> bytes:
        """The leaf with one word of its payload changed."""
        entry = parse_entry(self.leaf(position))
        payload = entry.payload.replace(b"email", b"phone")
        assert payload != entry.payload
        return format_entry(Entry(entry.recorded_at, payload, entry.signatures))

    def rehash(self, signer: Signer) -> None:
        """Make every hash, tile, checkpoint and the head anew, and sign with a key."""
        leaves = [row[0] for row in self.conn.execute("SELECT leaf FROM entries ORDER BY position")]
        hashes = [leaf_hash(leaf) for leaf in leaves]
        for position, hashed in enumerate(hashes, start=1):
            self.set("entries", "leaf_hash = %s", "position = %s", hashed, position)
        self.conn.execute("DELETE FROM checkpoints")
        self.conn.execute("DELETE FROM tiles")
        frontier = Frontier().append(hashes)
        note = checkpoint.sign(Checkpoint(signer.name, len(leaves), frontier.root()), signer)
        self.conn.execute(
            "INSERT INTO checkpoints SELECT %s, %s, recorded_at, %s FROM head",
            (len(leaves), frontier.root(), note),
        )
        for number in range(len(leaves) // 256):
            part = hashes[number * 256 : number * 256 + 256]
            self.conn.execute(
                "INSERT INTO tiles VALUES (0, %s, %s, %s)",
                (number, b"".join(part), Frontier().append(part).root()),
            )
        self.set("head", "size = %s, frontier = %s", "true", len(leaves), list(frontier.hashes))


def edit(attack: Attack) -> None:
    attack.set("entries", "leaf = %s", "position = 100", attack.edited(100))


def edit_and_hash(attack: Attack) -> None:
    leaf = attack.edited(100)
    attack.set("entries", "leaf = %s, leaf_hash = %s", "position = 100", leaf, leaf_hash(leaf))


def flip_one_bit(attack: Attack) -> None:
    leaf = bytearray(attack.leaf(150))
    leaf[len(leaf) // 2] ^= 1
    attack.set("entries", "leaf = %s", "position = 150", bytes(leaf))


def swap(attack: Attack) -> None:
    first, second = attack.leaf(100), attack.leaf(101)
    attack.set("entries", "leaf = %s", "position = 100", second)
    attack.set("entries", "leaf = %s", "position = 101", first)


def delete(attack: Attack) -> None:
    attack.conn.execute("DELETE FROM entries WHERE position = 100")


def insert(attack: Attack) -> None:
    attack.conn.execute(
        "INSERT INTO entries SELECT position + 1, type, recorded_at, tags, leaf, leaf_hash,"
        " controllers"
        " FROM entries ORDER BY position DESC LIMIT 1"
    )


def cut_the_tail(attack: Attack) -> None:
    attack.conn.execute("DELETE FROM entries WHERE position > 290")


def retag(attack: Attack) -> None:
    attack.set("tags", "tag = 'controller:C2'", "position = 100 AND tag = 'controller:C1'")


def drop_a_tag(attack: Attack) -> None:
    attack.conn.execute("DELETE FROM tags WHERE position = 100 AND tag = 'controller:C1'")


def change_the_moment(attack: Attack) -> None:
    attack.set("entries", "recorded_at = '2026-01-04T09:00:00Z'", "position = 100")


def change_a_tile(attack: Attack) -> None:
    attack.set("tiles", "hashes = overlay(hashes placing 'x' from 40)", "level = 0 AND index = 0")


def change_a_checkpoint(attack: Attack) -> None:
    attack.set("checkpoints", "root = sha256(root)", "size = (SELECT size FROM head)")


def change_the_head(attack: Attack) -> None:
    attack.set("head", "frontier = ARRAY[frontier[1]]", "true")


def sign_with_another_key(attack: Attack) -> None:
    attack.set("entries", "leaf = %s", "position = 100", attack.edited(100))
    origin = attack.made.ledger.identity.origin
    other = Signer(origin, Ed25519PrivateKey.generate())
    attack.rehash(other)
    attack.set("log", "vkey = %s", "true", other.verifier.vkey)


def rewrite_with_the_log_key(attack: Attack) -> None:
    attack.set("entries", "leaf = %s", "position = 100", attack.edited(100))
    attack.rehash(attack.made.log_signer)


def cut_with_the_log_key(attack: Attack) -> None:
    attack.conn.execute("DELETE FROM entries WHERE position > 290")
    attack.conn.execute("DELETE FROM tags WHERE position > 290")
    attack.conn.execute("DELETE FROM numbers WHERE position > 290")
    attack.rehash(attack.made.log_signer)


MOVES: dict[str, tuple[Callable[[Attack], None], str, int | None]] = {
    "edit an entry": (edit, "leaf hash", 99),
    "edit an entry and its leaf hash": (edit_and_hash, "signature", 99),
    "flip one bit of an entry": (flip_one_bit, "entry 149", 149),
    "swap two entries": (swap, "differs|not those|leaf hash", 99),
    "delete an entry": (delete, "missing", 99),
    "insert an entry": (insert, "table of tags|backwards", SIZE),
    "cut the tail": (cut_the_tail, "head says|checkpoint|tag", 290),
    "move a tag to another controller": (retag, "table of tags", 99),
    "remove a tag": (drop_a_tag, "table of tags", 99),
    "back-date an entry": (change_the_moment, "moment", 99),
    "change a tile": (change_a_tile, "tile 0 of level 0", 0),
    "change a checkpoint": (change_a_checkpoint, "not that of the entries", SIZE - 1),
    "change the head": (change_the_head, "head is not that", SIZE),
    "re-sign everything with another key": (sign_with_another_key, "signature|no known key", 99),
    "rewrite with the key of the log": (rewrite_with_the_log_key, "signature", 99),
    "cut with the key of the log": (cut_with_the_log_key, "kept checkpoint covers", 290),
}
"""What the attacker does: the move, what finds it (fsck), and the first entry it names."""

FOUND: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    yield
    print("\n" + "\n".join(FOUND))


@pytest.mark.parametrize("move", MOVES)
def test_every_move_is_found(
    ledger: TestLedger, owner: Callable[[], psycopg.Connection], move: str
) -> None:
    """`fsck` finds the move and names the first entry that differs."""
    given = ledger.fill(SIZE - ledger.ledger.reader.size())
    kept = receipt.check(given[-1].receipt, ledger.verifier).checkpoint
    act, finding, index = MOVES[move]
    check(ledger, owner, kept)  # sound before
    with owner() as conn:
        unguard(conn, "entries", "tags", "numbers", "tiles", "checkpoints")
        act(Attack(conn, ledger))
    with pytest.raises(VerificationFailed, match=finding) as found:
        check(ledger, owner, kept)
    assert found.value.index == index
    FOUND.append(f"{move:38} entry {found.value.index!s:5} {found.value}")


def test_an_older_copy_of_the_database_is_found_by_a_kept_receipt(
    ledger: TestLedger, owner: Callable[[], psycopg.Connection]
) -> None:
    """An older state, sound in itself, does not go on to the checkpoint of a later receipt."""
    ledger.fill(20)
    with owner() as conn:
        for name in ("entries", "tags", "numbers", "tiles", "checkpoints", "head"):
            conn.execute(f"CREATE TABLE copy_{name} AS TABLE {name}".encode())
    later = receipt.check(ledger.fill(5, start=100)[-1].receipt, ledger.verifier).checkpoint
    with owner() as conn:
        for name in ("entries", "tags", "numbers", "tiles", "checkpoints", "head"):
            unguard(conn, name)
            conn.execute(f"DELETE FROM {name}".encode())
            conn.execute(f"INSERT INTO {name} TABLE copy_{name}".encode())
    check(ledger, owner, None)  # nothing inside the database can tell
    with pytest.raises(VerificationFailed, match="older copy") as found:
        check(ledger, owner, later)
    FOUND.append(f"{'restore an older copy':38} entry {found.value.index!s:5} {found.value}")


def test_another_history_under_the_same_size_is_found_by_a_kept_receipt(
    ledger: TestLedger, owner: Callable[[], psycopg.Connection]
) -> None:
    """With all keys and the kept checkpoint in hand the attacker records another event instead: the
    receipt tells."""
    ledger.fill(20)
    before = ledger.home.kept_files[0].read_bytes()
    with owner() as conn:
        for name in ("entries", "tags", "numbers", "tiles", "checkpoints", "head"):
            conn.execute(f"CREATE TABLE copy_{name} AS TABLE {name}".encode())
    kept = receipt.check(ledger.fill(1, start=100)[0].receipt, ledger.verifier).checkpoint
    with owner() as conn:
        for name in ("entries", "tags", "numbers", "tiles", "checkpoints", "head"):
            unguard(conn, name)
            conn.execute(f"DELETE FROM {name}".encode())
            conn.execute(f"INSERT INTO {name} TABLE copy_{name}".encode())
    ledger.home.kept_files[0].write_bytes(before)
    ledger.fill(1, start=200)
    check(ledger, owner, None)
    with pytest.raises(VerificationFailed, match="not those of the kept checkpoint") as found:
        check(ledger, owner, kept)
    FOUND.append(f"{'fork the history':38} entry {found.value.index!s:5} {found.value}")


def check(
    made: TestLedger, owner: Callable[[], psycopg.Connection], kept: Checkpoint | None
) -> None:
    with owner() as conn:
        fsck(
            conn,
            made.verifier,
            made.ledger.identity.administrator_key,
            keys=made.ledger.controller_keys,
            kept=kept,
        )
