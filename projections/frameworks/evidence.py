"""What a ledger holds for the controls of a framework, in a period: evidence, and no judgement.

    population    how many events of the types that are evidence, by type
    exceptions    the findings that rest on one of them
    freshness     the first and the last of them
    missed        where an event that is expected every so often did not come in time
    sample        some of them, drawn so that whoever knows the seed draws the same

Counted are facts, as of and known at the moment of the question (`projections/facts.py`), that
occurred in the period. Where there are none, that is what is said: no evidence in this ledger. It
does not mean that a control fails, as evidence does not mean that it works (clauses.md 2.5). Facts
are read one after another and not kept: a period of any size takes the memory of its findings.
`tests/test_evidence.py` compares this with a count over the feed.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import psycopg

from ledger.database import Connections
from ledger.isolation import OneController
from projections import history
from projections.civil import add_period, civil_date, end_of
from projections.facts import Fact, Recorded, effective
from projections.findings import Findings, HeldFinding, ask_findings
from projections.frameworks.framework import Cadence, Control, Framework
from projections.question import Basis, Moment, reading

STATEMENT = "ApplicabilityStatementIssued"

LARGEST_SAMPLE = 1000


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment up to another, which no longer belongs to it."""

    begin: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end


@dataclass(frozen=True, slots=True)
class Missed:
    """An event of a type was due, so many times, and came at `until`, or not at all (None)."""

    type: str
    every: str
    due: datetime
    until: datetime | None
    times: int


@dataclass(frozen=True, slots=True)
class Applicability:
    """What the latest statement of applicability says of a control; `index` is its leaf index."""

    version: str
    index: int
    applicable: bool | None
    justification: str | None
    implemented: str | bool | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is for one control. `counts` has every type that is evidence, also with none;
    `sample` are leaf indexes, sorted."""

    control: Control
    counts: Mapping[str, int]
    first: datetime | None
    last: datetime | None
    exceptions: Sequence[HeldFinding]
    missed: Sequence[Missed]
    sample: Sequence[int]
    applicability: Applicability | None

    @property
    def population(self) -> int:
        """How many events."""
        return sum(self.counts.values())

    @property
    def strength(self) -> str | None:
        """primary or supporting: the strongest of what there is; None when there is nothing."""
        if any(self.counts[name] for name in self.control.primary):
            return "primary"
        return "supporting" if self.population else None


@dataclass(frozen=True, slots=True)
class Gathered:
    """The evidence for controls of a framework, and what it rests on; of what concerns one
    controller, or nobody, where `controller` is named."""

    framework: Framework
    period: Period
    moment: Moment
    at: datetime
    basis: Basis
    seed: str
    controller: str | None
    evidence: Sequence[Evidence]


@dataclass(slots=True)
class _Found:
    """What is counted for one control while facts go by."""

    counts: Counter[str] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None
    exceptions: set[int] = field(default_factory=set)
    sample: list[tuple[int, int]] = field(default_factory=list)


def gather(
    connections: Connections,
    now: datetime,
    framework: Framework,
    period: Period,
    moment: Moment,
    *,
    controls: Collection[str] = (),
    sample: int = 0,
    seed: str = "",
) -> Gathered:
    """The evidence for some controls of a framework, or for all.

    Connections that see one controller give what concerns that one, or nobody, and miss nothing.
    Raises LookupError when nothing had been recorded yet at `known_at`.
    """
    wanted = _wanted(framework, controls)
    findings = ask_findings(connections, now, moment)
    with reading(connections) as conn:
        facts = _facts(conn, types_for(wanted), upto=findings.basis.size, as_of=moment.as_of)
        return tally(
            framework,
            period,
            findings,
            facts,
            controls=controls,
            sample=sample,
            seed=seed,
            controller=connections.controller if isinstance(connections, OneController) else None,
        )


def types_for(controls: Iterable[Control]) -> set[str]:
    """The event types that are counted for some controls."""
    return {
        STATEMENT,
        *(name for control in controls for name in control.types),
        *(cadence.type for control in controls for cadence in control.cadence),
    }


def tally(
    framework: Framework,
    period: Period,
    findings: Findings,
    facts: Iterable[Fact | Recorded],
    *,
    controls: Collection[str] = (),
    sample: int = 0,
    seed: str = "",
    controller: str | None = None,
) -> Gathered:
    """The evidence among some facts, in any order, with the findings of the same moment."""
    wanted = _wanted(framework, controls)
    resting: dict[int, list[int]] = defaultdict(list)
    for number, finding in enumerate(findings.findings):
        for position in finding.events:
            resting[position].append(number)

    for_type: dict[str, list[Control]] = defaultdict(list)
    for control in wanted:
        for name in control.types:
            for_type[name].append(control)
    expected = {cadence.type for control in wanted for cadence in control.cadence}
    found = {control.id: _Found() for control in wanted}
    times: dict[str, list[datetime]] = defaultdict(list)
    statements: list[Fact | Recorded] = []
    for fact in facts:
        if fact.type in expected:
            times[fact.type].append(fact.occurred_at)
        if fact.type == STATEMENT:
            statements.append(fact)
        if fact.occurred_at in period:
            for control in for_type.get(fact.type, ()):
                rank = _rank(seed, framework, control, fact.position - 1) if sample else 0
                _count(found[control.id], fact, resting, sample, rank)
    said = _said(framework, statements)
    return Gathered(
        framework,
        period,
        findings.moment,
        findings.at,
        findings.basis,
        seed,
        controller,
        [
            Evidence(
                control,
                {name: found[control.id].counts[name] for name in control.types},
                found[control.id].first,
                found[control.id].last,
                [findings.findings[number] for number in sorted(found[control.id].exceptions)],
                # A controller does not see all that may have come in time.
                [m for c in control.cadence for m in missed(c, times[c.type], period, findings.at)]
                if controller is None
                else [],
                sorted(index for _, index in found[control.id].sample),
                said.get(control.id),
            )
            for control in wanted
        ],
    )


def _wanted(framework: Framework, controls: Collection[str]) -> list[Control]:
    return [c for c in framework.controls.values() if not controls or c.id in controls]


def _facts(
    conn: psycopg.Connection, types: Collection[str], *, upto: int, as_of: datetime | None
) -> Iterator[Fact | Recorded]:
    """The facts of some types, one after another; those that were amended come last."""
    amending = list(history.of_types(conn, (), upto=upto))
    names = {
        str(event.data[name])
        for event in amending
        for name in ("corrects_event_id", "retracts_event_id", "event_id")
        if name in event.data
    }
    amended = []
    for event in history.each_of_types(conn, {*types} - history.AMENDMENTS, upto=upto):
        if event.id in names or f"{event.source} {event.id}" in names:
            amended.append(event)
        elif as_of is None or event.occurred_at <= as_of:
            yield event
    for fact in effective([*amended, *amending], as_of=as_of):
        if fact.type in types:
            yield fact


def _count(
    found: _Found, fact: Recorded, resting: Mapping[int, Sequence[int]], sample: int, rank: int
) -> None:
    found.counts[fact.type] += 1
    found.first = min(found.first or fact.occurred_at, fact.occurred_at)
    found.last = max(found.last or fact.occurred_at, fact.occurred_at)
    found.exceptions.update(resting.get(fact.position, ()))
    if sample:
        # The smallest ranks are kept, in a heap whose first is the largest of them.
        entry = (-rank, fact.position - 1)
        if len(found.sample) < sample:
            heapq.heappush(found.sample, entry)
        else:
            heapq.heappushpop(found.sample, entry)


def _rank(seed: str, framework: Framework, control: Control, index: int) -> int:
    """Where an event stands in the order in which a sample is drawn: nobody can choose it, and
    whoever knows the seed can work it out."""
    return int.from_bytes(
        sha256(f"{seed}\n{framework.id} {control.id}\n{index}".encode()).digest(), "big"
    )


def missed(
    cadence: Cadence, times: Collection[datetime], period: Period, at: datetime
) -> list[Missed]:
    """Where, within a period and up to a moment, an event was due and did not come in time.

    It is due at the end of the last day of `every` after the one before, or after the beginning of
    the period when there was none before.
    """
    horizon = min(period.end, at)
    found = []
    came = sorted(time for time in times if time < horizon)
    before = [time for time in came if time < period.begin]
    previous = before[-1] if before else period.begin
    for time in [*came[len(before) :], None]:
        until = horizon if time is None else time
        last_day, times_due = add_period(civil_date(previous), cadence.every), 0
        due = end_of(last_day)
        while end_of(last_day) < until:
            times_due += 1
            last_day = add_period(last_day, cadence.every)
        if times_due and until > period.begin:
            found.append(Missed(cadence.type, cadence.every, due, time, times_due))
        previous = time or until
    return found


def _said(framework: Framework, statements: Sequence[Recorded]) -> dict[str, Applicability]:
    """What the latest statement of applicability for a framework says, by control."""
    own = [
        fact
        for fact in statements
        if any(name in str(fact.data.get("standard")) for name in framework.standards)
    ]
    if not own:
        return {}
    latest = max(own, key=lambda fact: (fact.occurred_at, fact.position))
    said: dict[str, Applicability] = {}
    for entry in latest.data.get("entries") or ():
        id_ = _control(framework, entry)
        if id_ is not None:
            said[id_] = Applicability(
                str(latest.data.get("soa_version")),
                latest.position - 1,
                entry.get("applicable"),
                entry.get("justification"),
                entry.get("implemented"),
            )
    return said


def _control(framework: Framework, entry: Mapping[str, Any]) -> str | None:
    """The control that an entry means: people write A.5.1 as 5.1 too."""
    named = str(entry.get("control"))
    return next((id_ for id_ in (named, f"A.{named}") if id_ in framework.controls), None)
