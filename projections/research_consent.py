"""Which data subjects consented to sharing their data with a researcher, at a moment (4.5).

A consent holds from when the controller attested it until it is withdrawn; attested again, it
holds again. One that somebody else than the controller asked for is none (4.5: "door de Klant
benaderd"). It is for one attestation, one controller and one recipient: a share with another
recipient is covered by none of it. Data subjects are keyed tokens.
`tests/test_research_consent.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from projections.facts import Fact
from projections.reading import moment, text, texts, truth, whole
from projections.rows import of_type

ATTESTED = "ResearchConsentAttested"
WITHDRAWN = "ResearchConsentWithdrawn"
SHARED = "ResearchDataShared"


def consenting(facts: Iterable[Fact], share: Fact, at: datetime) -> frozenset[str]:
    """The tokens of the data subjects whose consent covers a share at a moment, that included."""
    scope = _scope(share)
    turns = [
        (moment(fact, "attested_at", "withdrawn_at"), fact)
        for fact in of_type(facts, ATTESTED, WITHDRAWN)
        if _scope(fact) == scope
    ]
    valid: set[str] = set()
    for since, fact in sorted(turns, key=lambda turn: (turn[0], turn[1].position)):
        if since > at:
            break
        if fact.type == WITHDRAWN:
            valid.difference_update(texts(fact.data, "subject_token"))
        elif text(fact.data, "recipient") == text(share.data, "recipient"):
            asked = truth(fact.data, "approached_by_controller") is not False
            attest = valid.update if asked else valid.difference_update
            attest(texts(fact.data, "subject_tokens"))
    return frozenset(valid)


def without_consent(facts: Iterable[Fact], share: Fact) -> list[str]:
    """The tokens of the data subjects in a share whose consent did not hold when it was shared."""
    valid = consenting(facts, share, moment(share, "shared_at"))
    return sorted(set(texts(share.data, "subject_tokens")) - valid)


def subject_count(*facts: Fact) -> int | None:
    """How many data subjects attestations or shares are about: the tokens, or else the last count.

    A token in several facts is one data subject.
    """
    tokens = {token for fact in facts for token in texts(fact.data, "subject_tokens")}
    return len(tokens) or whole(facts[-1].data, "subject_count")


def _scope(fact: Fact) -> tuple[str | None, str | None]:
    return text(fact.data, "attestation_id"), text(fact.data, "controller_id")
