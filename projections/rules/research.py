"""Sharing with researchers (4.5; GDPR art. 9(2)(a), 28(3)(a)): on instruction and with consent.

Each data subject in a share must have consented when it was shared, and the controller must have
given the instruction. What is shared on an attestation is a case with it; the instruction that a
share names is its context. `tests/rules/test_research.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.facts import Fact
from projections.reading import moment, text, texts
from projections.register import Label
from projections.registers.instructions import RECEIVED
from projections.research_consent import ATTESTED, SHARED, WITHDRAWN, without_consent
from projections.rows import by_id, of_type
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Finding, Rule
from projections.rules.wording import listed, moment_text

BY_TYPE = dict.fromkeys((ATTESTED, WITHDRAWN, SHARED), ("attestation:attestation_id",))

CONSENT = Rule(
    id="R-4.5",
    version=1,
    severity="major",
    clause="4.5",
    gdpr="9(2)(a), 28(3)(a)",
    title=Label(
        "Gegevens voor onderzoek gedeeld zonder toestemming of instructie",
        "Data shared for research without consent or instruction",
    ),
)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """What was found about each share on one attestation."""
    for controller, own in sorted(by_id(facts, "controller_id").items()):
        turns = of_type(own, ATTESTED, WITHDRAWN)
        for share in of_type(own, SHARED):
            yield from _share(controller, share, turns, of_type(own, RECEIVED))


def _share(controller: str, share: Fact, turns: Sequence[Fact], received: Sequence[Fact]) -> Judged:
    at, id_ = moment(share, "shared_at"), text(share.data, "share_id") or ""
    instruction = text(share.data, "instruction_id") or ""
    instructed = [
        f
        for f in received
        if text(f.data, "instruction_id") == instruction and moment(f, "received_at") <= at
    ]
    outside = without_consent(turns, share)
    why = []
    if outside:
        names, count = listed(outside), f"{len(outside)}"
        of_all = f"{len(texts(share.data, 'subject_tokens'))}"
        why.append(
            Label(
                f"{count} van {of_all} Betrokkenen zonder geldige toestemming ({names.nl})",
                f"{count} of {of_all} data subjects without valid consent ({names.en})",
            )
        )
    if not instructed:
        why.append(
            Label(
                f"instructie {instruction} toen niet van deze Klant ontvangen",
                f"instruction {instruction} was not received from this controller by then",
            )
        )
    if why:
        shared = moment_text(at)
        told = Label(
            f"{id_}, gedeeld op {shared}: {'; '.join(reason.nl for reason in why)}",
            f"{id_}, shared on {shared}: {'; '.join(reason.en for reason in why)}",
        )
        before = [turn for turn in turns if moment(turn, "attested_at", "withdrawn_at") <= at]
        yield Finding(CONSENT, at, told, [share, *before, *instructed], controller, id_)


CHAPTER = Chapter(
    name="research",
    rules=(CONSENT,),
    by_type=BY_TYPE,
    judge=judge,
    context=frozenset({RECEIVED}),
    context_by="instruction",
)
