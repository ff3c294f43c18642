"""Applying a correction: a dotted path into the data of an event gets another value.

`changed_facts.subject_count` names a field, `field_changes.0.new` an item of a list by its number,
and `occurredat` the one attribute outside `data` that can be corrected. Who appends a correction
and who reads it use the same function. `tests/test_corrections.py`.
"""

from __future__ import annotations

from typing import Any

OCCURRED_AT = "occurredat"


def replace_at(data: dict[str, Any], path: str, new: Any) -> Any:
    """Set the value at a path and return the one before it (None when there was none).

    Raises LookupError when the path leads through something that has no parts.
    """
    *steps, last = path.split(".")
    parent: Any = data
    for step in steps:
        parent = parent[_number(step)] if isinstance(parent, list) else _part(parent, step)
    if isinstance(parent, list):
        number = _number(last)
        old, parent[number] = parent[number], new
        return old
    if not isinstance(parent, dict):
        raise LookupError(path)
    old = parent.get(last)
    parent[last] = new
    return old


def _part(parent: Any, step: str) -> Any:
    if not isinstance(parent, dict):
        raise LookupError(step)
    return parent.setdefault(step, {})


def _number(step: str) -> int:
    if not step.isdigit():
        raise LookupError(step)
    return int(step)
