"""Processing outside the Union (clause 5.3; GDPR chapter V).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Toestemming voor doorgifte verleend",
    group="transfer",
    clauses="5.3",
    gdpr="28(3)(a), 44",
    iso27001=("A.5.14", "A.5.23"),
    nen7510=("5.14",),
    iso27701=("A.2.5.2", "A.2.5.3"),
    registers=("transfer_register",),
)
class TransferConsentGranted(EventData):
    """A controller consented in writing to processing outside the area."""

    consent_id: f.Id = Field(description="Id of the consent")
    controller_id: f.Id = Field(description="Id of the controller")
    country: f.Country = Field(description="Country, ISO 3166-1 alpha-2")
    subprocessor_id: f.Id = Field(description="Id of the subprocessor")
    recipient: f.Name | None = Field(None, description="Recipient organisation")
    scope: f.Text | None = Field(None, description="Scope")
    written_evidence_sha256: f.Digest | None = Field(
        None, description="SHA-256 of the written consent"
    )
    valid_from: f.Moment | None = Field(None, description="First day, or moment, it is valid")
    valid_until: f.Moment | None = Field(None, description="Last day, or moment, it is valid")


@event_type(
    nl="Toestemming voor doorgifte ingetrokken",
    group="transfer",
    tier="ext",
    clauses="5.3",
    gdpr="28(3)(a)",
    iso27001=("A.5.14",),
    iso27701=("A.2.5.3",),
    registers=("transfer_register",),
)
class TransferConsentWithdrawn(EventData):
    """A controller withdrew that consent."""

    consent_id: f.Id = Field(description="Id of the consent")
    controller_id: f.Id = Field(description="Id of the controller")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")


@event_type(
    nl="Doorgifte buiten de Unie begonnen",
    group="transfer",
    clauses="5.3",
    gdpr="30(2)(c), 44-49",
    iso27001=("A.5.14", "A.5.23"),
    nen7510=("5.14", "5.19"),
    iso27701=("A.2.5.2", "A.2.5.3"),
    registers=("transfer_register", "processing_register"),
)
class ThirdCountryTransferStarted(EventData):
    """Processing in a country outside the Union started."""

    transfer_id: f.Id = Field(description="Id of the transfer")
    subprocessor_id: f.Id = Field(description="Id of the subprocessor")
    country: f.Country = Field(description="Country, ISO 3166-1 alpha-2")
    controller_ids: f.Controllers = Field(description="Ids of the controllers concerned")
    mechanism: f.Mechanism = Field(description="Basis of the transfer under GDPR chapter V")
    safeguard_ref: f.Text | None = Field(None, description="Where the safeguards are documented")
    tia_ref: f.Text | None = Field(
        None, description="Where the transfer impact assessment is documented"
    )
    started_at: f.Moment | None = Field(None, description="When it started")


@event_type(
    nl="Doorgifte buiten de Unie beëindigd",
    group="transfer",
    tier="ext",
    clauses="5.3",
    gdpr="30(2)(c)",
    iso27001=("A.5.14",),
    iso27701=("A.2.5.3",),
    registers=("transfer_register",),
)
class ThirdCountryTransferEnded(EventData):
    """Processing in a country outside the Union ended."""

    transfer_id: f.Id = Field(description="Id of the transfer")
    subprocessor_id: f.Id = Field(description="Id of the subprocessor")
    country: f.Country = Field(description="Country, ISO 3166-1 alpha-2")
    controller_ids: f.Controllers = Field(description="Ids of the controllers concerned")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
