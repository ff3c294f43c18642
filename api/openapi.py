"""The description of the interface (OpenAPI 3.1), as its answers are.

FastAPI describes what a route takes and gives; here comes what all have in common: that every error
is a problem document (RFC 9457), and by what a caller is known. `tests/test_openapi.py` has
schemathesis call every route, as every role, and holds the answers to it.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api import problems
from api.sign_in import cookie

PROBLEM = {
    "type": "object",
    "description": "A problem document (RFC 9457)",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "description": "Address of what it means, below /v1/problems/",
            "enum": [f"/v1/problems/{code}" for code in sorted(problems.explanations())],
        },
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong here, with field and rule"},
        "errors": {
            "type": "array",
            "description": "Each fault: where it is, the rule, and what it asks for",
            "items": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
}

ANY_PROBLEM = {
    "description": "Any error",
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def describe(app: FastAPI) -> None:
    """Have an application describe itself so."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(made())
        assert app.openapi_schema is not None  # noqa: S101 - made above
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    components = document["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)  # faults of parameters are problems too
    components["schemas"]["Problem"] = PROBLEM
    components["securitySchemes"]["session"] = {
        "type": "apiKey",
        "in": "cookie",
        "name": cookie.COOKIE,
        "description": "Of a person who has signed in",
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = ANY_PROBLEM
            if operation.get("security"):
                operation["security"].append({"session": []})
