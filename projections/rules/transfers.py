"""Processing outside the agreed area (5.3; GDPR chapter V): with consent, and on a ground in law.

Two tests that know nothing of each other. Consent of the controller must cover a transfer all the
while; each stretch without it is found. When it is withdrawn the transfer has to end within a day.
A subprocessor that was engaged in a country outside the area, of which no transfer was recorded, is
taken to process there as long as it is engaged. The ground of chapter V is that of the day on which
a transfer started. All of one controller is one case. `tests/rules/test_transfers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from projections.agreement import Spell, agreed_in, spells
from projections.chapter_v import Ground, basis
from projections.countries import area, within
from projections.facts import Fact
from projections.reading import moment, text, texts
from projections.register import Label
from projections.registers.transfers import BY_TYPE, DISENGAGED, ENGAGED, STARTED, STOPPED
from projections.rows import by_id, of_type
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Clock, Finding, Rule
from projections.rules.wording import moment_text, period
from projections.terms import in_force
from projections.transfer_consent import (
    Consent,
    Period,
    Where,
    by_place,
    consents,
    counted_in,
    uncovered,
)

CONSENT = Rule(
    id="R-5.3",
    version=1,
    severity="major",
    clause="5.3",
    gdpr="28(3)(a)",
    title=Label(
        "Verwerking buiten het overeengekomen gebied zonder Schriftelijke toestemming",
        "Processing outside the agreed area without written consent",
    ),
    duty=Label(
        "De doorgifte beëindigen waarvoor de toestemming is ingetrokken",
        "End the transfer whose consent was withdrawn",
    ),
    parameters=("transfer_area",),
)

CONSENT_ENDS = Rule(
    id="C-5.3",
    version=1,
    severity=None,
    clause="5.3",
    gdpr="28(3)(a)",
    title=Label(
        "Toestemming voor doorgifte geldt",
        "Consent to a transfer is valid",
    ),
)

GROUND = Rule(
    id="R-44",
    version=1,
    severity="major",
    clause="5.3",
    gdpr="44-49",
    title=Label(
        "Doorgifte zonder grondslag in hoofdstuk V AVG",
        "Transfer without a ground in GDPR chapter V",
    ),
)

WIND_DOWN = timedelta(hours=24)
"""Within which a transfer has to end whose consent was withdrawn."""

NO_GROUND: Mapping[Ground, Label] = {
    "none": Label("geen grondslag opgegeven", "no ground given"),
    "no_adequacy_decision": Label(
        "geen adequaatheidsbesluit op die dag", "no adequacy decision on that day"
    ),
}
"""Safeguards that the ledger does not document may be documented elsewhere: the register shows it,
and nothing is found."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Data of one controller in a country, with a subprocessor, from `begin` to `end`."""

    controller: str
    subject: str
    subprocessor: str | None
    country: str
    start: Fact
    begin: datetime
    stop: Fact | None
    end: datetime | None

    @property
    def where(self) -> str:
        """The country and who processes there."""
        return f"{self.country} ({self.subprocessor or '-'})"


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """The clocks and findings about the transfers of one controller."""
    controller = case.partition(":")[2]
    agreed, given = agreed_in(facts), consents(facts)
    places = by_place(given)
    stays = (
        *_transfers(controller, facts, agreed.ends),
        *_engagements(controller, facts, agreed.ends),
    )
    for stay in stays:
        agreed_area = in_force(agreed.terms, stay.begin).transfer_area
        given_there = places.get((stay.country, stay.subprocessor), ())
        yield from _judged(stay, agreed_area, counted_in(given_there, stay.begin, stay.end))
    for fact in of_type(facts, STARTED):
        yield from _ground(controller, fact)
    for consent in given:
        yield from _until(controller, consent)


def _transfers(controller: str, facts: Sequence[Fact], closing: Sequence[Fact]) -> Iterator[Stay]:
    for transfer, own in by_id(of_type(facts, STARTED, STOPPED), "transfer_id").items():
        for place in dict.fromkeys(map(_place, of_type(own, STARTED))):
            country, _ = place
            for spell in spells(own, closing, starts=_starts_at(place)):
                if country and spell.start:
                    yield _stay(controller, transfer, country, spell, spell.start)


def _starts_at(place: Where) -> Callable[[Fact], bool]:
    return lambda fact: _place(fact) == place


def _place(fact: Fact) -> Where:
    """The country and subprocessor of a transfer that starts; of one that ends neither."""
    if fact.type != STARTED:
        return None, None
    return text(fact.data, "country"), text(fact.data, "subprocessor_id")


def _engagements(controller: str, facts: Sequence[Fact], closing: Sequence[Fact]) -> Iterator[Stay]:
    """Those in a country of which no transfer was recorded, at any time."""
    recorded = {_place(fact) for fact in of_type(facts, STARTED)}
    turns = by_id(of_type(facts, ENGAGED, DISENGAGED), "subprocessor_id")
    for subprocessor, own in turns.items():
        for country in dict.fromkeys(c for fact in own for c in texts(fact.data, "countries")):
            if (country, subprocessor) in recorded:
                continue
            # An engagement that names other countries says that this one is left.
            for spell in spells(own, closing, starts=_engaged_in(country)):
                if spell.start:
                    subject = f"{subprocessor} {country}"
                    yield _stay(controller, subject, country, spell, spell.start)


def _engaged_in(country: str) -> Callable[[Fact], bool]:
    return lambda fact: fact.type == ENGAGED and country in texts(fact.data, "countries")


def _stay(controller: str, subject: str, country: str, spell: Spell, start: Fact) -> Stay:
    end = moment(spell.end, "at", "ended_at", "started_at") if spell.end else None
    subprocessor = text(start.data, "subprocessor_id")
    begin = moment(start, "started_at")
    return Stay(controller, subject, subprocessor, country, start, begin, spell.end, end)


def _judged(stay: Stay, agreed: str, own: Sequence[Consent]) -> Judged:
    if within(agreed, stay.country, stay.begin):
        return
    for gap in uncovered(stay.begin, stay.end, own):
        before = [consent for consent in own if consent.end == gap[0] > stay.begin]
        # What expired at that moment was not withdrawn any more.
        taken = [c.withdrawn for c in before if c.withdrawn and c.expires_at != gap[0]]
        withdrawn = [fact for fact in taken if moment(fact, "at") == gap[0]]
        rests_on = [c.granted for c in own if c in before or c.begin == gap[1]]
        if withdrawn:
            yield from _withdrawn(stay, gap, agreed, withdrawn[0], rests_on)
        else:
            yield _without(stay, gap, agreed, rests_on, None)


def _withdrawn(
    stay: Stay, gap: Period, agreed: str, withdrawn: Fact, rests_on: list[Fact]
) -> Judged:
    """A day to end the transfer; when it has not ended by then, the stretch is found."""
    clock = Clock(
        rule=CONSENT,
        started_at=gap[0],
        due_at=gap[0] + WIND_DOWN,
        stopped_at=stay.end,
        owner=stay.controller,
        subject=stay.subject,
        start=withdrawn,
        stop=stay.stop,
        parameters={"transfer_area": agreed},
    )
    yield clock
    if clock.overdue_from:
        yield _without(stay, gap, agreed, [*rests_on, withdrawn], clock.overdue_from)


def _without(
    stay: Stay, gap: Period, agreed: str, rests_on: list[Fact], told_from: datetime | None
) -> Finding:
    lasted = period(*gap)
    in_eea = area(stay.country, stay.begin) == "eea"
    note_nl = "; EER-land, hoofdstuk V AVG niet aan de orde" if in_eea else ""
    note_en = "; EEA country, GDPR chapter V not at stake" if in_eea else ""
    why = Label(
        f"{stay.where} zonder Schriftelijke toestemming {lasted.nl}{note_nl}",
        f"{stay.where} without written consent {lasted.en}{note_en}",
    )
    end = [stay.stop] if stay.stop and gap[1] == stay.end else []
    return Finding(
        CONSENT,
        gap[0],
        why,
        [stay.start, *rests_on, *end],
        stay.controller,
        stay.subject,
        severity="minor" if in_eea else "major",
        holds_from=told_from,
        parameters={"transfer_area": agreed},
    )


def _ground(controller: str, started: Fact) -> Judged:
    """R-44: what chapter V asks, on the day on which the transfer started."""
    at, country = moment(started, "started_at"), text(started.data, "country")
    mechanism, safeguard = text(started.data, "mechanism"), text(started.data, "safeguard_ref")
    ground = basis(country, mechanism, at, documented=bool(safeguard)).ground
    if country and ground in NO_GROUND:
        reason = NO_GROUND[ground]
        transfer, begun = text(started.data, "transfer_id") or "", moment_text(at)
        where = f"{country} ({text(started.data, 'subprocessor_id')})"
        why = Label(
            f"{transfer}: doorgifte naar {where} begonnen op {begun} op grond van {mechanism}, "
            f"{reason.nl}",
            f"{transfer}: transfer to {where} started on {begun} on the ground of {mechanism}, "
            f"{reason.en}",
        )
        yield Finding(GROUND, at, why, [started], controller, transfer)


def _until(controller: str, consent: Consent) -> Judged:
    """The time in which a consent holds that ends by itself."""
    if consent.expires_at is None:
        return
    yield Clock(
        rule=CONSENT_ENDS,
        started_at=consent.begin,
        due_at=consent.expires_at,
        stopped_at=moment(consent.withdrawn, "at") if consent.withdrawn else None,
        owner=controller,
        subject=consent.consent_id or "",
        start=consent.granted,
        stop=consent.withdrawn,
        open_end=True,
        window=True,
    )


CHAPTER = Chapter(
    name="transfers",
    rules=(CONSENT, CONSENT_ENDS, GROUND),
    by_type=BY_TYPE,
    judge=judge,
)
