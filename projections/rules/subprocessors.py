"""New subprocessors (7.2; GDPR art. 28(2)): announced in time, and not against an objection.

A subprocessor of the annex needs no announcement. Any other must have been announced to each
controller it works for, and the window to object must have closed: so many days after the
announcement, by the terms in force *then*. An objection that counts stops the engagement for the
controller that made it, unless it was resolved in another way than upheld. All of one controller is
one case. `tests/rules/test_subprocessors.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from projections.agreement import AMENDED, CONCLUDED, ENDED, Agreed, agreed_in, in_force
from projections.facts import Fact
from projections.objections import (
    ANNOUNCED,
    RAISED,
    RESOLVED,
    announcements,
    reached_at,
    validity,
    window_closes,
)
from projections.reading import moment, text, texts
from projections.register import Label
from projections.registers.subprocessors.engagements import ENGAGED
from projections.rows import by_id, of_type
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Clock, Finding, Rule
from projections.rules.wording import moment_text, number_of_days
from projections.terms import TERMS_EVENTS, Versions, effective_from
from projections.terms import in_force as terms_in_force

BY_TYPE = {
    CONCLUDED: ("controller:controller_id",),
    AMENDED: ("controller:controller_id",),
    ENDED: ("controller:controller_id",),
    ANNOUNCED: ("controller:delivered_to",),
    ENGAGED: ("controller:controller_ids",),
    RAISED: ("controller:controller_id",),
    RESOLVED: ("controller:controller_id",),
}

WINDOW = Rule(
    id="C-7.2",
    version=1,
    severity=None,
    clause="7.2",
    gdpr="28(2)",
    title=Label(
        "Klant kan bezwaar maken tegen een Subverwerker",
        "The controller may object to a subprocessor",
    ),
    parameters=("objection_days",),
)

ANNOUNCE = Rule(
    id="R-7.2a",
    version=1,
    severity="major",
    clause="7.2",
    gdpr="28(2)",
    title=Label(
        "Subverwerker ingeschakeld zonder dat een bekendmaking Klant bereikte",
        "Subprocessor engaged while no announcement reached the controller",
    ),
)

WAIT = Rule(
    id="R-7.2b",
    version=1,
    severity="major",
    clause="7.2",
    gdpr="28(2)",
    title=Label(
        "Subverwerker ingeschakeld voordat de termijn voor bezwaar sloot",
        "Subprocessor engaged before the window to object closed",
    ),
    parameters=("objection_days",),
)

HEED = Rule(
    id="R-7.2c",
    version=1,
    severity="major",
    clause="7.2",
    gdpr="28(2)",
    title=Label(
        "Subverwerker ingeschakeld ondanks bezwaar van Klant",
        "Subprocessor engaged against an objection of the controller",
    ),
)


@dataclass(frozen=True, slots=True)
class Known:
    """What there is about one controller, found once for all engagements.

    `agreed` are its agreements, `told` the announcements that reached it, by
    subprocessor, and `objections` the facts of each objection, by the changes it was raised
    against and then by its id.
    """

    controller: str
    agreed: Agreed
    told: Mapping[str, Sequence[Fact]]
    objections: Mapping[str, Mapping[str, Sequence[Fact]]]


def _known(controller: str, facts: Sequence[Fact]) -> Known:
    objections: dict[str, dict[str, Sequence[Fact]]] = {}
    for objection, own in by_id(of_type(facts, RAISED, RESOLVED), "objection_id").items():
        for raised in of_type(own, RAISED):
            against = text(raised.data, "change_id") or ""
            objections.setdefault(against, {})[objection] = own
    told = by_id(of_type(facts, ANNOUNCED), "subprocessor_id")
    return Known(controller, agreed_in(facts), told, objections)


@dataclass(frozen=True, slots=True)
class Engagement:
    """An engagement for one controller."""

    engaged: Fact
    at: datetime
    known: Known

    @property
    def controller(self) -> str:
        """For whom."""
        return self.known.controller

    @property
    def subprocessor(self) -> str:
        """Who was engaged."""
        return text(self.engaged.data, "subprocessor_id") or ""

    @property
    def change(self) -> str | None:
        """The announced change that it is said to rest on."""
        return text(self.engaged.data, "change_id")

    def announcements(self) -> list[Fact]:
        """The announcements of it that reached the controller, at any time. That a subprocessor
        will go announces no engagement."""
        return [
            fact
            for fact in self.known.told.get(self.subprocessor, ())
            if text(fact.data, "subprocessor_id") == self.subprocessor
            and self.change in (None, text(fact.data, "change_id"))
            and text(fact.data, "kind") != "remove"
        ]

    def in_annex(self) -> bool:
        """Whether an agreement in force then names the subprocessor."""
        agreed = in_force(self.known.agreed.turns, self.at)
        return any(self.subprocessor in texts(f.data, "initial_subprocessors") for f in agreed)

    def found(self, rule: Rule, why: Label, rests_on: Sequence[Fact], **terms: int) -> Finding:
        """A finding about it."""
        begun = moment_text(self.at)
        told = Label(
            f"{self.subprocessor} ingeschakeld op {begun}, {why.nl}",
            f"{self.subprocessor} engaged on {begun}, {why.en}",
        )
        based = [self.engaged, *rests_on]
        return Finding(
            rule, self.at, told, based, self.controller, self.subprocessor, parameters=terms
        )


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """The windows to object of one controller, and what was found about engagements for it."""
    controller = case.partition(":")[2]
    known = _known(controller, facts)
    for change, announced in announcements(facts).items():
        yield _window(controller, change, announced, known.agreed.terms)
    for engaged in of_type(facts, ENGAGED):
        yield from _judged(Engagement(engaged, moment(engaged, "started_at"), known))


def _window(controller: str, change: str, announced: Fact, terms: Versions) -> Clock:
    at = moment(announced, "announced_at")
    return Clock(
        rule=WINDOW,
        started_at=at,
        due_at=window_closes(announced, terms),
        stopped_at=None,
        owner=controller,
        subject=f"{change} {text(announced.data, 'subprocessor_id') or ''}".rstrip(),
        start=announced,
        open_end=True,
        window=True,
        parameters={"objection_days": terms_in_force(terms, at).objection_days},
    )


def _judged(engagement: Engagement) -> Judged:
    annexed = engagement.in_annex()
    if annexed and engagement.change is None:
        return
    announcements = engagement.announcements()
    reached = [
        fact for fact in announcements if reached_at(fact, engagement.controller) <= engagement.at
    ]
    announced = reached[-1] if reached else None
    if announced:
        yield from _too_early(engagement, announced)
    elif not annexed:
        yield _not_told(engagement, announcements)
    yield from _objected(engagement, announced)


def _not_told(engagement: Engagement, announcements: Sequence[Fact]) -> Finding:
    first = min((reached_at(f, engagement.controller) for f in announcements), default=None)
    if first:
        told = moment_text(first)
        why = Label(
            f"een bekendmaking bereikte Klant pas op {told}",
            f"an announcement reached the controller only on {told}",
        )
    else:
        why = Label(
            "geen bekendmaking heeft Klant bereikt", "no announcement reached the controller"
        )
    return engagement.found(ANNOUNCE, why, announcements)


def _too_early(engagement: Engagement, announced: Fact) -> Judged:
    known, at = engagement.known, moment(announced, "announced_at")
    closes = window_closes(announced, known.agreed.terms)
    if engagement.at < closes:
        agreed, made = terms_in_force(known.agreed.terms, at).objection_days, moment_text(at)
        term = number_of_days(agreed)
        why = Label(
            f"voordat de termijn voor bezwaar sloot ({moment_text(closes)}, {term.nl} na "
            f"bekendmaking op {made})",
            f"before the window to object closed ({moment_text(closes)}, {term.en} after the "
            f"announcement on {made})",
        )
        turns = [f for f in of_type(known.agreed.turns, *TERMS_EVENTS) if effective_from(f) <= at]
        yield engagement.found(WAIT, why, [announced, *turns], objection_days=agreed)


def _objected(engagement: Engagement, announced: Fact | None) -> Judged:
    change = engagement.change or (text(announced.data, "change_id") if announced else None)
    standing = list(_standing(engagement, change, announced))
    if standing:
        why = Label(
            "; ".join(reason.nl for reason, _ in standing),
            "; ".join(reason.en for reason, _ in standing),
        )
        based = [fact for _, facts in standing for fact in facts]
        yield engagement.found(HEED, why, [*([announced] if announced else []), *based])


def _standing(
    engagement: Engagement, change: str | None, announced: Fact | None
) -> Iterator[tuple[Label, list[Fact]]]:
    """The objections to a change that stood at the engagement, and what each rests on."""
    about = engagement.known.objections.get(change or "", {})
    for objection, own in about.items():
        known = [f for f in own if moment(f, *WHEN) <= engagement.at]
        raised = of_type(known, RAISED)[-1:]
        if not raised or change is None or text(raised[0].data, "change_id") != change:
            continue
        if validity(raised[0], announced, engagement.known.agreed.terms) != "valid":
            continue
        resolved = sorted((moment(f, "at"), f.position, f) for f in of_type(known, RESOLVED))[-1:]
        outcome = text(resolved[0][2].data, "outcome") if resolved else None
        received = moment_text(moment(raised[0], "received_at"))
        if not resolved:
            yield (
                Label(
                    f"ondanks bezwaar {objection} van {received}, dat niet was afgehandeld",
                    f"against objection {objection} of {received}, which was not resolved",
                ),
                raised,
            )
        elif outcome == "upheld":
            when = moment_text(resolved[0][0])
            yield (
                Label(
                    f"ondanks bezwaar {objection} van {received}, gegrond bevonden op {when}",
                    f"against objection {objection} of {received}, upheld on {when}",
                ),
                [*raised, resolved[0][2]],
            )


WHEN = ("received_at", "at")

CHAPTER = Chapter(
    name="subprocessors",
    rules=(WINDOW, ANNOUNCE, WAIT, HEED),
    by_type=BY_TYPE,
    judge=judge,
)
