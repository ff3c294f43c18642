"""Every rule agrees with a second evaluation of it, over feeds that neither has seen.

The second one is `tests/naive`, written from the clauses and from nothing else; the feeds are those
of `tests/feeds`. Compared are rule, severity, controllers and moment of every finding, at the end
and as of and as known at moments near those at which an answer turns.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.deployment import Home
from ledger.replay import demo_ledger, replay
from projections import sql
from projections.findings import ask_findings, held_at
from projections.question import Moment, ask
from projections.registers import REGISTERS
from projections.rules import CHAPTERS, RULES
from tests.check_ledger import check_registers
from tests.counts import counts
from tests.feeds import STORIES, Feed, feeds, moment_of, moments_of, seeded_feed
from tests.feeds.smaller import smaller
from tests.ledgers import Clock, TestLedger
from tests.naive import EVALUATIONS, Found, findings, registers
from tests.recording import local, of_feed, rows_of, scenario_file

FINDING = sorted(rule.id for rule in RULES.values() if rule.severity is not None)

TOLD_BY: Mapping[str, Collection[str]] = {
    "R-2.3": (),
    "R-3.2": (),
    "R-4.1w": ("instruction",),
    "R-4.1s": ("instruction", "activity_by_instruction", "research"),
    "R-4.2": ("activity", "activity_by_instruction"),
    "R-4.3": (),
    "O-4.3": ("instruction",),
    "R-4.4": ("instruction",),
    "R-4.5": ("research",),
    "R-4.6": ("instruction",),
    "O-4.6": ("instruction",),
    "R-4.7": ("demand",),
    "R-5.3": ("subprocessor",),
    "R-44": ("subprocessor",),
    "O-5.2": ("measures",),
    "O-5.5": ("measures",),
    "R-6.2": ("people",),
    "R-7.1": ("subprocessor",),
    "O-7.1": ("subprocessor",),
    "R-7.2a": ("subprocessor",),
    "R-7.2b": ("subprocessor",),
    "R-7.2c": ("subprocessor",),
    "R-8.1": ("request",),
    "R-9.1": ("breach",),
    "O-9.1": ("breach",),
    "R-9.2": ("breach",),
    "O-33.1": ("breach",),
    "R-10.1": (),
    "O-10.1": ("subprocessor",),
    "R-10.2": (),
    "R-11.2": ("certificates",),
    "O-11.2": ("information",),
    "R-11.3": ("audits",),
    "O-11.3": ("audits",),
    "NOTE-11.3": ("audits",),
    "R-LATE": tuple(STORIES),
}
"""The stories that a rule is about, besides those of the agreements."""


def test_every_rule_is_evaluated_twice() -> None:
    """None is left out, here or there."""
    assert set(FINDING) == set(EVALUATIONS) == set(TOLD_BY)


def judged(
    feed: Feed, rules: Collection[str], as_of: datetime | None, known_at: datetime | None
) -> set[Found]:
    """What the rules find, by a fold over the whole feed."""
    recorded = of_feed(feed)
    now = as_of or known_at or recorded[-1].recorded_at
    rows = [
        row
        for chapter in CHAPTERS
        if any(rule.id in rules for rule in chapter.rules)
        for row in rows_of(
            chapter.register(),
            recorded,
            as_of.isoformat() if as_of else None,
            known_at.isoformat() if known_at else None,
        ).values()
    ]
    return {
        Found(held.rule.id, held.severity, held.controllers, held.at)
        for held in held_at(rows, now)
        if held.rule.id in rules
    }


def different(
    feed: Feed, rules: Collection[str], as_of: datetime | None, known_at: datetime | None
) -> list[tuple[str, Found]]:
    """What one evaluation finds and the other does not, and which of them finds it."""
    by_rules = judged(feed, rules, as_of, known_at)
    naive = {found for found in findings(feed, as_of, known_at) if found.rule in rules}
    return [
        *(("the rules find", found) for found in sorted(by_rules - naive)),
        *(("the naive evaluation finds", found) for found in sorted(naive - by_rules)),
    ]


def agree(
    feed: Feed,
    rules: Collection[str],
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> None:
    """Both evaluations say the same; where not, the fewest lines that show it."""
    found = different(feed, rules, as_of, known_at)
    if not found:
        return
    now = as_of or known_at or local(feed[-1]["recorded_at"])
    first = found[:1]
    least = smaller(feed, lambda less: set(first) <= set(different(less, rules, now, known_at)))
    lines = "\n".join(json.dumps(line) for line in least)
    pytest.fail(f"{first}\nas of {now}, known at {known_at}\n{lines}", pytrace=False)


def agree_at_some_moments(data: st.DataObject, feed: Feed, rules: Collection[str]) -> None:
    """At the end, and as of and as known at moments that may be drawn."""
    agree(feed, rules)
    moments = st.none() | moments_of(feed)
    agree(feed, rules, data.draw(moments, "as of"), data.draw(moments, "known at"))


QUICKLY = settings(
    deadline=None,
    # A feed is made smaller by leaving out lines of it, which says more and takes seconds.
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("rule", FINDING)
def test_a_rule_agrees(rule: str) -> None:
    """Over feeds full of what this rule is about."""
    told = TOLD_BY[rule]
    made = feeds(stories=[*told], least=1, most=3) if told else feeds(least=0, most=0)

    @settings(QUICKLY, max_examples=15)
    @given(st.data(), made)
    def check(data: st.DataObject, feed: Feed) -> None:
        agree_at_some_moments(data, feed, [rule])

    check()


@settings(QUICKLY, max_examples=20)
@given(st.data(), feeds())
def test_all_rules_agree(data: st.DataObject, feed: Feed) -> None:
    """Over feeds of everything at once."""
    agree_at_some_moments(data, feed, FINDING)


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(20))
def test_all_rules_agree_over_many_feeds(hundred: int) -> None:
    """The same over two thousand feeds, at the end and at moments of each."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        feed = seeded_feed(seed)
        choose = Random(seed).randrange  # noqa: S311 - not for secrets
        agree(feed, FINDING)
        for _ in range(3):
            one, other = moment_of(choose, feed), moment_of(choose, feed)
            agree(feed, FINDING, as_of=one)
            agree(feed, FINDING, known_at=other)
            agree(feed, FINDING, as_of=one, known_at=other)


def test_they_agree_on_the_scenario_at_every_moment_of_it() -> None:
    """As known at, and as of, the moment of every tenth event of the two years."""
    lines = [json.loads(line) for line in scenario_file("feed.ndjson").read_text().splitlines()]
    for line in lines[::10]:
        moment = local(line["recorded_at"])
        agree(lines, FINDING, known_at=moment)
        agree(lines, FINDING, as_of=moment)


def test_a_ledger_finds_the_same(home: Home, tmp_path: Path) -> None:
    """Once through the real thing: a feed replayed into a ledger, asked now, as of and as known at
    some moments. Its registers count the same as well."""
    feed = seeded_feed(3, foretells=False)
    file = tmp_path / "feed.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in feed))
    tables = [sql.text("registers.sql")]
    choose = Random(3).randrange  # noqa: S311 - not for secrets
    with demo_ledger(home, file, origin="demo.x/y", tables=tables, resume=False) as (ledger, clock):
        assert replay(home, ledger, clock, file).recorded == len(feed)
        check_registers(TestLedger(home, ledger, Clock()))
        moments = [Moment(), *(Moment(moment_of(choose, feed)) for _ in range(3))]
        known = [max(moment_of(choose, feed), local(feed[0]["recorded_at"])) for _ in range(6)]
        moments += [Moment(None, moment) for moment in known[:3]]
        moments += [Moment(moment_of(choose, feed), moment) for moment in known[3:]]
        for asked in moments:
            known_at = asked.known_at if isinstance(asked.known_at, datetime) else None
            held = ask_findings(ledger.pool, ledger.now(), asked).findings
            found = {Found(f.rule.id, f.severity, f.controllers, f.at) for f in held}
            assert found == set(findings(feed, asked.as_of, known_at)), asked
            shown = counts(lambda name, asked=asked: ask(ledger.pool, REGISTERS[name], asked).rows)
            assert shown == registers(feed, asked.as_of, known_at), asked
