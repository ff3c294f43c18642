"""On what a transfer rests under chapter V of the GDPR, on the day it started (art. 44-49).

It is asked beside the consent of clause 5.3, never instead of it: adequacy does not replace
consent, nor consent adequacy. `tests/test_chapter_v.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from projections.countries import Adequacy, adequacy, area

Ground = Literal[
    "not_required",
    "adequacy_decision",
    "no_adequacy_decision",
    "safeguards",
    "safeguards_not_documented",
    "derogation",
    "none",
]
"""`not_required` within the EEA; `none` for a third country with no mechanism of chapter V."""

SAFEGUARDS = frozenset({"SCC", "BCR"})


@dataclass(frozen=True, slots=True)
class Basis:
    """The ground of a transfer, and the adequacy decision when it is one."""

    ground: Ground
    decision: Adequacy | None = None


def basis(country: str | None, mechanism: str | None, at: datetime, *, documented: bool) -> Basis:
    """The ground of a transfer that started at a moment.

    `documented` says whether the safeguards can be found (art. 46), which a mechanism of standard
    clauses or binding rules needs.
    """
    if country and area(country, at) != "third":
        return Basis("not_required")
    if mechanism == "adequacy":
        decision = adequacy(country, at) if country else None
        return Basis("adequacy_decision" if decision else "no_adequacy_decision", decision)
    if mechanism in SAFEGUARDS:
        return Basis("safeguards" if documented else "safeguards_not_documented")
    return Basis("derogation" if mechanism == "derogation" else "none")
