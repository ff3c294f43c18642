"""What of a stored row stands beside its body, so that the database finds and counts without it.

Open clocks, findings by severity and month, and from when until when a subprocessor was engaged:
pages about the whole ledger need no more of most rows than that. `tests/test_beside.py`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

import orjson

from projections.register import Row


class Beside(NamedTuple):
    """The columns; None in rows that are something else. Moments are as in the body.

    `open_until` is of a clock that may be open: the end of a window, `infinity` for a duty that
    nothing stopped. `finding` to `holds_from` are of a finding: `finding` is one digest for the
    rows of one finding, what an index can hold however long the ids are in it. `subject` and
    `rests_on`, positions as an array of PostgreSQL, are of both. `since` and `until` are of an
    engagement.
    """

    open_until: str | None = None
    finding: str | None = None
    rule: str | None = None
    severity: str | None = None
    found_at: str | None = None
    holds_from: str | None = None
    subject: str | None = None
    rests_on: str | None = None
    since: str | None = None
    until: str | None = None


def beside(register: str, row: Row) -> Beside:
    """What is stored beside the body of a row of a register."""
    kind = row.values.get("kind")
    if register.startswith("rules/"):
        judged = _clock(row) if kind == "clock" else _finding(row)
        rests_on = f"{{{','.join(map(str, row.positions))}}}"
        return judged._replace(subject=row.values["subject"], rests_on=rests_on)
    if register == "subprocessors" and kind == "engagement":
        return Beside(since=row.values["since"], until=row.values["until"])
    return Beside()


def _clock(row: Row) -> Beside:
    values = row.values
    if values["stopped_at"] is not None or values["text_nl"] is not None:
        return Beside()
    return Beside(open_until=values["due_at"] if values["window"] else "infinity")


def _finding(row: Row) -> Beside:
    values = row.values
    one = orjson.dumps([values["rule"], values["at"], values["group"] or [row.key]])
    return Beside(
        finding=sha256(one).hexdigest()[:32],
        rule=values["rule"],
        severity=values["severity"],
        found_at=values["at"],
        holds_from=values["holds_from"],
    )
