"""A page as an answer: a template, in the language that the browser asks for.

Nothing on it runs; its style comes from this service, and its forms go nowhere else, but for where
a form says so. `tests/test_pages.py`.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

CHOSEN = "language"
"""The cookie of the language that somebody chose."""

LANGUAGES = ("nl", "en")
"""The first is that of the agreement, for whoever asks for none."""

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
    " frame-ancestors 'none'; form-action 'self'"
)


SCRIPTS = "script-src 'self'; connect-src 'self'; style-src-attr 'none'"


def page(
    request: Request,
    name: str,
    status: int = 200,
    *,
    form_action: str = "",
    scripts: bool = False,
    **values: Any,
) -> HTMLResponse:
    """The page of a template; `form_action` is a further origin that its form may lead to, and with
    `scripts` those of this service run on it."""
    language = language_of(request)
    template = _environment().get_template(f"{name}.html")
    shown = template.render(t=texts(language), language=language, name=name, **values)
    policy = f"{POLICY} {form_action}" if form_action else POLICY
    if scripts:
        policy = f"{policy}; {SCRIPTS}"
    headers = {
        "Content-Security-Policy": policy,
        "Content-Language": language,
        "Vary": "Accept-Language, Cookie",
    }
    return HTMLResponse(shown, status, headers)


def language_of(request: Request) -> str:
    """The language that somebody chose here; else of those that a browser asks for the first that
    there is (RFC 9110, 12.5.4)."""
    if (chosen := request.cookies.get(CHOSEN)) in LANGUAGES:
        return str(chosen)
    asked: list[tuple[float, int, str]] = []
    for number, part in enumerate(request.headers.get("accept-language", "")[:1000].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        asked.append((-quality, number, tag.split("-")[0].lower()))
    return next((tag for q, _, tag in sorted(asked) if q < 0 and tag in LANGUAGES), LANGUAGES[0])


@cache
def texts(language: str) -> dict[str, str]:
    """The texts of the pages in a language, by their names."""
    file = resources.files("api.pages") / "texts" / f"{language}.toml"
    found: dict[str, str] = tomllib.loads(file.read_text(encoding="utf-8"))
    return found


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("api.pages"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
