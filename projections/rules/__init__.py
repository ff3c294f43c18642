"""Every rule of the agreement, by chapter; `docs/reference/rules.md` lists them."""

from __future__ import annotations

from collections.abc import Mapping

from projections.register import Register
from projections.rules import (
    audits,
    breaches,
    certificates,
    data_subject_requests,
    lateness,
    people,
    retention,
    security,
)
from projections.rules.rule import Rule

CHAPTERS = tuple(
    module.CHAPTER
    for module in (
        audits,
        breaches,
        certificates,
        data_subject_requests,
        lateness,
        people,
        retention,
        security,
    )
)

RULES: Mapping[str, Rule] = {rule.id: rule for chapter in CHAPTERS for rule in chapter.rules}

JUDGED: Mapping[str, Register] = {
    register.name: register for register in (chapter.register() for chapter in CHAPTERS)
}
"""Each chapter as a register of findings and clocks, by its name."""
