"""The file for the PIA tool of the CNIL: what its import reads, and only questions for us."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from ledger.opening import Ledger
from projections.dossiers.dossier import Item, Section
from projections.exports.pia import to_pia
from projections.register import Label
from tests.test_dossiers import asked
from tests.test_isolation import CONTROLLERS, scenario

__all__ = ["scenario"]

OURS = {112, 113, 121, 122, 123, 215, 223, 224, 225, 226, 227}
"""The questions that a processor can answer (domain/clauses.md, CNIL PIA JSON)."""


def made(ledger: Ledger, controller: str, language: str = "en") -> Any:
    """The file for a controller."""
    return to_pia(asked(ledger, "dpia", controller=controller), language)


class Tags(HTMLParser):
    """The elements of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take notice of one."""
        self.found.add(tag)
        self.attributes += attrs


@pytest.mark.parametrize("controller", CONTROLLERS)
@pytest.mark.parametrize("language", ["nl", "en"])
def test_only_what_a_processor_knows_is_answered(
    scenario: Ledger, controller: str, language: str
) -> None:
    """In the form that the import of the tool reads: name, answers, measures, dates."""
    found = made(scenario, controller, language)
    assert found["pia"]["name"]
    assert found["pia"]["status"] == 0
    numbers = [answer["reference_to"] for answer in found["answers"]]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) <= OURS
    assert {112, 121, 226, 227} <= set(numbers)
    for each in (found["pia"], *found["answers"], *found["measures"]):
        assert datetime.fromisoformat(each["created_at"]).tzinfo
    for answer in found["answers"]:
        assert answer["data"].keys() == {"text", "gauge", "list"}
        tags = Tags()
        tags.feed(answer["data"]["text"])
        assert tags.found <= {"ul", "li", "p"}
    assert [measure["id"] for measure in found["measures"]] == [
        *range(1, len(found["measures"]) + 1)
    ]
    assert (found["evaluations"], found["comments"]) == ([], [])


def test_what_was_recorded_is_text_and_no_markup(scenario: Ledger) -> None:
    """The tool shows answers as HTML; a name of a practice must not run there."""
    dossier = asked(scenario, "dpia", controller="C1")
    evil = "<img src=x onerror=alert(1)>"
    first = dossier.sections[0]
    sections = [
        Section(first.key, first.title, [Item("name", Label("Naam", "Name"), "", evil)]),
        *(
            Section(s.key, s.title, s.items, s.fields, [dict.fromkeys(r, evil) for r in s.rows])
            for s in dossier.sections[1:]
        ),
    ]
    forged = replace(dossier, sections=sections)
    found = to_pia(forged, "en")
    for text in (
        *(answer["data"]["text"] for answer in found["answers"]),
        *(measure["content"] for measure in found["measures"]),
    ):
        tags = Tags()
        tags.feed(text)
        assert tags.found <= {"ul", "li", "p"}
        assert not tags.attributes
