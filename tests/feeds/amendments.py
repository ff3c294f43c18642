"""Corrections and retractions of what a feed says, and of each other."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from ledger.corrections import replace_at
from ledger.events import latest
from tests.feeds.script import Act, Script

INSTANT = len("2025-06-12T09:05:00+02:00")

SHIFTS = (
    timedelta(hours=-1),
    timedelta(hours=-24),
    timedelta(days=-7),
    timedelta(seconds=-1),
)

OTHERS: dict[str, tuple[Any, ...]] = {
    "opinion": ("lawful", "infringing"),
    "outcome": ("upheld", "rejected"),
    "choice": ("erase", "return"),
    "channel": ("email", "phone"),
    "ground": ("annual_limit", "other"),
    "country": ("NO", "US"),
    "mechanism": ("SCC", "adequacy"),
    "objection_days": (7, 14),
    "breach_hours": (24, 48),
    "subject_count": (2151, 12),
}
"""Other values that some fields may have been meant to have."""


def amend(script: Script, acts: list[Act]) -> None:
    """Correct or take back some of the acts, in their order; an amendment is an act as well."""
    candidates = [act for act in acts if act.type not in PARTIES]
    for _ in range(script.pick(0, 0, 1, 2, 4)):
        if not candidates:
            return
        target = script.pick(*candidates)
        made = retract(script, target) if script.seldom() else correct(script, target)
        if made is not None:
            candidates.append(made)


PARTIES = frozenset({"ProcessorRegistered", "ControllerRegistered", "SigningKeyEnrolled"})
"""What stays as it is: every rule needs the parties."""


def retract(script: Script, target: Act) -> Act:
    """Take an act back."""
    data = {"retracts_event_id": target.id, "reason": "entered twice"}
    return script.act("EventRetracted", after(script, target), data, after=target)


def correct(script: Script, target: Act) -> Act | None:
    """Give a field another value that fits; None when there is none that does."""
    changes = [change for change in possible(script, target) if fits(target, change)]
    if not changes:
        return None
    data = {
        "corrects_event_id": target.id,
        "field_changes": [script.pick(*changes)],
        "reason": "typing error",
    }
    return script.act("EventCorrected", after(script, target), data, after=target)


def after(script: Script, target: Act) -> datetime:
    """A moment after an act was recorded."""
    return target.recorded + script.pick(timedelta(days=1), timedelta(0), timedelta(days=60))


def possible(script: Script, target: Act) -> list[dict[str, Any]]:
    """Changes that may fit an act."""
    if target.type == "EventCorrected":
        (change,) = target.data["field_changes"]
        return [
            {"field": "field_changes.0.new", "new": new}
            for new in others(script, change["field"].rpartition(".")[2], change["new"])
        ]
    moved = [(target.occurred + shift).isoformat() for shift in SHIFTS]
    found = [{"field": "occurredat", "new": new} for new in moved]
    for field, value in target.data.items():
        if isinstance(value, dict) and field == "changed_facts":
            found += [
                {"field": f"{field}.{name}", "new": new}
                for name, old in value.items()
                for new in others(script, name, old)
            ]
        found += [{"field": field, "new": new} for new in others(script, field, value)]
    return found


def others(script: Script, field: str, value: Any) -> list[Any]:
    """Other values of a field."""
    if isinstance(value, bool):
        return [not value]
    if field in OTHERS:
        return [other for other in OTHERS[field] if other != value]
    if isinstance(value, str) and len(value) == INSTANT and value[10] == "T":
        return [(datetime.fromisoformat(value) + shift).isoformat() for shift in SHIFTS]
    if field == "controller_id":
        return [other for other in script.controllers if other != value]
    if isinstance(value, list) and field in ("controller_ids", "delivered_to", "subject_tokens"):
        return [value[1:], value[:1]] if len(value) > 1 else []
    return []


def fits(target: Act, change: dict[str, Any]) -> bool:
    """Whether the target would be valid after a change, as the ledger asks."""
    if change["field"] == "occurredat":
        return True
    data = copy.deepcopy(target.data)
    try:
        replace_at(data, change["field"], change["new"])
        latest(target.type).model.model_validate(data)
    except (LookupError, ValidationError):
        return False
    return True
