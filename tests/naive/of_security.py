"""Clauses 5.2, 5.5 and 6.2: measures, and the people who have access."""

from __future__ import annotations

from collections.abc import Iterator

from tests.naive.civil import after_days, close, day, months_later
from tests.naive.found import Found
from tests.naive.story import Story

REVIEWS = {
    "ProcessorRegistered": "",
    "RiskAssessmentCompleted": "at",
    "SecurityMeasureAdopted": "",
    "SecurityMeasureAmended": "",
    "SecurityMeasureRetired": "at",
}
"""What counts as a look at the measures, with the field that says when."""


def o_5_2(story: Story) -> Iterator[Found]:
    """Twelve months without a risk assessment or a review of a measure."""
    reviews = sorted(fact.when(REVIEWS[fact.type]) for fact in story.all(*REVIEWS))
    for number, review in enumerate(reviews):
        due = close(months_later(day(review), 12))
        following = reviews[number + 1 : number + 2]
        if due <= story.now and not any(moment < due for moment in following):
            yield Found("O-5.2", "observation", (), due)


def o_5_5(story: Story) -> Iterator[Found]:
    """A measure was changed, and nobody was told within 30 days."""
    for amended in story.all("SecurityMeasureAmended"):
        due = after_days(amended.occurred, 30)
        told = any(
            amended.occurred <= fact.when("at") < due
            and (
                not fact.data["measure_ids"]
                or amended.data["measure_id"] in fact.data["measure_ids"]
            )
            for fact in story.all("SecurityMeasuresCommunicated")
        )
        if not told and due <= story.now:
            yield Found("O-5.5", "observation", (), due)


def r_6_2(story: Story) -> Iterator[Found]:
    """Somebody got access who had not undertaken to keep secrecy."""
    for authorised in story.all("DataAccessAuthorised"):
        at = authorised.when("authorised_at")
        signed = any(
            fact.data["person_pseudonym"] == authorised.data["person_pseudonym"]
            and fact.when("signed_at") <= at
            for fact in story.all("ConfidentialityUndertakingSigned")
        )
        if not signed:
            yield Found("R-6.2", "major", (), at)
