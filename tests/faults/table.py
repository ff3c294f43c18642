"""Every fault, in the order of `docs/reference/faults.md`."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults import clock, connection, disk, outside, system_calls
from tests.faults.fault import Fault

FAULTS: Sequence[Fault] = (
    *system_calls.FAULTS,
    *connection.FAULTS,
    *clock.FAULTS,
    *disk.FAULTS,
    *outside.FAULTS,
)
