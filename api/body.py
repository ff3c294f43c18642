"""Reading a request body without trusting its size, or that it will ever come.

`tests/test_api.py` sends one byte too many, with and without a Content-Length;
`tests/test_connection.py` one byte too few.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request

PATIENCE = 60.0
"""Seconds in which a body comes."""


def body_up_to(limit: int) -> Callable[[Request], Awaitable[bytes]]:
    """A dependency that reads at most `limit` bytes, and answers 413 as soon as there are more."""

    async def read(request: Request) -> bytes:
        declared = request.headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > limit:
            raise HTTPException(413, f"The body has more than {limit} bytes.")
        body = bytearray()
        try:
            async with asyncio.timeout(PATIENCE):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > limit:
                        raise HTTPException(413, f"The body has more than {limit} bytes.")
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        return bytes(body)

    return read
