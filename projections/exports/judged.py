"""Findings, clocks and checks as JSON and CSV, in Dutch or English.

Each answer says at which moment it judged, what was asked, and the checkpoint it rests on.
`tests/test_findings_api.py`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from projections.checks import Check
from projections.clocks import Clocks, SeenClock
from projections.exports.tables import basis_json, harmless, moment_json
from projections.findings import SEVERITIES, Findings, HeldFinding
from projections.question import Moment
from projections.reading import stamp
from projections.register import Label
from projections.rules.rule import Rule
from projections.status import Status

FINDING = {
    "rule": Label("Regel", "Rule"),
    "severity": Label("Ernst", "Severity"),
    "controllers": Label("Klanten", "Controllers"),
    "at": Label("Tijdstip", "At"),
    "text": Label("Bevinding", "Finding"),
    "clause": Label("Bepaling", "Clause"),
    "gdpr": Label("AVG", "GDPR"),
    "events": Label("Gebeurtenissen", "Events"),
}

CLOCK = {
    "due_at": Label("Uiterlijk", "Due at"),
    "state": Label("Toestand", "State"),
    "rule": Label("Regel", "Rule"),
    "title": Label("Verplichting", "Obligation"),
    "controllers": Label("Klanten", "Controllers"),
    "subject": Label("Betreft", "Subject"),
    "started_at": Label("Begonnen op", "Started at"),
    "stopped_at": Label("Gestopt op", "Stopped at"),
    "clause": Label("Bepaling", "Clause"),
    "gdpr": Label("AVG", "GDPR"),
}


def finding_json(finding: HeldFinding, language: str) -> dict[str, Any]:
    """One finding; `events` are leaf indexes in the log."""
    return {
        "rule": finding.rule.id,
        "severity": finding.severity,
        "controllers": list(finding.controllers),
        "at": stamp(finding.at),
        "text": finding.text.text(language),
        "events": [position - 1 for position in finding.events],
        "version": finding.version,
        "clause": finding.rule.clause,
        "gdpr": finding.rule.gdpr,
        "subject": finding.subject,
        "title": finding.rule.title.text(language),
        "parameters": finding.parameters,
        "holds_from": stamp(finding.holds_from),
        "of_the_past": finding.of_the_past,
    }


def findings_json(answer: Findings, language: str) -> dict[str, Any]:
    """The findings, how many of each severity, and what they rest on."""
    counts = Counter(finding.severity for finding in answer.findings)
    return {
        **_asked(answer, language),
        "counts": {severity: counts[severity] for severity in SEVERITIES},
        "findings": [finding_json(finding, language) for finding in answer.findings],
    }


def clock_json(clock: SeenClock, language: str) -> dict[str, Any]:
    """One clock; `events` are leaf indexes in the log."""
    return {
        "rule": clock.rule.id,
        "version": clock.version,
        "title": clock.title.text(language),
        "clause": clock.rule.clause,
        "gdpr": clock.rule.gdpr,
        "controllers": list(clock.controllers),
        "subject": clock.subject,
        "state": clock.state,
        "started_at": stamp(clock.started_at),
        "due_at": stamp(clock.due_at),
        "stopped_at": stamp(clock.stopped_at),
        "excused": clock.excused.text(language) if clock.excused else None,
        "parameters": clock.parameters,
        "events": [position - 1 for position in clock.events],
    }


def clocks_json(answer: Clocks, language: str) -> dict[str, Any]:
    """The clocks, the soonest due first, and what they rest on."""
    return {
        **_asked(answer, language),
        "clocks": [clock_json(clock, language) for clock in answer.clocks],
    }


def check_json(answer: Check, language: str) -> dict[str, Any]:
    """What an event would bring; `refusal` is made by the caller, who knows how errors look."""
    return {
        "allowed": answer.allowed,
        "at": stamp(answer.at),
        "basis": basis_json(answer.basis),
        "findings": [finding_json(finding, language) for finding in answer.findings],
        "clocks": [clock_json(clock, language) for clock in answer.clocks],
    }


def status_json(answer: Status, language: str) -> dict[str, Any]:
    """The state of a ledger."""
    return {
        "origin": answer.origin,
        "at": stamp(answer.at),
        "size": answer.size,
        "recorded_at": stamp(answer.recorded_at),
        "root": answer.root.hex(),
        "checkpoint": answer.checkpoint,
        "followed": answer.followed,
        "findings": dict(answer.findings),
        "clocks": [clock_json(clock, language) for clock in answer.clocks],
        "certificates": [asdict(certificate) for certificate in answer.certificates],
    }


def rule_json(rule: Rule, language: str) -> dict[str, Any]:
    """One rule: what it is, and which terms of the agreement it reads."""
    return {
        "rule": rule.id,
        "version": rule.version,
        "severity": rule.severity,
        "clause": rule.clause,
        "gdpr": rule.gdpr,
        "title": rule.title.text(language),
        "parameters": list(rule.parameters),
        "added": stamp(rule.added),
    }


def findings_csv(answer: Findings, language: str) -> str:
    """The findings as a table."""
    return _csv(FINDING, (finding_json(f, language) for f in answer.findings), language)


def clocks_csv(answer: Clocks, language: str) -> str:
    """The clocks as a table."""
    return _csv(CLOCK, (clock_json(c, language) for c in answer.clocks), language)


def _asked(answer: Findings | Clocks, language: str) -> dict[str, Any]:
    moment: Moment = answer.moment
    return {
        "language": language,
        "as_of": moment_json(moment.as_of),
        "known_at": moment_json(moment.known_at),
        "at": stamp(answer.at),
        "basis": basis_json(answer.basis),
    }


def _csv(labels: dict[str, Label], rows: Iterable[dict[str, Any]], language: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([label.text(language) for label in labels.values()])
    for row in rows:
        writer.writerow([harmless(_cell(row[key])) for key in labels])
    return out.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(str(item) for item in value)
    return "" if value is None else str(value)
