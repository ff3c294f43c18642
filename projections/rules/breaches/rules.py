"""The rules about personal data breaches (9; GDPR art. 33)."""

from __future__ import annotations

from projections.register import Label
from projections.rules.rule import Rule

TELL = Rule(
    id="R-9.1",
    version=1,
    severity="major",
    clause="9.1",
    gdpr="33(2)",
    title=Label(
        "Klant is niet tijdig over een Inbreuk ingelicht",
        "The controller was not told of a breach in time",
    ),
    duty=Label("Klant informeren over de inbreuk", "Tell the controller of the breach"),
    parameters=("breach_hours",),
)

COMPLETE = Rule(
    id="O-9.1",
    version=1,
    severity="observation",
    clause="9.1",
    gdpr="33(3), 33(4)",
    title=Label(
        "Een Inbreuk is afgesloten terwijl Klant nog gegevens mist",
        "A breach was closed while the controller still misses information",
    ),
)

UPDATE = Rule(
    id="R-9.2",
    version=1,
    severity="minor",
    clause="9.2",
    gdpr="33(4)",
    title=Label(
        "Klant is niet op de hoogte gehouden van een Inbreuk",
        "The controller was not kept informed of a breach",
    ),
    duty=Label(
        "Klant op de hoogte houden van de inbreuk", "Keep the controllers informed of the breach"
    ),
    parameters=("update_silence_days",),
)

AUTHORITY = Rule(
    id="O-33.1",
    version=1,
    severity="observation",
    clause="9.4",
    gdpr="33(1)",
    title=Label(
        "Klant heeft de toezichthouder later dan 72 uur ingelicht",
        "The controller told the supervisory authority after more than 72 hours",
    ),
    duty=Label(
        "Klant meldt de inbreuk aan de toezichthouder",
        "The controller notifies the supervisory authority",
    ),
)
