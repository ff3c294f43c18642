"""The desk in a real browser: each role's tasks, wide and narrow, in both languages; accessible;
and the check of an event in the browser, with true and with forged answers."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from ledger import granted_access, keys
from ledger.granted_access import Means
from ledger.note import Signer
from ledger.opening import Ledger
from ledger.roles import Role
from tests.browsing import browser
from tests.test_dossiers import breaches, told
from tests.test_isolation import scenario, url
from tests.test_pack import made, packed, signed_again, unpacked

__all__ = ["scenario", "url"]

BREACH = breaches()[0]
CONTROLLER = min(told(BREACH))

WIDTHS = (1440, 360)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


class Desk:
    """Somebody at the desk, signed in by a link as people are."""

    def __init__(
        self,
        chromium: Browser,
        ledger: Ledger,
        url: str,
        role: Role,
        *,
        width: int,
        locale: str,
        grant_id: str | None = None,
    ) -> None:
        self.url = url
        self.context: BrowserContext = chromium.new_context(
            viewport={"width": width, "height": 900}, locale=locale, accept_downloads=True
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._hear)
        self.page.on("request", self._ask)
        self._sign_in(ledger, role, grant_id)

    def _hear(self, message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.wrong.append(message.text)

    def _ask(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.wrong.append(f"asked another host: {request.url}")

    def _sign_in(self, ledger: Ledger, role: Role, grant_id: str | None) -> None:
        now = ledger.clock()
        options: dict[str, Any] = {"grant_id": grant_id} if grant_id else {}
        if role is Role.CONTROLLER_READER:
            options = {"controllers": [CONTROLLER]}
        with ledger.database.connect_as_owner() as conn:
            _, secret = granted_access.grant(
                conn,
                now,
                role=role,
                holder=f"{role}-here",
                expires_at=now + timedelta(hours=1),
                means=Means.LINK,
                **options,
            )
        self.page.goto(f"{self.url}/sign-in/link?token={secret}")
        self.page.get_by_role("button").click()
        expect(self.page).to_have_url(re.compile("/home$"))

    def go(self, path: str) -> Page:
        """Open a page, and look that nothing went wrong on it."""
        self.page.goto(self.url + path)
        self.look()
        return self.page

    def look(self) -> None:
        """It fits the window, nothing failed, and it is accessible (WCAG 2.2 AA)."""
        self.page.wait_for_load_state()
        room = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert room[0] <= room[1], (self.page.url, room)
        assert self.wrong == []
        found = Axe().run(
            self.page,
            options={
                "runOnly": {
                    "type": "tag",
                    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
                }
            },
        )
        assert found.violations_count == 0, (self.page.url, found.generate_report())


@pytest.fixture(params=[(1440, "nl-NL"), (360, "en-GB")], ids=["wide-nl", "narrow-en"])
def at(
    request: pytest.FixtureRequest, chromium: Browser, scenario: Ledger, url: str
) -> Iterator[Any]:
    """Whoever is at the desk, in a window of this width and a language."""
    width, locale = request.param
    opened: list[Desk] = []

    def sit(role: Role) -> Desk:
        opened.append(Desk(chromium, scenario, url, role, width=width, locale=locale))
        return opened[-1]

    yield sit
    for desk in opened:
        desk.context.close()


def test_a_privacy_officer_looks_at_what_is_due_and_why(at: Any) -> None:
    """From the overview to findings, to the events of one, to its case, and back in time."""
    desk = at(Role.PRIVACY_OFFICER)
    desk.look()
    page = desk.go("/findings")
    page.locator("article.finding a").first.click()
    expect(page).to_have_url(re.compile(r"/entries/\d+$"))
    desk.look()
    page = desk.go(f"/cases/breach/{BREACH}")
    expect(page.locator("ol.timeline > li")).not_to_have_count(0)
    page.locator("details.machine summary").click()
    page.locator("details.machine input[name=as_of]").fill("2025-03-20")
    page.locator("details.machine button").click()
    expect(page).to_have_url(re.compile("as_of=2025-03-20"))
    desk.look()
    desk.go("/clocks?state=met")


def test_a_register_leads_to_its_proof_in_two_clicks(at: Any) -> None:
    """Filtered in the address, sorted by a click; from a row to an event."""
    desk = at(Role.PRIVACY_OFFICER)
    page = desk.go("/registers/breaches?kind=notice")
    page.locator("form.filters input[name=contains]").fill(CONTROLLER)
    page.locator("form.filters button").click()
    expect(page).to_have_url(re.compile(f"contains={CONTROLLER}"))
    page.locator("thead a").first.click()
    expect(page).to_have_url(re.compile("sort="))
    desk.look()
    page.locator("tbody a").first.click()  # (1) the row
    expect(page.locator("p.indexes a")).not_to_have_count(0)
    desk.look()
    page.locator("p.indexes a").first.click()  # (2) the event and its proof
    expect(page.locator("#verify")).to_be_visible()
    desk.look()


def test_evidence_is_counted_and_a_sample_drawn(at: Any) -> None:
    """The coverage comes by itself; a sample is the one of its seed."""
    desk = at(Role.PRIVACY_OFFICER)
    page = desk.go("/evidence/iso27001?from=2025-01-01&until=2025-12-31")
    expect(page.locator("#coverage table")).to_be_visible()
    desk.look()
    page.locator("#coverage tbody a").get_by_text("A.5.26", exact=True).click()
    page.locator("input[name=seed]").fill("7f3a")
    page.locator("input[name=sample]").fill("3")
    page.get_by_role("button", name=re.compile("Trekken|Draw")).click()
    expect(page.locator("p.indexes a")).to_have_count(3)
    drawn = page.locator("p.indexes a").all_text_contents()
    page.reload()
    assert page.locator("p.indexes a").all_text_contents() == drawn
    desk.look()


def test_a_controller_takes_what_it_needs(at: Any) -> None:
    """Its overview, its breach, its dossier as a file; nothing of others."""
    desk = at(Role.CONTROLLER_READER)
    desk.look()
    page = desk.go("/home")
    page.get_by_role("link", name=BREACH).click()
    expect(page).to_have_url(re.compile(f"/cases/breach/{BREACH}$"))
    desk.look()
    page = desk.go("/dossiers")
    card = page.locator("article.card").nth(4)
    with page.expect_download() as taken:
        card.get_by_role("button").click()
    assert taken.value.suggested_filename.endswith(".pdf")
    desk.go("/packs")


def test_pictures_fit_and_are_read_out(at: Any) -> None:
    """Each in a narrow window too, with a name for those who do not see it."""
    desk = at(Role.PRIVACY_OFFICER)
    desk.go("/pictures")
    for name in ("subprocessors", "breaches", "events", f"data-flows?controller={CONTROLLER}"):
        page = desk.go(f"/pictures/{name}")
        assert page.locator("figure svg").get_attribute("aria-label")
        assert page.locator("table tbody tr").count() > 0
    desk.go(f"/cases/retention/{CONTROLLER}")


def test_it_works_with_the_keyboard_alone(at: Any) -> None:
    """The first stop skips to the content; every control that is reached shows that it is."""
    desk = at(Role.PRIVACY_OFFICER)
    page = desk.go("/registers")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    for _ in range(6):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("/registers$"))


def test_it_works_without_scripts(chromium: Browser, scenario: Ledger, url: str) -> None:
    """Everything but what moves by itself and the check in the browser."""
    token = scenario.home.token_file.read_text().strip()
    context = chromium.new_context(
        java_script_enabled=False, extra_http_headers={"Authorization": f"Bearer {token}"}
    )
    page = context.new_page()
    page.goto(f"{url}/evidence/gdpr?from=2025-01-01&until=2025-12-31")
    page.locator("form.filters button").click()
    expect(page.locator("#coverage table")).to_be_visible()
    page.goto(f"{url}/entries/5")
    expect(page.locator("#verify")).to_be_hidden()
    expect(page.get_by_role("link", name=re.compile("Ontvangstbewijs|Receipt"))).to_be_visible()
    context.close()


# The check in the browser.


@pytest.fixture
def checking(chromium: Browser, scenario: Ledger, url: str) -> Iterator[Desk]:
    desk = Desk(chromium, scenario, url, Role.PRIVACY_OFFICER, width=1000, locale="en-GB")
    yield desk
    desk.context.close()


def check(page: Page, vkey: str = "") -> tuple[list[str], str]:
    """Check the event on the page: the steps that were taken, and the verdict."""
    page.locator("#vkey").fill(vkey)
    page.locator("#verify button").click()
    verdict = page.locator("#verdict")
    expect(verdict).not_to_be_empty()
    steps = page.locator("#ladder li").evaluate_all("all => all.map(e => e.dataset.step)")
    return steps, verdict.text_content() or ""


def test_a_true_answer_is_found_true(scenario: Ledger, checking: Desk) -> None:
    """With a pinned key, which is kept; the next time the log goes on from what was kept."""
    vkey = scenario.log_keys().vkey
    page = checking.go("/entries/5")
    steps, verdict = check(page)
    assert steps == ["found", "signed", "leaf", "included", "first_visit"]
    assert "rests on the key above" in verdict
    for index, last in ((5, "first_visit"), (7, "consistent"), (0, "consistent")):
        page = checking.go(f"/entries/{index}")
        steps, verdict = check(page, vkey)
        assert steps == ["pinned", "signed", "leaf", "included", last]
        assert "wrong" not in verdict
    page = checking.go(f"/entries/{scenario.reader.size() - 1}")
    assert page.locator("#vkey").input_value() == vkey
    assert check(page, vkey)[0][-1] == "consistent"


def test_another_key_than_the_pinned_one_is_refused(scenario: Ledger, checking: Desk) -> None:
    """Of the same name; and what is no key is said to be none."""
    other = Signer(scenario.identity.origin, keys.make_key("k").private_key).verifier.vkey
    page = checking.go("/entries/5")
    for vkey, said in ((other, "signature"), ("nonsense", "vkey"), (other[:-8], "vkey")):
        steps, verdict = check(page, vkey)
        assert verdict == f"This is wrong: {said}", vkey
        assert "included" not in steps


FORGERIES = {
    "another entry": ("/proof", lambda t: t.replace("index 5", "index 6"), "index"),
    "an edited entry": (
        "/proof",
        lambda t: re.sub(
            r"extra (\S+)",
            lambda m: (
                "extra "
                + base64.b64encode(
                    base64.b64decode(m[1]).replace(b"recorded", b"recordes", 1)
                ).decode()
            ),
            t,
        ),
        "inclusion",
    ),
    "a hash": (
        "/proof",
        lambda t: re.sub(r"(index 5\n)(.)", lambda m: m[1] + ("B" if m[2] == "A" else "A"), t),
        "inclusion",
    ),
    "a root": (
        "/proof",
        lambda t: re.sub(
            r"(\n\d+\n)(.)", lambda m: m[1] + ("B" if m[2] == "A" else "A"), t, count=1
        ),
        "signature",
    ),
    "no proof": ("/proof", lambda t: "nothing", "proof"),
    "a checkpoint": ("/log/checkpoint", lambda t: t.replace("\n", "\n\n", 1), "checkpoint"),
    "a size": (
        "/log/checkpoint",
        lambda t: re.sub(r"\n(\d+)\n", lambda m: f"\n{int(m[1]) + 1}\n", t, count=1),
        "signature",
    ),
    "consistency": (
        "/v1/consistency",
        lambda t: re.sub(
            r'"proof":\["(.)', lambda m: '"proof":["' + ("B" if m[1] == "A" else "A"), t
        ),
        "consistency",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_answer_is_found(scenario: Ledger, checking: Desk, forgery: str) -> None:
    """Whatever the service says: another entry, hash, root, size or proof."""
    place, change, said = FORGERIES[forgery]
    touched: list[str] = []

    def forge(route: Route) -> None:
        answer = route.fetch()
        text = answer.text()
        if place in route.request.url:
            touched.append(route.request.url)
            assert change(text) != text
            text = change(text)
        route.fulfill(response=answer, body=text)

    page = checking.go("/entries/5")
    for pattern in ("**/proof", "**/log/checkpoint", "**/v1/consistency*"):
        page.route(pattern, forge)
    _, verdict = check(page, scenario.log_keys().vkey)
    assert touched
    assert verdict == f"This is wrong: {said}", forgery


def test_a_log_that_was_written_anew_does_not_go_on(scenario: Ledger, checking: Desk) -> None:
    """A checkpoint that was kept, of another history by the same key, is the evidence."""
    origin, size = scenario.identity.origin, 9
    page = checking.go("/entries/5")
    text = f"{origin}\n{size}\n{base64.b64encode(bytes(32)).decode()}\n"
    with scenario.pool.connection():
        signed = scenario.signing.signers.sign_text(text, size, scenario.log_keys())
    page.evaluate(
        "([origin, note]) => localStorage.setItem(`checkpoint ${origin}`, note)", [origin, signed]
    )
    _, verdict = check(page, scenario.log_keys().vkey)
    assert verdict == "This is wrong: consistency"


# Files that are put on the page.


@pytest.fixture(scope="module")
def pack_of(scenario: Ledger) -> bytes:
    """A pack about the whole ledger."""
    return made(scenario)


def dropped(desk: Desk, vkey: str, name: str, content: bytes) -> tuple[list[str], str, str]:
    """Check a file: the steps that were told, the verdict, and its class."""
    page = desk.go("/check")
    page.locator("#vkey").fill(vkey)
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    page.locator("#file").set_input_files(file)  # type: ignore[arg-type]
    verdict = page.locator("#verdict")
    expect(verdict).to_have_text(re.compile("rests on|This is wrong"), timeout=60_000)
    steps = page.locator("#ladder li").evaluate_all("all => all.map(e => e.textContent)")
    return steps, verdict.inner_text(), verdict.get_attribute("class") or ""


def test_a_pack_and_a_receipt_are_checked_in_the_browser(
    scenario: Ledger, checking: Desk, pack_of: bytes
) -> None:
    """Every file and every event of it, without sending it anywhere."""
    vkey = scenario.identity.vkey
    files = unpacked(pack_of)
    events = sum(c.count(b"\n") for n, c in files.items() if n.endswith("/events.jsonl"))
    steps, verdict, wrong = dropped(checking, vkey, "pack.zip", pack_of)
    assert wrong == "", verdict
    assert f"({len(files) - 2})" in steps[0]
    assert f"({events})" in steps[1]
    receipt = scenario.reader.receipt(5).encode()
    steps, verdict, wrong = dropped(checking, vkey, "5.tlog-proof", receipt)
    assert wrong == "", verdict
    assert " 5, " in steps[0]


def _event_edited(files: dict[str, bytes]) -> dict[str, bytes]:
    (name,) = [n for n in files if n.endswith("/events.jsonl")]
    return {**files, name: files[name].replace(b"recorded_at", b"recorded_st", 1)}


FORGED_PACKS: dict[str, tuple[Any, str]] = {
    "an event": (_event_edited, "events.jsonl"),
    "a register": (
        lambda files: {**files, "ledger/registers/people.csv": b"nothing"},
        "registers/people.csv",
    ),
    "the list": (
        lambda files: {
            **files,
            "manifest.json": files["manifest.json"].replace(b"ledger", b"l", 1),
        },
        "manifest",
    ),
    "the checkpoint": (
        lambda files: {**files, "checkpoint": files["checkpoint"].replace(b"\n", b"x\n", 1)},
        "signature",
    ),
    "one more": (lambda files: {**files, "more.txt": b"x"}, "more.txt: not listed"),
    "one less": (
        lambda files: {n: c for n, c in files.items() if n != "index.html"},
        "index.html: missing",
    ),
    "no statement": (
        lambda files: {**files, "manifest.note": files["checkpoint"]},
        "checkpoint",
    ),
}


@pytest.mark.parametrize("forgery", FORGED_PACKS)
def test_a_forged_pack_is_found_in_the_browser(
    scenario: Ledger, checking: Desk, pack_of: bytes, forgery: str
) -> None:
    """Edited, longer, shorter, or under a statement about something else."""
    change, said = FORGED_PACKS[forgery]
    forged = packed(change(unpacked(pack_of)))
    steps, verdict, wrong = dropped(checking, scenario.identity.vkey, "pack.zip", forged)
    assert (wrong, steps) == ("wrong", [])
    assert said in verdict


def test_a_pack_under_another_key_is_refused(
    scenario: Ledger, checking: Desk, pack_of: bytes
) -> None:
    """And so is an event of which the list was signed again, when its proof leads elsewhere; what
    is no file of ours; and a file that unpacks to more than it announces."""
    signer = Signer(scenario.identity.origin, keys.make_key("k").private_key)
    assert dropped(checking, signer.verifier.vkey, "p.zip", pack_of)[1].endswith("signature")
    assert dropped(checking, signer.verifier.vkey, "p.zip", b"PK\x03\x04")[1].endswith("zip")
    assert dropped(checking, signer.verifier.vkey, "x", b"nothing")[2] == "wrong"
    again = signed_again(scenario, _event_edited(unpacked(pack_of)))
    verdict = dropped(checking, scenario.identity.vkey, "p.zip", again)[1]
    assert verdict.endswith("inclusion")
    bomb = bytearray(packed({"manifest.json": bytes(100_000)}))
    at = bomb.index(b"PK\x01\x02")
    bomb[at + 24 : at + 28] = (10).to_bytes(4, "little")
    assert dropped(checking, scenario.identity.vkey, "p.zip", bytes(bomb))[1].endswith("zip")
