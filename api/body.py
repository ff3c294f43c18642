"""Reading a request body without trusting its size.

`tests/test_api.py` sends one byte too many, with and without a Content-Length.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request


def body_up_to(limit: int) -> Callable[[Request], Awaitable[bytes]]:
    """A dependency that reads at most `limit` bytes, and answers 413 as soon as there are more."""

    async def read(request: Request) -> bytes:
        declared = request.headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > limit:
            raise HTTPException(413, f"The body has more than {limit} bytes.")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise HTTPException(413, f"The body has more than {limit} bytes.")
        return bytes(body)

    return read
