"""The rows of processing activities: what each is like, and for whom it is done since when.

A registration says anew what an activity is like; an amendment changes what it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from projections.agreement import CONCLUDED, ENDED, ends, last_spell
from projections.facts import Fact
from projections.reading import ids, members, text, texts, when
from projections.register import Row
from projections.registers.processing.columns import COLUMNS
from projections.rows import PROCESSOR_WIDE, by_id, of_type, row, row_key

REGISTERED = "ProcessingActivityRegistered"
AMENDED = "ProcessingActivityAmended"
DISCONTINUED = "ProcessingActivityDiscontinued"

SPECIAL = {
    "religion": "art. 9",
    "race": "art. 9",
    "health": "art. 9",
    "sex_life": "art. 9",
    "bsn": "UAVG 46",
}
"""Categories of clause 4.2 that are special by themselves."""

TEXTS = ("name_nl", "name_en", "purpose", "retention_rule")
LISTS = ("categories_of_processing", "data_subject_categories", "recipients", "storage_countries")

DESCRIPTION = "activity_description"
"""A kind of row that is joined to others and never shown."""

STATES = {DISCONTINUED: "discontinued", ENDED: "agreement_ended"}


def description_row(activity: str, facts: Sequence[Fact]) -> Row:
    """What an activity is like for all controllers."""
    values = {"kind": DESCRIPTION, "id": activity, **_content(facts)}
    return row(COLUMNS, row_key(DESCRIPTION, activity), PROCESSOR_WIDE, values, facts)


def activity_rows(controller: str, facts: Sequence[Fact]) -> Iterator[Row]:
    """Every activity that was ever done for a controller, with the amendments for it alone."""
    steps = of_type(facts, REGISTERED, AMENDED, DISCONTINUED)
    agreed, closing = of_type(facts, CONCLUDED, ENDED), ends(facts)
    for activity, own in by_id(steps, "activity_id").items():
        turns = [fact for fact in own if fact.type != AMENDED or _adds(fact, controller)]
        spell = last_spell(turns, closing, starts=lambda fact: fact.type != DISCONTINUED)
        if spell.start is None:
            continue
        amended = [f for f in of_type(own, AMENDED) if controller in ids(f.data, "controller_id")]
        values = {
            "kind": "activity",
            "id": activity,
            "controller": controller,
            "state": STATES[spell.end.type] if spell.end else "in_force",
            "since": when(spell.start),
            "until": when(spell.end, "at", "ended_at") if spell.end else None,
            **_content(amended),
        }
        key = row_key("activity", activity, controller)
        yield row(COLUMNS, key, (controller,), values, [*own, *agreed])


def described(own: Mapping[str, Any], general: Mapping[str, Any]) -> dict[str, Any]:
    """The activity as it is for one controller: its own amendments go before what is for all."""
    versions = _numbered([*general["versions"], *own["versions"]])
    return {
        **{key: own[key] or general[key] for key in (*TEXTS, *LISTS, "measures")},
        **{key: sorted({*general[key], *own[key]}) for key in _ADDED},
        "versions": versions,
        "version": versions[-1]["version"] if versions else None,
    }


_ADDED = ("data_categories", "special_categories")


def _adds(amendment: Fact, controller: str) -> bool:
    """Whether the activity is done for a controller from this amendment on."""
    return controller in ids(amendment.data, "added_controller_ids")


def _content(facts: Sequence[Fact]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    categories: list[tuple[str, str | None]] = []
    for fact in facts:
        if fact.type == REGISTERED:
            content, categories = dict(fact.data), _categories(fact.data.get("data_categories"))
        else:
            content |= members(fact.data, "changes")
            categories += _categories(members(fact.data, "changes").get("data_categories"))
            categories += _categories(fact.data.get("added_data_categories"))
    return {
        **{key: text(content, key) for key in TEXTS},
        **{key: texts(content, key) for key in LISTS},
        "measures": texts(content, "measure_ids"),
        "data_categories": sorted({name for name, _ in categories}),
        "special_categories": sorted({f"{name} ({mark})" for name, mark in categories if mark}),
        "versions": [_version(fact) for fact in facts],
    }


def _version(fact: Fact) -> dict[str, Any]:
    added = _categories(fact.data.get("added_data_categories"))
    return {
        "version": text(fact.data, "new_version") or text(fact.data, "version"),
        "since": when(fact),
        "changes": fact.data.get("changes"),
        "added_data_categories": sorted({name for name, _ in added}),
        "reason": text(fact.data, "reason"),
    }


def _numbered(versions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The versions in order of time; one without a name of its own is called by its number."""
    ordered = sorted(versions, key=lambda version: datetime.fromisoformat(version["since"]))
    return [{**v, "version": v["version"] or str(n)} for n, v in enumerate(ordered, start=1)]


def _categories(value: Any) -> list[tuple[str, str | None]]:
    """The categories in a field, each a name or {category, special, bsn}; with what marks them."""
    items = value if isinstance(value, list) else [value]
    found = [item if isinstance(item, Mapping) else {"category": item} for item in items]
    return [(name, _mark(name, item)) for item in found if (name := text(item, "category"))]


def _mark(name: str, item: Mapping[str, Any]) -> str | None:
    if item.get("bsn") is True:
        return "UAVG 46"
    return "art. 9" if item.get("special") is True else SPECIAL.get(name)
