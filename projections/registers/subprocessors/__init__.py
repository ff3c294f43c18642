"""The subprocessor register: clause 7, GDPR art. 28(2) and (4).

Rows by kind: `subprocessor` for all readers, with the contract that passes the duties on; `change`
for the processor alone, since it names whom an announcement reached; `engagement`, `announcement`
and `objection` for each controller. All of one controller is one case, so the terms in force at an
announcement and the end of the agreement, with which every engagement ends (3.2), are at hand.
`tests/registers/test_subprocessors.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.agreement import AMENDED, CONCLUDED, ENDED
from projections.facts import Fact
from projections.objections import ANNOUNCED, RAISED, RESOLVED
from projections.presenting import in_order, join
from projections.register import Label, Register, Row
from projections.registers.subprocessors.announcements import (
    announcement_rows,
    change_row,
    objection_rows,
)
from projections.registers.subprocessors.columns import COLUMNS
from projections.registers.subprocessors.contracts import CONTRACTED, subprocessor_row
from projections.registers.subprocessors.engagements import DISENGAGED, ENGAGED, engagement_rows
from projections.rows import cases_by, leading_to, row_key

BY_TYPE = {
    CONCLUDED: ("controller:controller_id",),
    AMENDED: ("controller:controller_id",),
    ENDED: ("controller:controller_id",),
    CONTRACTED: ("subprocessor:subprocessor_id",),
    ANNOUNCED: ("subprocessor:subprocessor_id", "change:change_id", "controller:delivered_to"),
    ENGAGED: ("controller:controller_ids",),
    DISENGAGED: ("controller:controller_ids",),
    RAISED: ("controller:controller_id",),
    RESOLVED: ("controller:controller_id",),
}

ORDERED = in_order("subprocessor", "change", "engagement", "announcement", "objection")


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one subprocessor, of one announced change, or of one controller."""
    tag, _, id_ = case.partition(":")
    if tag == "subprocessor":
        return [subprocessor_row(id_, facts)]
    if tag == "change":
        return [change_row(id_, facts)]
    return [
        *engagement_rows(id_, facts),
        *announcement_rows(id_, facts),
        *objection_rows(id_, facts),
    ]


def present(rows: Sequence[Row]) -> Sequence[Row]:
    """Give each row that names a subprocessor its name, and order the rows by kind."""
    named = {r.values["subprocessor"]: r for r in rows if r.values["kind"] == "subprocessor"}
    return ORDERED([_named(r, named.get(r.values["subprocessor"])) for r in rows])


def _named(r: Row, subprocessor: Row | None) -> Row:
    if r.values["name"] or subprocessor is None:
        return r
    return join(r, {"name": subprocessor.values["name"]}, [subprocessor])


REGISTER = Register(
    name="subprocessors",
    title=Label("Register van Subverwerkers", "Subprocessor register"),
    source="7; art. 28(2), 28(4)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    present=present,
    joined=lambda row: [row_key("subprocessor", row.values["subprocessor"] or "")],
    wide=leading_to(BY_TYPE, "subprocessor"),
)
