"""What a controller may declare on a page: from a form to words that are confirmed, and the fields
of the event that say the same.

    objection         to an announced subprocessor, in its window, with reasons (7.2; art. 28(2))
    audit             of the processor, by an independent and expert auditor (11.3; art. 28(3)(h))
    choice            between return and erasure (10.1; art. 28(3)(g))
    acknowledgement   of data that were returned (10.2)

`tests/test_declarations.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.desk.writing import Wrong
from ledger import declarations
from ledger.declarations import Declaration
from projections.audit_year import EXEMPT
from projections.civil import local_minute
from projections.register import Label

LONGEST = 3000
"""Characters of what somebody writes: the words that hold it have 4,000 at most."""

Form = Mapping[str, str]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of declaration: what it is called, its clause, and the event that it becomes."""

    type: str
    title: Label
    clause: str
    rule: Label


KINDS: Mapping[str, Kind] = {
    "objection": Kind(
        declarations.OBJECTION,
        Label("Bezwaar tegen een subverwerker", "Objection to a subprocessor"),
        "7.2; art. 28(2)",
        Label(
            "Bezwaar is Schriftelijk en gemotiveerd, en komt binnen zoveel dagen na bekendmaking"
            " als overeengekomen.",
            "An objection is in writing, gives reasons, and comes within as many days of the"
            " announcement as was agreed.",
        ),
    ),
    "audit": Kind(
        declarations.AUDIT,
        Label("Verzoek om een audit", "Request for an audit"),
        "11.3; art. 28(3)(h)",
        Label(
            "U kunt laten nagaan of de verwerker de overeenkomst nakomt, door een onafhankelijke"
            " en deskundige partij, op uw kosten. De overeenkomst beperkt hoe vaak; niet als de"
            " toezichthouder het opdraagt of een inbreuk er aanleiding toe geeft.",
            "You may have it examined whether the processor keeps the agreement, by an"
            " independent and expert party, at your cost. The agreement limits how often, unless"
            " the authority orders it or a breach gives reason for it.",
        ),
    ),
    "choice": Kind(
        declarations.CHOICE,
        Label("Keuze: teruggave of wissing", "Choice: return or erasure"),
        "10.1; art. 28(3)(g)",
        Label(
            "Na het einde van de overeenkomst geeft de verwerker de Persoonsgegevens terug of"
            " wist hij ze, naar uw keuze, en wist hij de kopieën, tenzij de wet bewaren"
            " voorschrijft.",
            "After the end of the agreement the processor returns or erases the personal data, as"
            " you choose, and erases the copies, unless the law has them kept.",
        ),
    ),
    "acknowledgement": Kind(
        declarations.ACKNOWLEDGEMENT,
        Label("Ontvangst van teruggave", "Receipt of returned data"),
        "10.2",
        Label(
            "Bevestig pas als u het bestand hebt en kunt openen: hierna mag gewist worden.",
            "Acknowledge it once you have the file and can open it: after this it may be erased.",
        ),
    ),
}

GROUNDS: Mapping[str, Label] = {
    "other": Label("een andere reden", "another reason"),
    "authority": Label("in opdracht van de toezichthouder", "ordered by the supervisory authority"),
    "breach": Label("naar aanleiding van een inbreuk", "because of a personal data breach"),
}
"""Why an audit is asked for; all but the first are exempt from the limit (`EXEMPT`)."""

CHOICES: Mapping[str, Label] = {
    "return": Label("teruggeven", "return them"),
    "erase": Label("wissen", "erase them"),
    "return_then_erase": Label("teruggeven en daarna wissen", "return them and then erase them"),
}

_YES_NO = (Label("nee", "no"), Label("ja", "yes"))
_NO_REASONS = Label(
    "Geef redenen: een bezwaar zonder redenen telt niet (7.2).",
    "Give reasons: an objection without reasons does not count (7.2).",
)
_NO_GROUNDS = Label("Geef de reden van de audit.", "Say why you ask for the audit.")
_NO_CHOICE = Label("Kies een van de drie.", "Choose one of the three.")
_TOO_LONG = Label(
    f"Dit zijn meer dan {LONGEST} tekens; bewaar de rest voor een bijlage.",
    f"These are more than {LONGEST} characters; keep the rest for an annex.",
)


def digest_of(words: str) -> str:
    """SHA-256 of words that are confirmed, in hexadecimal."""
    return hashlib.sha256(words.encode()).hexdigest()


def is_running(announced: Row, now: datetime) -> bool:
    """Whether a controller may still object to an announced change, a row of the register."""
    closes = announced["window_closes"]
    return bool(closes) and now < datetime.fromisoformat(str(closes))


def objection(
    id: str, controller: str, announced: Row, form: Form, now: datetime, language: str
) -> Declaration:
    """An objection to an announced change, a row of the register. Raises Wrong."""
    until = _when(announced["window_closes"])
    if not is_running(announced, now):
        raise Wrong(
            Label(
                f"De termijn is gesloten op {until}. Schrijf de verwerker buiten deze pagina om.",
                f"The window closed at {until}. Write to the processor in another way.",
            )
        )
    reasons = _written(form, "reasons", _NO_REASONS)
    what = f"{announced['name'] or announced['subprocessor']} ({announced['change']})"
    words = Label(
        f"{controller} maakt bezwaar tegen de wijziging van subverwerker {what}, bekendgemaakt op"
        f" {_when(announced['announced_at'])}, waartegen bezwaar mogelijk is tot {until}"
        f" (artikel 7.2).\nRedenen: {reasons}",
        f"{controller} objects to the change of subprocessor {what}, announced at"
        f" {_when(announced['announced_at'])}, to which it may object until {until}"
        f" (clause 7.2).\nReasons: {reasons}",
    ).text(language)
    fields = {
        "objection_id": f"O-{id}",
        "change_id": announced["change"],
        "written": True,
        "reasoned": True,
        "message_sha256": digest_of(words),
        "reasons": reasons,
    }
    return Declaration(declarations.OBJECTION, id, controller, words, fields)


def audit(id: str, controller: str, form: Form, language: str) -> Declaration:
    """A request for an audit. Raises Wrong."""
    ground = form.get("ground", "")
    if ground not in GROUNDS:
        raise Wrong(_NO_GROUNDS)
    why = _written(form, "why", None if ground in EXEMPT else _NO_GROUNDS)
    auditor = form.get("auditor", "")[:200]
    independent, expert = form.get("independent") == "on", form.get("expert") == "on"
    label = GROUNDS[ground]
    words = Label(
        f"{controller} verzoekt om een audit (artikel 11.3), {label.nl}."
        + (f"\nToelichting: {why}" if why else "")
        + (f"\nAuditor: {auditor}" if auditor else "")
        + f"\nOnafhankelijk: {_YES_NO[independent].nl}. Deskundig: {_YES_NO[expert].nl}.",
        f"{controller} requests an audit (clause 11.3), {label.en}."
        + (f"\nReason: {why}" if why else "")
        + (f"\nAuditor: {auditor}" if auditor else "")
        + f"\nIndependent: {_YES_NO[independent].en}. Expert: {_YES_NO[expert].en}.",
    ).text(language)
    fields: dict[str, Any] = {
        "audit_id": f"CA-{id}",
        "auditor_independent": independent,
        "auditor_expert": expert,
        # The rule knows the exempt grounds by these words alone.
        "grounds": ground if ground in EXEMPT else why,
    }
    if auditor:
        fields["auditor"] = auditor
    return Declaration(declarations.AUDIT, id, controller, words, fields)


def choice(id: str, controller: str, form: Form, language: str) -> Declaration:
    """A choice between return and erasure. Raises Wrong."""
    chosen = form.get("choice", "")
    if chosen not in CHOICES:
        raise Wrong(_NO_CHOICE)
    label = CHOICES[chosen]
    words = Label(
        f"{controller} kiest wat er na het einde met de Persoonsgegevens gebeurt (artikel 10.1):"
        f" {label.nl}.",
        f"{controller} chooses what becomes of the personal data after the end (clause 10.1):"
        f" {label.en}.",
    ).text(language)
    return Declaration(declarations.CHOICE, id, controller, words, {"choice": chosen})


def acknowledgement(
    id: str, controller: str, returned: Row, form: Form, language: str
) -> Declaration:
    """An acknowledgement of a return, one of those in the row of the register."""
    verified, digest = form.get("verified") == "on", returned.get("file_sha256")
    return_id, sent = returned["return_id"], _when(returned["sent_at"])
    words = Label(
        f"{controller} heeft de Persoonsgegevens ontvangen die op {sent} zijn teruggegeven"
        f" ({return_id}; artikel 10.2)."
        + (f"\nSHA-256 van het bestand: {digest}." if digest else "")
        + f"\nControlegetal nagerekend: {_YES_NO[verified].nl}.",
        f"{controller} received the personal data that were returned at {sent}"
        f" ({return_id}; clause 10.2)."
        + (f"\nSHA-256 of the file: {digest}." if digest else "")
        + f"\nChecksum verified: {_YES_NO[verified].en}.",
    ).text(language)
    fields = {"return_id": return_id, "checksum_verified": verified}
    return Declaration(declarations.ACKNOWLEDGEMENT, id, controller, words, fields)


def _written(form: Form, field: str, missing: Label | None) -> str:
    text = form.get(field, "")
    if len(text) > LONGEST:
        raise Wrong(_TOO_LONG)
    if not text and missing is not None:
        raise Wrong(missing)
    return text


def _when(value: Any) -> str:
    return local_minute(datetime.fromisoformat(str(value))) if value else "?"
