"""Pages: in two languages that say the same things, and in a browser they run and load nothing."""

from __future__ import annotations

import hashlib
import re
from importlib import resources

import httpx
import pytest

from api.pages.page import LANGUAGES, texts
from api.pages.routes import MEDIA_TYPES
from tests.ledgers import TestLedger
from tests.serving import serving

TEMPLATES = [
    file for file in (resources.files("api.pages") / "templates").iterdir() if file.name[0] != "."
]


def test_both_languages_have_every_text() -> None:
    """Under the same names, in their order, and none is empty."""
    names = [list(texts(language)) for language in LANGUAGES]
    assert names[0] == names[1] == sorted(names[0])
    for language in LANGUAGES:
        assert all(text.strip() for text in texts(language).values())


def test_every_text_is_used_and_every_one_used_is_there() -> None:
    """By its name in a template, or by the beginning that a template or the program ends."""
    content = "".join(file.read_text() for file in TEMPLATES)
    direct = set(re.findall(r"\bt\.(\w+)", content))
    begun = tuple(re.findall(r't\["(\w+_)" ~', content))
    titles = {
        f"{file.name.removesuffix('.html')}_title"
        for file in TEMPLATES
        if "{% extends" in file.read_text() and "{% block title %}" not in file.read_text()
    }
    known = set(texts("en"))
    assert direct | titles <= known
    assert {n for n in known - direct - titles if not n.startswith(begun)} == set()


def test_nothing_on_a_page_runs_or_comes_from_elsewhere() -> None:
    """No script but those of this service, no handler, no style of its own, no other host: the
    policy would refuse it."""
    ours = re.compile(r'<script src="/assets/[a-z.]+\.js"( defer| type="module")></script>')
    for file in TEMPLATES:
        content = ours.sub("", file.read_text())
        for refused in ("<script", "javascript:", " style=", "<style", "http:", "https:", "|safe"):
            assert refused not in content, file.name
        assert not re.search(r"\son\w+=", content), file.name
    style = (resources.files("api.pages") / "assets" / "style.css").read_text()
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (None, "nl"),
        ("", "nl"),
        ("de", "nl"),
        ("en", "en"),
        ("en-GB,en;q=0.9,nl;q=0.8", "en"),
        ("nl;q=0.5, en;q=0.9", "en"),
        ("de, en;q=0.1", "en"),
        ("en;q=0, nl", "nl"),
        ("en;q=x", "nl"),
        ("en" + "," * 5000, "en"),
    ],
)
def test_a_page_is_in_the_language_that_is_asked_for(
    ledger: TestLedger, asked: str | None, language: str
) -> None:
    """Dutch unless English comes before it."""
    headers = {} if asked is None else {"Accept-Language": asked}
    with serving(ledger) as url:
        answer = httpx.get(f"{url}/sign-in", headers=headers)
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}">' in answer.text
    assert texts(language)["sign_in_link_only"] in answer.text


def test_a_browser_is_told_what_a_page_may_do(ledger: TestLedger) -> None:
    """Take its style from here; and nothing keeps it."""
    with serving(ledger) as url:
        answer = httpx.get(f"{url}/sign-in")
        style = httpx.get(f"{url}/assets/style.css")
    policy = answer.headers["content-security-policy"]
    for rule in ("default-src 'none'", "style-src 'self'", "form-action 'self'", "base-uri 'none'"):
        assert rule in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert style.headers["content-type"].startswith("text/css")


def test_a_page_loads_what_is_there(ledger: TestLedger) -> None:
    """Its style and its icon; and no other file is to be had that way."""
    with serving(ledger) as url:
        loaded = re.findall(r'href="(/assets/[^"]+)"', httpx.get(f"{url}/sign-in").text)
        assert len(loaded) == 2
        for path in loaded:
            assert httpx.get(f"{url}{path}").status_code == 200
        for path in ("page.py", "..%2Fpage.py", "texts/nl.toml"):
            assert httpx.get(f"{url}/assets/{path}").status_code in {404, 422}


PUBLISHED = {
    "htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "sse.min.js": "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
}
"""SHA-256 of dist/htmx.min.js of htmx.org 2.0.11, and of dist/sse.min.js of htmx-ext-sse 2.2.4."""


@pytest.mark.parametrize(("name", "digest"), PUBLISHED.items())
def test_scripts_of_others_are_as_they_were_published(name: str, digest: str) -> None:
    """Byte for byte, and there are no others than these and our own."""
    content = (resources.files("api.pages") / "assets" / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest
    scripts = {name for name in MEDIA_TYPES if name.endswith(".js")}
    own = scripts - {*PUBLISHED}
    assert own == {"verify.js", "drop.js"}
    for each in own:  # short enough to be read by whoever relies on it
        text = (resources.files("api.pages") / "assets" / each).read_text(encoding="utf-8")
        assert text.count("\n") < 300
