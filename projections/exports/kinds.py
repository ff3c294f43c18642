"""What the kinds of rows of registers are called above their tables. `tests/test_document.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.register import Column, Label, Register

KINDS: Mapping[str, Label] = {
    "activity": Label("Verwerkingen", "Processing activities"),
    "agreement": Label("Overeenkomsten", "Agreements"),
    "announcement": Label("Aankondigingen", "Announcements"),
    "assistance": Label("Verleende bijstand", "Assistance"),
    "attestation": Label("Verklaringen van toestemming", "Attestations of consent"),
    "audit_year": Label("Audits per jaar", "Audits by year"),
    "breach": Label("Datalekken", "Personal data breaches"),
    "certificate": Label("Certificaten", "Certificates"),
    "change": Label("Wijzigingen", "Changes"),
    "checkpoint": Label("Controlepunten", "Checkpoints"),
    "communication": Label("Mededelingen over maatregelen", "Communications of measures"),
    "consent": Label("Toestemmingen", "Consents"),
    "controller": Label("Verwerkingsverantwoordelijken", "Controllers"),
    "controller_audit": Label("Audits door klanten", "Audits by controllers"),
    "costs": Label("Kosten", "Costs"),
    "coverage": Label("Dekking door certificaten", "Cover by certificates"),
    "demand": Label("Vorderingen", "Demands"),
    "disclosure": Label("Verstrekkingen", "Disclosures"),
    "dpia_support": Label("Bijstand bij DPIA's", "Support of DPIAs"),
    "engagement": Label("Inschakelingen", "Engagements"),
    "evidence_pack": Label("Uitgeleverde bewijzen", "Exports"),
    "external_audit": Label("Externe audits", "External audits"),
    "finding": Label("Bevindingen van audits", "Findings of audits"),
    "grant": Label("Toegang van auditors", "Grants of auditors"),
    "information_provided": Label("Verstrekte informatie", "Information provided"),
    "inspection": Label("Inzages", "Inspections"),
    "joint_disclosure": Label("Gezamenlijke verstrekkingen", "Joint disclosures"),
    "key": Label("Sleutels", "Keys"),
    "licence": Label("Licenties", "Licences"),
    "log": Label("Vastgelegde logs", "Logs with digests"),
    "loss": Label("Verloren vermeldingen", "Lost entries"),
    "measure": Label("Beveiligingsmaatregelen", "Security measures"),
    "notice": Label("Meldingen aan klanten", "Notices to controllers"),
    "objection": Label("Bezwaren", "Objections"),
    "processor": Label("Verwerker", "Processor"),
    "refusal": Label("Weigeringen", "Refusals"),
    "request": Label("Verzoeken van betrokkenen", "Data subject requests"),
    "results_provided": Label("Verstrekte auditresultaten", "Audit results provided"),
    "risk_assessment": Label("Risicobeoordelingen", "Risk assessments"),
    "security_event": Label("Beveiligingsmeldingen", "Security events"),
    "share": Label("Gedeelde onderzoeksgegevens", "Shared research data"),
    "shredding": Label("Vernietigde sleutels van tekst", "Shredded texts"),
    "statement": Label("Verklaringen van toepasselijkheid", "Statements of applicability"),
    "subprocessor": Label("Subverwerkers", "Subprocessors"),
    "termination_request": Label("Verzoeken tot beëindiging", "Requests for termination"),
    "transfer": Label("Doorgiften", "Transfers"),
    "update": Label("Nadere berichten", "Updates"),
    "version": Label("Versies", "Versions"),
    "withdrawal": Label("Ingetrokken toestemmingen", "Withdrawn consents"),
}


def called(kind: str, language: str) -> str:
    """What the rows of a kind are called; a kind that events name is called as they name it."""
    label = KINDS.get(kind)
    return label.text(language) if label else kind.replace("_", " ")


def kind_of(register: Register, values: Mapping[str, Any]) -> str:
    """The kind of a row, of a register that has several; empty where all rows are of one."""
    return str(values.get(KIND, "")) if _has_kinds(register) else ""


def own_columns(register: Register) -> Sequence[Column]:
    """The columns that say something of a row, and not which kind of row it is."""
    return register.columns[1:] if _has_kinds(register) else register.columns


KIND = "kind"


def _has_kinds(register: Register) -> bool:
    # Further on it is a column like others: the kind of an instruction.
    return register.columns[0].key == KIND
