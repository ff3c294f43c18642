"""Countries by date: in the Union, in the EEA, or third; and the adequacy decisions of art. 45.

Clause 5.3 speaks of the European Union, GDPR chapter V works with the EEA: two questions, so two
answers here. Both depend on the date of the transfer. The tables are in `projections/data`, each
row with its source; membership as of 1 February 2020 stands for any earlier day as well. Regions
with a country code of their own that belong to a member state count as that state.
`tests/test_countries.py`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Literal

from projections.civil import civil_date

Area = Literal["eu", "eea", "third"]
"""`eu`: a member state; `eea`: Iceland, Liechtenstein or Norway; `third`: any other country."""


@dataclass(frozen=True, slots=True)
class Adequacy:
    """A decision that a country protects personal data adequately (GDPR art. 45).

    It holds from the day it was adopted to `valid_until`, that day included; None is until further
    notice. `scope` says for whom alone it holds, where it does not hold for all.
    """

    country: str
    decision: str
    adopted: date
    valid_until: date | None
    scope: str | None

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on a day."""
        return self.adopted <= day and (self.valid_until is None or day <= self.valid_until)


def area(country: str, at: datetime | date) -> Area:
    """Where a country (ISO 3166-1 alpha-2) lies at a moment; an unknown code is a third country."""
    row = _membership(country, _day(at))
    if row is None:
        return "third"
    if row["part_of"]:
        return area(row["part_of"], at)
    if row["eu27"] == "yes":
        return "eu"
    return "eea" if row["eea30"] == "yes" else "third"


def within(agreed: str, country: str, at: datetime | date) -> bool:
    """Whether a country lies in the area of an agreement, `EU` or `EEA` (5.3)."""
    found = area(country, at)
    return found == "eu" or (found == "eea" and agreed == "EEA")


def adequacy(country: str, at: datetime | date) -> Adequacy | None:
    """The adequacy decision for a country that is in force at a moment."""
    day = _day(at)
    return next((d for d in decisions() if d.country == country and d.holds_on(day)), None)


@cache
def decisions() -> tuple[Adequacy, ...]:
    """Every adequacy decision that the table knows."""
    return tuple(
        Adequacy(
            row["code"],
            row["decision"],
            # A date from memory is marked so in the table: "2010-10-19 (memory)".
            date.fromisoformat(row["adopted"][:10]),
            date.fromisoformat(row["valid_until"]) if row["valid_until"] else None,
            row["scope_note"] or None,
        )
        for row in _table("eu_adequacy_decisions.csv")
    )


def _membership(country: str, day: date) -> Mapping[str, str] | None:
    rows = _memberships().get(country, ())
    last_days = ((row, row["valid_until"]) for row in rows)
    return next((row for row, last in last_days if not last or day.isoformat() <= last), None)


@cache
def _memberships() -> Mapping[str, tuple[Mapping[str, str], ...]]:
    """The rows of each country, oldest first."""
    found: dict[str, tuple[Mapping[str, str], ...]] = {}
    for row in sorted(_table("countries_eu_eea.csv"), key=lambda row: row["valid_from"]):
        code = row["iso3166_1_alpha2"]
        found[code] = (*found.get(code, ()), row)
    return found


def _table(name: str) -> Iterator[Mapping[str, str]]:
    text = (files("projections") / "data" / name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


def _day(at: datetime | date) -> date:
    return civil_date(at) if isinstance(at, datetime) else at
