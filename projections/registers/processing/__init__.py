"""The processing register: Annex I of the agreement, GDPR art. 30(2).

Rows by kind: `processor` and `measure` for all readers, `controller` and `activity` for each
controller. What art. 30(2) does not ask (purposes, categories of data and data subjects,
recipients, retention) is marked by its column as from art. 28(3) or clause 4.2.

What an activity is like is said once, for all controllers, and joined to their rows when the
register is read; for whom it is done is a case of each controller. So an event of one controller
touches its own rows alone, and one about an activity touches one row, with ten thousand
controllers as with one. An amendment that names a `controller_id` counts for that controller only,
any other for all. Processing for a controller ends with its agreement (3.2).
`tests/registers/test_processing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from projections.agreement import CONCLUDED, ENDED
from projections.facts import Fact, Recorded
from projections.presenting import in_order, join
from projections.reading import text, texts
from projections.register import Label, Register, Row
from projections.registers.processing.activities import (
    AMENDED,
    DESCRIPTION,
    DISCONTINUED,
    REGISTERED,
    activity_rows,
    described,
    description_row,
)
from projections.registers.processing.columns import COLUMNS
from projections.registers.processing.controllers import (
    DISENGAGED,
    ENGAGED,
    STARTED,
    STOPPED,
    controller_row,
)
from projections.registers.processing.for_all import NAME, measure_row, name_row, processor_row
from projections.rows import cases_by, leading_to, row_key

BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "ProcessorRegistered": ("processor:processor_id",),
    "ControllerRegistered": ("controller:controller_id",),
    CONCLUDED: ("controller:controller_id",),
    ENDED: ("controller:controller_id",),
    REGISTERED: ("activity:activity_id", "controller:controller_ids"),
    AMENDED: ("controller:added_controller_ids", "controller:controller_id"),
    DISCONTINUED: ("controller:controller_ids",),
    ENGAGED: ("controller:controller_ids",),
    DISENGAGED: ("controller:controller_ids",),
    STARTED: ("controller:controller_ids",),
    STOPPED: ("controller:controller_ids",),
    "SubprocessingContractConcluded": ("subprocessor:subprocessor_id",),
    "SubprocessorChangeAnnounced": ("subprocessor:subprocessor_id",),
    "SecurityMeasureAdopted": ("measure:measure_id",),
    "SecurityMeasureAmended": ("measure:measure_id",),
    "SecurityMeasureRetired": ("measure:measure_id",),
}

CASES = cases_by(BY_TYPE)
HIDDEN = (DESCRIPTION, NAME)
ORDERED = in_order("processor", "controller", "activity", "measure")


def cases(event: Recorded) -> Sequence[str]:
    """The cases of an event; an amendment that counts for all belongs to the activity."""
    found = CASES(event)
    if event.type == AMENDED and _is_for_all(event):
        return [*found, *(f"activity:{activity}" for activity in texts(event.data, "activity_id"))]
    return found


def _is_for_all(event: Recorded) -> bool:
    said = {"changes", "added_data_categories", "new_version"}.intersection(event.data)
    return bool(said) and text(event.data, "controller_id") is None


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one processor, activity, subprocessor, measure or controller."""
    tag, _, id_ = case.partition(":")
    if tag == "controller":
        return [controller_row(id_, facts), *activity_rows(id_, facts)]
    return [FOR_ALL[tag](id_, facts)]


FOR_ALL = {
    "processor": processor_row,
    "activity": description_row,
    "subprocessor": name_row,
    "measure": measure_row,
}


def present(rows: Sequence[Row]) -> Sequence[Row]:
    """Join what activities are like and how subprocessors are called to the rows of controllers.

    Subprocessors and transfers of a controller are shown with its running activities as well.
    """
    hidden = {(r.values["kind"], r.values["id"]): r for r in rows if r.values["kind"] in HIDDEN}
    controllers = {r.values["id"]: r for r in rows if r.values["kind"] == "controller"}
    for id_, row in controllers.items():
        controllers[id_] = _with_names(row, hidden)
    shown = []
    for row in rows:
        if row.values["kind"] == "controller":
            shown.append(controllers[row.values["id"]])
        elif row.values["kind"] == "activity":
            found = hidden.get((DESCRIPTION, row.values["id"]))
            shown.append(_with_description(row, found, controllers[row.values["controller"]]))
        elif row.values["kind"] not in HIDDEN:
            shown.append(row)
    return ORDERED(shown)


def joined(row: Row) -> list[str]:
    """What an activity is like and its controller; how the subprocessors of a controller are
    called."""
    values = row.values
    if values["kind"] == "activity":
        keys = [row_key(DESCRIPTION, values["id"])]
        return [*keys, row_key("controller", values["controller"])]
    if values["kind"] == "controller":
        return [row_key(NAME, each["id"]) for each in values["subprocessors"]]
    return []


def _with_names(controller: Row, hidden: Mapping[tuple[str, str], Row]) -> Row:
    engaged = controller.values["subprocessors"]
    names = {s["id"]: hidden[NAME, s["id"]] for s in engaged if (NAME, s["id"]) in hidden}
    known = {id_: row.values["name"] for id_, row in names.items()}
    subprocessors = [{**s, "name": known.get(s["id"])} for s in engaged]
    return join(controller, {"subprocessors": subprocessors}, names.values())


def _with_description(activity: Row, description: Row | None, controller: Row) -> Row:
    if description:
        values = described(activity.values, description.values)
        activity = join(activity, values, [description])
    if activity.values["state"] != "in_force":
        return activity
    done = {key: controller.values[key] for key in ("subprocessors", "transfers")}
    return join(activity, done, [controller])


REGISTER = Register(
    name="processing",
    title=Label("Verwerkingsregister", "Processing register"),
    source="Annex I; 4.2; art. 30(2), 28(3)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases,
    fold=fold,
    present=present,
    joined=joined,
    wide=leading_to(BY_TYPE, "processor", "activity", "subprocessor", "measure") | {AMENDED},
)
