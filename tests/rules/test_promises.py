"""What every chapter of rules promises, whatever it is about."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.events import EVENT_TYPES
from ledger.tags import CONTROLLERS, tags_of
from projections.context import FIELDS
from projections.findings import SEVERITIES, held_at
from projections.reading import ids
from projections.register import Row
from projections.rows import PROCESSOR_ONLY
from projections.rules import CHAPTERS, JUDGED, RULES
from projections.rules.chapter import Chapter
from projections.rules.rule import Rule
from projections.terms import Terms
from tests.odd_facts import odd_facts
from tests.recording import folded, rows_of, scenario

each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=[c.name for c in CHAPTERS])
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))


def rows(chapter: Chapter) -> list[Row]:
    """The rows of a chapter over the whole scenario."""
    return list(rows_of(chapter.register(), scenario()).values())


@each_rule
def test_a_rule_says_what_it_is(rule: Rule) -> None:
    """An id of the clause table, a version, a clause, an article, a title in two languages, and
    terms that an agreement has."""
    assert re.fullmatch(r"(R|O|C|NOTE)-([0-9]+(\.[0-9]+)?[a-z]?|LATE)", rule.id)
    assert rule.version >= 1
    assert rule.clause
    assert rule.gdpr
    assert rule.title.nl.strip()
    assert rule.title.en.strip()
    assert rule.title.nl != rule.title.en
    assert set(rule.parameters) <= {field.name for field in fields(Terms)}


@each_chapter
def test_a_clock_asks_for_something(chapter: Chapter) -> None:
    """The rule of a clock that also finds what was not done says what is to be done, in two
    languages."""
    for row in rows(chapter):
        rule = RULES[row.values["rule"]]
        if row.values["kind"] == "clock" and rule.severity:
            assert rule.duty, rule.id
            assert rule.duty.nl.strip() != rule.duty.en.strip()


@each_rule
def test_the_letter_of_a_rule_says_how_grave_it_is(rule: Rule) -> None:
    """R- is a breach, O- an observation, NOTE- policy, C- a clock alone; a late record is legal."""
    letter = rule.id.partition("-")[0]
    allowed = {"R": ("major", "minor"), "O": ("observation",), "NOTE": ("policy",), "C": (None,)}
    assert rule.severity in (("observation",) if rule.id == "R-LATE" else allowed[letter])


def test_an_id_is_that_of_one_rule() -> None:
    """No two rules of any chapter share one, nor two chapters a name."""
    all_rules = [rule.id for chapter in CHAPTERS for rule in chapter.rules]
    assert len(set(all_rules)) == len(all_rules) == len(RULES)
    assert len(JUDGED) == len(CHAPTERS)


@each_chapter
def test_a_chapter_reads_known_types(chapter: Chapter) -> None:
    """Of its own and as context, found by a tag that there is."""
    register = chapter.register()
    assert re.fullmatch(r"rules/[a-z]+(-[a-z]+)*", register.name)
    assert register.types | register.context <= {t.name for t in EVENT_TYPES.values()}
    assert register.wide <= register.types
    assert register.context_by in FIELDS
    for labelled in (register.title, *(column.label for column in register.columns)):
        assert labelled.nl.strip()
        assert labelled.en.strip()


@each_chapter
def test_cases_can_be_found_in_the_log(chapter: Chapter) -> None:
    """Each case of an event is one of its tags, or names its type."""
    register = chapter.register()
    for event in scenario():
        if event.type in register.types:
            tags = tags_of(event.source, event.id, event.type, event.data)
            for case in register.cases(event):
                assert case in tags or event.type in case.split("+")


@each_chapter
def test_rows_are_whole_and_plain(chapter: Chapter) -> None:
    """A row has a value for each column, is JSON as it stands, and names what it rests on."""
    known = {event.position for event in scenario()}
    for row in rows(chapter):
        assert set(row.values) == {column.key for column in chapter.register().columns}
        assert orjson.loads(orjson.dumps(dict(row.values))) == row.values
        assert row.positions == tuple(sorted(set(row.positions) & known)) != ()


@each_chapter
def test_what_is_judged_is_of_a_rule_of_the_chapter(chapter: Chapter) -> None:
    """Of its version, with no terms but those that the rule reads."""
    for row in rows(chapter):
        rule = RULES[row.values["rule"]]
        assert rule in chapter.rules
        assert row.values["version"] == rule.version
        assert set(row.values["parameters"]) <= set(rule.parameters)


@each_chapter
def test_a_finding_says_why_in_both_languages(chapter: Chapter) -> None:
    """How grave it is, a text in Dutch and one in English, and from when it can be told: never
    before the moment it is about."""
    for row in rows(chapter):
        if row.values["kind"] == "finding":
            assert row.values["severity"] in SEVERITIES
            assert row.values["text_nl"].strip()
            assert row.values["text_en"].strip()
            assert row.values["text_nl"] != row.values["text_en"]
            assert row.values["holds_from"] >= row.values["at"]


@each_chapter
def test_a_clock_runs_to_a_moment(chapter: Chapter) -> None:
    """It has a start and a due moment, and an excuse in both languages or none."""
    for row in rows(chapter):
        if row.values["kind"] == "clock":
            assert row.values["started_at"]
            assert row.values["due_at"]
            assert (row.values["text_nl"] is None) == (row.values["text_en"] is None)


@each_chapter
def test_no_row_names_another_controller(chapter: Chapter) -> None:
    """A row for everybody names no controller, a row of a controller no other one."""
    for row in rows(chapter):
        if row.controllers != PROCESSOR_ONLY:
            told = json.dumps([row.key, dict(row.values), [dict(c) for c in row.corrected]])
            assert set(re.findall(r"\bC[1-6]\b", told)) <= set(row.controllers)


@each_chapter
def test_a_row_of_a_controller_rests_on_a_fact_that_names_it(chapter: Chapter) -> None:
    """So a question about one controller finds its case (`projections/needed.py`)."""
    events = {event.position: event for event in scenario()}
    for row in rows(chapter):
        for controller in row.controllers:
            named = [ids(events[position].data, *CONTROLLERS) for position in row.positions]
            assert controller == "" or any(controller in some for some in named)


@each_chapter
def test_a_finding_computed_again_is_the_same(chapter: Chapter) -> None:
    """To the byte, whatever the order in which the cases are folded."""
    again = rows_of(chapter.register(), scenario())
    assert {row.key: row for row in rows(chapter)} == again
    for row in rows(chapter):
        options = orjson.OPT_SORT_KEYS
        assert orjson.dumps(dict(row.values), option=options) == orjson.dumps(
            dict(again[row.key].values), option=options
        )


@each_chapter
@given(data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_history_makes_a_fold_raise(chapter: Chapter, data: st.DataObject) -> None:
    """Facts may be missing, come at odd moments or hold odd values: what comes out is each once, is
    JSON, and can be told."""
    register = chapter.register()
    found = folded(register, data.draw(odd_facts(register.types | register.context)))
    assert len({row.key for row in found}) == len(found)
    for row in found:
        assert orjson.dumps(dict(row.values))
        assert row.positions
    assert all(finding.text.nl for finding in held_at(found, scenario()[-1].recorded_at))
