"""Pages of findings that the database counts and cuts say what folding all findings says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

import pytest

from ledger.database import Connections
from ledger.opening import Ledger
from projections import finding_pages
from projections.civil import civil_date
from projections.finding_pages import page_of_findings
from projections.findings import HeldFinding, ask_findings
from projections.follow import catch_up
from projections.question import Moment
from projections.withheld import one_controller
from tests.test_isolation import CONTROLLERS, scenario

__all__ = ["scenario"]

NOW = Moment()


def hold(
    seen: Connections,
    now: datetime,
    moment: Moment = NOW,
    *,
    rules: Collection[str] = (),
    severities: Collection[str] = (),
) -> None:
    """Every page, and the numbers, against all findings."""
    every = ask_findings(seen, now, moment, rules=rules, severities=severities).findings
    found: list[HeldFinding] = []
    page = 1
    while True:
        got = page_of_findings(seen, now, moment, rules=rules, severities=severities, page=page)
        found += got.findings
        assert got.page == page
        assert got.total == len(every)
        assert got.by_severity == Counter(each.severity for each in every)
        months = Counter(f"{civil_date(each.at):%Y-%m}" for each in every)
        assert [*got.by_month.items()] == sorted(months.items())
        if page == got.pages:
            break
        page += 1
    assert [each.at for each in found] == sorted((each.at for each in every), reverse=True)
    assert sorted(found, key=repr) == sorted(every, key=repr)


@pytest.mark.parametrize("controller", [None, *CONTROLLERS])
@pytest.mark.parametrize("days", [-700, -400, -300, -30, 0])
def test_pages_together_have_every_finding_once(
    scenario: Ledger, controller: str | None, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any moment, for everybody and for each; a finding about several controllers is one."""
    monkeypatch.setattr(finding_pages, "PAGE", 7)
    catch_up(scenario.pool)
    seen = scenario.pool if controller is None else one_controller(scenario, controller)
    hold(seen, scenario.now() + timedelta(days=days))


def test_pages_of_some_rules_and_severities_have_no_others(
    scenario: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone and together, and what nothing is found of is an empty page."""
    monkeypatch.setattr(finding_pages, "PAGE", 3)
    catch_up(scenario.pool)
    now = scenario.now()
    every = ask_findings(scenario.pool, now, NOW).findings
    rules = sorted({each.rule.id for each in every})
    assert len(rules) > 5
    for rule in rules:
        hold(scenario.pool, now, rules=[rule])
    for severity in ("major", "minor", "observation", "policy"):
        hold(scenario.pool, now, severities=[severity])
        hold(scenario.pool, now, rules=rules[:4], severities=[severity])
    nothing = page_of_findings(scenario.pool, now, NOW, rules=["R-0' OR true --"], page=9)
    assert (nothing.findings, nothing.page, nothing.pages, nothing.total) == ([], 1, 1, 0)


def test_pages_of_another_moment_are_folded(
    scenario: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same findings, page by page, as the list of that moment has."""
    monkeypatch.setattr(finding_pages, "PAGE", 7)
    now = scenario.now()
    hold(scenario.pool, now, Moment(as_of=now - timedelta(days=200)))
