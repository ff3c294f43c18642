"""The desk of an auditor, a controller and a privacy officer: pages about the ledger.

    home.py         what asks for attention, by role
    registers.py    registers as tables, a row with its events
    entries.py      an event with its proof, and the check of it in the browser
    cases.py        everything about one case: a timeline, clocks, findings
    judged.py       findings and clocks
    evidence.py     frameworks, controls, samples
    requests.py     what an auditor asks, what is answered, what both note
    pictures.py     what is rather looked at than read
    files.py        dossiers and evidence packs to take along
    declarations.py what a controller declares: an objection, a request, a choice, a receipt

Whoever may see what is decided by the same rules as over HTTP (`api/access.py`), and what is read
is recorded. Pages work without scripts; what moves, moves with htmx, which is served from here.
"""

from __future__ import annotations

from api.desk import (
    cases,
    declarations,
    entries,
    evidence,
    files,
    home,
    judged,
    live,
    pictures,
    registers,
    requests,
)

ROUTERS = (
    home.router,
    registers.router,
    entries.router,
    cases.router,
    judged.router,
    evidence.router,
    requests.router,
    pictures.router,
    files.router,
    declarations.router,
    live.router,
)
"""Every page."""
