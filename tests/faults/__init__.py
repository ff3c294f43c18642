"""Faults on purpose: what happens to the real service, on a real PostgreSQL, when something breaks.

    python -m tests.faults              every fault of the table, and what was seen
    python -m tests.faults --only NAME  one of them
    python -m tests.faults --kills 1000 so many kills under load, and nothing else

Each fault is a row: what is broken and where, and what must come of it (`fault.py`). The runner
(`run.py`) has clients append (`clients.py`), breaks it, mends it, and holds the ledger against what
the clients were told (`scene.py`). One module has the faults of one kind; `table.py` has all.
`python -m tests.faults.reference` writes that table for operators, `docs/reference/faults.md`.
"""
