"""Writes `docs/reference/faults.md`: `python -m tests.faults.reference`.

`tests/test_faults.py` holds the page to the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tests.faults.fault import Fault, Outcome, Says
from tests.faults.table import FAULTS

FILE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "faults.md"

HEAD = """\
# Faults

<!-- Written by `python -m tests.faults.reference`; do not edit. -->

What happens when something breaks below or beside the ledger.
Each row is played on the real service and a real PostgreSQL, while six clients append:
`python -m tests.faults` plays all of them and fails when one comes out otherwise.
[What to do](../how-to/when-something-breaks.md) is on another page.

After each of them it is checked that

* `fsck` finds nothing, and the registers are the folds of the log;
* every event that was answered is at the index of its receipt, which verifies from its file;
* positions are dense, no index was used twice, and no event is recorded twice;
* no two trees of one size were ever shown, and every root that was shown is that of the entries;
* what was not answered can be sent again, and what was answered gets the index it had.

| Outcome | Meaning |
|---|---|
"""

MEANING = {
    Outcome.GOES_ON: "Every request is answered with its receipt; at most it takes longer.",
    Outcome.BY_ITSELF: "Requests may be answered with 503, or not at all, meanwhile. Once the cause"
    " is gone the same process takes appends again; nobody has to act.",
    Outcome.RESTART: "The process ends. Started again, as a supervisor does, it goes on.",
    Outcome.REFUSES: "Nothing is taken, and the answer says why; once the cause is mended it is.",
}

WHERE = {
    "answer": "the client",
    "service": "the log of the service",
    "server": "`DIR/postgres/server.log`",
    "/v1/witnesses": "`GET /v1/witnesses`",
    "/v1/timestamps": "`GET /v1/timestamps`",
}


def page() -> str:
    """The page."""
    return HEAD + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for outcome, meaning in MEANING.items():
        yield f"| {outcome} | {meaning} |"
    for kind, faults in groupby(FAULTS, key=lambda fault: fault.kind):
        yield from ("", f"## {kind.capitalize()}", "")
        yield from ("| Fault | What is broken | Outcome | Who is told what |", "|---|---|---|---|")
        for fault in faults:
            told = "<br>".join(map(_told, fault.says))
            yield f"| `{fault.name}` | {fault.breaks}{_calls(fault)} | {fault.outcome} | {told} |"
    yield from (
        "",
        "## Kills",
        "",
        "`python -m tests.faults --kills 1000` kills under load, at random moments: the service,"
        " the whole of PostgreSQL, one of its processes, or service and PostgreSQL at once.",
        "Of 1,000 kills in one run (seed 7: 285 of PostgreSQL, 402 of one process, 216 of the"
        " service, 97 of both) none lost, doubled or forked anything; it took 78 minutes beside"
        " other work.",
        "After each kill all that the clients hold is compared with the log; after 25, and at the"
        " end, everything is derived again.",
    )


def _calls(fault: Fault) -> str:
    numbers = list(fault.numbers)
    if fault.needs != ("strace",) or len(numbers) < 2 or numbers[-1] > 100:
        return ""
    return f" (calls {', '.join(map(str, numbers))})"


def _told(says: Says) -> str:
    text = says.text.replace("|", "\\|")
    return f"{WHERE[says.where]}: `{text}`"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
