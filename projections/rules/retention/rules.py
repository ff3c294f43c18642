"""The rules about keeping, returning and erasing data when all is over (3.2, 4.3, 10)."""

from __future__ import annotations

from projections.register import Label
from projections.rules.rule import Rule

END = Rule(
    id="R-3.2",
    version=1,
    severity="minor",
    clause="3.2",
    gdpr="28(3)(g)",
    title=Label(
        "De overeenkomst is geëindigd terwijl nog gegevens werden gehouden",
        "The agreement ended while data were still held",
    ),
)

KEEP = Rule(
    id="R-4.3",
    version=1,
    severity="major",
    clause="4.3",
    gdpr="28(3)(g), 5(1)(e)",
    title=Label(
        "Gegevens zijn langer bewaard dan de bewaartermijn",
        "Data were kept longer than the retention term",
    ),
    duty=Label("Wissen wat na de Licentie bewaard is", "Erase what was kept after the licence"),
    parameters=("retention_after_licence", "copies_days"),
)

EARLY = Rule(
    id="O-4.3",
    version=1,
    severity="observation",
    clause="4.3",
    gdpr="28(3)(g)",
    title=Label(
        "Gegevens zijn zonder instructie gewist voor het einde van de bewaartermijn",
        "Data were erased before the end of retention without an instruction",
    ),
    parameters=("retention_after_licence",),
)

CHOICE = Rule(
    id="R-10.1",
    version=1,
    severity="minor",
    clause="10.1",
    gdpr="28(3)(g)",
    title=Label(
        "Gegevens zijn gewist zonder keuze van Klant tussen teruggave en wissing",
        "Data were erased without a choice of the controller between return and erasure",
    ),
)

COMPLETE = Rule(
    id="O-10.1",
    version=1,
    severity="observation",
    clause="10.1",
    gdpr="28(3)(g)",
    title=Label(
        "Teruggave niet bevestigd, kopieën te laat gewist, of een Subverwerker niet bevestigd",
        "Return not acknowledged, copies erased too late, or a subprocessor not confirmed",
    ),
    duty=Label("Kopieën wissen", "Erase copies"),
    parameters=("copies_days",),
)

SECURED = Rule(
    id="R-10.2",
    version=1,
    severity="major",
    clause="10.2",
    gdpr="32(1)(a)",
    title=Label(
        "Gegevens zijn onversleuteld teruggegeven",
        "Data were returned without encryption",
    ),
)
