"""The parties: processors and controllers (clauses 1, 2.1; Annex I).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Verwerker geregistreerd",
    group="party",
    clauses="1 (Leverancier, Verwerker), Annex I",
    gdpr="30(2)(a)",
    iso27001=("A.5.2",),
    nen7510=("5.2",),
    iso27701=("A.2.2.2",),
    registers=("processing_register",),
)
class ProcessorRegistered(EventData):
    """A processor is party to the agreements: who processes."""

    processor_id: f.Id = Field(description="Id of the processor")
    legal_name: f.Name = Field(description="Name in the trade register")
    kvk: f.Kvk | None = Field(None, description="Chamber of Commerce number, 8 digits")
    address: f.Contact | None = Field(None, description="Postal address of the organisation")
    contact: f.Contact | None = Field(None, description="Contact point of the organisation")
    dpo: f.Contact | None = Field(None, description="Contact point of the data protection officer")
    eu_representative: f.Contact | None = Field(
        None, description="Representative in the Union (art. 27)"
    )
    product_scope: f.Text | None = Field(None, description="Products this processor supplies")


@event_type(
    nl="Verwerkingsverantwoordelijke geregistreerd",
    group="party",
    clauses="1 (Klant), 2.1, Annex I",
    gdpr="30(2)(a)",
    iso27001=("A.5.31",),
    iso27701=("A.2.2.2",),
    registers=("processing_register",),
)
class ControllerRegistered(EventData):
    """A controller is party to an agreement: for whom data are processed."""

    controller_id: f.Id = Field(description="Id of the controller")
    legal_name: f.Name = Field(description="Name in the trade register")
    kvk: f.Kvk | None = Field(None, description="Chamber of Commerce number, 8 digits")
    agb_code: f.Agb | None = Field(None, description="AGB code of the practice, 8 digits")
    address: f.Contact | None = Field(None, description="Postal address of the organisation")
    contact: f.Contact | None = Field(None, description="Contact point of the organisation")
    dpo: f.Contact | None = Field(None, description="Contact point of the data protection officer")
    newsletter_address: f.Contact | None = Field(
        None, description="Where the newsletter goes (clause 7.2)"
    )
    breach_contact: f.Contact | None = Field(
        None, description="Where breach notices go (clause 9.1)"
    )
    contact_person: f.Sealed | None = Field(None, description="Whom to ask for, sealed")
