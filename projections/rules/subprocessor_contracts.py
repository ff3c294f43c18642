"""Contracts with subprocessors (7.1; GDPR art. 28(4)): before the engagement, with the same duties.

Each engagement is a case of its own and rests on the contracts with its subprocessor, so one more
engagement costs as much with ten thousand controllers as with one.
`tests/rules/test_subprocessor_contracts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.facts import Fact
from projections.reading import ids, moment, text
from projections.register import Label
from projections.registers.subprocessors.contracts import CONTRACTED, gaps
from projections.registers.subprocessors.engagements import ENGAGED
from projections.rows import ITSELF, of_type
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Finding, Rule
from projections.rules.wording import listed, moment_text

BY_TYPE = {ENGAGED: (ITSELF,), CONTRACTED: (ITSELF,)}

CONTRACT_FIRST = Rule(
    id="R-7.1",
    version=1,
    severity="major",
    clause="7.1",
    gdpr="28(4)",
    title=Label(
        "Subverwerker ingeschakeld voordat er een Subcontract was",
        "Subprocessor engaged before there was a contract",
    ),
)

SAME_DUTIES = Rule(
    id="O-7.1",
    version=1,
    severity="observation",
    clause="7.1",
    gdpr="28(4)",
    title=Label(
        "Subcontract legt niet alle verplichtingen op",
        "Contract with a subprocessor does not pass on all duties",
    ),
)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """What was found about one engagement, or about one contract."""
    contracts = of_type(facts, CONTRACTED)
    for fact in facts:
        if case == f"source-id:{fact.source} {fact.id}":
            if fact.type == ENGAGED:
                yield from _engagement(fact, contracts)
            else:
                yield from _contract(fact)


def _engagement(engaged: Fact, contracts: Sequence[Fact]) -> Judged:
    """One finding for each controller, which are one to whoever sees them all."""
    at, subprocessor = moment(engaged, "started_at"), text(engaged.data, "subprocessor_id") or ""
    signed = sorted((moment(c, "signed_at"), c.position, c) for c in contracts)
    if signed and signed[0][0] <= at:
        return
    begun = moment_text(at)
    if signed:
        first = moment_text(signed[0][0])
        why = Label(
            f"{subprocessor} ingeschakeld op {begun}, Subcontract pas gesloten op {first}",
            f"{subprocessor} engaged on {begun}, contract signed only on {first}",
        )
    else:
        why = Label(
            f"{subprocessor} ingeschakeld op {begun} zonder Subcontract",
            f"{subprocessor} engaged on {begun} without a contract",
        )
    for controller in ids(engaged.data, "controller_ids"):
        yield Finding(
            CONTRACT_FIRST,
            at,
            why,
            [engaged, *(contract for _, _, contract in signed[:1])],
            controller,
            subprocessor,
            group=f"{engaged.position}",
        )


def _contract(contract: Fact) -> Judged:
    missing = listed(gaps(contract))
    if missing.nl:
        at, subprocessor = moment(contract, "signed_at"), text(contract.data, "subprocessor_id")
        why = Label(
            f"Subcontract met {subprocessor} legt niet op: {missing.nl}",
            f"contract with {subprocessor} does not pass on: {missing.en}",
        )
        yield Finding(SAME_DUTIES, at, why, [contract], "", subprocessor or "")


CHAPTER = Chapter(
    name="subprocessor-contracts",
    rules=(CONTRACT_FIRST, SAME_DUTIES),
    by_type=BY_TYPE,
    judge=judge,
    context=frozenset({CONTRACTED}),
    context_by="subprocessor",
)
