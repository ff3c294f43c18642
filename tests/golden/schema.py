"""Write what the schema of a log is now: `.venv/bin/python -m tests.golden.schema`.

After a new file of SQL was added to `BESIDE_THE_LOG`; the difference that git shows is what the
file does. A difference without a new file is a log that no earlier one is upgraded to.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ledger.deployment import Home
from tests.catalog import describe
from tests.ledgers import Clock, make_home

FILE = Path(__file__).with_name("schema.txt")

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="verantwoord-") as place:
        home = Home(Path(place) / "data")
        with home.database() as database:
            make_home(home, Clock())
            with database.connect_as_owner() as conn:
                FILE.write_text("\n".join(describe(conn, database)) + "\n", "utf-8")
