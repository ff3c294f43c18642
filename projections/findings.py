"""The findings of all rules: now, as of any moment, as known at any moment.

A finding holds at a moment when the facts of that moment give it and the term it waits for has
passed. The moment is `as_of`; without it the one at which was known, and without that now, by the
ledger's clock. What concerns several controllers is one finding to whoever may see them all.
`tests/test_findings.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, cast

from ledger.database import Connections
from projections.question import Basis, Moment, Picked, ask_all
from projections.register import Label, Row
from projections.rules import JUDGED, RULES
from projections.rules.rule import Rule, Severity

SEVERITIES: Sequence[Severity] = ("major", "minor", "observation", "policy")


@dataclass(frozen=True, slots=True)
class HeldFinding:
    """A finding as it holds at a moment. `events` are log positions; `controllers` is sorted.

    Of one about several controllers `parameters` are those that are the same for all.
    """

    rule: Rule
    version: int
    severity: Severity
    controllers: tuple[str, ...]
    at: datetime
    holds_from: datetime
    subject: str
    text: Label
    parameters: dict[str, Any]
    events: tuple[int, ...]

    @property
    def of_the_past(self) -> bool:
        """Whether the rule was added after the moment the finding is about."""
        return self.rule.added is not None and self.at.date() < self.rule.added


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings that hold at `at`, the earliest first, and what the answer rests on."""

    moment: Moment
    at: datetime
    basis: Basis
    findings: Sequence[HeldFinding]


def ask_findings(
    connections: Connections,
    now: datetime,
    moment: Moment,
    *,
    controller: str | None = None,
    rules: Collection[str] = (),
    severities: Collection[str] = (),
) -> Findings:
    """The findings; with `controller` its own and those about all, with `rules` or `severities`
    only these.

    Raises LookupError when nothing had been recorded yet at `known_at`.
    """
    basis, rows = ask_all(
        connections, [*JUDGED.values()], moment, controller=controller, picked=Picked("finding")
    )
    at = moment_of(moment, basis, now)
    held = held_at(rows, at)
    wanted = [
        finding
        for finding in held
        if (not rules or finding.rule.id in rules)
        and (not severities or finding.severity in severities)
    ]
    return Findings(moment, at, basis, wanted)


def moment_of(moment: Moment, basis: Basis, now: datetime) -> datetime:
    """The moment at which terms are judged to have passed or not."""
    if moment.as_of is not None:
        return moment.as_of
    if isinstance(moment.known_at, datetime):
        return moment.known_at
    if moment.known_at is not None and basis.recorded_at is not None:
        return basis.recorded_at
    return now


def held_at(rows: Iterable[Row], at: datetime) -> list[HeldFinding]:
    """The findings among the rows of chapters that hold at a moment, the earliest first."""
    found = [
        row
        for row in rows
        if row.values["kind"] == "finding" and _instant(row.values["holds_from"]) <= at
    ]
    found.sort(key=_one_finding)
    held = [_joined(list(rows)) for _, rows in groupby(found, key=_one_finding)]
    return sorted(held, key=lambda f: (f.at, f.rule.id, f.controllers, f.subject))


def _one_finding(row: Row) -> tuple[str, ...]:
    """Equal for the rows of one finding: those of a group, or the row itself."""
    group = row.values["group"]
    return (
        row.values["rule"],
        row.values["at"],
        "" if group is None else group,
        *(() if group is not None else (row.key,)),
    )


def _joined(rows: Sequence[Row]) -> HeldFinding:
    values = rows[0].values
    agreed = {
        name: value
        for name, value in values["parameters"].items()
        if all(row.values["parameters"].get(name) == value for row in rows)
    }
    return HeldFinding(
        rule=RULES[values["rule"]],
        version=values["version"],
        severity=cast("Severity", values["severity"]),
        controllers=tuple(sorted({c for row in rows if (c := row.values["controller"])})),
        at=_instant(values["at"]),
        holds_from=_instant(values["holds_from"]),
        subject=values["subject"],
        text=Label(_each(rows, "text_nl"), _each(rows, "text_en")),
        parameters=agreed,
        events=tuple(sorted({position for row in rows for position in row.positions})),
    )


def _each(rows: Sequence[Row], key: str) -> str:
    """The texts of the rows: one when they are the same, as a rule."""
    return "; ".join(dict.fromkeys(row.values[key] for row in rows))


def _instant(value: Any) -> datetime:
    return datetime.fromisoformat(value)
