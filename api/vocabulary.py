"""The event types, with a JSON Schema of each as a CloudEvent. Public: it holds no data.

`tests/test_api.py`.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import JSONResponse

from api.access import PUBLIC
from ledger.events import EVENT_TYPES, EventType, json_schema, versions

router = APIRouter(prefix="/v1", tags=["vocabulary"], dependencies=[PUBLIC])


class JsonSchema(JSONResponse):
    """A JSON Schema."""

    media_type = "application/schema+json"


ALL = EVENT_TYPES.values()

Name = Annotated[
    str,
    Path(json_schema_extra={"enum": [*dict.fromkeys(t.name for t in ALL), *EVENT_TYPES]}),
]


@router.get("/event-types")
def list_event_types() -> dict[str, list[dict[str, Any]]]:
    """Every event type that can be appended or was in the past."""
    return {"event_types": [_summary(t) for t in ALL]}


@router.get(
    "/event-types/{name}",
    response_class=JsonSchema,
    responses={200: {"content": {JsonSchema.media_type: {"schema": {"type": "object"}}}}},
)
def get_event_type(name: Name) -> JSONResponse:
    """The JSON Schema of an event type, by its name (the latest version) or its full type."""
    found = EVENT_TYPES.get(name) or next(iter(versions(name)[-1:]), None)
    if found is None:
        raise HTTPException(404, "There is no event type of this name.")
    return JsonSchema(json_schema(found))


def _summary(event_type: EventType) -> dict[str, Any]:
    return {
        "name": event_type.name,
        "version": event_type.version,
        "type": event_type.topic,
        "group": event_type.group,
        "clauses": event_type.clauses,
        "gdpr": event_type.gdpr,
        "schema": f"/v1/event-types/{event_type.topic}",
    }
