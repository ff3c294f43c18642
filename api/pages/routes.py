"""What pages load: files of this service, under their names. `tests/test_pages.py`."""

from __future__ import annotations

from importlib import resources
from typing import Literal

from fastapi import APIRouter, Response

from api.access import PUBLIC

MEDIA_TYPES = {"style.css": "text/css", "icon.svg": "image/svg+xml"}

router = APIRouter(dependencies=[PUBLIC], include_in_schema=False)


@router.get("/assets/{name}")
def asset(name: Literal["style.css", "icon.svg"]) -> Response:
    """A file of the pages."""
    content = (resources.files("api.pages") / "assets" / name).read_bytes()
    headers = {"Cache-Control": "max-age=3600"}
    return Response(content, media_type=MEDIA_TYPES[name], headers=headers)
