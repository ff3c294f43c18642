"""The rows of announced changes and of objections to them (7.2; GDPR art. 28(2))."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from projections.agreement import AMENDED, CONCLUDED, Agreed, agreed_in
from projections.facts import Fact
from projections.objections import (
    RAISED,
    RESOLVED,
    announcements,
    validity,
    window_closes,
)
from projections.reading import (
    first_when,
    given,
    ids,
    moment,
    objects,
    stamp,
    text,
    texts,
    truth,
    when,
)
from projections.register import Row
from projections.registers.subprocessors.columns import COLUMNS
from projections.rows import PROCESSOR_ONLY, by_id, of_type, row, row_key
from projections.terms import Versions, in_force


def change_row(change: str, facts: Sequence[Fact]) -> Row:
    """The row of one change, with every controller that any announcement of it reached."""
    fact = facts[-1]
    values = {
        "kind": "change",
        **_announced(change, fact),
        "delivered_to": sorted({c for f in facts for c in ids(f.data, "delivered_to")}),
    }
    return row(COLUMNS, row_key("change", change), PROCESSOR_ONLY, values, facts)


def announcement_rows(controller: str, facts: Sequence[Fact]) -> Iterator[Row]:
    """One row for each announced change that reached a controller, with its window."""
    agreed = agreed_in(facts)
    made = of_type(agreed.turns, CONCLUDED, AMENDED)
    for change, fact in announcements(facts).items():
        values = {
            "kind": "announcement",
            "controller": controller,
            **_announced(change, fact),
            **_delivery(controller, fact),
            **window(fact, agreed.terms),
        }
        key = row_key("announcement", change, controller)
        yield row(COLUMNS, key, (controller,), values, [fact, *made])


def _announced(change: str, fact: Fact) -> dict[str, Any]:
    return {
        "subprocessor": text(fact.data, "subprocessor_id"),
        "name": text(fact.data, "subprocessor_name"),
        "state": "announced",
        "countries": texts(fact.data, "countries"),
        "services": texts(fact.data, "services"),
        "data_categories": categories(fact),
        "change": change,
        "change_kind": text(fact.data, "kind"),
        "announced_at": when(fact, "announced_at"),
        "announced_via": text(fact.data, "announced_via"),
        "intended_start": given(fact.data, "intended_start"),
    }


def categories(fact: Fact) -> list[str]:
    """The names of the categories of personal data in a fact."""
    marked = objects(fact.data, "data_categories")
    named = [name for item in marked if (name := text(item, "category"))]
    return sorted({*texts(fact.data, "data_categories"), *named})


def _delivery(controller: str, fact: Fact) -> dict[str, Any]:
    if controller in fact.data["delivered_to"]:
        return {}  # a bare id; and the list may be long
    deliveries = objects(fact.data, "delivered_to")
    own: Mapping[str, Any] = next((d for d in deliveries if d.get("controller") == controller), {})
    return {"delivered_at": given(own, "at"), "message_id": text(own, "message_id")}


def window(announced: Fact, terms: Versions) -> dict[str, Any]:
    """Until when a controller may object, by its terms in force at the announcement."""
    at = moment(announced, "announced_at")
    return {
        "objection_days": in_force(terms, at).objection_days,
        "window_closes": stamp(window_closes(announced, terms)),
    }


def objection_rows(controller: str, facts: Sequence[Fact]) -> Iterator[Row]:
    """One row for each objection of a controller."""
    agreed, told = agreed_in(facts), announcements(facts)
    for objection, own in by_id(of_type(facts, RAISED, RESOLVED), "objection_id").items():
        change = last_text(own, "change_id")
        yield _objection(controller, objection, own, change, told.get(change or ""), agreed)


def _objection(
    controller: str,
    objection: str,
    own: Sequence[Fact],
    change: str | None,
    announced: Fact | None,
    agreed: Agreed,
) -> Row:
    raised = of_type(own, RAISED)[-1:]
    resolved = of_type(own, RESOLVED)[-1:]
    valid = validity(raised[0], announced, agreed.terms) if raised else None
    outcome = text(resolved[0].data, "outcome") if resolved else None
    values = {
        "kind": "objection",
        "controller": controller,
        "state": outcome or valid,
        "subprocessor": text(announced.data, "subprocessor_id") if announced else None,
        "change": change,
        "announced_at": when(announced, "announced_at") if announced else None,
        **(window(announced, agreed.terms) if announced else {}),
        "objection": objection,
        "received_at": first_when(raised, "received_at"),
        "written": truth(raised[0].data, "written") if raised else None,
        "reasoned": truth(raised[0].data, "reasoned") if raised else None,
        "validity": valid,
        "outcome": outcome,
        "resolved_at": first_when(resolved, "at"),
    }
    made = of_type(agreed.turns, CONCLUDED, AMENDED)
    rests_on = [*own, *made, *([announced] if announced else [])]
    return row(
        COLUMNS, row_key("objection", objection, controller), (controller,), values, rests_on
    )


def last_text(facts: Sequence[Fact], field: str) -> str | None:
    """The last text that some facts have in a field."""
    return next((found for f in reversed(facts) if (found := text(f.data, field))), None)
