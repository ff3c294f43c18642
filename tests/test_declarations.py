"""What a controller declares on a page becomes an event: the words it confirmed, once, for itself,
in time; and it counts as in writing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, expect

from api.desk.declared import LONGEST
from ledger import declarations, granted_access, keys, sessions
from ledger.declarations import Declaration
from ledger.errors import IdAlreadyUsed
from ledger.roles import Role
from projections.findings import ask_findings
from projections.follow import catch_up
from projections.question import Moment, ask
from projections.registers import REGISTERS
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger
from tests.people import People, hidden
from tests.serving import serving
from tests.test_desk import shown
from tests.test_desk_browser import Desk, chromium

__all__ = ["chromium"]

Owner = Callable[[], psycopg.Connection]

ANNOUNCED = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
CLOSES = datetime(2026, 1, 12, 23, 0, tzinfo=UTC)
"""24:00 in Amsterdam, seven full days after the day of the announcement (7.2)."""


class Practices(People):
    """Practices that come to a ledger with an announcement and a return."""

    def of(
        self, *controllers: str, role: Role = Role.CONTROLLER_READER, registers: Sequence[str] = ()
    ) -> AbstractContextManager[httpx.Client]:
        """A browser of somebody who signed in for some controllers."""
        return self.signed_in(role, f"practice-{controllers[0]}", controllers, registers)


@pytest.fixture
def practices(ledger: TestLedger, owner: Owner) -> Iterator[Practices]:
    """C1 and C2 with an agreement, told of a new subprocessor; data returned to C1."""
    for controller in ("C1", "C2"):
        agreed = {
            "controller_id": controller,
            "effective_from": "2026-01-01",
            "objection_days": 7,
            "transfer_area": "EEA",
            "initial_subprocessors": [],
        }
        ledger.append("ProcessingAgreementConcluded", agreed, service="crm")
    ledger.clock.moment = ANNOUNCED
    announced = {
        "change_id": "CH-1",
        "subprocessor_id": "S-1",
        "subprocessor_name": "Wolkenbank <B.V.>",
        "kind": "add",
        "countries": ["NL"],
        "intended_start": "2026-02-01T09:00:00Z",
        "delivered_to": ["C1", "C2"],
        "announced_via": "newsletter",
    }
    ledger.append("SubprocessorChangeAnnounced", announced, service="crm")
    returned = {
        "controller_id": "C1",
        "return_id": "R-1",
        "method": "download_link",
        "encrypted": True,
        "file_sha256": 64 * "a",
    }
    ledger.append("DataReturned", returned, service="helpdesk")
    catch_up(ledger.ledger.pool)
    with serving(ledger) as url:
        yield Practices(ledger, owner, url)
    check_ledger(ledger)


OBJECTION = "/declarations/objection"
ABOUT = {"controller": "C1", "about": "CH-1"}
REASONS = "Verwerking buiten onze regio;\nwij zien een <risico>."


def confirmed(http: httpx.Client, path: str, form: dict[str, str]) -> httpx.Response:
    """Fill in a form, read the words, confirm them."""
    preview = http.post(path, data=form)
    shown(preview)
    assert "<blockquote>" in preview.text
    return http.post(path, data=hidden(preview))


def test_an_objection_is_recorded_in_the_words_that_were_confirmed(practices: Practices) -> None:
    """In writing, with reasons, in time; the words, who said them and how that is known are in the
    event, and the receipt verifies."""
    with practices.of("C1") as http:
        page = http.get("/declarations")
        shown(page)
        assert "2026-01-13 00:00" in page.text
        assert f"{OBJECTION}?controller=C1&amp;about=CH-1" in page.text
        shown(http.get(OBJECTION, params=ABOUT))
        preview = http.post(OBJECTION, data={**ABOUT, "reasons": REASONS.replace("\n", "\r\n")})
        shown(preview)
        assert practices.recorded(declarations.OBJECTION) == []
        words = unescape(re.findall(r"<blockquote>(.*?)</blockquote>", preview.text, re.S)[0])
        answer = http.post(OBJECTION, data=hidden(preview))
        assert answer.status_code == 303, answer.text
        place = answer.headers["location"]
        done = http.get(place)
        shown(done)
        assert practices.made.ledger.reader.size() == int(place.rpartition("/")[2]) + 1
        receipt = http.get(f"/v1/events/{place.rpartition('/')[2]}/proof")
        assert receipt.text.startswith("c2sp.org/tlog-proof@v1")
        shown(http.get("/declarations"))
        assert place in http.get("/declarations").text
    (said,) = practices.recorded(declarations.OBJECTION)
    assert said["declaration"] == words
    assert "Wolkenbank <B.V.> (CH-1)" in words
    assert words.endswith(f"Reasons: {REASONS}")
    assert said["message_sha256"] == hashlib.sha256(words.encode()).hexdigest()
    assert (said["written"], said["reasoned"], said["reasons"]) == (True, True, REASONS)
    assert said["declared_by"] == "practice-C1"
    assert said["sender_identity_established"]["evidence"].startswith("access l-")
    ledger = practices.made.ledger
    rows = [r.values for r in ask(ledger.pool, REGISTERS["subprocessors"], controller="C1").rows]
    (row,) = [row for row in rows if row["kind"] == "objection"]
    assert row["validity"] == "valid"
    found = ask_findings(ledger.pool, ledger.now(), Moment(), controller="C1").findings
    assert not [finding for finding in found if finding.rule.clause.startswith("7.2")]


def test_a_form_that_is_sent_twice_declares_once(practices: Practices) -> None:
    """Both are told the same entry; and nobody is told of that of another controller."""
    with practices.of("C1") as http, practices.of("C2") as other:
        form = hidden(http.post(OBJECTION, data={**ABOUT, "reasons": "te ver weg"}))
        first, second = http.post(OBJECTION, data=form), http.post(OBJECTION, data=form)
        assert first.headers["location"] == second.headers["location"]
        taken = other.post(OBJECTION, data={**form, "controller": "C2"})
        assert "location" not in taken.headers
        seen = other.get(first.headers["location"])
        assert seen.status_code == 404
    assert len(practices.recorded(declarations.OBJECTION)) == 1


def test_the_log_itself_refuses_the_second(practices: Practices) -> None:
    """Where two are sent at once; the answer is the entry that is there, unless it is another's."""
    ledger = practices.made.ledger
    with practices.of("C1") as http, ledger.pool.connection() as conn:
        session = sessions.find(
            conn, http.headers["cookie"].split("=")[1].split(";")[0], ledger.clock()
        )
    assert session is not None
    said = {"choice": "erase"}
    one = Declaration(declarations.CHOICE, "aaaaaaaa", "C1", "words", said)
    index = declarations.record(ledger, one, session.access)
    assert declarations.record(ledger, one, session.access) == index
    other = Declaration(declarations.CHOICE, "aaaaaaaa", "C2", "words", said)
    with pytest.raises(IdAlreadyUsed):
        declarations.record(ledger, other, session.access)


def test_words_that_changed_are_shown_again(practices: Practices) -> None:
    """In another language, or after a correction: nothing is recorded that nobody read."""
    with practices.of("C1") as http:
        form = hidden(http.post(OBJECTION, data={**ABOUT, "reasons": "te ver weg"}))
        dutch = {"Cookie": http.headers["cookie"].replace("language=en", "language=nl")}
        answer = http.post(OBJECTION, data=form, headers=dutch)
        shown(answer)
        assert "maakt bezwaar" in answer.text
        changed = http.post(OBJECTION, data={**form, "reasons": "iets anders"})
        shown(changed)
        assert "iets anders" in changed.text
    assert practices.recorded(declarations.OBJECTION) == []


def test_after_the_window_nothing_is_taken(practices: Practices) -> None:
    """Also of a form that was open while it closed; until its last second it is taken."""
    with practices.of("C1") as http:
        form = hidden(http.post(OBJECTION, data={**ABOUT, "reasons": "te ver weg"}))
    practices.made.clock.moment = CLOSES - timedelta(seconds=40)
    with practices.of("C2") as http:
        of_c2 = {**ABOUT, "controller": "C2", "reasons": "net op tijd"}
        assert confirmed(http, OBJECTION, of_c2).status_code == 303
    practices.made.clock.moment = CLOSES
    with practices.of("C1") as http:
        late = http.post(OBJECTION, data=form)
        shown(late, 422)
        assert "The window closed at 2026-01-13 00:00" in late.text
        assert "No objection window is running." in http.get("/declarations").text
    assert [s["controller_id"] for s in practices.recorded(declarations.OBJECTION)] == ["C2"]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"reasons": " "}, "without reasons does not count"),
        ({"reasons": "x" * (LONGEST + 1)}, "more than"),
        ({"reasons": "bel 06-12345678 of mail a@b.nl"}, "an e-mail address"),
        ({"reasons": "een \x07 bel"}, "control character"),
    ],
    ids=["no reasons", "too long", "personal data", "control characters"],
)
def test_what_is_wrong_is_said_beside_the_form(
    practices: Practices, form: dict[str, str], says: str
) -> None:
    """What was written is still there, and nothing was recorded."""
    with practices.of("C1") as http:
        answer = http.post(OBJECTION, data={**ABOUT, **form})
        if answer.status_code == 200:
            answer = http.post(OBJECTION, data=hidden(answer))
        shown(answer, 422)
        assert says in answer.text, re.findall("role=.alert[^<]*", answer.text)
    assert practices.recorded(declarations.OBJECTION) == []


def test_an_audit_is_requested(practices: Practices) -> None:
    """With its ground in the words that the rule knows, so that no limit stops an exempt one."""
    path, form = "/declarations/audit", {"controller": "C1"}
    with practices.of("C1") as http:
        shown(http.get(path, params=form))
        shown(http.post(path, data=form), 422)
        shown(http.post(path, data={**form, "ground": "other"}), 422)
        asked = {**form, "ground": "breach", "auditor": "Kantoor X", "independent": "on"}
        assert confirmed(http, path, asked).status_code == 303
    (said,) = practices.recorded(declarations.AUDIT)
    assert said["grounds"] == "breach"
    assert (said["auditor_independent"], said["auditor_expert"]) == (True, False)
    assert "because of a personal data breach" in said["declaration"]
    answered = {"audit_id": said["audit_id"], "controller_id": "C1"}
    practices.made.append("ControllerAuditAccepted", answered, service="dpo")


def test_return_or_erasure_is_chosen(practices: Practices) -> None:
    """And shows in the register."""
    path = "/declarations/choice"
    with practices.of("C1") as http:
        shown(http.get(path))
        shown(http.post(path, data={"choice": "keep"}), 422)
        assert confirmed(http, path, {"choice": "return_then_erase"}).status_code == 303
        assert "2026" in http.get("/declarations").text
    pool = practices.made.ledger.pool
    (row,) = ask(pool, REGISTERS["lifecycle"], controller="C1").rows
    assert row.values["choice"] == "return_then_erase"
    (said,) = practices.recorded(declarations.CHOICE)
    assert "return them and then erase them" in said["declaration"]


def test_a_return_is_acknowledged_once(practices: Practices) -> None:
    """By whom it was for; with whether the checksum was verified."""
    path, about = "/declarations/acknowledgement", {"controller": "C1", "about": "R-1"}
    with practices.of("C2") as other:
        shown(other.get(path, params={"about": "R-1"}), 404)
    with practices.of("C1") as http:
        assert 64 * "a" in http.get(path, params=about).text
        preview = http.post(path, data={**about, "verified": "on"})
        first = http.post(path, data=hidden(preview))
        second = http.post(path, data=hidden(preview))
        assert first.headers["location"] == second.headers["location"]
        shown(http.get(path, params=about), 404)
    (said,) = practices.recorded(declarations.ACKNOWLEDGEMENT)
    assert (said["return_id"], said["checksum_verified"]) == ("R-1", True)


def test_only_a_person_of_the_controller_declares(practices: Practices) -> None:
    """No other controller's, no other role, no token, and not where it was not granted."""
    form = {**ABOUT, "reasons": "te ver weg"}
    with practices.of("C2") as http:
        assert http.post(OBJECTION, data=form).status_code == 403
        assert http.get("/declarations?controller=C1").status_code == 403
    with practices.of("C1", registers=("breaches",)) as http:
        assert http.get("/declarations").status_code == 403
        assert http.post(OBJECTION, data=form).status_code == 403
        assert 'href="/declarations"' not in http.get("/home").text
    with practices.of("C1", registers=("declarations",)) as http:
        assert confirmed(http, OBJECTION, form).status_code == 303
    with practices.of("C1", role=Role.PRIVACY_OFFICER) as http:
        assert http.post(OBJECTION, data=form).status_code == 403
    now = practices.made.clock.moment
    with practices.owner() as conn:
        asked = {"holder": "c1", "expires_at": now + timedelta(days=1), "controllers": ("C1",)}
        _, token = granted_access.grant(conn, now, role=Role.CONTROLLER_READER, **asked)
    bearer = {"Authorization": f"Bearer {token}"}
    shown(httpx.get(f"{practices.url}/declarations", headers=bearer))
    assert httpx.post(practices.url + OBJECTION, data=form, headers=bearer).status_code == 403
    evil = {"Sec-Fetch-Site": "cross-site"}
    with practices.of("C1") as http:
        assert http.post(OBJECTION, data=form, headers=evil).status_code == 403
    assert len(practices.recorded(declarations.OBJECTION)) == 1


def test_where_the_ledger_records_nothing_it_says_so(practices: Practices) -> None:
    """The form is there, and why it leads nowhere."""
    keys.key_file(practices.made.home.keys, "ledger").unlink()
    form = {**ABOUT, "reasons": "te ver weg"}
    with practices.of("C1") as http:
        assert "records nothing by itself" in http.get("/declarations").text
        shown(http.post(OBJECTION, data=form), 409)


@pytest.mark.parametrize(("width", "locale"), [(1440, "nl-NL"), (360, "en-GB")])
def test_a_practice_objects_in_a_browser(
    practices: Practices, chromium: Browser, width: int, locale: str
) -> None:
    """From the first page to the receipt, on a screen and on a telephone."""
    ledger = practices.made.ledger
    desk = Desk(chromium, ledger, practices.url, Role.CONTROLLER_READER, width=width, locale=locale)
    page = desk.page
    page.get_by_role("link", name=re.compile("^(bezwaar maken|object)$")).click()
    desk.look()
    page.get_by_role("textbox").fill("Wij willen geen verwerking buiten onze regio.")
    page.get_by_role("button", name=re.compile("Verder|Go on")).click()
    desk.look()
    expect(page.locator("blockquote")).to_contain_text("Wij willen geen verwerking")
    page.get_by_role("button", name=re.compile("vastleggen|Confirm")).click()
    expect(page.get_by_role("status")).to_be_visible()
    desk.look()
    page.get_by_role("link", name=re.compile("in deze browser|in this browser")).click()
    expect(page.locator("h1")).to_be_visible()
    for path in ("/declarations", "/declarations/audit", "/declarations/choice"):
        desk.go(path)
    desk.context.close()
    assert len(practices.recorded(declarations.OBJECTION)) == 1
