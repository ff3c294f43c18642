"""Every rule of the agreement, by chapter; `docs/reference/rules.md` lists them."""

from __future__ import annotations

from collections.abc import Mapping

from projections.register import Register
from projections.rules import (
    agreements,
    audits,
    breaches,
    certificates,
    data_subject_requests,
    disclosures,
    instructions,
    lateness,
    people,
    research,
    retention,
    security,
    subprocessor_contracts,
    subprocessors,
    transfers,
)
from projections.rules.rule import Rule

CHAPTERS = tuple(
    module.CHAPTER
    for module in (
        agreements,
        instructions,
        research,
        disclosures,
        transfers,
        security,
        people,
        subprocessor_contracts,
        subprocessors,
        data_subject_requests,
        breaches,
        retention,
        certificates,
        audits,
        lateness,
    )
)

RULES: Mapping[str, Rule] = {rule.id: rule for chapter in CHAPTERS for rule in chapter.rules}

JUDGED: Mapping[str, Register] = {
    register.name: register for register in (chapter.register() for chapter in CHAPTERS)
}
"""Each chapter as a register of findings and clocks, by its name."""
