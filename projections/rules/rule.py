"""What a rule of the agreement is, and what it gives: findings and clocks.

A *rule* turns a clause into a question to the recorded facts. What breaks it is a *finding*: which
rule, how grave, whom it concerns, at what moment, on which events it rests. A duty with a term is a
*clock*: it starts and stops by facts and is due at a moment between, or it is not due at all
(`domain/clauses.md` 1.2, 1.4). Both are pure values, made by the chapters beside this module from
the facts of one case, and never from the time of asking: what is overdue only because time passed
carries the moment from which that is so (`holds_from`, `due_at`). `tests/rules/test_promises.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from projections.facts import Fact
from projections.register import Label

Severity = Literal["major", "minor", "observation", "policy"]
"""`major` and `minor`: the agreement was not kept. `observation`: allowed, or not ours to keep, but
to be looked at. `policy`: another reading of the agreement would judge otherwise."""

State = Literal["running", "met", "late", "ended", "not_applicable"]
"""`met` and `late` are of a duty, `ended` of a window: a time that closes by itself."""

INSTANT = datetime.resolution
"""The smallest step of time: a term that includes its last instant is overdue this much later."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `id` is that of the clause table: R- for a breach of the agreement, O- for an
    observation, NOTE- for policy, C- for a clock that nothing is found about.

    `version` is raised whenever the same events would give something else. `added` is the day on
    which a rule joined those of the first release, None for these: over what happened before that
    day it runs as well, and says so. `severity` is the gravest it gives, None for a clock alone.
    `title` says what was not kept; `duty` what its clocks ask, None for a rule without clocks.
    `parameters` name the terms of the agreement it reads (`projections/terms.Terms`).
    """

    id: str
    version: int
    severity: Severity | None
    clause: str
    gdpr: str
    title: Label
    duty: Label | None = None
    parameters: tuple[str, ...] = ()
    added: date | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found. The text says why in one sentence; it names no other controller.

    `at` is the moment the finding is about; `holds_from` the moment from which it can be told,
    which is later when a term had to pass first. `owner` is the controller it concerns, None for
    all of them, "" for the processor alone. Findings of one rule and moment with the same `group`
    are one finding about several controllers to whoever may see them all; where the terms of each
    make their texts differ, it has them all. `subject` tells apart what one rule finds at one
    moment in one case. With `secret` the law forbids to tell the owner: the finding is shown to the
    processor alone, and names it.
    """

    rule: Rule
    at: datetime
    text: Label
    rests_on: Sequence[Fact]
    owner: str | None
    subject: str
    severity: Severity | None = None
    holds_from: datetime | None = None
    group: str | None = None
    secret: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clock:
    """A duty with a term: from `started_at` to `due_at`, stopped at `stopped_at`, or still running.

    `open_end` says that `due_at` itself is too late: a term in days ends at 24:00. A term in hours
    is kept at its last instant. `excused` says why the duty does not apply, which is no state of
    ours to judge; None when it does. A `window` is no duty but a time in which somebody may act, or
    something is allowed: nobody has to stop it, and it ends when due, or when stopped before that.
    `secret` is that of `Finding`.
    """

    rule: Rule
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    owner: str | None
    subject: str
    start: Fact
    stop: Fact | None = None
    open_end: bool = False
    window: bool = False
    excused: Label | None = None
    secret: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def overdue_from(self) -> datetime | None:
        """From when it is overdue, should nothing have stopped it by then; None when it was stopped
        in time, does not apply, or is no duty."""
        if self.window or self.excused:
            return None
        if self.stopped_at and self.state(self.stopped_at) == "met":
            return None
        return self.due_at if self.open_end else self.due_at + INSTANT

    def state(self, at: datetime) -> State:
        """The state at a moment, by what was recorded of it."""
        return state(
            self.due_at,
            self.stopped_at,
            at,
            open_end=self.open_end,
            window=self.window,
            excused=self.excused is not None,
        )


def state(
    due_at: datetime,
    stopped_at: datetime | None,
    at: datetime,
    *,
    open_end: bool,
    window: bool,
    excused: bool,
) -> State:
    """The state of a clock at a moment, also of one that was stored."""
    if excused:
        return "not_applicable"
    until = stopped_at or at
    passed = until > due_at or (open_end and until == due_at)
    if window:
        return "ended" if passed or stopped_at else "running"
    if passed:
        return "late"
    return "met" if stopped_at else "running"
