"""A service with one route that does nothing: what FastAPI itself takes, as the reference."""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI()


@app.get("/empty")
async def empty() -> dict[str, str]:
    """The least answer."""
    return {"status": "ok"}
