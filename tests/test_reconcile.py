"""Lost entries are put back exactly, from exports and receipts that nobody trusts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger import erasure, rollback, sealing_keys, tiles
from ledger.append import Appended
from ledger.errors import ConfigurationError, SigningRefused, VerificationFailed
from ledger.export import export_log
from ledger.opening import open_ledger
from ledger.reconcile import reconcile
from tests.check_ledger import check_ledger, check_registers
from tests.guards import guard, unguard
from tests.ledgers import TestLedger, enrol
from tests.sealed import key_for, request
from tests.test_kept import TABLES, Owner, copy, kept, reopened, set_back
from tests.test_rollback import run


def busy(made: TestLedger) -> list[Appended]:
    """Events of many kinds: a key is enrolled and signs, cases go on, one corrects another, and
    each comes in a transaction of its own."""
    given = made.fill(3, start=700)
    made.services["new"] = enrol(made, "k-new", "new")
    given.append(made.append("InstructionReceived", _instruction("I-801"), service="new"))
    given += made.fill(600, start=1000)
    changes = {
        "corrects_event_id": "instruction-700",
        "field_changes": [{"field": "channel", "old": "email", "new": "portal"}],
        "reason": "Wrong channel",
    }
    given.append(made.append("EventCorrected", changes))
    return given


def _instruction(id_: str) -> dict[str, str]:
    return {"instruction_id": id_, "controller_id": "C2", "channel": "email"}


def export(made: TestLedger, where: Path) -> Path:
    export_log(made.ledger.reader, made.ledger.log_keys(), where, latest=True)
    return where


def files(given: list[Appended], where: Path) -> list[Path]:
    """The receipts, as their producers keep them."""
    where.mkdir()
    found = []
    for answer in given:
        found.append(where / f"{answer.index}.tlog-proof")
        found[-1].write_text(answer.receipt)
    return found


@contextmanager
def nothing_written(made: TestLedger) -> Iterator[None]:
    """Neither the database nor a file changes in the block."""
    before = made.ledger.reader.size(), made.home.kept_files[0].read_bytes()
    yield
    assert (made.ledger.reader.size(), made.home.kept_files[0].read_bytes()) == before


def test_an_export_puts_back_every_byte(ledger: TestLedger, owner: Owner, tmp_path: Path) -> None:
    """All that is kept of the log is as it was: entries, tags, numbers, tiles, head, the checkpoint
    that was kept; the registers follow, and the log signs on without an event about it."""
    copy(owner, "early")
    given = busy(ledger)
    exported = export(ledger, tmp_path / "export")
    last = ledger.ledger.reader.checkpoint()
    copy(owner, "whole")
    set_back(owner, "early")
    with pytest.raises(SigningRefused):
        reopened(ledger)
    done = reconcile(ledger.home, [exported])
    assert done.standing.refusal is None
    assert done.checkpoint.size == last.size
    assert ledger.ledger.reader.checkpoint() == last, "the note and its moment"
    with owner() as conn:
        for table in ("entries", "tags", "numbers", "tiles", "head"):
            both = f"(TABLE {table} EXCEPT TABLE whole_{table})"
            both += f" UNION ALL (TABLE whole_{table} EXCEPT TABLE {table})"
            assert conn.execute(both.encode()).fetchall() == [], table
    assert set(TABLES) > {"entries", "tags", "numbers", "tiles", "head"}
    with open_ledger(ledger.home, clock=ledger.clock) as again:
        assert again.reader.size() == last.size
    check_registers(ledger)
    assert check_ledger(ledger, [*given, *ledger.fill(2, start=9000)]).lost == ()


def test_receipts_put_back_what_no_export_has(
    ledger: TestLedger, owner: Owner, tmp_path: Path
) -> None:
    """An export of the night before, and since then the receipts that producers hold."""
    copy(owner)
    given = ledger.fill(300, start=100)
    exported = export(ledger, tmp_path / "export")
    later = [*ledger.fill(4, start=500), *ledger.fill(1, start=600)]
    set_back(owner)
    run(ledger, "reconcile", exported, *files(later, tmp_path / "receipts"))
    check_ledger(ledger, [*given, *later, *ledger.fill(1, start=700)])


def test_what_nobody_has_stays_missing_and_the_rest_is_put_back(
    ledger: TestLedger, owner: Owner, tmp_path: Path
) -> None:
    """Up to the last checkpoint that the sources lead to; the log signs nothing as before, and what
    is accepted then is only what is really lost."""
    copy(owner)
    given = ledger.fill(20, start=100)
    exported = export(ledger, tmp_path / "export")
    ledger.fill(5, start=500)
    before = kept(ledger)
    set_back(owner)
    shown = json.loads(run(ledger, "reconcile", exported, "--format", "json", status=1))
    assert (shown["signs"], shown["size"]) == (False, before.size - 5)
    with pytest.raises(SigningRefused, match="set back"):
        reopened(ledger)
    assert kept(ledger) == before
    rollback.accept(ledger.home, ledger.verifier.name, reason="Lost", by="operator")
    (lost,) = check_ledger(ledger, given).lost
    assert (lost.size, lost.signed_size) == (before.size - 5, before.size)


@pytest.mark.parametrize("which", ["entry", "order", "cut"])
def test_what_the_log_did_not_sign_is_not_put_back(
    ledger: TestLedger, owner: Owner, tmp_path: Path, which: str
) -> None:
    """One byte of an entry, two entries in another order, a bundle that ends early: nothing is
    written."""
    copy(owner)
    given = ledger.fill(20, start=100)
    exported = export(ledger, tmp_path / "export")
    set_back(owner)
    (bundle,) = (exported / "tile" / "entries").rglob("000.p/*")
    width = int(bundle.name)
    leaves = list(tiles.parse_bundle(bundle.read_bytes(), width))
    index = given[3].index
    if which == "entry":
        leaves[index] = leaves[index].replace(b"email", b"phone")
    if which == "order":
        leaves[index], leaves[index + 1] = leaves[index + 1], leaves[index]
    raw = tiles.format_bundle(leaves)
    bundle.write_bytes(raw[:-9] if which == "cut" else raw)
    with nothing_written(ledger), pytest.raises(VerificationFailed):
        reconcile(ledger.home, [exported])


def test_a_source_of_another_log_is_refused(
    ledger: TestLedger, owner: Owner, tmp_path: Path
) -> None:
    """A checkpoint that this log did not sign, and what is no export at all."""
    copy(owner)
    given = ledger.fill(5, start=100)
    exported = export(ledger, tmp_path / "export")
    set_back(owner)
    signed = exported / "checkpoint"
    signed.write_text(signed.read_text().replace("test.example", "evil.example"))
    with nothing_written(ledger), pytest.raises(SigningRefused, match="none that this log signed"):
        reconcile(ledger.home, [exported])
    shutil.rmtree(exported / "tile")
    signed.unlink()
    with nothing_written(ledger), pytest.raises(ConfigurationError, match="no exported log"):
        reconcile(ledger.home, [exported])
    lone = files(given[-1:], tmp_path / "receipts")
    with nothing_written(ledger), pytest.raises(VerificationFailed, match="in none of these"):
        reconcile(ledger.home, lone)


def test_entries_of_another_branch_are_not_put_on_this_one(
    ledger: TestLedger, owner: Owner, tmp_path: Path
) -> None:
    """The database was appended to elsewhere after it was set back: what it has is not the begin of
    what was signed, and the message says so."""
    copy(owner)
    ledger.fill(9, start=100)
    exported = export(ledger, tmp_path / "export")
    note = ledger.home.kept_files[0].read_text()
    set_back(owner)
    rollback.accept(ledger.home, ledger.verifier.name, reason="Lost", by="operator")
    ledger.home.kept_files[0].write_text(note)
    with nothing_written(ledger), pytest.raises(VerificationFailed, match="another history"):
        reconcile(ledger.home, [exported])


def test_nothing_is_put_back_where_nothing_is_missing(ledger: TestLedger, tmp_path: Path) -> None:
    """A sound log is left alone."""
    ledger.fill(2)
    exported = export(ledger, tmp_path / "export")
    with nothing_written(ledger), pytest.raises(ConfigurationError, match="nothing is missing"):
        reconcile(ledger.home, [exported])


def test_what_was_erased_is_erased_again(ledger: TestLedger, owner: Owner, tmp_path: Path) -> None:
    """A database from before an erasure has the key whole; the entry that says it is destroyed
    comes back, and with it the erasure."""
    request(ledger, 1)
    kid = key_for(ledger, "request:V-1").kid
    keys = f'"{ledger.ledger.database.sealing_schema}".sealing_keys'
    copy(owner)
    with owner() as conn:
        conn.execute(f"CREATE TABLE {keys}_copy AS TABLE {keys}".encode())
    erasure.erase(ledger.ledger, "request:V-1", ground="art. 17(1)(a)", by="dpo")
    exported = export(ledger, tmp_path / "export")
    set_back(owner)
    with owner() as conn:
        unguard(conn, keys)
        conn.execute(f"DELETE FROM {keys}".encode())
        conn.execute(f"INSERT INTO {keys} TABLE {keys}_copy".encode())
        guard(conn, keys)
    with ledger.ledger.pool.connection() as conn:
        assert sealing_keys.find(conn, [kid])[kid].wrapped is not None
    reconcile(ledger.home, [exported])
    with ledger.ledger.pool.connection() as conn:
        assert sealing_keys.find(conn, [kid])[kid].wrapped is None
    check_ledger(ledger)
