"""An answer as a file: a spreadsheet, or a PDF. `tests/test_documents_api.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import HTTPException, Response

from projections.exports.document import Document
from projections.exports.paper import TooLong, to_pdf
from projections.exports.spreadsheet import to_xlsx

MEDIA_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}

MAKERS: Mapping[str, Callable[[Document], bytes]] = {"xlsx": to_xlsx, "pdf": to_pdf}

AT_ONCE = threading.BoundedSemaphore(2)
"""Files that are made at a time: a long one takes memory."""

AS_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            **{
                media_type: {"schema": {"type": "string", "format": "binary"}}
                for media_type in MEDIA_TYPES.values()
            },
        }
    }
}
"""What an answer comes as beside JSON, as it is asked for."""


def as_document(format: str, document: Document) -> Response:
    """The file; 422 when it would be longer than paper takes."""
    try:
        with AT_ONCE:
            content = MAKERS[format](document)
    except TooLong as error:
        raise HTTPException(422, f"{error}: ask about one controller, or for csv.") from None
    headers = {"Content-Disposition": f'attachment; filename="{document.name}.{format}"'}
    return Response(content, media_type=MEDIA_TYPES[format], headers=headers)
