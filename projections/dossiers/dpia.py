"""Support with the DPIA of one controller: what this processor can tell (11.4, 5.4; art. 28(3)(f)).

Of art. 35(7) a processor can describe the operations (a) and the measures (d). Whether they are
necessary (b) and what they risk (c) is the controller's to judge; these stay open and are named, as
do the advice of its DPO (35(2)) and the views of data subjects (35(9)). `tests/test_dossiers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.dossiers.controller_register import FIELDS
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

CLASSES = {
    "a": Label("pseudonimisering en versleuteling", "pseudonymisation and encryption"),
    "b": Label(
        "vertrouwelijkheid, integriteit, beschikbaarheid en veerkracht",
        "confidentiality, integrity, availability and resilience",
    ),
    "c": Label("herstel na een incident", "restoring after an incident"),
    "d": Label("testen en beoordelen", "testing and assessing"),
}
"""The four points of art. 32(1)."""

OF_ACTIVITY = (
    "id", "name_nl", "name_en", "purpose", "data_subject_categories", "data_categories",
    "special_categories", "recipients", "retention_rule", "state",
)  # fmt: skip

FLOW = "flow"
"""The picture of where data go."""


def make(asked: Asked) -> Sequence[Section]:
    """The operations, the measures, and what was seen to go wrong."""
    own, processor = _own(asked), asked.one("processing", "processor")
    lifecycle = next(iter(asked.of("lifecycle", controller=asked.controller)), {})
    return [
        Section(
            "parties",
            Label("Partijen en verantwoordelijkheden", "Parties and responsibilities"),
            [
                *items("processing", own, "name", "contact", source="art. 35(7)(a), 36(3)(a)"),
                Item(
                    "processor",
                    Label("Verwerker", "Processor"),
                    "art. 28, 36(3)(a)",
                    {k: processor.get(k) for k in ("name", "contact", "dpo")},
                ),
                *items("processing", processor, "products"),
            ],
        ),
        Section(
            "operations",
            Label("Beschrijving van de verwerkingen", "Description of the processing operations"),
            fields=[field for field in FIELDS if field.key in OF_ACTIVITY],
            rows=asked.of("processing", "activity"),
        ),
        *make_flows(asked),
        Section(
            "retention",
            Label("Bewaren en wissen", "Retention and erasure"),
            items(
                "lifecycle", lifecycle, "state", "retention_term", "retention_until", "holds",
                "data_held", "copies_due_on",
            ),
        ),
        Section(
            "measures",
            Label("Maatregelen, naar art. 32(1)", "Measures, by art. 32(1)"),
            fields=(
                Field("class", label_of("measures", "art32_class"), "art. 32(1)"),
                Field("title", label_of("measures", "title"), "art. 35(7)(d)"),
                Field("description", label_of("measures", "description"), "art. 35(7)(d)"),
                Field("control_refs", label_of("measures", "control_refs"), "11.2"),
                Field("in_force_from", label_of("measures", "in_force_from"), "2.4"),
                Field("in_force_until", label_of("measures", "in_force_until"), "2.4"),
            ),
            rows=_measures(asked),
        ),
        table(
            "subprocessors",
            Label("Keten van subverwerkers", "Chain of subprocessors"),
            "subprocessors",
            [
                {**engaged, **_contract(asked, engaged["subprocessor"])}
                for engaged in asked.of("subprocessors", "engagement")
            ],
            "subprocessor", "name", "services", "countries", "state", "since", "until",
            "contract_signed_at", "gaps",
        ),
        table(
            "transfers",
            Label("Doorgiften en waarborgen", "Transfers and safeguards"),
            "transfers",
            asked.of("transfers", "transfer"),
            "id", "country", "area", "subprocessor", "chapter_v", "safeguard", "tia",
            "decision_until", "consents", "state",
        ),
        table(
            "breaches",
            Label("Inbreuken die u raakten", "Breaches that concerned you"),
            "breaches",
            [
                {**asked.one("breaches", "breach", breach_id=n["breach_id"]), **_given(n)}
                for n in asked.of("breaches", "notice")
            ],
            "breach_id", "became_aware_at", "notified_at", "nature", "cause", "effects",
            "remedial_actions", "closed_at",
        ),
        asked.findings(),
        asked.clocks(open=True),
        Section(
            "yours",
            Label("Wat alleen u kunt beantwoorden", "What only you can answer"),
            [
                open_item(
                    "overview", "Welke verwerking u overweegt", "Which processing you consider",
                    "art. 35(1)",
                ),
                open_item("legal_basis", "Grondslag", "Legal basis", "art. 6, 9"),
                open_item(
                    "necessity", "Noodzaak en evenredigheid", "Necessity and proportionality",
                    "art. 35(7)(b)",
                ),
                open_item(
                    "risks", "Risico's voor betrokkenen", "Risks to data subjects",
                    "art. 35(7)(c)",
                ),
                open_item(
                    "informing", "Hoe betrokkenen worden geïnformeerd",
                    "How data subjects are informed", "art. 13, 14",
                ),
                open_item(
                    "dpo_advice", "Advies van uw functionaris", "Advice of your DPO", "art. 35(2)"
                ),
                open_item(
                    "views", "Wat betrokkenen vinden", "Views of data subjects", "art. 35(9)"
                ),
            ],
        ),
    ]  # fmt: skip


def make_flows(asked: Asked) -> Sequence[Section]:
    """Where the data go."""
    return [
        Section(
            FLOW,
            Label("Gegevensstromen", "Data flows"),
            fields=(
                Field("from", Label("Van", "From"), "11.4"),
                Field("to", Label("Naar", "To"), "11.4"),
                Field("what", Label("Waarvoor", "What for"), "11.4"),
            ),
            rows=_flows(asked, _own(asked), asked.one("processing", "processor")),
            picture=FLOW,
        )
    ]


def _own(asked: Asked) -> Mapping[str, Any]:
    own = asked.one("processing", "controller", controller=asked.controller)
    if not own:
        raise NoSuch("there is no controller of this id")
    return own


def _given(notice: Any) -> dict[str, Any]:
    return {k: notice[k] for k in ("breach_id", "notified_at", "became_aware_at") if notice.get(k)}


def _contract(asked: Asked, subprocessor: str) -> dict[str, Any]:
    found = asked.one("subprocessors", "subprocessor", subprocessor=subprocessor)
    return {key: found.get(key) for key in ("contract_signed_at", "gaps")}


def _measures(asked: Asked) -> list[dict[str, Any]]:
    """The measures by the classes of art. 32(1), with the point before its name; those of several
    classes come in each, those of none at the end."""
    found: list[dict[str, Any]] = []
    measures = asked.of("measures", "measure")
    for point, name in CLASSES.items():
        label = Label(f"({point}) {name.nl}", f"({point}) {name.en}")
        found += [{**m, "class": label} for m in measures if point in (m["art32_class"] or ())]
    rest = [m for m in measures if not {*(m["art32_class"] or ())} & CLASSES.keys()]
    return [*found, *({**m, "class": None} for m in rest)]


def _flows(asked: Asked, own: Any, processor: Any) -> list[dict[str, Any]]:
    """Where data go: from the controller through the systems of the processor to subprocessors,
    recipients and countries; as they are now, without what has ended."""
    practice = str(own["name"] or own["id"])
    here = str(processor.get("name") or Label("de verwerker", "the processor").nl)
    engaged = [e for e in asked.of("subprocessors", "engagement") if e["state"] == "engaged"]
    called = {each["subprocessor"]: each["name"] or each["subprocessor"] for each in engaged}
    rows: list[dict[str, Any]] = []
    for activity in asked.of("processing", "activity"):
        if activity["state"] != "in_force":
            continue
        name = Label(
            activity["name_nl"] or activity["id"],
            activity["name_en"] or activity["name_nl"] or activity["id"],
        )
        rows.append({"from": practice, "to": name, "what": activity["purpose"]})
        rows.append({"from": name, "to": here, "what": activity["categories_of_processing"]})
        rows += [
            {
                "from": name,
                "to": called.get(recipient, recipient),
                "what": Label("ontvanger", "recipient"),
            }
            for recipient in activity["recipients"] or ()
            if isinstance(recipient, str)
        ]
        rows += [
            {"from": here, "to": country, "what": Label("opslag", "storage")}
            for country in activity["storage_countries"] or ()
        ]
    for each in engaged:
        by = called[each["subprocessor"]]
        rows.append({"from": here, "to": by, "what": each["services"]})
        rows += [
            {"from": by, "to": country, "what": Label("land", "country")}
            for country in each["countries"] or ()
        ]
    return list({repr(row): row for row in rows}.values())


KIND = Kind(
    "dpia",
    Label("Bijstand bij een DPIA", "Support with a DPIA"),
    "11.4, 5.4; art. 28(3)(f), 35(7)",
    ("processing", "measures", "subprocessors", "transfers", "breaches", "lifecycle"),
    make,
    frozenset({"controller"}),
    judged=True,
)

FLOWS = Kind(
    FLOW,
    Label("Gegevensstromen", "Data flows"),
    "11.4",
    ("processing", "subprocessors"),
    make_flows,
    frozenset({"controller"}),
    beside="processor",
)
"""The picture alone, of fewer registers and rows: for a page."""
