"""Agreements: no processing before one is in force, no category outside its list."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rules.agreements import CHAPTER
from tests.recording import Recording
from tests.rules.judging import brief, found

LICENCE = {"controller_id": "C1", "licence_id": "L-1"}


def agreed(controller: str = "C1", **fields: Any) -> dict[str, Any]:
    return {"controller_id": controller, **fields}


def licence_after(*steps: tuple[str, str, dict[str, Any]], **licence: Any) -> list[Any]:
    """What is found about a licence of 1 October 2024 at 09:00, among other events."""
    story = Recording()
    added = [*steps, ("LicenceGranted", "2024-10-01 09:00", {**LICENCE, **licence})]
    for type_, at, data in sorted(added, key=lambda step: step[1]):
        story.add(type_, at, data)
    return found(CHAPTER, story)


CONCLUDED, ENDED = "ProcessingAgreementConcluded", "ProcessingAgreementEnded"


def test_a_licence_under_an_agreement_is_fine() -> None:
    """Also one that was concluded that very moment, and one that takes effect on that day."""
    assert licence_after((CONCLUDED, "2024-09-30 10:00", agreed())) == []
    assert licence_after((CONCLUDED, "2024-10-01 09:00", agreed())) == []
    same_day = agreed(effective_from="2024-10-01")
    assert licence_after((CONCLUDED, "2024-09-10 10:00", same_day)) == []


def test_a_licence_before_the_agreement() -> None:
    """The text says from when until when, and how long that was."""
    step = (CONCLUDED, "2024-10-04 16:00", agreed(effective_from="2024-10-04"))
    (finding,) = licence_after(step)
    assert brief([finding]) == [("R-2.3", "C1", "2024-10-01 09:00")]
    assert finding.severity == "major"
    assert finding.text.en == (
        "L-1: processing from 2024-10-01 09:00, agreement in force only on 2024-10-04 16:00"
        " (3 days)"
    )
    assert finding.text.nl == (
        "L-1: Verwerking vanaf 2024-10-01 09:00, verwerkersovereenkomst pas van kracht op"
        " 2024-10-04 16:00 (3 dagen)"
    )
    assert finding.events == (1, 2)


def test_a_licence_without_any_agreement() -> None:
    """Nor with that of another controller."""
    assert licence_after()[0].text.en.endswith("without an agreement in force")
    assert brief(licence_after((CONCLUDED, "2024-09-01 09:00", agreed("C2")))) == [
        ("R-2.3", "C1", "2024-10-01 09:00")
    ]


@pytest.mark.parametrize(
    ("effective", "expected"),
    [("2024-10-01T09:00:00+02:00", 0), ("2024-10-01T09:00:01+02:00", 1), ("2024-10-02", 1)],
)
def test_an_agreement_must_be_in_force_and_not_merely_concluded(
    effective: str, expected: int
) -> None:
    """At the instant of the licence it is in time, a second later it is not."""
    step = (CONCLUDED, "2024-09-01 09:00", agreed(effective_from=effective))
    assert len(licence_after(step)) == expected


@pytest.mark.parametrize(
    ("ended", "expected"),
    [("2024-10-01 08:59", 1), ("2024-10-01 09:00", 1), ("2024-10-02 09:00", 0)],
)
def test_an_agreement_that_ended_is_none(ended: str, expected: int) -> None:
    """Ended before the licence, or with it; an end afterwards is another matter (3.2)."""
    steps = ((CONCLUDED, "2024-09-01 09:00", agreed()), (ENDED, ended, agreed()))
    assert len(licence_after(*steps)) == expected


def test_another_agreement_goes_on() -> None:
    """An end names which one ended."""
    both = [(CONCLUDED, f"2024-09-0{n} 09:00", agreed(agreement_id=f"A-{n}")) for n in (1, 2)]
    ended = (ENDED, "2024-09-20 09:00", agreed(agreement_id="A-1"))
    assert licence_after(*both, ended) == []


def test_each_licence_is_judged_when_it_starts() -> None:
    """A licence granted early is found from its start, and not before."""
    (finding,) = licence_after(starts_at="2024-11-01")
    assert brief([finding]) == [("R-2.3", "C1", "2024-11-01 00:00")]
    story = Recording()
    story.add("LicenceGranted", "2024-10-01 09:00", {**LICENCE, "starts_at": "2024-11-01"})
    assert found(CHAPTER, story, at="2024-10-31 23:59") == []
    assert len(found(CHAPTER, story, at="2024-11-01 00:00")) == 1


# Categories.

PA = {"activity_id": "PA-1"}


class Activity(Recording):
    """An activity of C1 and C2 with a name, registered on 1 January 2025."""

    def __init__(self, *categories: Any) -> None:
        super().__init__()
        both = {"controller_ids": ["C1", "C2"], "data_categories": ["name", *categories]}
        self.add("ProcessingActivityRegistered", "2025-01-01 09:00", {**PA, **both})

    def amend(self, at: str, **fields: Any) -> Activity:
        self.add("ProcessingActivityAmended", at, {**PA, **fields})
        return self

    def found(self) -> list[tuple[str, str, str]]:
        return brief(found(CHAPTER, self))


def test_the_twelve_categories_are_fine() -> None:
    """Marked ones as well."""
    assert Activity("bsn", {"category": "health", "special": True}).found() == []


def test_a_category_outside_the_list_is_one_finding_of_the_event() -> None:
    """For all controllers of the registration, with the categories by name."""
    (finding,) = found(CHAPTER, Activity("exercise_video", {"category": "dna", "special": True}))
    assert brief([finding]) == [("R-4.2", "C1+C2", "2025-01-01 09:00")]
    assert finding.severity == "minor"
    assert finding.text.en == "PA-1: category outside 4.2: dna, exercise_video"
    assert finding.text.nl == "PA-1: niet onder 4.2 overeengekomen categorie: dna, exercise_video"


@pytest.mark.parametrize(
    ("fields", "whose"),
    [
        ({"controller_id": "C2"}, "C2"),
        ({"added_controller_ids": ["C3"]}, "C3"),
        ({}, "C1+C2"),
    ],
)
def test_whom_an_amendment_is_about(fields: dict[str, Any], whose: str) -> None:
    """The controller it names, those it adds, or else all that have the activity then."""
    story = Activity().amend("2025-05-06 10:00", added_data_categories=["video"], **fields)
    assert story.found() == [("R-4.2", whose, "2025-05-06 10:00")]


def test_what_changes_say_counts_as_well() -> None:
    """Categories may be told among the changes."""
    story = Activity().amend("2025-05-06 10:00", changes={"data_categories": ["video"]})
    assert story.found() == [("R-4.2", "C1+C2", "2025-05-06 10:00")]


def test_a_category_is_found_once() -> None:
    """Added again, or registered again, it is known; another one is not."""
    story = Activity("video").amend("2025-02-01 09:00", added_data_categories=["video"])
    story.amend("2025-03-01 09:00", added_data_categories=["video", "voice"])
    assert story.found() == [
        ("R-4.2", "C1+C2", "2025-01-01 09:00"),
        ("R-4.2", "C1+C2", "2025-03-01 09:00"),
    ]
    assert found(CHAPTER, story)[1].text.en.endswith(": voice")


def test_a_controller_that_joins_gets_what_the_activity_has() -> None:
    """What is outside its own list, though it was found for the others before."""
    story = Activity("video").amend("2025-02-01 09:00", added_controller_ids=["C3"])
    assert story.found()[1:] == [("R-4.2", "C3", "2025-02-01 09:00")]
    alone = Activity().amend("2025-02-01 09:00", controller_id="C1", added_data_categories=["x"])
    alone.amend("2025-03-01 09:00", added_controller_ids=["C3"])
    assert [who for _, who, _ in alone.found()] == ["C1"], "what C1 alone has is not joined"


def test_who_has_left_is_not_meant() -> None:
    """Discontinued, or with an agreement that ended, it has the activity no more."""
    story = Activity()
    gone = {**PA, "controller_ids": ["C1"]}
    story.add("ProcessingActivityDiscontinued", "2025-02-01 09:00", gone)
    story.amend("2025-03-01 09:00", added_data_categories=["video"])
    assert [who for _, who, _ in story.found()] == ["C2"]
    story.add(CONCLUDED, "2025-03-02 09:00", agreed("C2"))
    story.add(ENDED, "2025-03-03 09:00", agreed("C2"))
    story.amend("2025-04-01 09:00", added_data_categories=["voice"])
    assert [who for _, who, _ in story.found()] == ["C2"]


def test_the_list_is_that_of_the_agreement_at_the_act() -> None:
    """An agreement may allow more, from when it does; another controller's does not count."""
    story = Recording()
    story.add(CONCLUDED, "2024-12-01 09:00", agreed(data_categories=["name", "video"]))
    both = {**PA, "controller_ids": ["C1", "C2"], "data_categories": ["name", "video"]}
    story.add("ProcessingActivityRegistered", "2025-01-01 09:00", both)
    assert brief(found(CHAPTER, story)) == [("R-4.2", "C2", "2025-01-01 09:00")]
    less = agreed(version="2", data_categories=["name"])
    story.add("ProcessingAgreementAmended", "2025-02-01 09:00", less)
    assert len(found(CHAPTER, story)) == 1, "what was allowed at the act stays allowed"
    story.add(
        "ProcessingActivityAmended", "2025-03-01 09:00", {**PA, "added_data_categories": ["video"]}
    )
    assert brief(found(CHAPTER, story))[1:] == [("R-4.2", "C1", "2025-03-01 09:00")]


def test_terms_that_differ_are_told_each() -> None:
    """One finding of the event, with what is outside the list of each controller."""
    story = Recording()
    story.add(CONCLUDED, "2024-12-01 09:00", agreed(data_categories=["name", "video"]))
    both = {**PA, "controller_ids": ["C1", "C2"], "data_categories": ["name", "video", "dna"]}
    story.add("ProcessingActivityRegistered", "2025-01-01 09:00", both)
    (finding,) = found(CHAPTER, story)
    assert finding.controllers == ("C1", "C2")
    assert finding.text.en == (
        "PA-1: category outside 4.2: dna; PA-1: category outside 4.2: dna, video"
    )
    assert finding.parameters == {}


def test_a_correction_takes_the_finding_away() -> None:
    """A category that was never there is found as long as it was known."""
    story = Activity("video")
    event = story.events[0]
    story.correct(event, "2025-02-01 09:00", "data_categories", ["name"])
    assert story.found() == []
    story.events.pop()
    assert len(story.found()) == 1
