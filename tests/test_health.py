"""Health: the process lives although it can do nothing else, and it is ready when it can work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import httpx
import psycopg
import pytest

from ledger.deployment import Home
from ledger.opening import open_ledger
from tests.ledgers import TestLedger
from tests.seen import seen
from tests.serving import serving_ledger
from tests.test_kept import copy, set_back
from tests.test_workers import until

Owner = Callable[[], psycopg.Connection]


def ready(url: str) -> tuple[int, str | None]:
    """The status, and why not."""
    answer = httpx.get(f"{url}/readyz", timeout=20)
    return answer.status_code, answer.json().get("detail")


def test_a_busy_service_lives(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """All else is turned away, and whoever ends processes that do not answer ends none."""
    monkeypatch.setattr("api.app.AT_ONCE", 0)
    with seen(ledger) as service:
        assert httpx.get(f"{service.url}/v1/problems").status_code == 503
        assert httpx.get(f"{service.url}/readyz").status_code == 503
        assert httpx.get(f"{service.url}/healthz").status_code == 200


def test_a_database_that_was_set_back_is_not_ready_and_is_again(
    ledger: TestLedger, owner: Owner
) -> None:
    """Also where another process signed what is missing, and nobody has appended since."""
    copy(owner)
    with open_ledger(ledger.home, clock=ledger.clock) as other:
        other.append([ledger.instruction(1)])
    copy(owner, "whole")
    with seen(ledger) as service:
        assert ready(service.url) == (200, None)
        set_back(owner)
        assert ready(service.url) == (503, "The database was set back.")
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        set_back(owner, "whole")
        assert ready(service.url) == (200, None)


def test_a_ledger_that_signs_nothing_is_not_ready(ledger: TestLedger) -> None:
    """Its kept checkpoint is gone, or is none of this log; with it back it is ready."""
    (kept,) = ledger.home.kept_files
    raw = kept.read_bytes()
    with seen(ledger) as service:
        kept.unlink()
        assert ready(service.url) == (503, "The ledger signs nothing.")
        kept.write_bytes(raw.replace(b"test.example", b"other.example"))
        assert ready(service.url) == (503, "The ledger signs nothing.")
        kept.write_bytes(raw)
        assert ready(service.url) == (200, None)


def test_a_disk_that_is_not_mounted_is_not_ready(ledger: TestLedger, home: Home) -> None:
    """A further place of the last checkpoint is away: nothing would be answered."""
    disk = home.data.parent / "disk"
    disk.mkdir()
    two = replace(home, keep=(disk / "ledger.checkpoint",))
    with open_ledger(two, clock=ledger.clock) as opened, serving_ledger(opened) as url:
        assert ready(url) == (200, None)
        disk.rename(disk.with_name("away"))
        assert ready(url) == (503, "The ledger signs nothing.")
        assert httpx.post(f"{url}/v1/events", content=ledger.instruction(1)).status_code == 503
        disk.with_name("away").rename(disk)
        assert ready(url) == (200, None)


def test_a_ledger_that_only_reads_is_ready(ledger: TestLedger) -> None:
    """Where no key is, none is missing."""
    with open_ledger(ledger.home, signs=False) as reading, serving_ledger(reading) as url:
        assert ready(url) == (200, None)


def test_registers_that_stopped_are_not_ready(ledger: TestLedger, owner: Owner) -> None:
    """Although the database answers and appends go on."""
    with seen(ledger) as service:
        with owner() as conn:
            conn.execute("ALTER TABLE register_rows RENAME TO away")
        ledger.fill(1)
        stopped = (503, "The registers have stopped following the log.")
        until(lambda: ready(service.url) == stopped)
        with owner() as conn:
            conn.execute("ALTER TABLE away RENAME TO register_rows")


def test_a_database_without_its_tables_is_not_ready(ledger: TestLedger, owner: Owner) -> None:
    """It is no unexpected error to be asked whether all is well."""
    with seen(ledger) as service:
        with owner() as conn:
            conn.execute("ALTER TABLE head RENAME TO away")
        assert ready(service.url) == (503, "The database does not answer.")
        with owner() as conn:
            conn.execute("ALTER TABLE away RENAME TO head")
