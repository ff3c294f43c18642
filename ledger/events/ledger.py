"""The ledger about itself: corrections, keys, checkpoints, readers (clauses 6.1, 11.1).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Gebeurtenis gecorrigeerd",
    group="ledger",
    gdpr="5(1)(d), 5(2)",
    iso27001=("A.5.33", "A.5.28"),
    nen7510=("5.33",),
    registers=("all",),
)
class EventCorrected(EventData):
    """Fields of an earlier event were wrong and are corrected."""

    corrects_event_id: f.EventRef = Field(description="Id of the event that is corrected")
    field_changes: f.FieldChanges = Field(description="Fields with their old and new value")
    reason: f.Text = Field(description="Why")
    corrected_by: f.Pseudonym | None = Field(
        None, description="Who corrected it, as a pseudonym or role"
    )


@event_type(
    nl="Gebeurtenis teruggenomen",
    group="ledger",
    gdpr="5(1)(d)",
    iso27001=("A.5.33",),
    nen7510=("5.33",),
    registers=("all",),
)
class EventRetracted(EventData):
    """An earlier event is taken back."""

    retracts_event_id: f.EventRef = Field(description="Id of the event that is retracted")
    reason: f.Text = Field(description="Why")
    by: f.Text | None = Field(None, description="Who did it, as a pseudonym or role")


@event_type(
    nl="Ondertekensleutel ingeschreven",
    group="ledger",
    clauses="1 (Schriftelijk)",
    gdpr="32(1)(b)",
    iso27001=("A.8.24", "A.5.17"),
    registers=("key_register",),
)
class SigningKeyEnrolled(EventData):
    """A key of a service may sign from now on."""

    key_id: f.Id = Field(description="Id of the key")
    service: f.Slug = Field(description="Service whose key it is")
    algorithm: f.Algorithm | None = Field(None, description="Signature algorithm")
    public_key: f.Bytes32 | None = Field(None, description="Public key, 32 bytes in base64")
    valid_from: f.Moment | None = Field(None, description="From when the key may sign")
    valid_until: f.Moment | None = Field(None, description="Until when the key may sign")
    event_types: f.Slugs | None = Field(
        None, description="Names of the event types it may sign; any, when absent"
    )
    controller_ids: f.Ids | None = Field(
        None, description="Controllers it may sign for; any, when absent"
    )


@event_type(
    nl="Ondertekensleutel ingetrokken",
    group="ledger",
    gdpr="32(1)(b)",
    iso27001=("A.8.24", "A.5.17"),
    registers=("key_register",),
)
class SigningKeyRevoked(EventData):
    """A key may sign no more."""

    key_id: f.Id = Field(description="Id of the key")
    suspect_since: f.Moment = Field(description="Since when the key may have been in other hands")
    revoked_at: f.Moment | None = Field(None, description="When the key was revoked")
    reason: f.Text | None = Field(None, description="Why")


@event_type(
    nl="Controlepunt ondertekend",
    group="ledger",
    gdpr="5(2)",
    iso27001=("A.5.28", "A.5.33", "A.8.15"),
    nen7510=("8.15",),
    registers=("integrity",),
)
class CheckpointSigned(EventData):
    """The ledger notes a checkpoint of itself."""

    tree_size: f.Count | None = Field(None, description="Size of the log")
    root: f.Bytes32 | None = Field(None, description="Root of the log, 32 bytes in base64")
    key_id: f.Id | None = Field(None, description="Id of the key")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    witness_signatures: f.Texts | None = Field(None, description="Cosignature lines of witnesses")


@event_type(
    nl="Vermeldingen verloren gegaan",
    group="ledger",
    gdpr="5(1)(f), 5(2), 32(1)(c)",
    iso27001=("A.5.33", "A.8.13"),
    nen7510=("5.33", "8.13"),
    registers=("integrity",),
)
class EntriesLost(EventData):
    """The ledger lost entries that it had signed, and goes on without them."""

    tree_size: f.Count = Field(description="Size of the log that is left, and that it goes on from")
    root: f.Bytes32 = Field(description="Root of the log that is left, 32 bytes in base64")
    reason: f.Text = Field(description="Why")
    signed_size: f.Count | None = Field(
        None, description="Size of the newest log that it is known to have signed before"
    )
    signed_root: f.Bytes32 | None = Field(None, description="Root of that, 32 bytes in base64")
    signatures: f.Texts | None = Field(
        None, description="Signature lines of the checkpoint of that size and root"
    )
    by: f.Pseudonym | None = Field(None, description="Who decided it, as a pseudonym or role")


@event_type(
    nl="Gegevens ingezien",
    group="ledger",
    clauses="11.1",
    gdpr="28(3)(h)",
    iso27001=("A.8.15", "A.8.16"),
    nen7510=("8.15",),
    registers=("access_log",),
)
class RecordsInspected(EventData):
    """Somebody inspected records of the ledger, or was refused."""

    reader: f.Id = Field(description="Who read, as a pseudonym")
    projection: f.Slug = Field(description="Register that was read")
    role: f.Text | None = Field(None, description="Role")
    query_hash: f.Digest | None = Field(
        None, description="SHA-256 of the queries, each followed by a line feed"
    )
    ledger_position: f.Count | None = Field(None, description="Size of the log it rests on")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    count: f.Count | None = Field(None, description="Number of queries, if more than one")
    until: f.Moment | None = Field(None, description="When the last of them was")
    refused: f.Bool | None = Field(None, description="Whether they were refused")
    unsealed: f.Bool | None = Field(None, description="Whether sealed text was shown")


@event_type(
    nl="Bewijspakket geëxporteerd",
    group="ledger",
    clauses="11.1",
    gdpr="28(3)(h), 30(4)",
    iso27001=("A.5.28", "A.5.33"),
    registers=("access_log",),
)
class EvidencePackExported(EventData):
    """An evidence pack was exported."""

    reader: f.Id = Field(description="Who read, as a pseudonym")
    pack_id: f.Id = Field(description="Id of the evidence pack")
    scope: f.Text | None = Field(None, description="Scope")
    ledger_position: f.Count | None = Field(None, description="Size of the log it rests on")
    manifest_sha256: f.Digest | None = Field(
        None, description="SHA-256 of the manifest, or of an export that is one file"
    )
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")


@event_type(
    nl="Inhoud onleesbaar gemaakt",
    group="ledger",
    clauses="6.1",
    gdpr="17, 5(1)(c)",
    iso27001=("A.8.10", "A.5.34"),
    nen7510=("8.10",),
    registers=("all",),
)
class PayloadShredded(EventData):
    """The key of sealed personal data was destroyed."""

    event_id: f.EventRef = Field(description="Id of the event")
    ground: f.Text = Field(description="Ground")
    fields: f.Texts | None = Field(None, description="Fields that were shredded")
    key_destroyed_at: f.Moment | None = Field(None, description="When the key was destroyed")
    by: f.Text | None = Field(None, description="Who did it, as a pseudonym or role")
