"""What an auditor asks for, what is answered and what is noted: events, for whom they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, expect

from api.desk.requests import ANSWERED, ASKED, LONGEST, NOTED
from ledger import cloudevent, entry
from ledger.errors import NotAuthorisedToSign
from ledger.roles import Role
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger, enrol
from tests.people import People, hidden
from tests.serving import serving
from tests.test_desk import shown
from tests.test_desk_browser import Desk, chromium

__all__ = ["chromium"]

Owner = Callable[[], psycopg.Connection]

QUESTION = "Waar is de jaarlijkse <toets>?\nGraag de laatste twee."


@pytest.fixture
def people(ledger: TestLedger, owner: Owner) -> Iterator[People]:
    """Those who come to a served ledger with some events."""
    ledger.fill(3)
    with serving(ledger) as url:
        yield People(ledger, owner, url)
    check_ledger(ledger)


def sent(http: httpx.Client, path: str, **form: str) -> httpx.Response:
    """Fill in a form of the page, and send it."""
    return http.post(path, data={"id": hidden(http.get("/requests"))["id"], **form})


def test_a_question_is_answered_with_events(people: People) -> None:
    """Asked about a control, answered with what is in the log; both are told, and it is recorded
    who said what."""
    with (
        people.signed_in(Role.AUDITOR, "auditor-1") as auditor,
        people.signed_in(Role.PRIVACY_OFFICER, "officer-1") as officer,
    ):
        page = auditor.get("/evidence/iso27001/A.5.35?from=2026-01-01&until=2026-12-31")
        assert "/requests?framework=iso27001&amp;control=A.5.35" in page.text
        page = auditor.get("/requests?framework=iso27001&control=A.5.35")
        shown(page)
        assert 'value="A.5.35"' in page.text
        about = {"framework": "iso27001", "control": "A.5.35"}
        assert sent(auditor, "/requests", question=QUESTION, **about).status_code == 303
        (asked,) = people.recorded(ASKED)
        assert asked == {
            **about,
            "question": QUESTION,
            "by": "auditor-1",
            "evidence_request_id": asked["evidence_request_id"],
        }
        assert "&lt;toets&gt;" in officer.get("/home").text
        page = officer.get("/requests")
        shown(page)
        path = f"/requests/{asked['evidence_request_id']}/answer"
        assert f'action="{path}"' in page.text
        assert sent(officer, path, answer="Hier.", entries="3, 4 3").status_code == 303
        (answered,) = people.recorded(ANSWERED)
        assert answered == {
            "evidence_request_id": asked["evidence_request_id"],
            "answer": "Hier.",
            "by": "officer-1",
            "entries": [3, 4],
        }
        page = auditor.get("/requests")
        shown(page)
        assert 'href="/entries/3"' in page.text
        assert "No request is open." in page.text
        assert "No request is open." in officer.get("/home").text


def test_a_sample_is_kept_as_a_note(people: People) -> None:
    """From the page of a control: its seed and its events, as anybody draws them again; the first
    page shows it."""
    with people.signed_in(Role.AUDITOR, "auditor-1") as auditor:
        where = "/evidence/gdpr/Art.%2028(3)(a)?from=2026-01-01&until=2026-12-31&sample=2&seed=s1"
        page = auditor.get(where)
        shown(page)
        (link,) = re.findall(r'href="(/requests\?[^"]*note=[^"]*)"', page.text)
        form = auditor.get(unescape(link))
        shown(form)
        (note,) = re.findall(r'<textarea id="note"[^>]*>([^<]+)</textarea>', form.text)
        drawn = re.findall(r'href="/entries/(\d+)"', page.text)
        assert "seed s1" in note.lower()
        assert all(index in note for index in drawn)
        about = {"framework": "gdpr", "control": "Art. 28(3)(a)"}
        assert sent(auditor, "/requests/notes", note=unescape(note), **about).status_code == 303
        assert "Seed s1" in auditor.get("/home").text


def test_a_form_that_is_sent_twice_records_once(people: People) -> None:
    """Of a question and of a note."""
    with people.signed_in(Role.AUDITOR, "auditor-1") as auditor:
        for path, field, name in (
            ("/requests", "question", ASKED),
            ("/requests/notes", "note", NOTED),
        ):
            form = {"id": hidden(auditor.get("/requests"))["id"], field: "tekst"}
            assert auditor.post(path, data=form).status_code == 303
            assert auditor.post(path, data=form).status_code == 303
            assert len(people.recorded(name)) == 1


def test_what_was_taken_back_is_not_shown(people: People) -> None:
    """A note that was a mistake; it stays in the log."""
    with people.signed_in(Role.PRIVACY_OFFICER, "officer-1") as officer:
        sent(officer, "/requests/notes", note="een vergissing")
        assert "een vergissing" in officer.get("/requests").text
        stored = people.made.ledger.reader.entry(people.made.ledger.reader.size() - 1)
        note = cloudevent.parse(entry.parse(stored.leaf).payload)
        taken_back = {"retracts_event_id": f"{note.source} {note.id}", "reason": "vergissing"}
        people.made.append("EventRetracted", taken_back, service="dpo")
        assert "een vergissing" not in officer.get("/requests").text


def test_an_auditor_sees_its_own_and_no_others(people: People) -> None:
    """Neither questions nor notes; the privacy officer sees all, a controller has no such page."""
    with (
        people.signed_in(Role.AUDITOR, "auditor-1") as one,
        people.signed_in(Role.AUDITOR, "auditor-2") as other,
        people.signed_in(Role.PRIVACY_OFFICER, "officer-1") as officer,
        people.signed_in(Role.CONTROLLER_READER, "practice-1", ["C1"]) as practice,
    ):
        sent(one, "/requests", question="van een")
        sent(one, "/requests/notes", note="noot van een")
        sent(officer, "/requests/notes", note="noot van de functionaris")
        assert "van een" in one.get("/requests").text
        assert "van een" not in other.get("/requests").text
        assert "van een" not in other.get("/home").text
        assert "functionaris" not in one.get("/requests").text
        for text in ("van een", "noot van een", "functionaris"):
            assert text in officer.get("/requests").text
        shown(practice.get("/requests"), 403)
        assert 'href="/requests"' not in practice.get("/home").text


def test_within_a_scope_a_controller_is_named(people: People) -> None:
    """That of the scope, which then reads it as what concerns it; a framework likewise."""
    scope = {"controllers": ["C1"], "frameworks": ["gdpr"]}
    with people.signed_in(Role.AUDITOR, "auditor-1", **scope) as auditor:
        shown(sent(auditor, "/requests", question="x"), 422)
        shown(sent(auditor, "/requests", question="x", controller="C2"), 403)
        about = {"controller": "C1", "framework": "iso27001"}
        shown(sent(auditor, "/requests", question="x", **about), 422)
        about["framework"] = "gdpr"
        assert sent(auditor, "/requests", question="x", **about).status_code == 303
    (asked,) = people.recorded(ASKED)
    index = people.made.ledger.reader.size() - 1
    with (
        people.signed_in(Role.CONTROLLER_READER, "practice-1", ["C1"]) as own,
        people.signed_in(Role.CONTROLLER_READER, "practice-2", ["C2"]) as other,
        people.signed_in(Role.PRIVACY_OFFICER, "officer-1", ["C2"]) as officer,
    ):
        shown(own.get(f"/entries/{index}"))
        shown(other.get(f"/entries/{index}"), 404)
        path = f"/requests/{asked['evidence_request_id']}/answer"
        shown(sent_by(officer, path, answer="x"), 404)
        assert own.post(path, data={"answer": "x"}).status_code == 403


def sent_by(http: httpx.Client, path: str, **form: str) -> httpx.Response:
    """A form with an id that no page gave."""
    return http.post(path, data={"id": "aaaaaaaa", **form})


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"question": " "}, "nothing in it"),
        ({"question": "x" * (LONGEST + 1)}, "At most"),
        ({"question": "van BSN 123456782"}, "an e-mail address"),
        ({"question": "x", "framework": "none"}, "no such framework"),
        ({"question": "x", "framework": "gdpr", "control": "A.5.35"}, "no such framework"),
        ({"question": "x", "control": "A.5.35"}, "no such framework"),
        ({"question": "x", "controller": "C9"}, "C9"),
    ],
)
def test_what_is_wrong_is_said_on_the_page(people: People, form: dict[str, str], says: str) -> None:
    """With what was written; nothing was recorded."""
    with people.signed_in(Role.AUDITOR, "auditor-1") as auditor:
        answer = sent(auditor, "/requests", **form)
        shown(answer, answer.status_code)
        assert answer.status_code == 422
        assert says in answer.text
        assert form["question"][:LONGEST] in answer.text
    assert people.recorded(ASKED) == []


@pytest.mark.parametrize(
    "entries", ["x", "-1", "1.5", "999999", "٣", " ".join(map(str, range(101)))]
)
def test_an_answer_links_to_events_that_are_there(people: People, entries: str) -> None:
    """By their place in the log, as many as a page can show."""
    with (
        people.signed_in(Role.AUDITOR, "auditor-1") as auditor,
        people.signed_in(Role.PRIVACY_OFFICER, "officer-1") as officer,
    ):
        sent(auditor, "/requests", question="x")
        (asked,) = people.recorded(ASKED)
        path = f"/requests/{asked['evidence_request_id']}/answer"
        shown(sent(officer, path, answer="Hier.", entries=entries), 422)
        assert people.recorded(ANSWERED) == []
        shown(sent_by(officer, "/requests/none/answer", answer="x"), 404)


def test_roles_keep_to_their_part(people: People) -> None:
    """An auditor answers nothing, the privacy officer asks nothing; a token does neither, and no
    service signs it."""
    with (
        people.signed_in(Role.AUDITOR, "auditor-1") as auditor,
        people.signed_in(Role.PRIVACY_OFFICER, "officer-1") as officer,
    ):
        sent(auditor, "/requests", question="x")
        (asked,) = people.recorded(ASKED)
        path = f"/requests/{asked['evidence_request_id']}/answer"
        shown(sent(auditor, path, answer="x"), 403)
        shown(sent(officer, "/requests", question="x"), 403)
        shown(officer.post(path, data={"id": "nonsense!", "answer": "x"}), 422)
    token = people.made.home.token_file.read_text().strip()
    bearer = {"Authorization": f"Bearer {token}"}
    shown(httpx.get(f"{people.url}/requests", headers=bearer))
    form = {"id": "aaaaaaaa", "answer": "x"}
    assert httpx.post(people.url + path, data=form, headers=bearer).status_code == 403
    key = enrol(people.made, "k-any", "any")
    for name, data in ((ASKED, asked), (NOTED, {"note": "x", "by": "auditor-1"})):
        with pytest.raises(NotAuthorisedToSign):
            people.made.append(name, data, service="any", key=key)


@pytest.mark.parametrize(("width", "locale"), [(1440, "nl-NL"), (360, "en-GB")])
def test_the_privacy_officer_answers_in_a_browser(
    people: People, chromium: Browser, width: int, locale: str
) -> None:
    """From the first page to the answer, on a screen and on a telephone."""
    with people.signed_in(Role.AUDITOR, "auditor-1") as auditor:
        sent(auditor, "/requests", question="Waar is de toets?", framework="gdpr")
    ledger = people.made.ledger
    desk = Desk(chromium, ledger, people.url, Role.PRIVACY_OFFICER, width=width, locale=locale)
    page = desk.page
    page.get_by_role("link", name="Waar is de toets?").click()
    desk.look()
    page.get_by_label(re.compile("^(Antwoord|Answer)$")).fill("In deze gebeurtenis.")
    page.get_by_label(re.compile("^(Gebeurtenissen|Events)")).fill("3")
    page.get_by_role("button", name=re.compile("Vastleggen|Record")).first.click()
    expect(page.locator("blockquote")).to_have_text("In deze gebeurtenis.")
    desk.look()
    page.get_by_text(re.compile("^(Aantekening maken|Make a note)$")).click()
    desk.look()
    desk.context.close()


@pytest.mark.parametrize(("width", "locale"), [(1440, "nl-NL"), (360, "en-GB")])
def test_an_auditor_works_in_a_browser(
    people: People, chromium: Browser, width: int, locale: str
) -> None:
    """Its grant, the coverage of its frameworks, a sample, and a question about the control."""
    grant_id = people.grant("auditor-1", frameworks=["gdpr", "iso27001"])
    ledger = people.made.ledger
    role = Role.AUDITOR
    desk = Desk(chromium, ledger, people.url, role, width=width, locale=locale, grant_id=grant_id)
    page = desk.page
    figures = page.locator("figure svg")
    page.get_by_role("link", name="ISO/IEC 27001").scroll_into_view_if_needed()
    expect(figures).to_have_count(2)
    desk.look()
    desk.go("/evidence/gdpr/Art.%2028(3)(a)?from=2026-01-01&until=2026-12-31&sample=2&seed=s1")
    page.get_by_role("link", name=re.compile("Deze steekproef|this sample")).click()
    desk.look()
    page.get_by_role("button", name=re.compile("Vastleggen|Record")).last.click()
    expect(page.locator("article.card")).to_have_count(1)
    page.get_by_label(re.compile("^(Vraag|Question)$")).fill("Waar is de toets?")
    page.get_by_role("button", name=re.compile("Vastleggen|Record")).first.click()
    expect(page.locator("article.card")).to_have_count(2)
    desk.look()
    desk.context.close()
