"""A pre-fill of the form of the authority for reporting a breach, for one controller (art. 33(3)).

Reporting is for the controller. The sections are those of the form of the Autoriteit
Persoonsgegevens; what it asks changes now and then, so this is laid beside the form, and is not the
form. What the processor told the controller stands in its place; the rest is open.
`tests/test_dossiers.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.dossiers.breach_file import breach_of
from projections.dossiers.dossier import Asked, Item, Kind, NoSuch, Section, items, open_item
from projections.register import Label


def make(asked: Asked) -> Sequence[Section]:
    """The sections of the form, in its order."""
    breach = breach_of(asked)
    notice = asked.one("breaches", "notice", breach_id=asked.breach, controller=asked.controller)
    if not notice:
        raise NoSuch("this controller was not told of a personal data breach of this id")
    own = asked.one("processing", "controller", controller=asked.controller)
    processor = asked.one("processing", "processor")
    told = notice.get("authority_notified_at")
    return [
        Section(
            "report",
            Label("0 Over deze melding", "0 About this report"),
            [
                Item(
                    "earlier",
                    Label("Eerdere melding", "Earlier report"),
                    "art. 33(4)",
                    {"at": told, "reference": notice.get("authority_reference")} if told else None,
                ),
                Item(
                    "due_at",
                    Label("Te melden voor", "To be reported by"),
                    "art. 33(1)",
                    notice.get("authority_due_at"),
                ),
                Item("law", Label("Wet", "Law"), "art. 33", Label("AVG", "GDPR")),
            ],
        ),
        Section(
            "contact",
            Label("1 Contactgegevens", "1 Contact details"),
            [
                *items(
                    "processing", own, "name", "number", "contact", "dpo", source="art. 33(3)(b)"
                ),
                open_item("reporter", "Wie meldt", "Who reports", "art. 33(3)(b)"),
                Item(
                    "other_organisation",
                    Label("Andere organisatie: de verwerker", "Other organisation: the processor"),
                    "art. 33(2)",
                    {"name": processor.get("name"), "contact": processor.get("contact")},
                ),
                *items("breaches", notice, "contact_point"),
            ],
        ),
        Section(
            "timeline",
            Label("2 Tijdlijn", "2 Timeline"),
            [
                *items("breaches", breach, "occurred_from", "occurred_until", "became_aware_at"),
                *items("breaches", notice, "notified_at"),
                Item(
                    "ongoing",
                    Label("Duurt de inbreuk nog voort", "Does the breach go on"),
                    "art. 33(3)",
                    not breach.get("contained_at") and not breach.get("closed_at"),
                ),
                *(
                    items("breaches", notice, "reasons_for_delay")
                    if notice.get("reasons_for_delay")
                    else [
                        open_item(
                            "reasons_for_delay",
                            "Reden, als later wordt gemeld dan na 72 uur",
                            "Reasons, where it is reported after 72 hours",
                            "art. 33(1)",
                        )
                    ]
                ),
            ],
        ),
        Section(
            "breach",
            Label("3 Over de inbreuk", "3 About the breach"),
            [
                *items("breaches", breach, "nature", "cause", "origin", source="art. 33(3)(a)"),
                Item(
                    "nature_told",
                    Label("Aard, zoals aan u gemeld", "Nature, as you were told"),
                    "art. 33(3)(a)",
                    notice.get("nature"),
                ),
                open_item("summary", "Samenvatting", "Summary", "art. 33(3)(a)"),
            ],
        ),
        Section(
            "data",
            Label("4 Om welke gegevens het gaat", "4 The data involved"),
            [
                *items("breaches", breach, "data_categories", "records_approx"),
                Item(
                    "numbers",
                    Label("Aantallen, zoals aan u gemeld", "Numbers, as you were told"),
                    "art. 33(3)(a)",
                    notice.get("numbers"),
                ),
            ],
        ),
        Section(
            "people",
            Label("5 Om wie het gaat", "5 The people involved"),
            [
                *items("breaches", breach, "data_subject_categories"),
                open_item(
                    "own_data_subjects",
                    "Aantal betrokkenen bij u (minimaal en maximaal)",
                    "Number of your data subjects (minimum and maximum)",
                    "art. 33(3)(a)",
                ),
                open_item("vulnerable", "Kwetsbare groepen", "Vulnerable groups", "art. 33(3)(a)"),
            ],
        ),
        Section(
            "before",
            Label("6 Maatregelen vooraf", "6 Measures before the breach"),
            [
                Item(
                    "measures_before",
                    Label("Beveiligingsmaatregelen van de verwerker", "Measures of the processor"),
                    "art. 32",
                    [m["title"] for m in asked.of("measures", "measure") if m["title"]],
                ),
                open_item(
                    "unintelligible",
                    "Waren de gegevens onbegrijpelijk voor wie er geen recht op had",
                    "Were the data unintelligible to whoever had no right to them",
                    "art. 34(3)(a)",
                ),
            ],
        ),
        Section(
            "consequences",
            Label("7 Gevolgen", "7 Consequences"),
            [
                *items("breaches", breach, "effects", source="art. 33(3)(c)"),
                *items("breaches", notice, "likely_consequences"),
                open_item(
                    "severity",
                    "Ernst voor de betrokkenen",
                    "Severity for the data subjects",
                    "art. 33(3)(c)",
                ),
            ],
        ),
        Section(
            "follow_up",
            Label("8 Vervolg", "8 Follow-up"),
            [
                *items("breaches", breach, "remedial_actions", source="art. 33(3)(d)"),
                *items("breaches", notice, "measures", "still_missing"),
                *items("breaches", notice, "data_subjects_notified_at", "data_subjects_notified"),
                open_item(
                    "told_how",
                    "Hoe betrokkenen zijn ingelicht, of waarom niet",
                    "How data subjects were told, or why not",
                    "art. 34",
                ),
                open_item(
                    "cross_border",
                    "Betrokkenen of toezichthouders in andere landen",
                    "Data subjects or authorities in other countries",
                    "art. 56",
                ),
            ],
        ),
        Section(
            "other",
            Label("9 Overig", "9 Other"),
            [open_item("remarks", "Opmerkingen", "Remarks", "art. 33")],
        ),
    ]


KIND = Kind(
    "breach-form",
    Label("Vooringevuld meldformulier", "Pre-filled breach report"),
    "art. 33(1), 33(3)",
    ("breaches", "processing", "measures"),
    make,
    frozenset({"controller", "breach"}),
)
