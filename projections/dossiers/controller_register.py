"""A pre-fill of a controller's own register: what this processor knows of art. 30(1).

Each practice must keep its own register of what it does; of the part that is done here, the
processor holds most facts. It says nothing of processing elsewhere. `tests/test_dossiers.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from projections.dossiers.dossier import (
    Asked,
    Field,
    Item,
    Kind,
    NoSuch,
    Section,
    items,
    label_of,
    open_item,
    table,
)
from projections.register import Label

FIELDS = (
    Field("id", label_of("processing", "id"), "Annex I"),
    Field("name_nl", label_of("processing", "name_nl"), "art. 30(1)"),
    Field("name_en", label_of("processing", "name_en"), "art. 30(1)"),
    Field("purpose", Label("Verwerkingsdoeleinden", "Purposes"), "art. 30(1)(b)"),
    Field(
        "data_subject_categories", label_of("processing", "data_subject_categories"),
        "art. 30(1)(c)",
    ),
    Field("data_categories", label_of("processing", "data_categories"), "art. 30(1)(c)"),
    Field("special_categories", label_of("processing", "special_categories"), "art. 30(1)(c)"),
    Field("recipients", Label("Ontvangers", "Recipients"), "art. 30(1)(d)"),
    Field("transfers", label_of("processing", "transfers"), "art. 30(1)(e)"),
    Field("retention_rule", Label("Beoogde wistermijn", "Envisaged erasure"), "art. 30(1)(f)"),
    Field("measures", label_of("processing", "measures"), "art. 30(1)(g)"),
    Field("state", label_of("processing", "state"), "Annex I"),
    Field("since", label_of("processing", "since"), "Annex I"),
    Field("until", label_of("processing", "until"), "Annex I"),
)  # fmt: skip


def make(asked: Asked) -> Sequence[Section]:
    """The points of art. 30(1), one activity a row."""
    own = asked.one("processing", "controller", controller=asked.controller)
    if not own:
        raise NoSuch("there is no controller of this id")
    processor = asked.one("processing", "processor")
    disclosed = asked.of("disclosures", "disclosure")
    named = {m["id"]: m["title"] for m in asked.of("measures", "measure")}
    activities = [
        {
            **activity,
            "recipients": _recipients(activity, processor, disclosed),
            "measures": [{"id": id_, "name": named.get(id_)} for id_ in activity["measures"]],
        }
        for activity in asked.of("processing", "activity")
    ]
    return [
        Section(
            "controller",
            Label("De verwerkingsverantwoordelijke (a)", "The controller (a)"),
            [
                *items(
                    "processing", own, "name", "number", "contact", "dpo", "representative",
                    source="art. 30(1)(a)",
                ),
                open_item(
                    "joint_controllers",
                    "Gezamenlijke verwerkingsverantwoordelijken",
                    "Joint controllers",
                    "art. 30(1)(a)",
                ),
                Item(
                    "processor",
                    Label("Verwerker", "Processor"),
                    "art. 28",
                    [{"name": processor.get("name"), "contact": processor.get("contact")}],
                ),
            ],
        ),
        Section(
            "activities",
            Label("Verwerkingsactiviteiten in dit systeem", "Processing activities in this system"),
            fields=FIELDS,
            rows=activities,
        ),
        table(
            "disclosures",
            Label("Verstrekkingen", "Disclosures"),
            "disclosures",
            disclosed,
            "disclosed_at", "recipient", "recipient_category", "country", "data_categories",
        ),
        Section(
            "completing",
            Label("Wat u zelf aanvult", "What you complete yourself"),
            [
                open_item(
                    "legal_basis",
                    "Grondslag van elke verwerking, en voor bijzondere gegevens de uitzondering",
                    "Legal basis of each processing, and for special categories the exception",
                    "art. 6, 9",
                ),
                open_item(
                    "elsewhere",
                    "Verwerkingen buiten dit systeem",
                    "Processing outside this system",
                    "art. 30(1)",
                ),
                open_item(
                    "own_measures",
                    "Maatregelen in de praktijk zelf",
                    "Measures within the practice itself",
                    "art. 30(1)(g)",
                ),
            ],
        ),
    ]  # fmt: skip


def _recipients(
    activity: Mapping[str, Any],
    processor: Mapping[str, Any],
    disclosed: Iterable[Mapping[str, Any]],
) -> list[Any]:
    """Those that the register names, the processor and its subprocessors, and to whom was
    disclosed."""
    others = {d["recipient_category"] or d["recipient"] for d in disclosed}
    return [
        *(activity["recipients"] or ()),
        *([{"name": processor["name"]}] if processor else ()),
        *({"id": s["id"], "name": s["name"]} for s in activity["subprocessors"] or ()),
        *sorted(other for other in others if other),
    ]


KIND = Kind(
    "controller-register",
    Label(
        "Vooringevuld register van de verwerkingsverantwoordelijke",
        "Pre-filled record of the controller",
    ),
    "art. 30(1)",
    ("processing", "disclosures", "measures"),
    make,
    frozenset({"controller"}),
)
