"""The rules about audits, information and assistance on request (5.4, 8.2, 11)."""

from __future__ import annotations

from projections.register import Label
from projections.rules.rule import Rule

REFUSAL = Rule(
    id="R-11.3",
    version=1,
    severity="major",
    clause="11.3",
    gdpr="28(3)(h)",
    title=Label(
        "Een audit is geweigerd op een grond die de feiten weerspreken",
        "An audit was refused on a ground that the facts contradict",
    ),
    parameters=("audit_limit", "audit_year_basis"),
)

INDEPENDENCE = Rule(
    id="O-11.3",
    version=1,
    severity="observation",
    clause="11.3",
    gdpr="28(3)(h)",
    title=Label(
        "Een audit door een niet onafhankelijke auditor is aanvaard",
        "An audit by an auditor that is not independent was accepted",
    ),
)

OTHER_YEAR = Rule(
    id="NOTE-11.3",
    version=1,
    severity="policy",
    clause="11.3",
    gdpr="28(3)(h)",
    title=Label(
        "Een audit is aanvaard die per voortschrijdend jaar boven het maximum ligt",
        "An audit was accepted that exceeds the limit of a rolling year",
    ),
    parameters=("audit_limit", "audit_year_basis"),
)

PROVISION = Rule(
    id="O-11.2",
    version=1,
    severity="observation",
    clause="11.1, 11.2",
    gdpr="28(3)(h)",
    title=Label(
        "Gevraagde auditresultaten of informatie zijn laat verstrekt",
        "Audit results or information asked for were provided late",
    ),
    duty=Label(
        "Gevraagde informatie of resultaten geven",
        "Provide the information or results that were asked for",
    ),
)

ASSISTANCE = Rule(
    id="C-8.2",
    version=1,
    severity=None,
    clause="8.2",
    gdpr="12(3), 28(3)(e)",
    title=Label(
        "Bijstand bij een verzoek van een Betrokkene, binnen de maand van Klant",
        "Assistance with a data subject request, within the controller's month",
    ),
)

CORRECTION = Rule(
    id="C-11.2",
    version=1,
    severity=None,
    clause="11.2",
    gdpr="32(1)(d)",
    title=Label(
        "Corrigerende maatregel op een auditbevinding uitgevoerd",
        "Corrective action on an auditor's finding carried out",
    ),
)
