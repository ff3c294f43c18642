"""The register for the authority: exactly what art. 30(2) asks of a processor, on request (30(4)).

What the agreement asks beside it (purposes, categories of data, retention) is in the processing
register and stays out of this one. `tests/test_dossiers.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.dossiers.dossier import Asked, Kind, Section, items, table
from projections.register import Label


def make(asked: Asked) -> Sequence[Section]:
    """The four points of art. 30(2)."""
    processor = asked.one("processing", "processor")
    return [
        Section(
            "processor",
            Label("De verwerker", "The processor"),
            items("processing", processor, "name", "number", "contact", "dpo", "representative"),
        ),
        table(
            "controllers",
            Label(
                "Voor wie wordt verwerkt (a)", "On behalf of whom personal data are processed (a)"
            ),
            "processing",
            asked.of("processing", "controller"),
            "id", "name", "number", "contact", "dpo", "representative", "since", "until",
        ),
        table(
            "categories",
            Label("Categorieën van verwerkingen (b)", "Categories of processing (b)"),
            "processing",
            asked.of("processing", "activity"),
            "controller", "id", "name_nl", "name_en", "categories_of_processing", "since", "until",
        ),
        table(
            "transfers",
            Label("Doorgiften (c)", "Transfers (c)"),
            "transfers",
            asked.of("transfers", "transfer"),
            "controller", "id", "country", "subprocessor", "chapter_v", "mechanism", "safeguard",
            "since", "until",
        ),
        table(
            "measures",
            Label(
                "Beveiligingsmaatregelen, algemeen beschreven (d)",
                "General description of security measures (d)",
            ),
            "measures",
            asked.of("measures", "measure"),
            "id", "title", "description", "art32_class", "in_force_from", "in_force_until",
        ),
    ]  # fmt: skip


KIND = Kind(
    "authority-register",
    Label(
        "Register van verwerkingsactiviteiten van de verwerker",
        "Record of processing activities of the processor",
    ),
    "art. 30(2), 30(4)",
    ("processing", "transfers", "measures"),
    make,
)
