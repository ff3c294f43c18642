"""The terms of an agreement: data of each version, never constants of a rule (clauses.md 1.3).

An amendment makes a new version from its `effective_from` (or when it occurred), and changes only
what it names. A rule reads the version in force *at the act*: an amendment between an announcement
and an engagement leaves the window of the announcement as it was (scenario B5). Each controller has
one set of terms, whatever the number of its agreements. What an agreement does not say is policy,
and the policy is here. `tests/test_terms.py`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from projections.facts import Fact
from projections.reading import moment, objects, text, texts, whole

STANDARD_CATEGORIES = frozenset(
    {
        "name",
        "address",
        "postcode",
        "phone",
        "birth_date",
        "bsn",
        "email",
        "insurance",
        "religion",
        "race",
        "health",
        "sex_life",
    }
)
"""The twelve categories of personal data of clause 4.2."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms at a moment; the values here hold where an agreement is silent.

    Days and hours are numbers, periods ISO 8601. `breach_hours`, `update_silence_days`,
    `dsr_forward_days` and `copies_days` are policy: the agreement gives no number.
    """

    version: str | None = None
    objection_days: int = 7
    retention_after_licence: str = "P1M"
    transfer_area: str = "EU"
    authorisation: str = "general"
    audit_limit: str = "1/year"
    audit_year_basis: str = "calendar"
    breach_hours: int = 24
    update_silence_days: int = 14
    dsr_forward_days: int = 5
    copies_days: int = 30
    announce_channel: str = "newsletter"
    data_categories: frozenset[str] = STANDARD_CATEGORIES


LONGEST = 36_525
"""Days or hours: a larger number, which no calendar could add to a moment, counts as this one."""

POLICY = Terms()
"""The terms of an agreement that says nothing."""

TERMS_EVENTS = frozenset({"ProcessingAgreementConcluded", "ProcessingAgreementAmended"})

_TEXTS = {f.name for f in fields(Terms) if f.type in ("str", "str | None")}
_NUMBERS = {f.name for f in fields(Terms) if f.type == "int"}


def terms_at(facts: Iterable[Fact], at: datetime) -> Terms:
    """The terms of one controller's agreement in force at a moment, from the facts about it."""
    return in_force(versions(facts), at)


Versions = Sequence[tuple[datetime, Terms]]
"""The terms of one controller, each with the moment from which they hold, the earliest first."""


def versions(facts: Iterable[Fact], policy: Terms = POLICY) -> Versions:
    """Every version of the terms, from the facts about one controller."""
    turns = [(effective_from(f), f.position, f) for f in facts if f.type in TERMS_EVENTS]
    found: list[tuple[datetime, Terms]] = []
    terms = policy
    for since, _, turn in sorted(turns, key=lambda turn: turn[:2]):
        # A new agreement starts from the policy; an amendment changes what it names.
        terms = _changed(policy if turn.type.endswith("Concluded") else terms, turn.data)
        found.append((since, terms))
    return found


def in_force(known: Versions, at: datetime, policy: Terms = POLICY) -> Terms:
    """The version that holds at a moment; the policy before the first."""
    number = bisect_right(known, at, key=lambda version: version[0])
    return known[number - 1][1] if number else policy


def effective_from(fact: Fact) -> datetime:
    """When an agreement or amendment takes effect: never before it is made on that day."""
    return moment(fact, "effective_from")


def _changed(terms: Terms, data: Mapping[str, Any]) -> Terms:
    named: dict[str, Any] = {name: found for name in _TEXTS if (found := text(data, name))}
    for name in _NUMBERS:
        if (number := whole(data, name)) is not None:
            named[name] = min(max(number, 0), LONGEST)
    if (limit := whole(data, "audit_limit")) is not None:
        named["audit_limit"] = f"{limit}/year"
    if categories := category_names(data, "data_categories"):
        named["data_categories"] = frozenset(categories)
    return replace(terms, **named)


def category_names(data: Mapping[str, Any], field: str) -> list[str]:
    """The names of the categories of personal data in a field: plain, or {category, special …}."""
    marked = (text(item, "category") for item in objects(data, field))
    return sorted({*texts(data, field), *(name for name in marked if name)})
