"""The attacker who owns the database and wants a controller to miss an entry: `fsck` finds it.

Like `tests/test_tamper.py`, for the numbers. In the last rows the attacker has the key of the log
as well, and the secret of the numbers, and makes every hash, chain, commitment and checkpoint anew:
what is left to give it away is whom the payloads name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

from ledger import entry, keys, numbers
from ledger.errors import VerificationFailed
from ledger.fsck import fsck
from ledger.merkle import leaf_hash
from ledger.note import Signer
from ledger.numbers import EMPTY, ControllerKeys, Sequences
from tests.guards import unguard
from tests.ledgers import TestLedger
from tests.test_tamper import Attack

SIZE = 60
AT = 30
"""The position of the entry that is to be missed: an instruction of C1."""


def forget_the_row(attack: Attack) -> None:
    attack.conn.execute("DELETE FROM numbers WHERE position = %s", (AT,))


def renumber(attack: Attack) -> None:
    attack.conn.execute("DELETE FROM numbers WHERE position = %s", (AT,))
    attack.set("numbers", "number = number - 1", "position > %s AND controller = 'C1'", AT)


def give_it_to_another(attack: Attack) -> None:
    attack.set("numbers", "controller = 'C9'", "position = %s", AT)


def change_a_chain(attack: Attack) -> None:
    attack.set("numbers", "chain = sha256(chain)", "position = %s", AT)


def store_it_for_another(attack: Attack) -> None:
    attack.set("entries", "controllers = '{C2}'", f"position = {AT}")


def invent_a_number(attack: Attack) -> None:
    attack.conn.execute("INSERT INTO numbers VALUES ('C9', 1, %s, %s)", (AT, EMPTY))


def number_what_is_not_there(attack: Attack) -> None:
    attack.conn.execute("INSERT INTO numbers VALUES ('C9', 1, 1000, %s)", (EMPTY,))


def drop_the_commitment(attack: Attack) -> None:
    """Without the commitment the entry has another hash, and everything is made anew over it."""
    write(attack, {AT: None}, redo=True)


def commit_to_something_else(attack: Attack) -> None:
    write(attack, {AT: bytes(32)}, redo=True)


def pass_it_over(attack: Attack) -> None:
    """A sequence of C1 without the entry, dense and chained, with commitments to match."""
    write(attack, {AT: None}, redo=True)
    number_all(attack, without={AT})


def number_it_twice(attack: Attack) -> None:
    """The entry after it has the same number: the next one will be chained to one of the two."""
    number_all(attack, without=set(), twice=AT)


def write(attack: Attack, commitments: dict[int, bytes | None], *, redo: bool) -> None:
    """Give entries other commitments, and make all that follows from them anew."""
    for position, commitment in commitments.items():
        changed = replace(entry.parse(attack.leaf(position)), numbers=commitment)
        attack.set("entries", "leaf = %s", "position = %s", entry.format(changed), position)
    if redo:
        attack.rehash(log_signer(attack))


def number_all(attack: Attack, *, without: set[int], twice: int | None = None) -> None:
    """Number every entry anew as the ledger would, but for the attack."""
    secret = attack.made.ledger.require_controller_keys()
    sequences = Sequences({})
    concerned = attack.conn.execute(
        "SELECT position, array_agg(controller ORDER BY controller) FROM numbers GROUP BY position"
        " ORDER BY position"
    ).fetchall()
    attack.conn.execute("DELETE FROM numbers")
    for position, controllers in concerned:
        if position in without:
            continue
        numbered = sequences.next(controllers)
        commitment = numbers.commit(secret, numbers.at_entry(position - 1), numbered)
        write(attack, {position: commitment}, redo=False)
        before = dict(sequences.latest)
        after = sequences.add(numbered, leaf_hash(attack.leaf(position)))
        for controller, state in after.items():
            attack.conn.execute(
                "INSERT INTO numbers VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (controller, state.number, position, state.chain),
            )
        if position == twice:
            sequences = Sequences(before)
    attack.rehash(log_signer(attack))


def log_signer(attack: Attack) -> Signer:
    """The stolen key of the log."""
    return attack.made.log_signer


STORED = "stored for other controllers"
TABLE = "the table of numbers differs"
CARRIES = "missing, or too many"
COMMITS = "does not commit"

MOVES: dict[str, tuple[Callable[[Attack], None], str, int | None, str | None]] = {
    "remove the row of an entry": (forget_the_row, TABLE, AT - 1, TABLE),
    "remove it and close the gap": (renumber, TABLE, AT - 1, TABLE),
    "give it to another controller": (give_it_to_another, TABLE, AT - 1, TABLE),
    "change a chain": (change_a_chain, TABLE, AT - 1, TABLE),
    "store it for another controller": (store_it_for_another, STORED, AT - 1, STORED),
    "number it for one it does not concern": (invent_a_number, TABLE, AT - 1, TABLE),
    "number an entry that is not there": (
        number_what_is_not_there, "number of an entry that is not there", None,
        "number of an entry that is not there",
    ),
    "drop its commitment (log key)": (drop_the_commitment, CARRIES, AT - 1, CARRIES),
    "another commitment (log key)": (commit_to_something_else, COMMITS, AT - 1, TABLE),
    "pass it over, all made anew (log key)": (pass_it_over, CARRIES, AT - 1, CARRIES),
    "one number twice, all made anew (log key)": (number_it_twice, COMMITS, AT, TABLE),
}  # fmt: skip
"""What the attacker does; what fsck finds with the secret and where, and what without it."""

FOUND: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    yield
    print("\n" + "\n".join(FOUND))


def check(
    made: TestLedger, owner: Callable[[], psycopg.Connection], secret: ControllerKeys | None
) -> None:
    with owner() as conn:
        fsck(conn, made.verifier, made.ledger.identity.administrator_key, keys=secret)


@pytest.mark.parametrize("move", MOVES)
def test_every_move_is_found(
    ledger: TestLedger, owner: Callable[[], psycopg.Connection], move: str
) -> None:
    """With the secret at the entry itself; without it no later than at the table."""
    ledger.fill(SIZE - ledger.ledger.reader.size())
    act, finding, index, without = MOVES[move]
    secret = ledger.ledger.controller_keys
    assert secret is not None
    check(ledger, owner, secret)
    with owner() as conn:
        unguard(conn, "entries", "tags", "numbers", "tiles", "checkpoints")
        act(Attack(conn, ledger))
    with pytest.raises(VerificationFailed, match=finding) as found:
        check(ledger, owner, secret)
    assert found.value.index == index
    if without is not None:
        with pytest.raises(VerificationFailed, match=without):
            check(ledger, owner, None)
    FOUND.append(f"{move:44} entry {found.value.index!s:5} {found.value}")


def test_the_secret_is_the_one_of_the_ledger(
    ledger: TestLedger, owner: Callable[[], psycopg.Connection]
) -> None:
    """With another, nothing would be found right: the check rests on it."""
    ledger.fill(2)
    other = ControllerKeys(keys.make_key("numbers").secret, ledger.ledger.identity.origin)
    with pytest.raises(VerificationFailed, match=COMMITS):
        check(ledger, owner, other)
