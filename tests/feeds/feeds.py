"""Feeds: some stories told side by side, in the order in which they were recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.feeds import (
    agreement_stories,
    house_stories,
    instruction_stories,
    outside_stories,
)
from tests.feeds.amendments import amend
from tests.feeds.script import BEGIN, Choose, Script, written
from tests.naive.civil import after_days, close, day, instant, months_later

STORIES: Mapping[str, Callable[[Script], None]] = {
    story.__name__: story
    for story in (
        instruction_stories.instruction,
        instruction_stories.research,
        instruction_stories.activity,
        instruction_stories.activity_by_instruction,
        instruction_stories.demand,
        outside_stories.subprocessor,
        outside_stories.breach,
        house_stories.measures,
        house_stories.people,
        house_stories.request,
        house_stories.certificates,
        house_stories.audits,
        house_stories.information,
    )
}
"""Stories by their name; each controller has the one of its agreement besides."""


@st.composite
def feeds(draw: DrawFn, **how: Any) -> list[dict[str, Any]]:
    """Feeds as `write` makes them."""
    return write(lambda below: draw(st.integers(0, below - 1)), **how)


def seeded_feed(seed: int, **how: Any) -> list[dict[str, Any]]:
    """The feed of a number: the same one each time."""
    return write(Random(seed).randrange, **how)  # noqa: S311 - not for secrets


def write(
    choose: Choose,
    *,
    stories: Sequence[str] = tuple(STORIES),
    least: int = 5,
    most: int = 12,
    controllers: int | None = None,
) -> list[dict[str, Any]]:
    """A feed of 2 to 5 controllers with some of these stories, told so many times in all."""
    parties = [f"C{number}" for number in range(1, (controllers or 2 + choose(4)) + 1)]
    prompt = not choose(2)
    scripts: list[Script] = []

    def begin() -> Script:
        scripts.append(Script(choose, len(scripts), parties, prompt=prompt))
        return scripts[-1]

    for controller in parties:
        agreement_stories.agreement(begin(), controller)
    for _ in range(least + choose(most - least + 1)):
        STORIES[stories[choose(len(stories))]](begin())
    if choose(2):
        house_stories.certified(begin())
    acts = [act for script in scripts for act in script.acts]
    amendments = begin()
    amend(amendments, acts)
    acts = sorted([*acts, *amendments.acts], key=lambda act: act.recorded)
    return [*header(parties), *(act.line() for act in acts)]


def header(controllers: Sequence[str]) -> list[dict[str, Any]]:
    """The first lines of every feed: one service, the parties, two activities."""
    lines: list[tuple[str, dict[str, Any]]] = [
        ("SigningKeyEnrolled", {"key_id": "k-desk", "service": "desk"}),
        ("ProcessorRegistered", {"processor_id": "P", "legal_name": "Beweegzorg Online B.V."}),
        *(
            ("ControllerRegistered", {"controller_id": c, "legal_name": f"Praktijk {c}"})
            for c in controllers
        ),
        *(
            (
                "ProcessingActivityRegistered",
                {
                    "activity_id": name,
                    "controller_ids": [*controllers],
                    "data_categories": ["name"],
                },
            )
            for name in ("PA-1", "PA-2")
        ),
    ]
    return [
        {
            "id": f"H{number}",
            "type": type_,
            "occurred_at": written(BEGIN),
            "recorded_at": written(BEGIN),
            "producer": "administrator" if type_ == "SigningKeyEnrolled" else "desk",
            "data": data,
        }
        for number, (type_, data) in enumerate(lines)
    ]


def moments_of(feed: Sequence[Mapping[str, Any]]) -> SearchStrategy[datetime]:
    """Moments at which an answer about a feed may change: of its events, of the terms they begin,
    and a second before and after each."""
    said = [instant(event[field]) for event in feed for field in ("occurred_at", "recorded_at")]
    turns: list[Callable[[datetime], datetime]] = [
        lambda moment: moment,
        lambda moment: moment + timedelta(hours=24),
        lambda moment: after_days(moment, 0),
        lambda moment: after_days(moment, 5),
        lambda moment: after_days(moment, 14),
        lambda moment: after_days(moment, 30),
        lambda moment: close(months_later(day(moment), 1)),
        lambda moment: close(months_later(day(moment), 12)),
    ]
    jitter = [timedelta(seconds=seconds) for seconds in (0, 0, -1, 1)]
    return st.builds(
        lambda moment, turn, by: turn(moment) + by,
        st.sampled_from(said),
        st.sampled_from(turns),
        st.sampled_from(jitter),
    )
