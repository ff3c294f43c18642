"""The instruction register: clauses 4.1 and 4.6, Schriftelijk; GDPR art. 28(3)(a), 29.

One row for each instruction and controller. *In writing* is never said by the sender: it is a
channel that leaves something written, an identity and an integrity that were established. What was
done under an instruction is in `acts`. `tests/registers/test_instructions.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.facts import Fact
from projections.reading import (
    first_at,
    first_when,
    ids,
    in_order,
    members,
    moment,
    text,
    texts,
    when,
)
from projections.register import Column, Label, Register, Row
from projections.rows import by_id, cases_by, of_type, row, row_key

RECEIVED = "InstructionReceived"
VERIFIED = "InstructionVerified"
ASSESSED = "InstructionAssessed"
CONFIRMED = "InstructionConfirmed"
NOTIFIED = "InfringementConcernNotified"
EXECUTED = "InstructionExecuted"

STATES = {
    RECEIVED: "received",
    VERIFIED: "verified",
    ASSESSED: "assessed",
    "InstructionSuspended": "suspended",
    CONFIRMED: "confirmed",
    EXECUTED: "executed",
    "InstructionRejected": "rejected",
    "InstructionWithdrawn": "withdrawn",
    "ResearchSharingRefused": "refused",
}
"""The state that each step leads to. Telling the controller of a concern is no state."""

CLOSED = frozenset({"rejected", "withdrawn", "refused"})
"""After these only a new message or a confirmation by the controller opens it again."""

ACTS = {
    "ProcessingActivityAmended": "activity_id",
    "ReturnOrErasureChosen": "choice",
    "ResearchDataShared": "share_id",
    "PersonalDataDisclosed": "disclosure_id",
}
"""What may be done under an instruction, and the field that names it."""

BY_TYPE = dict.fromkeys((*STATES, NOTIFIED, *ACTS), ("instruction:instruction_id",))

WRITTEN = frozenset({"email", "fax", "licence_grant", "portal", "letter"})
"""Channels that leave something written; the telephone does not."""

COLUMNS = (
    Column("instruction", Label("Instructie", "Instruction"), "4.1; art. 28(3)(a)"),
    Column("controller", Label("Klant", "Controller"), "4.1; art. 28(3)(a)"),
    Column("state", Label("Toestand", "State"), "4.1, 4.6"),
    Column("kind", Label("Soort instructie", "Kind of instruction"), "4.1, 4.4, 4.5"),
    Column("summary", Label("Samenvatting", "Summary"), "4.1; art. 28(3)(a)"),
    Column("activity_ids", Label("Betrokken Verwerkingen", "Activities concerned"), "4.1"),
    Column("received_at", Label("Ontvangen op", "Received at"), "4.1"),
    Column("channel", Label("Weg", "Channel"), "1 (Schriftelijk)"),
    Column("sender_claimed", Label("Opgegeven afzender", "Claimed sender"), "1 (Schriftelijk)"),
    Column("message_sha256", Label("Hash van het bericht", "Hash of the message"), "4.1"),
    Column("verified_at", Label("Geverifieerd op", "Verified at"), "1 (Schriftelijk)"),
    Column(
        "identity_established",
        Label("Identiteit van de afzender staat vast", "Identity of the sender established"),
        "1 (Schriftelijk)",
    ),
    Column("identity_method", Label("Identiteit: hoe", "Identity: how"), "1 (Schriftelijk)"),
    Column(
        "integrity_established",
        Label("Integriteit van het bericht staat vast", "Integrity of the message established"),
        "1 (Schriftelijk)",
    ),
    Column("integrity_method", Label("Integriteit: hoe", "Integrity: how"), "1 (Schriftelijk)"),
    Column("verified_by", Label("Geverifieerd door", "Verified by"), "1 (Schriftelijk)"),
    Column("authority_basis", Label("Bevoegdheid", "Authority of the sender"), "1 (Schriftelijk)"),
    Column("in_writing", Label("Schriftelijk", "In writing"), "1 (Schriftelijk), 4.1"),
    Column("opinion", Label("Oordeel van Leverancier", "Opinion of the processor"), "4.6"),
    Column("provision", Label("Wettelijk voorschrift", "Provision"), "4.6; art. 28(3)"),
    Column("assessed_at", Label("Beoordeeld op", "Assessed at"), "4.6"),
    Column("concern_notified_at", Label("Klant in kennis gesteld op", "Controller told at"), "4.6"),
    Column("suspended_at", Label("Opgeschort op", "Suspended at"), "4.6"),
    Column("confirmed_at", Label("Bevestigd op", "Confirmed at"), "4.6"),
    Column("executed_at", Label("Uitgevoerd op", "Executed at"), "4.1; art. 29"),
    Column("executed_by", Label("Uitgevoerd door", "Executed by"), "5.8; art. 29, 32(4)"),
    Column("systems", Label("Systemen", "Systems"), "4.1"),
    Column("result", Label("Resultaat", "Result"), "4.1"),
    Column(
        "verified_before_execution",
        Label("Geverifieerd voor de uitvoering", "Verified before the execution"),
        "4.1",
    ),
    Column(
        "told_before_execution",
        Label("In kennis gesteld voor de uitvoering", "Told before the execution"),
        "4.6; art. 28(3)",
    ),
    Column("acts", Label("Wat is verricht", "What was done"), "4.1; art. 82(2)"),
    Column("closed_at", Label("Gesloten op", "Closed at"), "4.1, 4.4, 4.6"),
    Column("ground", Label("Grond van afwijzing", "Ground of rejection"), "4.1, 4.4, 4.5"),
)


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The row of one instruction for each controller that is named with it."""
    instruction = case.partition(":")[2]
    steps = by_id(of_type(facts, *STATES, NOTIFIED), "controller_id")
    return [
        _instruction(
            instruction,
            controller,
            [step for _, step in in_order(own, *DONE_AT)],
            _acts(controller, facts),
        )
        for controller, own in sorted(steps.items())
    ]


DONE_AT = ("received_at", "notified_at", "executed_at", "refused_at", "at")
"""The fields that say when a step was taken, should that not be when the event occurred."""


def _acts(controller: str, facts: Sequence[Fact]) -> list[Fact]:
    """What was done for a controller under the instruction, or for all."""
    fields = ("controller_id", "controller_ids", "added_controller_ids")
    named = [(fact, ids(fact.data, *fields)) for fact in of_type(facts, *ACTS)]
    return [fact for fact, controllers in named if controller in controllers or not controllers]


def _instruction(
    instruction: str, controller: str, steps: Sequence[Fact], acts: Sequence[Fact]
) -> Row:
    received = of_type(steps, RECEIVED)[-1:]
    message: Mapping[str, Any] = received[0].data if received else {}
    values = {
        "instruction": instruction,
        "controller": controller,
        "state": state(steps),
        "kind": text(message, "kind"),
        "summary": text(message, "summary_nl"),
        "activity_ids": texts(message, "activity_ids"),
        "received_at": first_when(received, "received_at"),
        "channel": text(message, "channel"),
        "sender_claimed": text(message, "sender_claimed"),
        "message_sha256": text(message, "message_sha256"),
        **_verification(text(message, "channel"), steps),
        **_assessment(steps),
        **_execution(steps),
        "acts": [_act(fact) for fact in acts],
        **_closing(steps),
    }
    key = row_key("instruction", instruction, controller)
    return row(COLUMNS, key, (controller,), values, [*steps, *acts])


def state(steps: Sequence[Fact]) -> str | None:
    """The state of an instruction after its steps, which may be missing or come in odd order.

    What was executed stays executed, whatever was written afterwards.
    """
    found: str | None = None
    for step in steps:
        new = STATES.get(step.type, found)
        opens = new == "executed" or new in CLOSED or step.type in (RECEIVED, CONFIRMED)
        if found != "executed" and (found not in CLOSED or opens):
            found = new
    return found


def _verification(channel: str | None, steps: Sequence[Fact]) -> dict[str, Any]:
    """What was established by the last verification, and how."""
    verified = of_type(steps, VERIFIED)[-1:]
    found: Mapping[str, Any] = verified[0].data if verified else {}
    identity = bool(verified) and found.get("sender_identity_established") is not False
    integrity = bool(verified) and found.get("integrity_established") is not False
    return {
        "verified_at": first_when(verified),
        "identity_established": identity,
        "identity_method": _method(found, "sender_identity_established"),
        "integrity_established": integrity,
        "integrity_method": _method(found, "integrity_established"),
        "verified_by": text(found, "verified_by"),
        "authority_basis": text(found, "authority_basis"),
        "in_writing": channel in WRITTEN and identity and integrity,
    }


def _method(data: Mapping[str, Any], field: str) -> str | None:
    """How something was established: a text, or an object with the method."""
    return text(data, field) or text(members(data, field), "method")


def _assessment(steps: Sequence[Fact]) -> dict[str, Any]:
    assessed = of_type(steps, ASSESSED)[-1:]
    notified = of_type(steps, NOTIFIED)
    said = [*assessed, *notified]
    return {
        "opinion": text(assessed[0].data, "opinion") if assessed else None,
        "provision": next((p for f in said if (p := text(f.data, "provision"))), None),
        "assessed_at": first_when(assessed),
        "concern_notified_at": first_when(notified, "notified_at"),
        "suspended_at": first_when(of_type(steps, "InstructionSuspended"), "at"),
        "confirmed_at": first_when(of_type(steps, CONFIRMED), "at"),
    }


def _execution(steps: Sequence[Fact]) -> dict[str, Any]:
    executed = of_type(steps, EXECUTED)
    if not executed:
        return {}
    last = executed[-1].data
    at = moment(executed[0], "executed_at")
    told = first_at(of_type(steps, NOTIFIED), "notified_at")
    verified = first_at(of_type(steps, VERIFIED))
    infringing = any(text(f.data, "opinion") == "infringing" for f in of_type(steps, ASSESSED))
    return {
        "executed_at": when(executed[0], "executed_at"),
        "executed_by": text(last, "executed_by"),
        "systems": texts(last, "systems"),
        "result": text(last, "result"),
        "verified_before_execution": verified is not None and verified <= at,
        "told_before_execution": (told is not None and told <= at) if infringing else None,
    }


def _act(fact: Fact) -> dict[str, Any]:
    return {"type": fact.type, "id": text(fact.data, ACTS[fact.type]), "at": when(fact, *WHEN)}


WHEN = ("shared_at", "disclosed_at", "chosen_at")


def _closing(steps: Sequence[Fact]) -> dict[str, Any]:
    """How an instruction that was not carried out ended."""
    closed = [step for step in steps if STATES.get(step.type) in CLOSED]
    if not closed or state(steps) not in CLOSED:
        return {}
    last = closed[-1]
    return {
        "closed_at": when(last, "at", "refused_at"),
        "ground": text(last.data, "ground") or text(last.data, "reason"),
    }


REGISTER = Register(
    name="instructions",
    title=Label("Register van instructies", "Register of instructions"),
    source="4.1, 4.4, 4.6; art. 28(3)(a), 29",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
)
