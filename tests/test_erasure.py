"""Erasing: the text is gone wherever it was, and all that was signed and proven stays so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from ledger import cloudevent, entry, erasure, receipt, sealing, sealing_keys, unsealing
from ledger.deployment import Home
from ledger.erasure import erase, preview, write_anew
from ledger.errors import (
    ConfigurationError,
    FormRuleViolated,
    NothingSealed,
    PersonalDataInClear,
    Unavailable,
)
from ledger.events import versions
from ledger.export_controller import export_controller
from ledger.isolation import OneController
from ledger.noting import note
from ledger.opening import open_ledger
from projections.follow import catch_up
from projections.question import ask
from projections.registers import REGISTERS
from projections.showing import shown, values_of
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger
from tests.sealed import TEXT, key_for, request

Owner = Callable[[], psycopg.Connection]

GROUND = "art. 17(1)(a)"


def shredded(made: TestLedger) -> list[dict[str, Any]]:
    """What the log says was shredded."""
    topics = [event_type.topic for event_type in versions("PayloadShredded")]
    found = made.ledger.reader.events(types=topics, limit=1000)
    return [cloudevent.parse(entry.parse(e.leaf).payload).raw["data"] for e in found]


def every_row(owner: Owner, *schemas: str) -> str:
    """Every row of every table of some schemas, as a dump would have it."""
    told = []
    with owner() as conn:
        for schema in schemas:
            tables = conn.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,)
            ).fetchall()
            assert tables
            for (table,) in tables:
                rows = conn.execute(f'SELECT t::text FROM "{schema}"."{table}" t'.encode())
                told.extend(str(row[0]) for row in rows)
    return "\n".join(told)


def read(made: TestLedger) -> str:
    """The register of requests, opened for whoever may read it."""
    catch_up(made.ledger.pool)
    answer = ask(made.ledger.pool, REGISTERS["data-subject-requests"])
    with made.ledger.pool.connection() as conn:
        show = unsealing.opener(conn, made.ledger.master_keys(), values_of(answer))
    return str(shown(answer, show).rows)


def test_the_text_is_gone_and_the_proofs_hold(ledger: TestLedger, owner: Owner) -> None:
    """From registers, events, exports and whatever a backup holds; every receipt of before, kept by
    a service, verifies as before, and so does the whole log."""
    kept = [request(ledger, 1), request(ledger, 2)]
    own = ledger.ledger.own_key()
    assert own is not None
    note(ledger.ledger, own)
    key = key_for(ledger, "request:V-1")
    with ledger.ledger.pool.connection() as conn:
        wrapped = sealing_keys.find(conn, [key.kid])[key.kid].wrapped
    assert wrapped is not None
    schemas = (ledger.home.schema, ledger.ledger.database.sealing_schema)
    assert read(ledger).count(TEXT) == 2
    assert wrapped.hex() in every_row(owner, *schemas)

    done = erase(ledger.ledger, "request:V-1", ground=GROUND, by="privacy-officer-1")

    assert [event.index for event in done.events] == [kept[0].index]
    assert (done.recorded, done.proven) == (1, 1)
    assert f"[erased {key.kid}]" in read(ledger)
    assert read(ledger).count(TEXT) == 1
    dump = every_row(owner, *schemas)
    assert wrapped.hex() not in dump
    assert key.secret.hex() not in dump
    assert TEXT not in dump
    assert TEXT.encode() not in exported(ledger)
    stored = ledger.ledger.reader.entry(kept[0].index)
    assert sealing.unseal(entry_text(stored.leaf), key) == TEXT  # to whoever kept the key
    for appended in kept:
        receipt.check(appended.receipt, ledger.ledger.log_keys())
    check_ledger(ledger)


def entry_text(leaf: bytes) -> str:
    data = cloudevent.parse(entry.parse(leaf).payload).raw["data"]
    return str(data["request_text"])


def exported(made: TestLedger) -> bytes:
    """The export of C1."""
    reader = made.ledger.reader
    checkpoint = reader.cosigned(reader.checkpoint())
    seen = OneController(made.ledger.pool, made.ledger.database, "C1", checkpoint.size)
    keys = made.ledger.require_controller_keys()
    vkey = made.ledger.log_keys().vkey
    export = export_controller(
        reader, made.ledger.pool, seen, keys, vkey, checkpoint, "C1", before=None
    )
    return b"".join(export.lines)


def test_it_is_recorded_of_every_event(ledger: TestLedger) -> None:
    """Which, which fields, on what ground, by whom and since when; the controller is told."""
    first = request(ledger, 1, subject_contact="bel mevrouw Ønskebeek")
    key = key_for(ledger, "request:V-1")
    ledger.append(
        "InstructionReceived",
        {
            "instruction_id": "I-1",
            "controller_id": "C2",
            "channel": "email",
            "summary_nl": sealing.seal(TEXT, key),
        },
        id_="of-another-kind",
    )
    done = erase(ledger.ledger, "request:V-1", ground=GROUND, by="privacy-officer-1")
    assert done.recorded == 2
    told = {said["event_id"].partition(" ")[2]: said for said in shredded(ledger)}
    assert set(told["of-another-kind"]["fields"]) == {"/data/summary_nl"}
    fields = {"/data/request_text", "/data/subject_contact"}
    other = next(said for said in told.values() if set(said["fields"]) == fields)
    assert (other["ground"], other["by"]) == (GROUND, "privacy-officer-1")
    assert other["key_destroyed_at"].startswith(f"{done.destroyed_at:%Y-%m-%d}")
    with ledger.ledger.pool.connection() as conn:
        last = ledger.ledger.reader.size()
        rows = conn.execute(
            "SELECT controller FROM numbers WHERE position > %s ORDER BY 1", (last - 2,)
        )
        assert rows.fetchall() == [("C1",), ("C2",)]
    assert first.index < last
    check_ledger(ledger)


def test_asked_again_it_is_the_same(ledger: TestLedger) -> None:
    """The key is destroyed once, and nothing is recorded twice."""
    request(ledger, 1)
    first = erase(ledger.ledger, "request:V-1", ground=GROUND, by="a")
    size = ledger.ledger.reader.size()
    again = erase(ledger.ledger, "request:V-1", ground="another", by="b")
    assert (again.destroyed_at, again.events) == (first.destroyed_at, first.events)
    assert (again.recorded, ledger.ledger.reader.size()) == (0, size)


def test_it_goes_on_where_it_was_interrupted(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the key and the events, and among the events."""
    key = key_for(ledger, "request:V-1")
    for number in range(50):
        ledger.append(
            "InstructionReceived",
            {
                "instruction_id": f"I-{number}",
                "controller_id": "C1",
                "channel": "email",
                "summary_nl": sealing.seal(TEXT, key),
            },
        )
    append, stop = ledger.ledger.append, [0, 1]

    def interrupted(envelopes: Any) -> Any:
        if stop[0] == 0:
            raise Unavailable("the machine stops")
        stop[0] -= 1
        return append(envelopes)

    for appends in stop:
        stop[0] = appends
        monkeypatch.setattr(ledger.ledger, "append", interrupted)
        with pytest.raises(Unavailable):
            erase(ledger.ledger, "request:V-1", ground=GROUND, by="a")
        assert preview(ledger.ledger, "request:V-1")[0].wrapped is None
        monkeypatch.undo()
    assert len(shredded(ledger)) == erasure.AT_ONCE
    done = erase(ledger.ledger, "request:V-1", ground=GROUND, by="a")
    assert (len(done.events), done.recorded) == (50, 50 - erasure.AT_ONCE)
    assert len({said["event_id"] for said in shredded(ledger)}) == 50
    check_ledger(ledger)


def test_an_event_that_comes_in_meanwhile_is_not_forgotten(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let in before the key ended, it is recorded as shredded; after that it is refused."""
    request(ledger, 1)
    destroy = sealing_keys.destroy
    data = {"request_id": "V-1", "controller_id": "C1", "right": "access"}
    text = sealing.seal(TEXT, key_for(ledger, "request:V-1"))

    def late(*told: Any) -> None:
        ledger.append("DataSubjectRequestReceived", {**data, "request_text": text})
        destroy(*told)
        with pytest.raises(FormRuleViolated):
            ledger.append("DataSubjectRequestReceived", {**data, "request_text": text})

    monkeypatch.setattr(sealing_keys, "destroy", late)
    assert erase(ledger.ledger, "request:V-1", ground=GROUND, by="a").recorded == 2
    check_ledger(ledger)


def test_what_would_be_refused_destroys_nothing(ledger: TestLedger) -> None:
    """A ground with a number of a person, or none; and a subject that nothing was sealed for."""
    request(ledger, 1)
    with pytest.raises(PersonalDataInClear):
        erase(ledger.ledger, "request:V-1", ground="BSN 111222333", by="a")
    with pytest.raises(NothingSealed, match="request:V-2"):
        erase(ledger.ledger, "request:V-2", ground=GROUND, by="a")
    assert TEXT in read(ledger)
    assert shredded(ledger) == []


def test_a_ledger_that_only_reads_erases_nothing(ledger: TestLedger) -> None:
    """It could not record it."""
    request(ledger, 1)
    with open_ledger(ledger.home, clock=ledger.clock, signs=False) as reading:
        with pytest.raises(ConfigurationError, match="only reads"):
            erase(reading, "request:V-1", ground=GROUND, by="a")
    assert TEXT in read(ledger)


def test_the_file_of_the_table_holds_no_destroyed_key(ledger: TestLedger, home: Home) -> None:
    """PostgreSQL leaves the old version of a row in its file: the table is written anew."""
    request(ledger, 1)
    with ledger.ledger.pool.connection() as conn:
        (kept,) = sealing_keys.all_keys(conn)
    assert kept.wrapped is not None

    def file() -> bytes:
        with ledger.ledger.database.connect_as_owner() as conn:
            conn.execute("CHECKPOINT")
            row = conn.execute(
                "SELECT pg_read_binary_file(pg_relation_filepath('sealing_keys'))"
            ).fetchone()
            assert row is not None
            return bytes(row[0])

    assert kept.wrapped in file()
    # Somebody else's question began before: what it could see, a vacuum would keep.
    with psycopg.connect(home.database_url or "") as asking:
        asking.execute("SET default_transaction_isolation = 'repeatable read'")
        asking.commit()
        asking.execute("SELECT count(*) FROM pg_class")
        with ledger.ledger.database.connect_to_erase() as conn:
            sealing_keys.destroy(conn, kept.kid, ledger.clock())
        assert kept.wrapped in file()
        write_anew(ledger.ledger)
        assert kept.wrapped not in file()
