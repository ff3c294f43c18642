"""The vocabulary: every event type, by its topic.

One module for each group of the vocabulary; `base` says what a type is, `fields` which shapes its
fields have, `schema` how it looks to others.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from types import MappingProxyType

from ledger.events import (  # noqa: F401 - importing a group enters its types
    agreement,
    assistance,
    assurance,
    audit,
    breach,
    disclosure,
    dpia,
    dsr,
    instruction,
    ledger,
    lifecycle,
    party,
    people,
    register,
    research,
    security,
    subprocessor,
    transfer,
)
from ledger.events.base import REGISTRY, EventData, EventType
from ledger.events.schema import json_schema

EVENT_TYPES: Mapping[str, EventType] = MappingProxyType(REGISTRY)
"""Event types by topic."""

_VERSIONS = {
    name: tuple(sorted(same, key=lambda t: t.version))
    for name, same in groupby(sorted(REGISTRY.values(), key=lambda t: t.name), lambda t: t.name)
}

__all__ = [
    "EVENT_TYPES",
    "EventData",
    "EventType",
    "json_schema",
    "latest",
    "versions",
]


def versions(name: str) -> tuple[EventType, ...]:
    """Every version of a type by its name, oldest first; empty for an unknown name."""
    return _VERSIONS.get(name, ())


def latest(name: str) -> EventType:
    """The newest version of a type by its name. Raises KeyError."""
    found = versions(name)
    if not found:
        raise KeyError(name)
    return found[-1]
