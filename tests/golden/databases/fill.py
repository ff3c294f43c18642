"""Fill a small ledger with whatever program is on the path: `make.py` runs it with earlier ones.

The feed of the demonstration, which has most types of events, with the clock of the feed; then what
that version keeps beside the log.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from importlib import import_module, resources
from pathlib import Path

from ledger import feed
from ledger.append import Appended
from ledger.deployment import Home
from ledger.opening import Ledger
from ledger.replay import FeedClock, Producers, demo_ledger, replay
from projections import sql
from projections.follow import catch_up

ORIGIN = "demo.example/an-earlier-version"

EACH = 7
"""The receipt of every so manieth event is kept, as its producer would."""


def main(version: int, home: Home) -> None:
    """Make the ledger, and write receipts beside its keys."""
    events = Path(str(resources.files("ledger.demo").joinpath("feed.ndjson")))
    tables = [sql.text("registers.sql")]
    with demo_ledger(home, events, origin=ORIGIN, tables=tables, resume=False) as (ledger, clock):
        replay(home, ledger, clock, events)
        catch_up(ledger.pool)
        receipts = _receipts(home, ledger, events)
        (home.data / "receipts.json").write_text(json.dumps(receipts, indent=0) + "\n", "utf-8")
        if version >= 3:
            _let_in_and_seal(ledger, clock)
        if version >= 4:
            _ask_for_a_pack(ledger, clock)


def _receipts(home: Home, ledger: Ledger, events: Path) -> list[str]:
    """Those of events that are sent again: the same ones as the first time."""
    producers = Producers(home)
    signed = [producers.sign(event) for event in feed.read(events)]
    answers = ledger.append(signed[::EACH])
    return [answer.receipt for answer in answers if isinstance(answer, Appended)]


def _let_in_and_seal(ledger: Ledger, clock: FeedClock) -> None:
    access, roles = import_module("ledger.granted_access"), import_module("ledger.roles")
    with ledger.database.connect_as_owner() as conn:
        access.grant(
            conn,
            clock(),
            role=roles.Role.PRIVACY_OFFICER,
            holder="officer-1",
            expires_at=clock() + timedelta(days=300),
        )
    sealing_keys = import_module("ledger.sealing_keys")
    with ledger.pool.connection() as conn:
        for subject in ("request:V-kept", "request:V-forgotten"):
            key = sealing_keys.key_for(conn, ledger.master_keys, subject, clock())
    with ledger.database.connect_to_erase() as conn:
        sealing_keys.destroy(conn, key.kid, clock())


def _ask_for_a_pack(ledger: Ledger, clock: FeedClock) -> None:
    packs, roles = import_module("ledger.asked_packs"), import_module("ledger.roles")
    holder = roles.Holder("officer-1", roles.Role.PRIVACY_OFFICER)
    with ledger.pool.connection() as conn:
        packs.ask(conn, holder, {"controllers": None}, clock())


if __name__ == "__main__":
    main(int(sys.argv[1]), Home(Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
