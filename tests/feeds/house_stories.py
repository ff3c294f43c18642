"""The processor's own house: measures, people, requests, certificates and audits (5, 6, 8, 11)."""

from __future__ import annotations

from datetime import timedelta

from tests.feeds.script import BEGIN, Script
from tests.naive.civil import after_days, close, day, months_later, start


def measures(script: Script) -> None:
    """A measure is adopted, amended, made known, retired; risks are assessed, or a year passes."""
    begin = script.begin()
    name = script.name("M")
    adopted = script.act(
        "SecurityMeasureAdopted",
        begin,
        {"measure_id": name, "title": "Encryption", **script.maybe("in_force_from", "2026-01-01")},
    )
    for _ in range(script.pick(1, 0, 2)):
        amended = script.act(
            "SecurityMeasureAmended",
            script.near(begin + timedelta(days=30)),
            {"measure_id": name, "changes": "stronger"},
            after=adopted,
        )
        if script.pick(True, True, False):
            data = {
                "controller_ids": script.some(script.controllers),
                "measure_ids": script.pick([name], [], [f"{name}-other"]),
            }
            at = script.near(after_days(amended.at, 30), amended.at)
            script.act("SecurityMeasuresCommunicated", at, data, field="at")
    if script.seldom():
        at = script.near(begin + timedelta(days=90))
        script.act("SecurityMeasureRetired", at, {"measure_id": name}, field="at", after=adopted)
    if script.pick(True, False):
        year = close(months_later(day(script.pick(begin, BEGIN)), 12))
        data = {"assessment_id": script.name("RA")}
        script.act("RiskAssessmentCompleted", script.near(year), data, field="at")


def people(script: Script) -> None:
    """Somebody gets access, and signs before, after or not at all."""
    begin = script.begin()
    person = {"person_pseudonym": script.name("person")}
    if script.often():
        at = script.near(begin)
        script.act("ConfidentialityUndertakingSigned", at, person, field="signed_at")
    for at in (begin, begin + timedelta(days=10))[: script.pick(1, 2)]:
        script.act("DataAccessAuthorised", at, person, field="authorised_at")


def request(script: Script) -> None:
    """A data subject turns to the processor."""
    begin = script.begin()
    name = {"request_id": script.name("R"), "controller_id": script.controller()}
    received = script.act(
        "DataSubjectRequestReceived", begin, {**name, "right": "access"}, field="received_at"
    )
    turns = (after_days(begin, 5), begin, after_days(begin, script.pick(0, 1)))
    if script.pick(True, False):
        at = script.near(*turns)
        script.act("DataSubjectRequestForwarded", at, name, field="forwarded_at", after=received)
    if script.pick(True, False):
        at = script.near(*turns)
        script.act("DataSubjectReferred", at, name, field="referred_at", after=received)


def certificates(script: Script) -> None:
    """Certificates that follow each other, or leave days between."""
    standard = script.pick("ISO/IEC 27001:2022", "NEN 7510", "ISO/IEC 27001:2022 + NEN 7510-1:2024")
    first = day(BEGIN) + timedelta(days=script.pick(-30, 0, 1, 20))
    for number in range(script.pick(1, 2, 3)):
        until = months_later(first, script.pick(12, 6, 24)) - timedelta(days=1)
        issued = script.act(
            "CertificateIssued",
            start(first) + script.pick(timedelta(hours=9), timedelta(days=3)),
            {
                "certificate_id": f"CERT-{script.number}-{number}",
                "standard": standard,
                "valid_from": first.isoformat(),
                "valid_until": until.isoformat(),
            },
        )
        if script.seldom():
            withdrawn = script.near(close(until) - timedelta(days=20))
            data = {"certificate_id": issued.data["certificate_id"]}
            script.act("CertificateWithdrawn", withdrawn, data, field="at", after=issued)
            until = day(withdrawn)
        first = until + timedelta(days=script.pick(1, 0, 2, 18))


def certified(script: Script) -> None:
    """Both certificates, all the time."""
    for standard in ("ISO/IEC 27001:2022", "NEN 7510"):
        script.act(
            "CertificateIssued",
            BEGIN,
            {
                "certificate_id": f"CERT-{standard[:3]}",
                "standard": standard,
                "valid_from": "2024-09-02",
                "valid_until": "2027-12-31",
            },
        )


def audits(script: Script) -> None:
    """A controller asks for audits, a year apart or less."""
    controller = script.controller()
    first = script.begin()
    for number in range(script.pick(3, 2, 3)):
        asked = first + number * timedelta(days=script.pick(112, 112, 112, 365, 366, 20))
        name = {"audit_id": f"CA-{script.number}-{number}", "controller_id": controller}
        requested = script.act(
            "ControllerAuditRequested",
            asked,
            {
                **name,
                "auditor_independent": script.often(),
                **script.maybe("auditor_expert", True, False),
                **script.maybe("grounds", "doubt", "doubt", "doubt", "breach", "authority"),
            },
            field="requested_at",
        )
        decided = requested.at + timedelta(days=script.pick(7, 0, 40))
        if script.pick(True, True, True, False):
            script.act("ControllerAuditAccepted", decided, name, field="at", after=requested)
            if script.pick(True, False):
                at = decided + timedelta(days=30)
                script.act("ControllerAuditCompleted", at, name, after=requested)
        elif script.often():
            ground = script.pick("annual_limit", "not_independent", "not_expert", "other")
            data = {**name, "ground": ground}
            script.act("ControllerAuditRefused", decided, data, field="at", after=requested)


def information(script: Script) -> None:
    """A controller is given information or results that it asked for."""
    asked = script.begin()
    given = script.near(after_days(asked, 30), asked + timedelta(days=2))
    said = script.pick(asked.isoformat(), day(asked).isoformat())
    data = {"controller_id": script.controller(), **script.maybe("requested_at", *[said] * 4)}
    if script.pick(True, False):
        script.act("ComplianceInformationProvided", given, data, field="provided_at")
    else:
        data["audit_id"] = script.name("EA")
        script.act("AuditResultsProvided", given, data, field="provided_at")
