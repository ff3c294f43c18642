"""The desk over HTTP: every page as every role, in both languages, with and without what is asked.

Names of other controllers are on no page; refusals are pages too, and whoever is nobody signs in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from ledger.opening import Ledger
from ledger.reader import Reader
from ledger.roles import Role
from ledger.tags import controllers_of
from projections.dossiers import DOSSIERS
from projections.dossiers.dossier import ask_dossier
from projections.frameworks.framework import shipped
from projections.question import Moment, ask
from projections.registers import REGISTERS
from projections.withheld import one_controller
from tests.test_dossiers import breaches, told
from tests.test_dossiers_api import as_
from tests.test_isolation import CONTROLLERS, allowed, feed, scenario, url

__all__ = ["as_", "scenario", "url"]

As = Callable[..., httpx.Client]

PERIOD = "from=2025-01-01&until=2025-12-31"
PATHS = (
    "/home",
    "/registers",
    *(f"/registers/{name}" for name in REGISTERS),
    "/registers/breaches?as_of=2025-03-22&differs=true",
    "/registers/processing?contains=PA-&sort=-id&page=2",
    "/registers/processing?known_at=2025-01-01",
    "/findings",
    "/findings?severity=minor&page=1",
    "/clocks",
    "/clocks?state=late",
    "/evidence",
    "/evidence/nen7510",
    f"/evidence/iso27001?{PERIOD}&count=true",
    f"/evidence/gdpr/Art.%2033(2)?{PERIOD}&sample=5&seed=s",
    "/pictures",
    "/pictures/subprocessors",
    "/pictures/breaches",
    "/pictures/events",
    "/pictures/data-flows",
    "/dossiers",
    "/packs",
    "/check",
)
"""Pages that every reader may see."""


class Page(HTMLParser):
    """What is on a page: its links, forms, headings, language, and elements that are not closed."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.labelled: list[str] = []
        self.open: list[str] = []
        self.language = ""
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take notice of an element."""
        given = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "html":
            self.language = str(given.get("lang"))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        if "id" in given:
            self.ids.append(str(given["id"]))
        if "aria-labelledby" in given:
            self.labelled.append(str(given["aria-labelledby"]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Of a drawing: nothing is within it."""

    def handle_endtag(self, tag: str) -> None:
        """The one that is open must be the one that ends."""
        assert self.open
        assert self.open.pop() == tag, tag


def shown(answer: httpx.Response, status: int = 200) -> Page:
    """A page that is in order: one first heading, every id once, nothing that runs on its own."""
    assert answer.status_code == status, (answer.url, answer.text[:300])
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert answer.headers["cache-control"] == "no-store"
    page = Page(answer.text)
    assert page.headings.count("h1") == 1, answer.url
    assert len(set(page.ids)) == len(page.ids), answer.url
    assert {*page.labelled} <= {*page.ids}
    for level, following in zip(page.headings, page.headings[1:], strict=False):
        assert int(following[1]) <= int(level[1]) + 1, page.headings
    assert not re.search(r"\sstyle=|\son\w+=", answer.text)
    return page


def names(others: Iterator[str]) -> set[str]:
    """The legal names of controllers."""
    wanted = {*others}
    return {
        event["data"]["legal_name"]
        for event in feed()
        if event["type"] == "ControllerRegistered" and event["data"]["controller_id"] in wanted
    }


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.PRIVACY_OFFICER])
def test_every_page_is_shown(as_: As, role: Role, language: str) -> None:
    """To whoever sees all; every link to another page leads somewhere."""
    with as_(role) as http:
        http.headers["Accept-Language"] = language
        links: set[str] = set()
        for path in PATHS:
            page = shown(http.get(path))
            assert page.language == language
            links |= {link for link in page.links if link.startswith("/") and "sign" not in link}
        pages = sorted({link for link in links if not link.startswith(("/v1/", "/language/"))})
        followed = [link for link in pages if "/entries/" not in link]
        followed += [link for link in pages if "/entries/" in link][::7]
        assert len(followed) > 60
        for link in followed:
            shown(http.get(link))


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_controller_sees_its_own_and_no_other(as_: As, controller: str) -> None:
    """On no page, not in a row, not on the page of an event or a case."""
    others = [other for other in CONTROLLERS if other != controller]
    forbidden = names(iter(others))
    with as_(Role.CONTROLLER_READER, controllers=[controller]) as http:
        seen: set[str] = {*PATHS}
        for path in sorted(seen):
            page = shown(http.get(path))
            seen |= {
                link
                for link in page.links
                if link.startswith(("/registers/", "/cases/", "/entries/"))
            }
        entries = {link for link in seen if link.startswith("/entries/")}
        for path in sorted(seen - entries - {*PATHS}):
            shown(http.get(path))
        for path in seen - entries:
            text = re.sub(r"[A-Za-z0-9+/=]{40,}", "", http.get(path).text)
            text = text.replace("C6 too", "")  # what these controllers were told in words
            assert not [other for other in others if re.search(rf"\b{other}\b", text)], path
            assert not [name for name in forbidden if name in text], path
        assert {len(link) for link in entries}


@pytest.mark.parametrize("controller", CONTROLLERS[:2])
def test_an_event_is_shown_to_whom_it_concerns(scenario: Ledger, as_: As, controller: str) -> None:
    """Any other is not there, as one that the log does not have."""
    mine = allowed()[controller] | {e["id"] for e in feed() if e["type"] == "CheckpointSigned"}
    with as_(Role.CONTROLLER_READER, controllers=[controller]) as http:
        for index in range(0, scenario.reader.size(), 3):
            answer = http.get(f"/entries/{index}")
            id_ = re.search(r'"id\\?":\\?"([^"\\]+)', scenario.reader.leaf(index).decode())
            if answer.status_code == 200:
                shown(answer)
                assert id_ is not None
                known = {event["id"] for event in feed()}
                assert id_[1] in mine or id_[1] not in known, index
            else:
                shown(answer, 404)
        shown(http.get("/entries/9999999"), 404)


def test_cases_are_shown_with_clocks_and_findings(as_: As) -> None:
    """Every breach and instruction of the scenario; one of another controller is not there."""
    with as_(Role.PRIVACY_OFFICER) as http:
        for breach in breaches():
            page = http.get(f"/cases/breach/{breach}", headers={"Accept-Language": "en"})
            shown(page)
            assert "<svg" in page.text
            assert "Timeline" in page.text
        instructions = {
            e["data"]["instruction_id"] for e in feed() if e["type"] == "InstructionReceived"
        }
        for instruction in sorted(instructions)[:10]:
            shown(http.get(f"/cases/instruction/{instruction}"))
        for path in ("/cases/breach/none", "/cases/nothing/B-1", "/cases/person/x"):
            shown(http.get(path), 404)
    breach = breaches()[0]
    outside = next(c for c in CONTROLLERS if c not in told(breach))
    with as_(Role.CONTROLLER_READER, controllers=[outside]) as http:
        shown(http.get(f"/cases/breach/{breach}"), 404)


def test_retention_is_a_case_of_a_controller(scenario: Ledger, as_: As) -> None:
    """From its licences to their erasure, and nothing else that is about it; for itself alone."""
    ends = [e for e in feed() if e["type"] == "LicenceEnded"]
    controller = ends[0]["data"]["controller_id"]
    with as_(Role.PRIVACY_OFFICER) as http:
        page = http.get(f"/cases/retention/{controller}")
        shown(page)
        assert "Licentie geëindigd" in page.text
        assert "Instructie ontvangen" not in page.text
        row = http.get("/registers/lifecycle/row", params={"key": f"controller:{controller}"})
        assert f"/cases/retention/{controller}" in Page(row.text).links
    other = next(c for c in CONTROLLERS if c != controller)
    with as_(Role.CONTROLLER_READER, controllers=[other]) as http:
        shown(http.get(f"/cases/retention/{controller}"), 404)


@pytest.mark.parametrize("controller", [None, *CONTROLLERS])
def test_pictures_show_what_the_registers_say(
    scenario: Ledger, as_: As, controller: str | None
) -> None:
    """A bar for each subprocessor and each notice, a dot for each event, a row for each flow."""
    options = {"controllers": [controller]} if controller else {}
    role = Role.CONTROLLER_READER if controller else Role.PRIVACY_OFFICER
    seen = scenario.pool if controller is None else one_controller(scenario, controller)

    def rows(register: str, kind: str) -> list[Any]:
        found = ask(seen, REGISTERS[register], controller=controller).rows
        return [row.values for row in found if row.values["kind"] == kind]

    with as_(role, **options) as http:
        page = http.get("/pictures/subprocessors").text
        engaged = {
            row["name"] or row["subprocessor"] for row in rows("subprocessors", "engagement")
        }
        assert page.count("<rect") == len(engaged)
        page = http.get("/pictures/breaches").text
        assert page.count("<rect") == len(rows("breaches", "notice"))
        page = http.get("/pictures/events").text
        events = Reader(seen).latest(controller, 500)
        assert page.count("<circle") == len(events)
        concerned = [
            e for e in feed() if controller in (None, *controllers_of(e["type"], e["data"]))
        ]
        assert len(events) >= len(concerned) > 0
        of = controller or "C1"
        dossier = ask_dossier(seen, scenario.now(), DOSSIERS["dpia"], Moment(), controller=of)
        (flows,) = [section for section in dossier.sections if section.picture]
        page = http.get("/pictures/data-flows", params={"controller": of}).text
        assert page.count("<tr><td") == len(flows.rows)
        assert ("<svg" in page) == bool(flows.rows)


def test_a_correction_is_shown_as_one(as_: As) -> None:
    """With what it corrects, and what was corrected by it."""
    corrected = next(e for e in feed() if e["type"] == "EventCorrected")
    target = next(e for e in feed() if e["id"] == corrected["data"]["corrects_event_id"])
    field, id_ = next(
        (kind, str(target["data"][name]))
        for name, kind in (("breach_id", "breach"), ("instruction_id", "instruction"))
        if name in target["data"]
    )
    with as_(Role.OPERATOR) as http:
        page = http.get(f"/cases/{field}/{id_}", headers={"Accept-Language": "en"})
        assert "corrected</span>" in page.text
        assert "about entry" in page.text


def test_what_is_wrong_with_a_question_is_said_on_the_page(as_: As) -> None:
    """With the form still there; and what there is not, or is not for somebody, is a page."""
    with as_(Role.OPERATOR) as http:
        http.headers["Accept-Language"] = "en"
        for path in ("/registers/breaches", "/findings", "/clocks"):
            page = http.get(f"{path}?as_of=yesterday")
            shown(page, 422)
            assert "as_of is a date" in page.text
            assert "<form" in page.text
        page = http.get("/evidence/gdpr?from=2025-02-01&until=2025-01-01&count=true")
        shown(page, 422)
        assert "until is after from" in page.text
        shown(http.get("/registers/breaches?known_at=2001-01-01"), 404)
        for path in ("/registers/none", "/evidence/none", "/evidence/gdpr/none"):
            page = http.get(path)
            shown(page, 404)
            assert "This is not there" in page.text
        shown(http.get("/registers/breaches?page=x"), 422)
        shown(http.get("/registers/breaches/row?key=none"), 404)
    with as_(Role.CONTROLLER_READER, controllers=["C1"], registers=["processing"]) as http:
        http.headers["Accept-Language"] = "en"
        page = http.get("/registers/breaches")
        shown(page, 403)
        assert "This is not for you" in page.text
        home = http.get("/home").text
        assert 'href="/findings"' not in home
        for path in ("/findings", "/evidence", "/packs"):
            shown(http.get(path), 403)
    with as_(Role.CONTROLLER_READER, controllers=["C1"]) as http:
        shown(http.get("/registers/breaches?controller=C2"), 403)


def test_whoever_is_nobody_signs_in_and_comes_back(url: str) -> None:
    """To the page that was asked for, with what was asked."""
    for path in ("/home", "/registers/breaches?as_of=2025-01-01&kind=notice", "/entries/5"):
        answer = httpx.get(url + path)
        assert answer.status_code == 303
        onward = httpx.URL(answer.headers["location"]).params["onward"]
        assert onward == path
        assert not answer.text
    assert httpx.get(f"{url}/", follow_redirects=False).headers["location"] == "/sign-in"


def test_a_language_is_chosen_and_kept(as_: As) -> None:
    """In a cookie of this browser; and it leads nowhere else."""
    with as_(Role.OPERATOR) as http:
        answer = http.get("/language/en", params={"onward": "/findings"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/findings")
        http.headers["Accept-Language"] = "nl"
        assert shown(http.get("/findings")).language == "en"
        elsewhere = http.get("/language/nl", params={"onward": "//evil.example/"})
        assert elsewhere.headers["location"] == "/"
        assert http.get("/language/fr").status_code == 404


def test_what_came_since_the_last_visit_is_told(
    scenario: Ledger, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the cookie of this browser, which may say what it wants."""
    size = scenario.reader.size()
    with as_(Role.PRIVACY_OFFICER) as http:
        http.headers["Accept-Language"] = "en"
        for cookie, said in (
            ("", "first visit"),
            (f"{size - 3}.{size}.1", "Nothing came since"),
            (f"1.{size - 3}.1", "Since your last visit"),
            (f"1.{size - 3}.99999999999", "entries since your last visit"),
            ("x.y.z", "first visit"),
            ("9" * 30 + "." + "9" * 30 + ".1", "Nothing came since"),
        ):
            http.cookies.clear()
            page = http.get("/home", headers={"Cookie": f"seen={cookie}"} if cookie else {})
            shown(page)
            assert said in page.text or "/entries/" in page.text, cookie
            kept = page.headers["set-cookie"]
            assert "HttpOnly" in kept
            assert "Secure" in kept


def test_a_form_of_too_many_fields_is_refused(as_: As) -> None:
    """Whoever made it; a page says so."""
    many = "&".join(f"f{number}=x" for number in range(201))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with as_(Role.PRIVACY_OFFICER) as http:
        shown(http.post("/packs", content=many, headers=headers), 422)


def test_packs_are_asked_for_with_a_form(as_: As) -> None:
    """And given up; what is wrong with the question is said beside it."""
    with as_(Role.PRIVACY_OFFICER, holder="packer") as http:
        http.headers["Accept-Language"] = "en"
        http.headers["Origin"] = str(http.base_url).rstrip("/")
        wrong = http.post("/packs", data={"from": "soon"})
        shown(wrong, 422)
        assert "from is a date" in wrong.text
        framework = next(iter(shipped()))
        asked = http.post("/packs", data={"from": "2025-01-01", "framework": framework})
        assert (asked.status_code, asked.headers["location"]) == (303, "/packs")
        page = http.get("/packs")
        shown(page)
        assert "waiting" in page.text
        (address,) = re.findall(r'hx-get="(/packs/[^"]+/progress)"', page.text)
        part = http.get(address)
        assert part.text.lstrip().startswith("<li")
        (give_up,) = re.findall(r'action="(/packs/[^"]+/give-up)"', page.text)
        assert http.post(give_up).status_code == 303
        assert "cancelled" in http.get("/packs").text
        assert http.post(give_up.replace("pack-", "pack-x")).status_code == 404
        foreign = http.post("/packs", data={}, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403


def test_the_page_of_a_long_register_goes_on_by_key(
    as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row once, whatever is looked for; and the past of all is asked for one controller."""
    monkeypatch.setattr("projections.listing.SMALL", 10)
    monkeypatch.setattr("projections.listing.PAGE", 7)
    with as_(Role.OPERATOR) as http:
        http.headers["Accept-Language"] = "en"
        whole = http.get("/v1/registers/instructions").json()["rows"]
        keys: list[str] = []
        address = "/registers/instructions"
        for _ in range(len(whole)):
            page = http.get(address)
            shown(page)
            keys += re.findall(r'aria-label="Open ([^"]+)"', page.text)
            onward = re.search(r'rel="next" href="([^"]+)"', page.text)
            if onward is None:
                break
            address = onward[1].replace("&amp;", "&")
        assert keys == [row["key"] for row in whole]
        past = http.get("/registers/instructions?as_of=2025-01-01")
        shown(past, 422)
        assert "Choose a controller" in past.text
        shown(http.get("/registers/instructions?as_of=2025-01-01&controller=C1"))


def test_something_new_is_told_to_a_page(scenario: Ledger, as_: As) -> None:
    """The stream is open for whoever may read, and for nobody else."""
    with as_(Role.OPERATOR) as http:
        with http.stream("GET", "/live/stream") as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
    with as_(Role.SERVICE, key_id="k-crm") as http:
        assert http.get("/live/stream").status_code == 403


def test_pages_hold_whatever_was_recorded(as_: As) -> None:
    """Parameters come back as text and as nothing else."""
    evil = '"><script>alert(1)</script>'
    with as_(Role.OPERATOR) as http:
        for path in ("/registers/breaches", "/findings", "/clocks", "/evidence/gdpr"):
            for name in ("controller", "contains", "as_of", "rule", "from", "state", "seed"):
                answer: Any = http.get(path, params={name: evil})
                assert "<script>alert" not in answer.text
                assert answer.status_code in (200, 404, 422)
