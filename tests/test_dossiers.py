"""Dossiers over the scenario: what each article asks for is there, and nothing is made up."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from typing import Any

import openpyxl
import pikepdf
import pytest

from ledger.opening import Ledger
from projections.dossiers import DOSSIERS
from projections.dossiers.dossier import Dossier, NoSuch, ask_dossier
from projections.dossiers.dpia import FLOWS
from projections.exports import dossiers as shown
from projections.exports.html import to_html
from projections.exports.paper import to_pdf
from projections.exports.spreadsheet import to_xlsx
from projections.question import Moment
from projections.registers import REGISTERS
from projections.withheld import one_controller
from tests.test_cli import answer, run
from tests.test_isolation import CONTROLLERS, feed, scenario

__all__ = ["scenario"]

NOW = Moment()


def breaches() -> list[str]:
    """The breaches of the feed."""
    return [e["data"]["breach_id"] for e in feed() if e["type"] == "BreachConfirmed"]


def told(breach: str) -> set[str]:
    """The controllers that were told of a breach."""
    return {
        e["data"]["controller_id"]
        for e in feed()
        if e["type"] == "BreachNotified" and e["data"]["breach_id"] == breach
    }


def asked(ledger: Ledger, name: str, moment: Moment = NOW, **about: str) -> Dossier:
    """A dossier, as the operator or as one controller may see it."""
    own = about.get("controller")
    connections = one_controller(ledger, own) if own else ledger.pool
    return ask_dossier(connections, ledger.now(), DOSSIERS[name], moment, **about)


def every(ledger: Ledger) -> list[Dossier]:
    """One of each kind."""
    breach = breaches()[0]
    controller = min(told(breach))
    return [
        asked(
            ledger,
            name,
            **({"controller": controller} if "controller" in kind.needs else {}),
            **({"breach": breach} if "breach" in kind.needs else {}),
        )
        for name, kind in DOSSIERS.items()
    ]


def section(dossier: Dossier, key: str) -> dict[str, Any]:
    """A section as JSON."""
    made = shown.to_json(dossier, "en")["sections"]
    return next(each for each in made if each["key"] == key)


def items(dossier: Dossier, key: str) -> dict[str, Any]:
    """The answers of a section."""
    return {item["key"]: item["value"] for item in section(dossier, key)["items"]}


def test_the_register_for_the_authority_has_what_article_30_2_asks_and_no_more(
    scenario: Ledger,
) -> None:
    """Every controller that was registered, its activities, the transfers, the measures."""
    dossier = asked(scenario, "authority-register")
    assert [each.key for each in dossier.sections] == [
        "processor",
        "controllers",
        "categories",
        "transfers",
        "measures",
    ]
    assert items(dossier, "processor")["name"]
    there = {row["id"] for row in section(dossier, "controllers")["rows"]}
    assert there == set(CONTROLLERS)
    activities = {e["data"]["activity_id"] for e in feed() if "Activity" in e["type"]}
    assert {row["id"] for row in section(dossier, "categories")["rows"]} == activities
    text = json.dumps(shown.to_json(dossier, "en"))
    for beyond in ("purpose", "data_categories", "retention_rule", "recipients"):
        assert f'"{beyond}"' not in text
    assert not dossier.open


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_where_data_flow_is_the_same_from_fewer_rows(scenario: Ledger, controller: str) -> None:
    """For the controller and for whoever sees all; and as of a moment, when all rows are folded."""
    now = scenario.now()
    past = Moment(as_of=now - timedelta(days=200))
    for seen in (scenario.pool, one_controller(scenario, controller)):
        for moment in (NOW, past):
            whole, flows = (
                ask_dossier(seen, now, kind, moment, controller=controller)
                for kind in (DOSSIERS["dpia"], FLOWS)
            )
            (expected,) = [section for section in whole.sections if section.picture]
            assert [*flows.sections] == [expected]
            assert expected.rows or controller != "C2"
            assert flows.positions <= whole.positions


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_controllers_register_is_filled_in_as_far_as_the_ledger_knows(
    scenario: Ledger, controller: str
) -> None:
    """Its activities as the processing register has them; legal basis and the like stay open."""
    dossier = asked(scenario, "controller-register", controller=controller)
    rows = section(dossier, "activities")["rows"]
    expected = {
        activity
        for e in feed()
        if e["type"] == "ProcessingActivityRegistered" and controller in e["data"]["controller_ids"]
        for activity in [e["data"]["activity_id"]]
    }
    assert expected <= {row["id"] for row in rows}
    assert all(row["recipients"] for row in rows)
    assert {i.key for i in dossier.open} >= {"joint_controllers", "legal_basis", "elsewhere"}
    assert all(item.value is None for item in dossier.open)


@pytest.mark.parametrize("breach", breaches())
def test_the_file_of_a_breach_says_what_happened_and_who_was_told(
    scenario: Ledger, breach: str
) -> None:
    """Facts, effects, remedial action; each notice, clock and finding about it."""
    dossier = asked(scenario, "breach-file", breach=breach)
    (event,) = (
        e for e in feed() if e["type"] == "BreachConfirmed" and e["data"]["breach_id"] == breach
    )
    facts = items(dossier, "facts")
    assert facts["breach_id"] == breach
    assert facts["became_aware_at"]
    assert len(event["data"]["controller_ids"]) <= facts["controllers_concerned"]
    assert {r["controller"] for r in section(dossier, "notices")["rows"]} >= told(breach)
    assert section(dossier, "clocks")["rows"]
    for controller in CONTROLLERS:
        if controller in told(breach):
            own = asked(scenario, "breach-file", breach=breach, controller=controller)
            assert {r["controller"] for r in section(own, "notices")["rows"]} == {controller}
            assert not section(own, "events")["rows"]
        else:
            with pytest.raises(NoSuch):
                asked(scenario, "breach-file", breach=breach, controller=controller)


@pytest.mark.parametrize("breach", breaches())
def test_the_form_is_filled_in_for_whom_was_told(scenario: Ledger, breach: str) -> None:
    """Ten sections; what the controller must judge is open, and it is told by when to report."""
    for controller in CONTROLLERS:
        if controller not in told(breach):
            with pytest.raises(NoSuch):
                asked(scenario, "breach-form", breach=breach, controller=controller)
            continue
        dossier = asked(scenario, "breach-form", breach=breach, controller=controller)
        assert [each.title.en[:1] for each in dossier.sections] == [*"0123456789"]
        assert items(dossier, "report")["due_at"]
        assert items(dossier, "timeline")["notified_at"]
        assert {i.key for i in dossier.open} >= {"reporter", "severity", "told_how", "summary"}


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_support_with_a_dpia_describes_and_leaves_the_judgement(
    scenario: Ledger, controller: str
) -> None:
    """Flows from the practice to countries; necessity, risks and legal basis are named as open."""
    dossier = asked(scenario, "dpia", controller=controller)
    flows = section(dossier, "flow")["rows"]
    names = {row["from"] for row in flows} | {row["to"] for row in flows}
    engaged = {
        row["name"]
        for row in section(dossier, "subprocessors")["rows"]
        if row["state"] == "engaged"
    }
    assert engaged <= names
    assert {i.key for i in dossier.open} == {
        "overview",
        "legal_basis",
        "necessity",
        "risks",
        "informing",
        "dpo_advice",
        "views",
    }
    svg = shown.picture(dossier, "nl")
    assert (svg is not None) == bool(flows)
    measures = section(dossier, "measures")["rows"]
    held = {m["title"] for m in measures}
    adopted = {e["data"].get("title") for e in feed() if e["type"] == "SecurityMeasureAdopted"}
    assert adopted - {None} <= held


def test_nothing_in_a_dossier_is_another_controllers(scenario: Ledger) -> None:
    """Every kind, for every controller that may have it."""
    for controller in CONTROLLERS:
        for name, kind in DOSSIERS.items():
            for breach in breaches() if "breach" in kind.needs else [""]:
                about = {"breach": breach} if breach else {}
                try:
                    dossier = asked(scenario, name, controller=controller, **about)
                except NoSuch:
                    continue
                said = json.dumps(shown.to_json(dossier, "nl"), ensure_ascii=False)
                others = set(re.findall(r"\bC[1-6]\b", said)) - {controller}
                assert not others, (name, controller)


def test_each_comes_as_json_paper_page_and_spreadsheet(scenario: Ledger) -> None:
    """In both languages, with nothing of the other; the same again is the same bytes."""
    for dossier in every(scenario):
        for language in ("nl", "en"):
            document = shown.to_document(dossier, language, scenario.identity.origin)
            pdf = to_pdf(document)
            with pikepdf.open(io.BytesIO(pdf)) as opened:
                assert opened.Root.Lang == language
                assert opened.Root.MarkInfo.Marked
            assert to_pdf(document) == pdf
            book = openpyxl.load_workbook(io.BytesIO(to_xlsx(document)))
            assert len(book.sheetnames) == 1 + len(document.tables)
            page = to_html(document).decode()
            assert f'lang="{language}"' in page
            assert "<script" not in page
            titles = {label.text(language) for label in [dossier.kind.title]}
            assert titles <= {document.title}


def test_moments_are_asked_as_of_registers(scenario: Ledger) -> None:
    """As of a day on which there was no breach there is no file of one; as known then likewise."""
    breach = breaches()[0]
    early = next(e for e in feed() if e["type"] == "BreachConfirmed")["recorded_at"]
    index = [e["recorded_at"] for e in feed()].index(early)
    with pytest.raises(NoSuch):
        asked(scenario, "breach-file", Moment(known_at=index - 1), breach=breach)
    before = asked(scenario, "authority-register", Moment(known_at=20))
    assert len(section(before, "controllers")["rows"]) < len(CONTROLLERS)


def test_every_source_is_named() -> None:
    """Each kind says which article asks for it, and reads registers that there are."""
    for kind in DOSSIERS.values():
        assert "art." in kind.source
        assert kind.title.nl != kind.title.en
        assert set(kind.registers) <= REGISTERS.keys()


@pytest.mark.long
def test_it_is_printed_on_the_command_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    """For people and machines; what is missing or cannot be is said."""
    data = tmp_path_factory.mktemp("dossiers") / "data"
    run("demo", "--no-serve", "--data", data)
    listed = run("dossier", "--data", data).stdout
    assert all(name in listed for name in DOSSIERS)
    shown_ = run("dossier", "dpia", "--controller", "C2", "--lang", "nl", "--data", data).stdout
    assert "alleen door u in te vullen" in shown_
    found = answer("dossier", "breach-file", "--breach", "B-1", "--data", data)
    assert found["dossier"] == "breach-file"
    svg = run("dossier", "dpia", "--controller", "C2", "--format", "svg", "--data", data).stdout
    assert svg.startswith("<svg")
    for wrong, said in (
        (("none",), "there is no dossier none"),
        (("dpia",), "give --controller"),
        (("breach-form", "--controller", "C2"), "give --breach"),
        (("dpia", "--controller", "C2", "--breach", "B-1"), "leave --breach out"),
        (("dpia", "--controller", "C99"), "there is no controller of this id"),
        (("breach-file", "--breach", "B-99"), "there is no personal data breach of this id"),
        (("breach-form", "--controller", "C2", "--breach", "B-1", "--format", "svg"), "comes as"),
        (("dpia", "--controller", "C2", "--known-at", "2001-01-01"), "nothing had been recorded"),
    ):
        assert said in run("dossier", *wrong, "--data", data, status=2).stderr
