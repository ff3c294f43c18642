"""What an event is found by: tags, derived from its bytes alone, so `fsck` can derive them again.

    source-id:<source> <id>     unique: an event is recorded once
    event-id:<id>               what a correction or retraction may name
    controller:<id>             every controller the event concerns
    <case>:<id>                 every case it belongs to: breach:B-1, instruction:I-001 …
    concerns:<event id>         the event it corrects, retracts or shreds
    party:controller:<id>, party:processor      it registers a party
    sealed:<kid>                every key that text in it is sealed with (`ledger/sealed_text.py`)

    corrects:correction         it corrects a correction

A correction that gives a field of one of these another value is found by the new value as well; one
of a correction cannot be, since it does not name the field of the event at the end of the chain.
Data come as they were signed, of a known type or not, checked or not; what is no id gives no tag.
`tests/test_tags.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ledger.sealed_text import sealed_in

ID = r"[A-Za-z0-9](?:[A-Za-z0-9._:/-]{0,62}[A-Za-z0-9])?"
"""The form of an id, of a controller or of a case."""

SEALED = "sealed"
"""The kind of tag by which events are found whose text a key opens."""

CORRECTS_CORRECTION = "corrects:correction"

CONTROLLERS = (
    "controller_id",
    "controller_ids",
    "added_controller_ids",
    "controllers_added",
    "delivered_to",
)

CASES = {
    "activity_id": "activity",
    "agreement_id": "agreement",
    "assessment_id": "assessment",
    "assistance_id": "assistance",
    "attestation_id": "attestation",
    "audit_id": "audit",
    "breach_id": "breach",
    "certificate_id": "certificate",
    "change_id": "change",
    "consent_id": "consent",
    "demand_id": "demand",
    "disclosure_id": "disclosure",
    "dpia_id": "dpia",
    "erasure_id": "erasure",
    "event_ref": "security-event",
    "evidence_request_id": "evidence-request",
    "finding_id": "finding",
    "grant_id": "grant",
    "hold_id": "hold",
    "instruction_id": "instruction",
    "key_id": "key",
    "licence_id": "licence",
    "log_source": "log-source",
    "measure_id": "measure",
    "objection_id": "objection",
    "pack_id": "pack",
    "person_pseudonym": "person",
    "processor_id": "processor",
    "request_id": "request",
    "return_id": "return",
    "share_id": "share",
    "soa_version": "soa",
    "subprocessor_id": "subprocessor",
    "transfer_id": "transfer",
}

_ID = re.compile(ID)

TARGETS = ("corrects_event_id", "retracts_event_id", "event_id")


def controllers_of(name: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of every controller that the data of an event of this type name, sorted."""
    if name == "SigningKeyEnrolled":
        return ()  # its controller_ids say what the key may sign, not whom the event concerns
    found: set[str] = set()
    for field in CONTROLLERS:
        found.update(_ids(data.get(field)))
    return tuple(sorted(found))


def tags_of(source: str, id: str, name: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags of an event of a type, each once; those of its source and id first."""
    tags = [f"source-id:{source} {id}", f"event-id:{id}"]
    tags.extend(f"controller:{controller}" for controller in controllers_of(name, data))
    tags.extend(_of_fields(name, data))
    tags.extend(f"{SEALED}:{kid}" for _, kid in sealed_in(data))
    return tuple(dict.fromkeys(tags))


def _of_fields(name: str, data: Mapping[str, Any]) -> Iterator[str]:
    if name == "ControllerRegistered":
        yield f"party:controller:{data.get('controller_id')}"
    elif name == "ProcessorRegistered":
        yield "party:processor"
    for field in sorted(data):
        value = data[field]
        if field in CASES:
            yield f"{CASES[field]}:{value}"
        elif field in TARGETS:
            yield f"concerns:{value}"
        elif field == "field_changes" and isinstance(value, list):
            for change in value:
                yield from _of_change(change)


def _of_change(change: Any) -> Iterator[str]:
    # Whether the new value fits its field is not known yet: only what can be an id becomes a tag.
    field = change.get("field") if isinstance(change, Mapping) else None
    if not isinstance(field, str):
        return
    new = change.get("new")
    first, *rest = field.split(".")
    if first in CONTROLLERS and rest[1:] in ([], ["controller"]):
        yield from (f"controller:{id}" for id in _ids(new) if _ID.fullmatch(id))
    elif field in CASES and isinstance(new, str) and _ID.fullmatch(new):
        yield f"{CASES[field]}:{new}"
    elif first == "field_changes":
        yield CORRECTS_CORRECTION


def _ids(value: Any) -> Iterator[str]:
    """Controller ids in a field: one id, or a list of ids and of deliveries to them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item)
    elif isinstance(value, Mapping):
        yield from _ids(value.get("controller"))
