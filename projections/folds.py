"""Everything that is folded from the log and kept, and the version of these folds.

`tests/test_folds.py` fails when a register, a rule or its version changes and `FOLDS` does not.
"""

from __future__ import annotations

from collections.abc import Mapping

from projections.register import Register
from projections.registers import REGISTERS
from projections.rules import JUDGED

FOLLOWED: Mapping[str, Register] = {**REGISTERS, **JUDGED}
"""Every register, and the findings and clocks of every chapter of rules, by name."""

FOLDS = 6
"""Raised whenever the same events would give other rows: stored rows of another version are not
read, and those of an earlier one are made anew. So a rule added later runs over the past."""
