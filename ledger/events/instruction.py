"""Instructions of controllers (clauses 4.1, 4.6; Schriftelijk).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type
from ledger.events.declared import IDENTITY, INTEGRITY


@event_type(
    nl="Instructie ontvangen",
    group="instruction",
    clauses="4.1, Schriftelijk",
    gdpr="28(3)(a), 29",
    iso27001=("A.5.34", "A.5.14"),
    nen7510=("5.34",),
    iso27701=("A.2.2.2", "A.2.2.3"),
    registers=("instruction_register",),
)
class InstructionReceived(EventData):
    """A controller gave an instruction."""

    instruction_id: f.Id = Field(description="Id of the instruction")
    controller_id: f.Id = Field(description="Id of the controller")
    channel: f.InstructionChannel = Field(description="Way it came in or went out")
    sender_claimed: f.Text | None = Field(None, description="Sender the message claims")
    received_at: f.Moment | None = Field(None, description="When it was received")
    message_sha256: f.Digest | None = Field(None, description="SHA-256 of the message")
    kind: f.Slug | None = Field(None, description="Kind of instruction")
    activity_ids: f.Ids | None = Field(None, description="Processing activities concerned")
    summary_nl: f.Text | None = Field(None, description="Summary in Dutch, without personal data")


@event_type(
    nl="Instructie geverifieerd",
    group="instruction",
    clauses="1 (Schriftelijk)",
    gdpr="28(3)(a)",
    iso27001=("A.5.16", "A.5.17", "A.5.14"),
    nen7510=("5.14", "5.16"),
    iso27701=("A.2.2.2",),
    registers=("instruction_register",),
)
class InstructionVerified(EventData):
    """Identity of the sender and integrity of the message were established."""

    instruction_id: f.Id = Field(description="Id of the instruction")
    controller_id: f.Id = Field(description="Id of the controller")
    sender_identity_established: f.Established | None = IDENTITY
    integrity_established: f.Established | None = INTEGRITY
    verified_by: f.Pseudonym | None = Field(
        None, description="Who verified it, as a pseudonym or role"
    )
    authority_basis: f.Text | None = Field(
        None, description="Why the sender may speak for the controller"
    )


@event_type(
    nl="Instructie afgewezen",
    group="instruction",
    clauses="4.1, 4.4, Schriftelijk",
    gdpr="28(3)(a)",
    iso27001=("A.5.34",),
    iso27701=("A.2.2.3",),
    registers=("instruction_register",),
)
class InstructionRejected(EventData):
    """An instruction was rejected on its form or scope."""

    instruction_id: f.Id = Field(description="Id of the instruction")
    controller_id: f.Id = Field(description="Id of the controller")
    ground: f.RejectionGround = Field(description="Ground of the rejection")
    told_controller_at: f.Moment | None = Field(None, description="When the controller was told")


@event_type(
    nl="Instructie beoordeeld",
    group="instruction",
    clauses="4.6",
    gdpr="28(3) last para",
    iso27001=("A.5.31", "A.5.34"),
    iso27701=("A.2.2.5",),
    registers=("instruction_register",),
)
class InstructionAssessed(EventData):
    """The processor formed an opinion on the lawfulness of an instruction."""

    instruction_id: f.Id = Field(description="Id of the instruction")
    controller_id: f.Id = Field(description="Id of the controller")
    opinion: f.Opinion = Field(description="Opinion of the processor on the lawfulness")
    provision: f.Text | None = Field(None, description="Provision it infringes")
    assessor: f.Pseudonym | None = Field(
        None, description="Who assessed it, as a pseudonym or role"
    )


@event_type(
    nl="Onrechtmatigheid van instructie gemeld",
    group="instruction",
    clauses="4.6",
    gdpr="28(3) last para",
    iso27001=("A.5.31",),
    iso27701=("A.2.2.5",),
    registers=("instruction_register",),
)
class InfringementConcernNotified(EventData):
    """The controller was told that its instruction infringes the law."""

    instruction_id: f.Id = Field(description="Id of the instruction")
    controller_id: f.Id = Field(description="Id of the controller")
    notified_at: f.Moment | None = Field(None, description="When the notice was given")
    channel: f.Slug | None = Field(None, description="Way it came in or went out")
    provision: f.Text | None = Field(None, description="Provision it infringes")
    receipt: f.Text | None = Field(None, description="Proof that the notice arrived")


@event_type(
    nl="Instructie opgeschort",
    group="instruction",
    tier="ext",
    clauses="4.6",
    gdpr="28(3)",
    iso27001=("A.5.31",),
    iso27701=("A.2.2.5",),
    registers=("instruction_register",),
)
class InstructionSuspended(EventData):
    """An instruction was suspended until the controller answers."""

    instruction_id: f.Id = Field(description="Id of the instruction")
    controller_id: f.Id = Field(description="Id of the controller")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    reason: f.Text | None = Field(None, description="Why")


@event_type(
    nl="Instructie bevestigd",
    group="instruction",
    tier="ext",
    clauses="4.6",
    gdpr="28(3)(a)",
    iso27001=("A.5.31",),
    iso27701=("A.2.2.5",),
    registers=("instruction_register",),
)
class InstructionConfirmed(EventData):
    """The controller confirmed an instruction after the concern."""

    instruction_id: f.Id = Field(description="Id of the instruction")
    controller_id: f.Id = Field(description="Id of the controller")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    by: f.Text | None = Field(None, description="Who did it, as a pseudonym or role")
    reasons: f.Text | None = Field(None, description="Reasons given")


@event_type(
    nl="Instructie ingetrokken",
    group="instruction",
    tier="ext",
    clauses="4.6",
    gdpr="28(3)(a)",
    iso27001=("A.5.34",),
    iso27701=("A.2.2.2",),
    registers=("instruction_register",),
)
class InstructionWithdrawn(EventData):
    """The controller withdrew an instruction."""

    instruction_id: f.Id = Field(description="Id of the instruction")
    controller_id: f.Id = Field(description="Id of the controller")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    by: f.Text | None = Field(None, description="Who did it, as a pseudonym or role")


@event_type(
    nl="Instructie uitgevoerd",
    group="instruction",
    clauses="4.1, 5.8",
    gdpr="28(3)(a), 29, 32(4)",
    iso27001=("A.8.15", "A.5.34"),
    nen7510=("8.15",),
    iso27701=("A.2.2.2", "A.2.2.3"),
    registers=("instruction_register",),
)
class InstructionExecuted(EventData):
    """An instruction was executed."""

    instruction_id: f.Id = Field(description="Id of the instruction")
    controller_id: f.Id = Field(description="Id of the controller")
    executed_at: f.Moment | None = Field(None, description="When it was executed")
    executed_by: f.Pseudonym | None = Field(None, description="Who executed it, as a pseudonym")
    systems: f.Texts | None = Field(None, description="Systems concerned")
    result: f.Text | None = Field(None, description="Result")
