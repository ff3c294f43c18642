"""What codes are called on pages: severities of findings, states of clocks."""

from __future__ import annotations

from collections.abc import Mapping

from api.desk.charts import STATES
from projections.register import Label

SEVERITY: Mapping[str, Label] = {
    "major": Label("ernstig", "major"),
    "minor": Label("gering", "minor"),
    "observation": Label("opmerking", "observation"),
    "policy": Label("beleid", "policy"),
}

STATE: Mapping[str, Label] = STATES
