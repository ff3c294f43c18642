"""Nobody has access to personal data without being bound to secrecy (6.2; GDPR art. 28(3)(b)).

The text speaks of employees; hired staff with access are bound as well (clauses.md 1.7, number 24).
`tests/rules/test_people.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.access import AUTHORISED, REVOKED, SIGNED, accesses, first_signed
from projections.civil import civil_date
from projections.facts import Fact
from projections.register import Label
from projections.rows import leading_to
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Finding, Rule

BY_TYPE = dict.fromkeys((SIGNED, AUTHORISED, REVOKED), ("person:person_pseudonym",))

SECRECY = Rule(
    id="R-6.2",
    version=1,
    severity="major",
    clause="6.2",
    gdpr="28(3)(b), 32(4)",
    title=Label(
        "Toegang tot persoonsgegevens zonder geheimhoudingsverklaring",
        "Access to personal data without an undertaking of secrecy",
    ),
)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """Each time one person was given access without being bound."""
    person = case.partition(":")[2]
    signed_at, signed = first_signed(facts) or (None, None)
    for access in accesses(facts):
        if access.is_unbound(signed_at):
            given = civil_date(access.since)
            since = Label("niet getekend", "not signed")
            if signed_at:
                on = civil_date(signed_at)
                since = Label(f"getekend {on}", f"signed {on}")
            said = Label(
                f"{person} had toegang vanaf {given} zonder geheimhoudingsverklaring ({since.nl})",
                f"{person} had access from {given} without an undertaking ({since.en})",
            )
            rests_on = [access.fact, *([signed] if signed else [])]
            yield Finding(SECRECY, access.since, said, rests_on, None, person)


CHAPTER = Chapter(
    name="people",
    rules=(SECRECY,),
    by_type=BY_TYPE,
    judge=judge,
    wide=leading_to(BY_TYPE, "person"),
)
