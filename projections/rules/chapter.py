"""A chapter of rules as a register: stored, followed and asked like any other.

A chapter judges the cases of one part of the agreement. Its rows are the findings and the clocks
of a case, each of one controller, of all, or of the processor alone, so a reader who may see one
controller is told nothing of another. `tests/rules/test_promises.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from projections.facts import Fact, Recorded
from projections.reading import stamp
from projections.register import Column, Label, Register, Row
from projections.rows import PROCESSOR_ONLY, PROCESSOR_WIDE, cases_by, row, row_key
from projections.rules.rule import Clock, Finding, Rule

COLUMNS = tuple(
    Column(key, Label(nl, en), "1.4")
    for key, nl, en in (
        ("kind", "Soort", "Kind"),
        ("rule", "Regel", "Rule"),
        ("version", "Versie van de regel", "Version of the rule"),
        ("controller", "Klant", "Controller"),
        ("subject", "Betreft", "Subject"),
        ("severity", "Ernst", "Severity"),
        ("at", "Tijdstip", "At"),
        ("holds_from", "Blijkt vanaf", "Can be told from"),
        ("group", "Samen met", "Together with"),
        ("text_nl", "Tekst (Nederlands)", "Text (Dutch)"),
        ("text_en", "Tekst (Engels)", "Text (English)"),
        ("started_at", "Begonnen op", "Started at"),
        ("due_at", "Uiterlijk", "Due at"),
        ("open_end", "Tijdstip zelf is te laat", "That moment itself is too late"),
        ("window", "Termijn die vanzelf eindigt", "Window that ends by itself"),
        ("stopped_at", "Gestopt op", "Stopped at"),
        ("parameters", "Parameters", "Parameters"),
    )
)

Judged = Iterator[Finding | Clock]


@dataclass(frozen=True, slots=True)
class Chapter:
    """The rules of one part of the agreement.

    `by_type` says which event types belong to which case (`projections/rows.cases_by`), or `cases`
    does; `judge` gives the findings and clocks of one case from its facts, to which those of the
    types in `context` were added; `wide`, `context` and `context_by` are those of
    `projections/register.Register`.
    """

    name: str
    rules: tuple[Rule, ...]
    by_type: Mapping[str, Sequence[str]]
    judge: Callable[[str, Sequence[Fact]], Iterable[Finding | Clock]]
    wide: frozenset[str] = frozenset()
    context: frozenset[str] = frozenset()
    context_by: str = "controller"
    cases: Callable[[Recorded], Sequence[str]] | None = None

    def register(self) -> Register:
        """The chapter as a register of its findings and clocks."""
        return Register(
            name=f"rules/{self.name}",
            title=Label(f"Regels: {self.name}", f"Rules: {self.name}"),
            source=", ".join(rule.clause for rule in self.rules),
            columns=COLUMNS,
            types=frozenset(self.by_type),
            cases=self.cases or cases_by(self.by_type),
            fold=self._fold,
            wide=self.wide,
            context=self.context,
            context_by=self.context_by,
        )

    def _fold(self, case: str, facts: Sequence[Fact]) -> Sequence[Row]:
        # The same finding twice is one finding: a case may reach it by two roads.
        rows = (_row(case, judged) for judged in self.judge(case, facts))
        return list({found.key: found for found in rows}.values())


def _row(case: str, judged: Finding | Clock) -> Row:
    shared: dict[str, Any] = {
        "rule": judged.rule.id,
        "version": judged.rule.version,
        "controller": judged.owner or None,
        "subject": judged.subject,
        "parameters": dict(judged.parameters),
    }
    if isinstance(judged, Clock):
        values, rests_on = _clock(judged)
        moments = [stamp(judged.started_at), stamp(judged.due_at)]
    else:
        values, rests_on = _finding(judged), list(judged.rests_on)
        # What several events of one moment bring are as many findings.
        moments = [stamp(judged.at), *([judged.group] if judged.group else [])]
    # With the case: two of them may find the same, and no two rows of a register share a key.
    named = (case, judged.rule.id, judged.subject, judged.owner or "", *moments)
    key = row_key(values["kind"], *named)
    return row(COLUMNS, key, _readers(judged), {**shared, **values}, rests_on)


def _readers(judged: Finding | Clock) -> tuple[str, ...]:
    if judged.secret:
        return PROCESSOR_ONLY
    return PROCESSOR_WIDE if judged.owner is None else (judged.owner,)


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "kind": "finding",
        "severity": found.severity or found.rule.severity,
        "at": stamp(found.at),
        "holds_from": stamp(found.holds_from or found.at),
        "group": found.group,
        "text_nl": found.text.nl,
        "text_en": found.text.en,
    }


def _clock(clock: Clock) -> tuple[dict[str, Any], list[Fact]]:
    excused = clock.excused
    values = {
        "kind": "clock",
        "started_at": stamp(clock.started_at),
        "due_at": stamp(clock.due_at),
        "open_end": clock.open_end,
        "window": clock.window,
        "stopped_at": stamp(clock.stopped_at),
        "text_nl": excused.nl if excused else None,
        "text_en": excused.en if excused else None,
    }
    return values, [clock.start, *([clock.stop] if clock.stop else [])]
