"""How events hang together: which event answers which question, and which amends another.

`tests/test_form_rules.py` holds both tables to the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping

ANSWERS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(
        (
            "InstructionVerified",
            "InstructionRejected",
            "InstructionAssessed",
            "InfringementConcernNotified",
            "InstructionSuspended",
            "InstructionConfirmed",
            "InstructionWithdrawn",
            "InstructionExecuted",
        ),
        ("instruction_id", "InstructionReceived"),
    ),
    "ProcessingActivityAmended": ("activity_id", "ProcessingActivityRegistered"),
    "ProcessingActivityDiscontinued": ("activity_id", "ProcessingActivityRegistered"),
    "StatutoryRetentionLapsed": ("hold_id", "StatutoryRetentionImposed"),
    "LicenceEnded": ("licence_id", "LicenceGranted"),
    "ResearchConsentWithdrawn": ("attestation_id", "ResearchConsentAttested"),
    "DisclosureDemandNotified": ("demand_id", "DisclosureDemandReceived"),
    "DisclosureDemandContested": ("demand_id", "DisclosureDemandReceived"),
    "DisclosureDemandClosed": ("demand_id", "DisclosureDemandReceived"),
    "TransferConsentWithdrawn": ("consent_id", "TransferConsentGranted"),
    "ThirdCountryTransferEnded": ("transfer_id", "ThirdCountryTransferStarted"),
    "SecurityMeasureAmended": ("measure_id", "SecurityMeasureAdopted"),
    "SecurityMeasureRetired": ("measure_id", "SecurityMeasureAdopted"),
    "SubprocessorObjectionRaised": ("change_id", "SubprocessorChangeAnnounced"),
    "SubprocessorObjectionResolved": ("objection_id", "SubprocessorObjectionRaised"),
    "DataSubjectRequestForwarded": ("request_id", "DataSubjectRequestReceived"),
    "DataSubjectReferred": ("request_id", "DataSubjectRequestReceived"),
    "AssistanceProvided": ("assistance_id", "AssistanceRequested"),
    "SecurityEventDismissed": ("event_ref", "SecurityEventReported"),
    **dict.fromkeys(
        (
            "BreachNotified",
            "BreachUpdateIssued",
            "BreachContained",
            "SupervisoryAuthorityNotified",
            "DataSubjectsNotified",
            "BreachClosed",
        ),
        ("breach_id", "BreachConfirmed"),
    ),
    "DataReturnAcknowledged": ("return_id", "DataReturned"),
    "CertificateWithdrawn": ("certificate_id", "CertificateIssued"),
    "ControllerAuditAccepted": ("audit_id", "ControllerAuditRequested"),
    "ControllerAuditRefused": ("audit_id", "ControllerAuditRequested"),
    "ControllerAuditCompleted": ("audit_id", "ControllerAuditRequested"),
    "AuditorAccessExtended": ("grant_id", "AuditorAccessGranted"),
    "AuditorAccessRevoked": ("grant_id", "AuditorAccessGranted"),
    "EvidenceProvided": ("evidence_request_id", "EvidenceRequested"),
    "CorrectiveActionPlanned": ("finding_id", "FindingRaised"),
    "FindingClosed": ("finding_id", "FindingRaised"),
    "DpiaSupportProvided": ("dpia_id", "DpiaSupportRequested"),
    "ProcessingAgreementAmended": ("controller_id", "ProcessingAgreementConcluded"),
    "ProcessingAgreementEnded": ("controller_id", "ProcessingAgreementConcluded"),
    "AgreementTerminationRequested": ("controller_id", "ProcessingAgreementConcluded"),
}
"""Answers, by their type: the field that names the case, and the type of the question."""

AMENDS: Mapping[str, str] = {
    "EventCorrected": "corrects_event_id",
    "EventRetracted": "retracts_event_id",
    "PayloadShredded": "event_id",
}
"""Events about an event: the field that names it."""
