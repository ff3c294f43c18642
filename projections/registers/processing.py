"""The processing register: Annex I of the agreement, GDPR art. 30(2).

Rows by kind: `processor` and `measure` for all, `controller` and `activity` for each controller.
What art. 30(2) does not ask (purposes, categories of data and data subjects, recipients, retention)
is marked by its column as from art. 28(3) or clause 4.2. A row per controller and activity rests on
the activity alone; where the processing takes place, by whom, and whether the agreement is in force
are joined when the register is read, so that no event of one controller touches another's rows.
Processing for a controller ends with its agreement (3.2). `tests/registers/test_processing.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from projections.facts import Fact
from projections.reading import objects, text, texts, when
from projections.register import Column, Label, Register, Row
from projections.rows import PROCESSOR_WIDE, by_id, cases_by, of_type, row, row_key

BY_TYPE = {
    "ProcessorRegistered": ("processor:processor_id",),
    "ControllerRegistered": ("controller:controller_id",),
    "ProcessingAgreementConcluded": ("controller:controller_id",),
    "ProcessingAgreementEnded": ("controller:controller_id",),
    "ProcessingActivityRegistered": ("activity:activity_id",),
    "ProcessingActivityAmended": ("activity:activity_id",),
    "ProcessingActivityDiscontinued": ("activity:activity_id",),
    "SubprocessorEngaged": ("subprocessor:subprocessor_id",),
    "SubprocessorDisengaged": ("subprocessor:subprocessor_id",),
    "ThirdCountryTransferStarted": ("transfer:transfer_id",),
    "ThirdCountryTransferEnded": ("transfer:transfer_id",),
    "SecurityMeasureAdopted": ("measure:measure_id",),
    "SecurityMeasureAmended": ("measure:measure_id",),
    "SecurityMeasureRetired": ("measure:measure_id",),
}

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "Annex I"),
    Column("id", Label("Kenmerk", "Reference"), "Annex I"),
    Column("controller", Label("Klant", "Controller"), "art. 30(2)(a)"),
    Column("name", Label("Naam", "Name"), "art. 30(2)(a)"),
    Column("contact", Label("Contactgegevens", "Contact details"), "art. 30(2)(a)"),
    Column("dpo", Label("Functionaris gegevensbescherming", "Data protection officer"), "30(2)(a)"),
    Column("representative", Label("Vertegenwoordiger", "Representative"), "art. 30(2)(a)"),
    Column(
        "categories_of_processing",
        Label("Categorieën van verwerkingen", "Categories of processing"),
        "art. 30(2)(b)",
    ),
    Column("transfers", Label("Doorgiften", "Transfers to third countries"), "art. 30(2)(c)"),
    Column("measures", Label("Beveiligingsmaatregelen", "Security measures"), "art. 30(2)(d)"),
    Column("state", Label("Toestand", "State"), "3.1, 3.2; art. 28(3)"),
    Column("since", Label("Sinds", "Since"), "art. 28(3)"),
    Column("version", Label("Versie", "Version"), "Annex I"),
    Column("purpose", Label("Doel", "Purpose"), "art. 28(3)"),
    Column(
        "data_subject_categories",
        Label("Categorieën van betrokkenen", "Categories of data subjects"),
        "2.2; art. 28(3)",
    ),
    Column(
        "data_categories",
        Label("Categorieën van persoonsgegevens", "Categories of personal data"),
        "4.2; art. 28(3)",
    ),
    Column(
        "special_categories",
        Label("Bijzondere categorieën en BSN", "Special categories and BSN"),
        "4.2; art. 9; UAVG 46",
    ),
    Column("recipients", Label("Ontvangers", "Recipients"), "art. 28(3)"),
    Column("storage_countries", Label("Landen van opslag", "Countries of storage"), "5.3"),
    Column("subprocessors", Label("Subverwerkers", "Subprocessors"), "7; art. 28(2)"),
    Column("retention_rule", Label("Bewaartermijn", "Retention"), "4.3; art. 28(3)"),
)

SPECIAL = {
    "religion": "art. 9",
    "race": "art. 9",
    "health": "art. 9",
    "sex_life": "art. 9",
    "bsn": "UAVG 46",
}
"""Categories of clause 4.2 that are special by themselves."""

LINK = "link"
"""A row that only says who processes for a controller; joined, never shown."""


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one party, activity, subprocessor, transfer or measure."""
    tag, _, id_ = case.partition(":")
    return FOLDS[tag](id_, facts)


def present(rows: Sequence[Row]) -> Sequence[Row]:
    """Join subprocessors, transfers and the state of the agreement to the rows they belong to."""
    links: dict[tuple[str, str], list[str]] = defaultdict(list)
    states: dict[str, str] = {}
    for r in rows:
        for controller in r.controllers:
            if r.values["kind"] == LINK:
                links[str(r.values["state"]), controller].append(str(r.values["name"]))
            elif r.values["kind"] == "controller":
                states[controller] = str(r.values["state"])
    measures = sorted(
        str(r.values["name"])
        for r in rows
        if r.values["kind"] == "measure" and r.values["state"] == "in_force"
    )
    shown = [r for r in rows if r.values["kind"] != LINK]
    return [_joined(r, links, states, measures) for r in shown]


def _joined(
    r: Row,
    links: Mapping[tuple[str, str], list[str]],
    states: Mapping[str, str],
    measures: list[str],
) -> Row:
    if r.values["kind"] not in ("activity", "controller"):
        return r
    (controller,) = r.controllers
    ended = states.get(controller) == "ended"
    values = dict(r.values)
    if ended:
        values["state"] = "ended"
    else:
        values["subprocessors"] = sorted(links.get(("subprocessor", controller), []))
        values["transfers"] = sorted(links.get(("transfer", controller), []))
        values["measures"] = r.values["measures"] or measures
    return replace(r, values=values)


def _processor(processor_id: str, facts: Sequence[Fact]) -> Sequence[Row]:
    data = facts[-1].data
    values = {
        "kind": "processor",
        "id": processor_id,
        "name": text(data, "legal_name"),
        "contact": _contact(data),
        "dpo": text(data, "dpo"),
        "representative": text(data, "eu_representative"),
        "state": "registered",
        "since": when(facts[0]),
    }
    return [row(COLUMNS, row_key("processor", processor_id), PROCESSOR_WIDE, values, facts)]


def _controller(controller: str, facts: Sequence[Fact]) -> Sequence[Row]:
    registered = of_type(facts, "ControllerRegistered")
    agreement = of_type(facts, "ProcessingAgreementConcluded", "ProcessingAgreementEnded")
    data = registered[-1].data if registered else {}
    state = "registered"
    if agreement:
        concluded = agreement[-1].type == "ProcessingAgreementConcluded"
        state = "in_force" if concluded else "ended"
    values = {
        "kind": "controller",
        "id": controller,
        "controller": controller,
        "name": text(data, "legal_name"),
        "contact": _contact(data),
        "dpo": text(data, "dpo"),
        "state": state,
        "since": when(agreement[-1], "effective_from", "ended_at") if agreement else None,
    }
    return [row(COLUMNS, row_key("controller", controller), (controller,), values, facts)]


def _activity(activity: str, facts: Sequence[Fact]) -> Sequence[Row]:
    controllers = {c for f in facts for c in _named(f)}
    return [r for c in sorted(controllers) for r in _activity_of(c, activity, facts)]


def _activity_of(controller: str, activity: str, facts: Sequence[Fact]) -> Iterable[Row]:
    """The activity as it is for one controller: amendments of others do not count."""
    mine = [f for f in facts if controller in _named(f) or not _named(f)]
    joined = [f for f in mine if controller in texts(f.data, "controller_ids", "added_controller_ids")]
    if not joined:
        return
    ended = joined[-1].type == "ProcessingActivityDiscontinued"
    content: dict[str, Any] = {}
    categories: list[Any] = []
    for fact in of_type(facts, "ProcessingActivityRegistered"):
        content = dict(fact.data)
        categories = _categories(fact, "data_categories")
    for fact in of_type(mine, "ProcessingActivityAmended"):
        changes = fact.data.get("changes")
        content.update(changes if isinstance(changes, Mapping) else {})
        categories += _categories(fact, "added_data_categories")
    names = sorted({name for name, _ in categories})
    values = {
        "kind": "activity",
        "id": activity,
        "controller": controller,
        "name": text(content, "name_en") or text(content, "name_nl"),
        "categories_of_processing": texts(content, "categories_of_processing"),
        "measures": texts(content, "measure_ids"),
        "state": "discontinued" if ended else "in_force",
        "since": when(joined[0]),
        "version": _version(mine),
        "purpose": text(content, "purpose"),
        "data_subject_categories": texts(content, "data_subject_categories"),
        "data_categories": names,
        "special_categories": sorted({f"{n} ({mark})" for n, mark in categories if mark}),
        "recipients": texts(content, "recipients"),
        "storage_countries": texts(content, "storage_countries"),
        "retention_rule": text(content, "retention_rule"),
    }
    yield row(COLUMNS, row_key("activity", activity, controller), (controller,), values, mine)


def _named(fact: Fact) -> list[str]:
    return texts(fact.data, "controller_ids", "added_controller_ids", "controller_id")


def _categories(fact: Fact, field: str) -> list[tuple[str, str | None]]:
    plain = [(name, SPECIAL.get(name)) for name in texts(fact.data, field)]
    marked = [
        (str(item.get("category")), _mark(item)) for item in objects(fact.data, field)
    ]
    return plain + marked


def _mark(item: Mapping[str, Any]) -> str | None:
    if item.get("bsn"):
        return "UAVG 46"
    return "art. 9" if item.get("special") else SPECIAL.get(str(item.get("category")))


def _version(facts: Sequence[Fact]) -> str:
    for fact in reversed(facts):
        found = text(fact.data, "new_version") or text(fact.data, "version")
        if found:
            return found
    return str(len(of_type(facts, "ProcessingActivityRegistered", "ProcessingActivityAmended")))


def _links(kind: str, start: str) -> Any:
    def links(id_: str, facts: Sequence[Fact]) -> Sequence[Row]:
        found = []
        for controller, theirs in by_id(facts, "controller_ids").items():
            last = theirs[-1]
            if last.type == start:
                name = id_ if kind == "subprocessor" else f"{last.data.get('country')} {_by(last)}"
                values = {"kind": LINK, "state": kind, "controller": controller, "name": name}
                key = row_key(kind, id_, controller)
                found.append(row(COLUMNS, key, (controller,), values, theirs))
        return found

    return links


def _by(transfer: Fact) -> str:
    return f"({text(transfer.data, 'subprocessor_id')}, {text(transfer.data, 'mechanism')})"


def _measure(measure: str, facts: Sequence[Fact]) -> Sequence[Row]:
    adopted = of_type(facts, "SecurityMeasureAdopted")
    turns = of_type(facts, "SecurityMeasureAdopted", "SecurityMeasureRetired")
    retired = bool(turns) and turns[-1].type == "SecurityMeasureRetired"
    values = {
        "kind": "measure",
        "id": measure,
        "name": text(adopted[-1].data, "title") if adopted else measure,
        "state": "retired" if retired else "in_force",
        "since": when(facts[0]),
    }
    return [row(COLUMNS, row_key("measure", measure), PROCESSOR_WIDE, values, facts)]


def _contact(data: Mapping[str, Any]) -> str | None:
    return ", ".join(filter(None, (text(data, "address"), text(data, "contact")))) or None


FOLDS = {
    "processor": _processor,
    "controller": _controller,
    "activity": _activity,
    "subprocessor": _links("subprocessor", "SubprocessorEngaged"),
    "transfer": _links("transfer", "ThirdCountryTransferStarted"),
    "measure": _measure,
}

REGISTER = Register(
    name="processing",
    title=Label("Verwerkingsregister", "Processing register"),
    source="Annex I; art. 30(2)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    present=present,
)
