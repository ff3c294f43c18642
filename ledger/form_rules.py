"""Form rules: what must hold between an event and the earlier events of its case.

They guard form only: breach update 6 cannot follow 4, an answer needs its question, a correction
its target. What violates the agreement is recorded and becomes a finding. Each rule is a decision
over a consistency boundary, written as a `Slice` of the eventsourcing library: it says which types
and tags it looks at, folds what is there, and refuses or lets pass. The append reads all that the
rules of a batch look at in one query, under the lock of the head. `tests/test_form_rules.py`.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from eventsourcing.dcb.domain import Decision, Selector, Slice
from eventsourcing.utils import get_topic

from ledger import cloudevent, entry
from ledger.admission import Admitted
from ledger.cases import AMENDS, ANSWERS
from ledger.corrections import OCCURRED_AT, replace_at
from ledger.errors import (
    Fault,
    FieldsInvalid,
    FormRuleViolated,
    IdAlreadyUsed,
    KeyNotInForce,
    PartyUnknown,
)
from ledger.events import EVENT_TYPES, versions
from ledger.keyring import KEY_EVENTS, KeyRing
from ledger.tags import CASES


class Seen(Decision):
    """An earlier event as a form rule sees it; its payload is read only when a rule asks."""

    def __init__(self, topic: str, position: int, leaf: bytes, tags: tuple[str, ...] = ()) -> None:
        self.topic = topic
        self.position = position
        self.tags = tags
        self._leaf = leaf

    @classmethod
    def read(cls, topic: str, position: int, leaf: bytes, tags: tuple[str, ...] = ()) -> Seen:
        """An event as the log has it; `tags` for one accepted earlier in the same batch."""
        return DECISIONS[topic](topic, position, leaf, tags)

    @property
    def entry(self) -> entry.Entry:
        """The entry."""
        return _entry(self._leaf)

    @property
    def event(self) -> cloudevent.CloudEvent:
        """The event."""
        return _event(self._leaf)

    @property
    def name(self) -> str:
        """The name of its event type."""
        return EVENT_TYPES[self.topic].name


# Nearly every append looks at the same few entries: its keys, the parties of its events.
@lru_cache(maxsize=1024)
def _entry(leaf: bytes) -> entry.Entry:
    return entry.parse(leaf)


@lru_cache(maxsize=1024)
def _event(leaf: bytes) -> cloudevent.CloudEvent:
    return cloudevent.parse(_entry(leaf).payload)


def _decision_class(topic: str, name: str) -> type[Seen]:
    # The library finds a class by its topic; ours is the CloudEvents type, so that a selector of
    # this class selects what is stored under it, wherever the class lives.
    return type(name, (Seen,), {"TOPIC": topic})


DECISIONS = {topic: _decision_class(topic, t.name) for topic, t in EVENT_TYPES.items()}
"""A decision class for each event type, by its topic."""


@cache
def decisions(*names: str) -> tuple[type[Seen], ...]:
    """The decision classes of every version of some event types."""
    return tuple(DECISIONS[t.topic] for name in names for t in versions(name))


@dataclass(frozen=True, slots=True)
class AlreadyRecorded:
    """The same event is in the log at this position; it is answered, not recorded again."""

    position: int


class Facts:
    """The earlier events that the rules of a batch look at, by tag."""

    def __init__(self, seen: Iterable[tuple[str, Seen]] = ()) -> None:
        self._tagged: dict[str, dict[int, Seen]] = defaultdict(dict)
        for tag, event in seen:
            self._tagged[tag][event.position] = event

    def add(self, event: Seen) -> None:
        """An event that was accepted meanwhile."""
        for tag in event.tags:
            self._tagged[tag][event.position] = event

    def select(self, selectors: Iterable[Selector]) -> list[Seen]:
        """What the selectors select, each once, by position."""
        found: dict[int, Seen] = {}
        for selector in selectors:
            (tag,) = selector.tags
            for position, event in self._tagged.get(tag, {}).items():
                if not selector.types or type(event) in selector.types:
                    found[position] = event
        return [found[position] for position in sorted(found)]


class FormRule(Slice[Seen]):
    """A rule for one candidate event.

    Each selector of its boundary names exactly one tag, and types unless it means any.
    """

    def __init__(self, candidate: Admitted) -> None:
        self.candidate = candidate
        self.seen: list[Seen] = []

    @property
    def data(self) -> dict[str, Any]:
        """The data of the candidate, as it was sent."""
        return dict(self.candidate.event.raw["data"])

    def consistency_boundary(self) -> list[Selector]:
        """What the rule looks at."""
        raise NotImplementedError

    def execute(self) -> None:
        """Raise a Refused unless the candidate fits what was seen."""
        raise NotImplementedError


class SourceIdNew(FormRule):
    """`source` and `id` name an event once. The same bytes again are the same event."""

    def consistency_boundary(self) -> list[Selector]:
        event = self.candidate.event
        return [Selector((), [f"source-id:{event.source} {event.id}"])]

    def execute(self) -> None:
        for seen in self.seen:
            if seen.entry.payload != self.candidate.envelope.payload:
                fault = Fault("/id", "source-id", "source and id were used for another event")
                raise IdAlreadyUsed("source and id were used before with other content", fault)


class KeysInForce(FormRule):
    """The keys are in force by what the log says now: another process may have revoked one."""

    def __init__(self, candidate: Admitted, recorded_at: datetime) -> None:
        super().__init__(candidate)
        self.recorded_at = recorded_at

    def consistency_boundary(self) -> list[Selector]:
        ids = {signature.keyid for signature in self.candidate.envelope.signatures}
        return [Selector(decisions(*KEY_EVENTS), [f"key:{key_id}"]) for key_id in sorted(ids)]

    def execute(self) -> None:
        ring = KeyRing()
        for seen in self.seen:
            ring.apply(seen.name, seen.event.raw["data"], seen.entry.recorded_at)
        for signature in self.candidate.envelope.signatures:
            key = ring.find(signature.keyid)
            if key is None:
                raise KeyNotInForce("the log does not enrol this key")
            key.check_in_force(self.recorded_at)


class PartiesKnown(FormRule):
    """Both parties of an agreement exist before anything else is taken about them (clause 2.1)."""

    def consistency_boundary(self) -> list[Selector]:
        if not self.candidate.controllers:
            return []
        return [
            Selector(decisions("ProcessorRegistered"), ["party:processor"]),
            *(
                Selector(decisions("ControllerRegistered"), [f"party:controller:{controller}"])
                for controller in self._awaited()
            ),
        ]

    def execute(self) -> None:
        if not self.candidate.controllers:
            return
        known = {seen.event.raw["data"].get("controller_id") for seen in self.seen}
        if None not in known and self.candidate.event.type.name != "ControllerRegistered":
            detail = "no processor is registered yet"
            raise PartyUnknown(detail, Fault("/data", "processor-registered", detail))
        if not known.issuperset(self._awaited()):
            detail = "names a controller that was never registered"
            raise PartyUnknown(f"the event {detail}", Fault("/data", "party-known", detail))

    def _awaited(self) -> tuple[str, ...]:
        if self.candidate.event.type.name == "ControllerRegistered":
            return ()
        return self.candidate.controllers


class AnswersQuestion(FormRule):
    """An answer needs its question: the event that opened its case, for the same controller."""

    def __init__(self, candidate: Admitted, field: str, question: str) -> None:
        super().__init__(candidate)
        self.field = field
        self.question = question

    def consistency_boundary(self) -> list[Selector]:
        return [Selector(decisions(self.question), [f"{TAGS[self.field]}:{self.data[self.field]}"])]

    def execute(self) -> None:
        pointer = f"/data/{self.field}"
        if not self.seen:
            detail = f"there is no {self.question} that this belongs to"
            raise _nothing(pointer, "answer-needs-question", detail)
        mine = self.data.get("controller_id")
        theirs = [seen.event.raw["data"].get("controller_id") for seen in self.seen]
        if mine is not None and None not in theirs and mine not in theirs:
            detail = f"the {self.question} it belongs to is of another controller"
            raise _nothing(pointer, "same-controller", detail)


class UpdateFollows(FormRule):
    """Breach updates are numbered 1, 2, 3 … without a gap."""

    def consistency_boundary(self) -> list[Selector]:
        return [Selector(decisions("BreachUpdateIssued"), [f"breach:{self.data['breach_id']}"])]

    def execute(self) -> None:
        expected = 1 + max((s.event.raw["data"]["update_no"] for s in self.seen), default=0)
        if self.data["update_no"] != expected:
            detail = f"the next update of this breach is number {expected}"
            raise _conflict("/data/update_no", "update-follows", detail)


class KeyChanges(FormRule):
    """A key that can be read is enrolled once, and revoked once after that."""

    def consistency_boundary(self) -> list[Selector]:
        return [Selector(decisions(*KEY_EVENTS), [f"key:{self.data['key_id']}"])]

    def execute(self) -> None:
        ring = KeyRing()
        for seen in self.seen:
            ring.apply(seen.name, seen.event.raw["data"], seen.entry.recorded_at)
        # This ring is thrown away: what a ring refuses would spoil every verification of the log.
        event = self.candidate.event
        ring.apply(event.type.name, self.data, event.time)


class AmendsEvent(FormRule):
    """A correction, retraction or shredding names one event that is there, and a correction fits
    it. An id that several sources used is named as `<source> <id>`."""

    def __init__(self, candidate: Admitted, field: str, recorded_at: datetime) -> None:
        super().__init__(candidate)
        self.field = field
        self.recorded_at = recorded_at

    def consistency_boundary(self) -> list[Selector]:
        target = str(self.data[self.field])
        kind = "source-id" if " " in target else "event-id"
        return [Selector((), [f"{kind}:{target}"])]

    def execute(self) -> None:
        pointer = f"/data/{self.field}"
        if not self.seen:
            raise _nothing(pointer, "target-exists", "there is no event of this id")
        if len(self.seen) > 1:
            detail = "several sources have this id; name it as <source> <id>"
            raise _nothing(pointer, "target-unambiguous", detail)
        for number, change in enumerate(self.data.get("field_changes", ())):
            self._check_change(f"/data/field_changes/{number}", change)

    def _check_change(self, pointer: str, change: dict[str, Any]) -> None:
        target = self.seen[0].event
        if not self._fits(target, change["field"], change["new"]):
            detail = f"the {target.type.name} it names would not be valid after this change"
            raise _nothing(pointer, "correction-fits", detail)

    def _fits(self, target: cloudevent.CloudEvent, field: str, new: Any) -> bool:
        try:
            if field == OCCURRED_AT:
                return cloudevent.read_instant(new) <= self.recorded_at
            data = copy.deepcopy(target.raw["data"])
            replace_at(data, field, new)
            cloudevent.read_data(target.type, data)
        except (LookupError, ValueError, FieldsInvalid):
            return False
        return True


TAGS = {**CASES, "controller_id": "controller"}

STANDS_ALONE = frozenset({t.name for t in EVENT_TYPES.values()}) - {*ANSWERS, *AMENDS, *KEY_EVENTS}
"""Types that open a case or need none. Many may break the agreement and be recorded all the same: a
subprocessor engaged without announcement, data shared without instruction."""


def needed(batch: Sequence[Admitted], recorded_at: datetime) -> set[tuple[str, str]]:
    """The (type, tag) pairs that the rules of a batch look at; an empty type means any."""
    return {
        pair
        for candidate in batch
        for rule in _rules(candidate, recorded_at)
        for pair in _pairs(rule.consistency_boundary())
    }


def decide(candidate: Admitted, recorded_at: datetime, facts: Facts) -> AlreadyRecorded | None:
    """Apply every rule to a candidate. None: it may be recorded. Raises Refused."""
    for rule in _rules(candidate, recorded_at):
        rule.seen = facts.select(rule.consistency_boundary())
        rule.execute()
        if isinstance(rule, SourceIdNew) and rule.seen:
            return AlreadyRecorded(rule.seen[0].position)
    return None


def check_sealed(candidate: Admitted, standing: Container[str]) -> None:
    """Text is sealed with a key that the ledger can destroy, one of those that stand. Raises
    FormRuleViolated, which names the first place where it is not."""
    for pointer, kid in candidate.sealed():
        if kid not in standing:
            detail = "is not sealed with a key of this ledger that stands (POST /v1/sealing-keys)"
            raise _nothing(pointer, "sealed-with-a-key-that-stands", f"{pointer} {detail}")


def amended(candidate: Admitted, recorded_at: datetime, facts: Facts) -> list[str]:
    """The tags of the event that a candidate amends; none when it amends no event."""
    name = candidate.event.type.name
    if name not in AMENDS:
        return []
    rule = AmendsEvent(candidate, AMENDS[name], recorded_at)
    return [tag for seen in facts.select(rule.consistency_boundary()) for tag in seen.event.tags()]


def _rules(candidate: Admitted, recorded_at: datetime) -> Iterator[FormRule]:
    """The rules for one event. The same event again is found before anything else is asked."""
    name = candidate.event.type.name
    yield SourceIdNew(candidate)
    yield KeysInForce(candidate, recorded_at)
    yield PartiesKnown(candidate)
    if name in ANSWERS:
        field, question = ANSWERS[name]
        yield AnswersQuestion(candidate, field, question)
    if name == "BreachUpdateIssued":
        yield UpdateFollows(candidate)
    if name in KEY_EVENTS:
        yield KeyChanges(candidate)
    if name in AMENDS:
        yield AmendsEvent(candidate, AMENDS[name], recorded_at)


def _pairs(selectors: Iterable[Selector]) -> Iterator[tuple[str, str]]:
    for selector in selectors:
        (tag,) = selector.tags
        if not selector.types:
            yield "", tag
        for decision in selector.types:
            yield get_topic(decision), tag


def _conflict(pointer: str, rule: str, detail: str) -> FormRuleViolated:
    """Another state of the case could take the event: 409."""
    return FormRuleViolated(detail, Fault(pointer, rule, detail), conflict=True)


def _nothing(pointer: str, rule: str, detail: str) -> FormRuleViolated:
    """The event refers to something that is not there: 422."""
    return FormRuleViolated(detail, Fault(pointer, rule, detail), conflict=False)
