"""What every event type has: a model of its `data`, and where it belongs.

The stored name of a type (its *topic*) carries its version and is independent of where the class
lives, so a class may move and an old version stays readable beside a new one:
`BreachConfirmed` version 1 is `nl.verwerkersovereenkomsten.breach-confirmed.v1`. Golden bytes of
each are in `tests/golden/events`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from ledger.events.fields import no_nulls

PREFIX = "nl.verwerkersovereenkomsten."


class EventData(BaseModel):
    """The `data` of an event: fixed fields, none unknown, none null. Values stay as they came."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    event_type: ClassVar[EventType]

    _no_nulls = model_validator(mode="before")(no_nulls)


@dataclass(frozen=True, slots=True)
class EventType:
    """One version of one event type, and the clauses, articles and controls it belongs to.

    `nl` is its label in Dutch, in the words of the agreement.
    """

    name: str
    nl: str
    version: int
    topic: str
    model: type[EventData]
    group: str
    tier: str
    clauses: str
    gdpr: str
    iso27001: tuple[str, ...]
    nen7510: tuple[str, ...]
    iso27701: tuple[str, ...]
    registers: tuple[str, ...]


Model = TypeVar("Model", bound=type[EventData])

REGISTRY: dict[str, EventType] = {}
"""Event types by topic, in the order of the vocabulary; filled by `event_type`."""


def event_type(
    *,
    nl: str,
    group: str,
    tier: str = "core",
    clauses: str = "",
    gdpr: str = "",
    iso27001: tuple[str, ...] = (),
    nen7510: tuple[str, ...] = (),
    iso27701: tuple[str, ...] = (),
    registers: tuple[str, ...] = (),
    version: int = 1,
) -> Callable[[Model], Model]:
    """Enter a model into the vocabulary, under the name of its class."""

    def enter(model: Model) -> Model:
        topic = f"{PREFIX}{_kebab(model.__name__)}.v{version}"
        if topic in REGISTRY:
            raise TypeError(f"{topic} is in the vocabulary twice")
        REGISTRY[topic] = model.event_type = EventType(
            model.__name__,
            nl,
            version,
            topic,
            model,
            group,
            tier,
            clauses,
            gdpr,
            iso27001,
            nen7510,
            iso27701,
            registers,
        )
        return model

    return enter


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
