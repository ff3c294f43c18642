"""The file of one personal data breach: facts, effects and remedial action (art. 33(5)).

For whoever sees the whole ledger it has the notices to all controllers; for one controller its own.
`tests/test_dossiers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.dossiers.dossier import Asked, Kind, NoSuch, Section, items, table
from projections.register import Label


def breach_of(asked: Asked) -> Mapping[str, Any]:
    """The row of the breach. Raises NoSuch."""
    found = asked.one("breaches", "breach", breach_id=asked.breach)
    if not found:
        raise NoSuch("there is no personal data breach of this id")
    return found


def make(asked: Asked) -> Sequence[Section]:
    """What happened, what it did, and what was done."""
    breach = breach_of(asked)
    notices = asked.of("breaches", "notice", breach_id=asked.breach)
    if asked.controller is not None and not notices:
        raise NoSuch("there is no personal data breach of this id")
    return [
        Section(
            "facts",
            Label("De feiten", "The facts"),
            items(
                "breaches", breach, "breach_id", "state", "became_aware_at", "occurred_from",
                "occurred_until", "nature", "origin", "cause", "root_cause", "subject_count",
                "subjects_approx", "records_approx", "data_subject_categories", "data_categories",
                "controllers_concerned", source="art. 33(5), 33(3)(a)",
            ),
        ),
        table(
            "events",
            Label("Hoe het aan het licht kwam", "How it came to light"),
            "breaches",
            asked.of("breaches", "security_event", event_ref=breach.get("event_ref")),
            "event_ref", "reported_at", "reporter", "channel", "summary",
        ),
        Section(
            "effects",
            Label("De gevolgen", "The effects"),
            items(
                "breaches", breach, "effects", "likely_consequences", source="art. 33(5), 33(3)(c)"
            ),
        ),
        Section(
            "remedial_action",
            Label("De genomen maatregelen", "The remedial action taken"),
            items(
                "breaches", breach, "measures", "remedial_actions", "contained_at", "closed_at",
                "lessons", "report_sha256", "still_missing", source="art. 33(5), 33(3)(d)",
            ),
        ),
        table(
            "notices",
            Label("Meldingen aan klanten, de AP en betrokkenen", "Who was told, and when"),
            "breaches",
            notices,
            "controller", "notified_at", "hours_to_notice", "missing_at_notice", "still_missing",
            "authority_notified_at", "authority_reference", "authority_in_time",
            "reasons_for_delay", "data_subjects_notified_at", "data_subjects_notified",
        ),
        table(
            "updates",
            Label("Nadere berichten", "Updates"),
            "breaches",
            asked.of("breaches", "update", breach_id=asked.breach),
            "update_no", "issued_at", "changed_facts", "delivered_to", "not_delivered_to",
        ),
        asked.clocks(asked.breach),
        asked.findings(asked.breach),
    ]  # fmt: skip


KIND = Kind(
    "breach-file",
    Label("Dossier van een inbreuk", "File of a personal data breach"),
    "art. 33(5)",
    ("breaches",),
    make,
    frozenset({"breach"}),
    judged=True,
)
