"""What a controller declares on a page, recorded as an event that the ledger signs for the person.

*Schriftelijk* (clause 1) asks that the identity of the sender and the integrity of the message are
established. The identity is that of a person who signed in, by a link that works once or at an
identity provider; the evidence names what was granted, which the operator has in its list. The
integrity is that of the log: the event holds the words as they were confirmed. A declaration is
recorded once, however often its form is sent: its id was given when the words were shown.
`tests/test_declarations.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger import own_events
from ledger.errors import IdAlreadyUsed
from ledger.granted_access import Access, Means
from ledger.opening import Ledger

OBJECTION = "SubprocessorObjectionRaised"
AUDIT = "ControllerAuditRequested"
CHOICE = "ReturnOrErasureChosen"
ACKNOWLEDGEMENT = "DataReturnAcknowledged"
DECLARED = (OBJECTION, AUDIT, CHOICE, ACKNOWLEDGEMENT)
"""What is declared on a page. A service may sign these as well, of a letter that came in."""

METHODS: Mapping[Means, str] = {
    Means.LINK: "signed in with a link that works once, which the operator gave",
    Means.SIGN_IN: "signed in at the identity provider of the operator (OpenID Connect)",
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What somebody confirmed: the words, and the fields of the event that say the same."""

    type: str
    id: str
    controller: str
    words: str
    fields: Mapping[str, Any]


def record(ledger: Ledger, declaration: Declaration, access: Access) -> int:
    """Record it for whoever signed in under `access`; the leaf index, also of one that was there.

    Raises Refused, Unavailable and SigningRefused, and ValueError for access by a token: that shows
    a program, and no person.
    """
    if access.means not in METHODS:
        raise ValueError("only a person declares")
    data = {
        "controller_id": declaration.controller,
        **declaration.fields,
        "declaration": declaration.words,
        "declared_by": access.grants.name,
        "sender_identity_established": {
            "method": METHODS[access.means],
            "evidence": f"access {access.id}",
        },
        "integrity_established": {
            "method": "the words were shown and confirmed, and are in this event",
            "evidence": "signature of the ledger, and its log",
        },
    }
    try:
        return own_events.record(ledger, declaration.type, declaration.id, data)
    except IdAlreadyUsed:
        there = recorded(ledger, declaration.type, declaration.id, declaration.controller)
        if there is None:
            raise
        return there


def recorded(ledger: Ledger, type: str, id: str, controller: str) -> int | None:
    """The leaf index of what a controller declared under an id; None when it did not."""
    there = own_events.recorded(ledger, type, id)
    if there is None or f"controller:{controller}" not in there.tags:
        return None
    return there.position - 1
