"""Every dossier, by its name: what the law asks for as one document, from the rows of registers."""

from __future__ import annotations

from collections.abc import Mapping

from projections.dossiers import (
    authority_register,
    breach_file,
    breach_form,
    controller_register,
    dpia,
)
from projections.dossiers.dossier import Kind

DOSSIERS: Mapping[str, Kind] = {
    module.KIND.name: module.KIND
    for module in (authority_register, controller_register, breach_file, breach_form, dpia)
}
