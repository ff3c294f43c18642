"""What pages load: files of this service, under their names. `tests/test_pages.py`."""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter, HTTPException, Response

from api.access import PUBLIC

MEDIA_TYPES = {
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
    "htmx.min.js": "text/javascript",
    "sse.min.js": "text/javascript",
    "drop.js": "text/javascript",
    "verify.js": "text/javascript",
}

router = APIRouter(dependencies=[PUBLIC], include_in_schema=False)


@router.get("/assets/{name}")
def asset(name: str) -> Response:
    """A file of the pages."""
    if name not in MEDIA_TYPES:
        raise HTTPException(404)
    content = (resources.files("api.pages") / "assets" / name).read_bytes()
    headers = {"Cache-Control": "max-age=3600"}
    return Response(content, media_type=MEDIA_TYPES[name], headers=headers)
