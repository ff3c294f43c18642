"""Every register, by its name."""

from __future__ import annotations

from collections.abc import Mapping

from projections.register import Register
from projections.registers import (
    assurance,
    breaches,
    data_subject_requests,
    inspections,
    lifecycle,
    measures,
    people,
    processing,
    subprocessors,
)

REGISTERS: Mapping[str, Register] = {
    module.REGISTER.name: module.REGISTER
    for module in (
        processing,
        subprocessors,
        measures,
        people,
        data_subject_requests,
        breaches,
        lifecycle,
        assurance,
        inspections,
    )
}
