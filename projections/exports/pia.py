"""Support with a DPIA as a file that the free PIA tool of the CNIL imports.

The tool numbers its questions: 111 is the first of section 1, item 1. Answered are those that a
processor can answer; the others are left out, so that the tool shows them as open: which processing
is considered (111), purposes, legal basis, minimisation and accuracy (211 to 214), informing and
consent (221, 222), and the risks (321 to 346). Texts are HTML there, so everything that was
recorded is escaped. `tests/test_pia.py` holds it to what the tool reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from projections.dossiers.dossier import Dossier
from projections.exports.dossiers import told
from projections.exports.tables import cell
from projections.reading import stamp
from projections.register import Label

QUESTIONS = 36
"""That the tool asks."""

TITLE = Label("Verwerking in het systeem van {}", "Processing in the system of {}")
TO_SAY = Label("Ingevuld door de verwerker, {}.", "Filled in by the processor, {}.")
AGREED = Label(
    "De verwerkersovereenkomst regelt de plichten van de verwerker (art. 28(3)). Subverwerkers:",
    "The processor agreement settles the duties of the processor (art. 28(3)). Subprocessors:",
)
RIGHTS = Label(
    "De verwerker helpt bij verzoeken van betrokkenen (8.1 van de overeenkomst); het besluit is"
    " aan de verwerkingsverantwoordelijke.",
    "The processor assists with requests of data subjects (8.1 of the agreement); the decision is"
    " for the controller.",
)
NO_TRANSFERS = Label("Er zijn geen doorgiften vastgelegd.", "No transfers were recorded.")
NORMS = Label(
    "De verwerker legt bewijs vast bij ISO/IEC 27001, NEN 7510 en ISO/IEC 27701; bewijs is geen"
    " certificaat.",
    "The processor records evidence for ISO/IEC 27001, NEN 7510 and ISO/IEC 27701; evidence is no"
    " certificate.",
)


def to_pia(dossier: Dossier, language: str) -> dict[str, Any]:
    """The file, from a dossier of the kind `dpia`."""
    made = stamp(dossier.at)
    sections = {section.key: section for section in dossier.sections}
    parties = {item.key: told(item.value, language) for item in sections["parties"].items}
    processor = (parties.get("processor") or {}).get("name") or ""
    answers = {
        112: _list(
            [
                _pair(item.label.text(language), told(item.value, language), language)
                for item in sections["parties"].items
                if item.value
            ]
        ),
        113: _paragraph(NORMS.text(language)),
        121: _rows(dossier, "operations", language),
        122: _rows(dossier, "flow", language) + _items(dossier, "retention", language),
        123: _rows(dossier, "subprocessors", language),
        215: _items(dossier, "retention", language)
        + _rows(dossier, "operations", language, only=("id", "retention_rule")),
        223: _paragraph(RIGHTS.text(language)),
        224: _paragraph(RIGHTS.text(language)),
        225: _paragraph(RIGHTS.text(language)),
        226: _paragraph(AGREED.text(language)) + _rows(dossier, "subprocessors", language),
        227: _rows(dossier, "transfers", language) or _paragraph(NO_TRANSFERS.text(language)),
    }
    measures = sections["measures"].rows
    return {
        "pia": {
            "name": TITLE.text(language).format(processor),
            "category": "",
            "author_name": "",
            "evaluator_name": "",
            "validator_name": "",
            "status": 0,
            "is_example": 0,
            "dpo_status": None,
            "dpo_opinion": None,
            "concerned_people_opinion": None,
            "concerned_people_status": None,
            "concerned_people_searched_opinion": None,
            "concerned_people_searched_content": None,
            "rejection_reason": None,
            "applied_adjustments": None,
            "dpos_names": None,
            "people_names": None,
            "numberOfQuestions": QUESTIONS,
            "created_at": made,
            "updated_at": made,
            "tableName": "pia",
        },
        "answers": [
            {
                "reference_to": number,
                "data": {"text": text, "gauge": None, "list": []},
                "created_at": made,
                "updated_at": made,
            }
            for number, text in answers.items()
            if text
        ],
        "measures": [
            {
                "id": number,
                "title": cell(told(row.get("title"), language), language),
                "content": _measure(row, language)
                + _paragraph(TO_SAY.text(language).format(processor)),
                "placeholder": "",
                "created_at": made,
                "updated_at": made,
            }
            for number, row in enumerate(measures, start=1)
        ],
        "evaluations": [],
        "comments": [],
    }


def _measure(row: Mapping[str, Any], language: str) -> str:
    said = (row.get("description"), row.get("class"))
    return "".join(_paragraph(cell(told(value, language), language)) for value in said if value)


def _items(dossier: Dossier, key: str, language: str) -> str:
    section = next(each for each in dossier.sections if each.key == key)
    return _list(
        _pair(item.label.text(language), told(item.value, language), language)
        for item in section.items
        if item.value not in (None, "", [], {})
    )


def _rows(dossier: Dossier, key: str, language: str, only: Sequence[str] = ()) -> str:
    section = next(each for each in dossier.sections if each.key == key)
    fields = [field for field in section.fields if not only or field.key in only]
    return _list(
        "; ".join(
            _pair(field.label.text(language), told(row.get(field.key), language), language)
            for field in fields
            if row.get(field.key) not in (None, "", [], {})
        )
        for row in section.rows
    )


def _pair(label: str, value: Any, language: str) -> str:
    return f"{escape(label)}: {escape(cell(value, language))}"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _list(lines: Iterable[str]) -> str:
    """Lines that are escaped already."""
    made = "".join(f"<li>{line}</li>" for line in lines if line)
    return f"<ul>{made}</ul>" if made else ""
