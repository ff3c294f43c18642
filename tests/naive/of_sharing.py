"""Clauses 4.5 and 4.7: research, and disclosures on demand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from tests.naive.civil import after_days, instant, is_date, start
from tests.naive.found import Found
from tests.naive.of_instructions import about
from tests.naive.story import Fact, Story


def r_4_5(story: Story) -> Iterator[Found]:
    """Data of somebody who did not consent were shared, or nobody had asked for it."""
    for shared in story.all("ResearchDataShared"):
        at = shared.when("shared_at")
        instructed = any(
            fact.when("received_at") <= at for fact in about(story, shared, "InstructionReceived")
        )
        without = [t for t in shared.data["subject_tokens"] if not consents(story, shared, t, at)]
        if without or not instructed:
            yield Found("R-4.5", "major", (shared.controller,), at)


def consents(story: Story, shared: Fact, token: str, at: datetime) -> bool:
    """Whether the consent of one person, in the attestation the sharing rests on, held then."""
    held = False
    changes = [
        (
            fact.when("attested_at" if "recipient" in fact.data else "withdrawn_at"),
            fact.number,
            fact,
        )
        for fact in story.all("ResearchConsentAttested", "ResearchConsentWithdrawn")
        if fact.data["attestation_id"] == shared.data["attestation_id"]
        and fact.controller == shared.controller
    ]
    for moment, _, fact in sorted(changes, key=lambda change: change[:2]):
        if moment > at:
            continue
        if fact.type == "ResearchConsentWithdrawn":
            held = held and fact.data["subject_token"] != token
        elif token in fact.data["subject_tokens"]:
            by_controller = fact.data.get("approached_by_controller") is not False
            held = by_controller and fact.data["recipient"] == shared.data["recipient"]
    return held


def r_4_7(story: Story) -> Iterator[Found]:
    """Data were disclosed on a demand, and the controller was told too late or not at all."""
    for disclosed in story.all("PersonalDataDisclosed"):
        if "demand_id" not in disclosed.data:
            continue
        at = disclosed.when("disclosed_at")
        demand = disclosed.data["demand_id"]
        for controller in disclosed.data["controller_ids"]:
            told = [
                fact.when("notified_at")
                for fact in story.all("DisclosureDemandNotified")
                if fact.data["demand_id"] == demand and fact.controller == controller
            ]
            if any(moment <= at for moment in told):
                continue
            prohibited, due = prohibition(story, demand, controller, at)
            if not prohibited:
                yield Found("R-4.7", "major", (controller,), at)
            elif due is not None and due <= story.now and not any(m < due for m in told):
                yield Found("R-4.7", "major", (controller,), due)


def prohibition(
    story: Story, demand: str, controller: str, at: datetime
) -> tuple[bool, datetime | None]:
    """Whether telling a controller was prohibited at a moment, and until when it can be told after
    that: 24:00 of the day after the one on which the prohibition lapses, which a day alone does
    when it begins. None: it has no end."""
    for received in story.all("DisclosureDemandReceived"):
        about_it = (
            received.data["demand_id"] == demand and controller in received.data["controller_ids"]
        )
        if not about_it or not received.data["notification_prohibited"]:
            continue
        until = received.data.get("prohibition_until")
        if until is None:
            return True, None
        end = start(date.fromisoformat(until)) if is_date(until) else instant(until)
        if at < end:
            return True, after_days(end, 1)
    return False, None
