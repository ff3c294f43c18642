"""An answer over HTTP as a file: a spreadsheet, or a PDF. `tests/test_documents_api.py`."""

from __future__ import annotations

import re
import threading
from typing import Any

from fastapi import HTTPException, Request, Response

from api.state import ledger_of
from ledger.database import Connections
from ledger.errors import SigningRefused
from projections.exports.document import Document
from projections.exports.file import make
from projections.exports.paper import TooLong

MEDIA_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}

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


def as_document(request: Request, format: str, document: Document, seen: Connections) -> Response:
    """The file: a spreadsheet (xlsx), a PDF (pdf), or one that proves itself (report), with the
    events that `seen` sees. 422 when it would be longer than paper takes."""
    ledger = ledger_of(request)
    if format == "report" and not ledger.signs:
        raise SigningRefused("the key that signs reports is not with this service")
    try:
        with AT_ONCE:
            content = make(format, document, ledger, seen)
    except TooLong as error:
        raise HTTPException(422, f"{error}: ask about one controller, or for csv.") from None
    ending = "xlsx" if format == "xlsx" else "pdf"
    headers = {"Content-Disposition": f'attachment; filename="{file_name(document.name)}.{ending}"'}
    return Response(content, media_type=MEDIA_TYPES[ending], headers=headers)


def file_name(name: str) -> str:
    """A name that a header may hold: whoever asks chooses a part of it, such as a controller."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)
