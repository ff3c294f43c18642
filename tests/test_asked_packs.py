"""Packs that were asked for: taken once, begun anew, cancelled, and gone after a while."""

from __future__ import annotations

import io
from datetime import timedelta

import psycopg
import pytest

from ledger import asked_packs
from ledger.asked_packs import AT_A_TIME, KEPT, SILENT, Cancelled, TooManyPacks
from ledger.roles import Holder, Role
from tests.ledgers import START, TestLedger

AUDITOR = Holder(Role.AUDITOR, "auditor-1")
ASKED = {"controllers": ["C1"], "frameworks": None}


@pytest.fixture
def conn(ledger: TestLedger) -> psycopg.Connection:
    with ledger.ledger.pool.connection() as conn:
        yield conn


def ready(conn: psycopg.Connection, content: bytes = b"x") -> str:
    """A pack that was made."""
    asked = asked_packs.ask(conn, AUDITOR, ASKED, START)
    claimed = asked_packs.claim(conn, START)
    assert claimed is not None
    asked_packs.store(
        conn, asked.id, claimed[1], START, io.BytesIO(content), scope="s", size=5, sha256="ab"
    )
    return asked.id


def test_a_pack_is_taken_by_one(conn: psycopg.Connection) -> None:
    """The one that waits longest; and what it says of how far it is can be read."""
    first = asked_packs.ask(conn, AUDITOR, ASKED, START)
    second = asked_packs.ask(conn, AUDITOR, ASKED, START + timedelta(seconds=1))
    assert first.controllers == ("C1",)
    (one, mine), (two, _) = (asked_packs.claim(conn, START) or () for _ in range(2))
    assert (one.id, two.id) == (first.id, second.id)
    assert asked_packs.claim(conn, START) is None
    asked_packs.report(conn, one.id, mine, START, 3, 9)
    found = asked_packs.find(conn, one.id)
    assert found is not None
    assert (found.state, found.done, found.of_all) == ("running", 3, 9)
    assert [each.id for each in asked_packs.of(conn, AUDITOR)] == [second.id, first.id]
    assert asked_packs.of(conn, Holder(Role.OPERATOR, "auditor-1")) == []


def test_what_nobody_makes_any_more_is_begun_anew(conn: psycopg.Connection) -> None:
    """After a while without a word; whoever comes back late is told that it is cancelled."""
    asked = asked_packs.ask(conn, AUDITOR, ASKED, START)
    _, dead = asked_packs.claim(conn, START) or (None, "")
    assert asked_packs.claim(conn, START + SILENT) is None
    again, mine = asked_packs.claim(conn, START + SILENT + timedelta(seconds=1)) or (None, "")
    assert again is not None
    assert again.id == asked.id
    late = {"scope": "s", "size": 1, "sha256": "ab"}
    with pytest.raises(Cancelled):
        asked_packs.report(conn, asked.id, dead, START, 1, 2)
    with pytest.raises(Cancelled):
        asked_packs.store(conn, asked.id, dead, START, io.BytesIO(b"half"), **late)
    asked_packs.fail(conn, asked.id, dead, START, "late")
    asked_packs.store(conn, asked.id, mine, START, io.BytesIO(b"whole"), **late)
    found = asked_packs.find(conn, asked.id)
    assert found is not None
    assert (found.state, found.bytes) == ("ready", 5)


def test_a_pack_is_kept_in_pieces(
    ledger: TestLedger, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And read again as it was."""
    monkeypatch.setattr(asked_packs, "PIECE", 10)
    content = bytes(range(95))
    id_ = ready(conn, content)
    conn.commit()
    pieces = [*asked_packs.pieces(ledger.ledger.pool, id_)]
    assert len(pieces) == 10
    assert b"".join(pieces) == content


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_a_pack_that_is_not_finished_is_cancelled(conn: psycopg.Connection, state: str) -> None:
    """Whoever makes it hears of it; it is not taken again."""
    asked = asked_packs.ask(conn, AUDITOR, ASKED, START)
    claimed = asked_packs.claim(conn, START) if state == "running" else None
    asked_packs.give_up(conn, asked.id, START)
    found = asked_packs.find(conn, asked.id)
    assert found is not None
    assert found.state == "cancelled"
    assert asked_packs.claim(conn, START + 2 * SILENT) is None
    if claimed is not None:
        with pytest.raises(Cancelled):
            asked_packs.report(conn, asked.id, claimed[1], START, 1, 2)


def test_a_finished_pack_is_removed(conn: psycopg.Connection) -> None:
    """When it is given up, or was finished long ago; with its pieces."""
    id_ = ready(conn)
    asked_packs.give_up(conn, id_, START)
    assert asked_packs.find(conn, id_) is None
    old = ready(conn)
    asked_packs.remove_old(conn, START + KEPT)
    assert asked_packs.find(conn, old) is not None
    asked_packs.remove_old(conn, START + KEPT + timedelta(seconds=1))
    assert asked_packs.find(conn, old) is None
    assert conn.execute("SELECT count(*) FROM pack_pieces").fetchone() == (0,)


def test_a_holder_has_a_few_at_a_time(conn: psycopg.Connection) -> None:
    """Others are not held up by that."""
    asked = [asked_packs.ask(conn, AUDITOR, ASKED, START) for _ in range(AT_A_TIME)]
    with pytest.raises(TooManyPacks):
        asked_packs.ask(conn, AUDITOR, ASKED, START)
    asked_packs.ask(conn, Holder(Role.AUDITOR, "auditor-2"), ASKED, START)
    asked_packs.give_up(conn, asked[0].id, START)
    asked_packs.ask(conn, AUDITOR, ASKED, START)
