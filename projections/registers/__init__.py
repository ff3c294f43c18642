"""Every register, by its name."""

from __future__ import annotations

from collections.abc import Mapping

from projections.register import Register
from projections.registers import (
    agreements,
    assurance,
    breaches,
    data_subject_requests,
    disclosures,
    inspections,
    instructions,
    lifecycle,
    measures,
    people,
    processing,
    research,
    subprocessors,
    transfers,
)

REGISTERS: Mapping[str, Register] = {
    module.REGISTER.name: module.REGISTER
    for module in (
        processing,
        agreements,
        instructions,
        research,
        disclosures,
        transfers,
        measures,
        people,
        subprocessors,
        data_subject_requests,
        breaches,
        lifecycle,
        assurance,
        inspections,
    )
}
