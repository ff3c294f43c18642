"""Form rules: form is guarded, and form only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger import form_rules, keys
from ledger.append import Appended
from ledger.deployment import Home
from ledger.errors import FormRuleViolated, PartyUnknown, Refused
from ledger.events import EVENT_TYPES, latest
from ledger.keyring import ADMINISTRATOR, KEY_EVENTS, LEDGER, OF_THE_LEDGER
from ledger.keys import make_key
from ledger.opening import open_ledger
from tests.check_ledger import check_ledger, check_registers
from tests.ledgers import Clock, TestLedger, make_home
from tests.test_events import golden

BREACH = {
    "breach_id": "B-1",
    "event_ref": "SE-1",
    "became_aware_at": "2026-01-05T09:00:00Z",
    "occurred_from": "2026-01-01",
    "occurred_until": "2026-01-02",
    "controller_ids": ["C1"],
    "subject_count": 2115,
}


def update(number: int, **more: Any) -> dict[str, Any]:
    facts = {"subject_count": 2115}
    return {
        "breach_id": "B-1",
        "update_no": number,
        "delivered_to": [],
        "changed_facts": facts,
        **more,
    }


def refused(made: TestLedger, type_: str, data: dict[str, Any], **options: Any) -> FormRuleViolated:
    """Append an event that must be refused by a form rule."""
    (answer,) = made.ledger.append([made.sign(type_, data, **options)])
    assert isinstance(answer, FormRuleViolated), answer
    return answer


def test_every_event_type_has_its_place() -> None:
    """Each type answers, amends, changes a key, or stands alone; questions are types that exist."""
    names = {t.name for t in EVENT_TYPES.values()}
    groups = [set(form_rules.ANSWERS), set(form_rules.AMENDS), KEY_EVENTS, form_rules.STANDS_ALONE]
    assert set.union(*map(set, groups)) == names
    assert sum(len(group) for group in groups) == len(names)
    for field, question in form_rules.ANSWERS.values():
        assert question in names
        assert field in form_rules.TAGS


@pytest.mark.parametrize("name", form_rules.ANSWERS)
def test_an_answer_to_nothing_is_refused(ledger: TestLedger, name: str) -> None:
    """422 with the rule and the field, for every type that answers."""
    data = json.loads(golden(latest(name)))["data"]
    service = LEDGER if name in OF_THE_LEDGER else "helpdesk"
    ledger.services[LEDGER] = keys.load(keys.key_file(ledger.home.keys, LEDGER))
    fault = refused(ledger, name, data, service=service)
    field = form_rules.ANSWERS[name][0]
    assert not fault.conflict
    assert (fault.faults[0].field, fault.faults[0].rule) == (
        f"/data/{field}",
        "answer-needs-question",
    )


def test_breach_updates_follow_without_a_gap(ledger: TestLedger) -> None:
    """6 after 4 is refused (N6), 4 again as well; 5 is taken."""
    ledger.append("BreachConfirmed", BREACH, service="security-desk")
    for number in (1, 2, 3, 4):
        ledger.append("BreachUpdateIssued", update(number))
    for wrong in (6, 4):
        fault = refused(ledger, "BreachUpdateIssued", update(wrong))
        assert fault.conflict
        assert fault.faults[0].rule == "update-follows"
    assert ledger.append("BreachUpdateIssued", update(5))
    check_ledger(ledger)


def test_updates_of_one_batch_follow_each_other(ledger: TestLedger) -> None:
    """1, 2, 4, 3 in one batch: only 4 is refused."""
    ledger.append("BreachConfirmed", BREACH)
    sent = [ledger.sign("BreachUpdateIssued", update(n)) for n in (1, 2, 4, 3)]
    answers = ledger.ledger.append(sent)
    assert [isinstance(a, Appended) for a in answers] == [True, True, False, True]


def test_an_answer_for_another_controller_is_refused(ledger: TestLedger) -> None:
    """The instruction of C1 cannot be verified for C2."""
    ledger.fill(1)
    fault = refused(ledger, "InstructionVerified", {"instruction_id": "I-1", "controller_id": "C2"})
    assert fault.faults[0].rule == "same-controller"


def correction(target: str, field: str, new: Any) -> dict[str, Any]:
    changes = [{"field": field, "old": None, "new": new}]
    return {"corrects_event_id": target, "field_changes": changes, "reason": "digits swapped"}


def test_a_correction_needs_its_target(ledger: TestLedger) -> None:
    """Of nothing: refused, and so are a retraction and a shredding of nothing."""
    for name, data in (
        ("EventCorrected", correction("nothing", "subject_count", 1)),
        ("EventRetracted", {"retracts_event_id": "nothing", "reason": "x"}),
        ("PayloadShredded", {"event_id": "nothing", "ground": "x"}),
    ):
        fault = refused(ledger, name, data, service=ADMINISTRATOR)
        assert fault.faults[0].rule == "target-exists"
        assert not fault.conflict


def test_a_correction_must_fit_its_target(ledger: TestLedger) -> None:
    """A field that is not there, or a value that would not be valid, is refused; a good one is
    taken, and so is a correction of the correction (N7)."""
    ledger.append("BreachConfirmed", BREACH, id_="breach")
    for field, new in (
        ("surprise", 1),
        ("subject_count", -1),
        ("subject_count", "many"),
        ("became_aware_at", "2026-01-05"),
        ("controller_ids.7", "C2"),
        ("breach_id.x", 1),
        ("occurredat", "yesterday"),
        ("occurredat", "2030-01-01T00:00:00Z"),
    ):
        fault = refused(ledger, "EventCorrected", correction("breach", field, new))
        assert fault.faults[0].rule == "correction-fits", field
    ledger.append("EventCorrected", correction("breach", "subject_count", 2151), id_="fix")
    ledger.append("EventCorrected", correction("breach", "occurredat", "2026-01-05T08:00:00Z"))
    ledger.append("EventCorrected", correction("fix", "field_changes.0.new", 2152))
    check_ledger(ledger)
    check_registers(ledger)


def test_an_id_of_several_sources_must_be_named_with_its_source(ledger: TestLedger) -> None:
    """Ambiguous alone; with the source it is taken."""
    for service, number in (("crm", 1), ("helpdesk", 2)):
        data = {"instruction_id": f"I-{number}", "controller_id": "C1", "channel": "email"}
        ledger.append("InstructionReceived", data, service=service, id_="same")
    retraction = {"retracts_event_id": "same", "reason": "x"}
    fault = refused(ledger, "EventRetracted", retraction)
    assert fault.faults[0].rule == "target-unambiguous"
    named = {"retracts_event_id": "urn:nld:kvk:12345678:systeem:crm same", "reason": "x"}
    assert ledger.append("EventRetracted", named)


def test_keys_are_enrolled_and_revoked_once(ledger: TestLedger) -> None:
    """A key id is never used again; what was never enrolled cannot be revoked."""
    theft = {"key_id": "k-crm", "suspect_since": "2026-01-04"}
    again = make_key("k-crm").enrolment("crm")
    fault = refused(ledger, "SigningKeyEnrolled", again, service=ADMINISTRATOR)
    assert fault.faults[0].rule == "enrolled-once"
    nothing = refused(
        ledger, "SigningKeyRevoked", {**theft, "key_id": "k-x"}, service=ADMINISTRATOR
    )
    assert nothing.faults[0].rule == "revokes-key"
    ledger.append("SigningKeyRevoked", theft, service=ADMINISTRATOR)
    twice = refused(ledger, "SigningKeyRevoked", theft, service=ADMINISTRATOR)
    assert twice.faults[0].rule == "revoked-once"


def test_parties_come_first(home: Home) -> None:
    """Before a processor is registered nothing about a controller is taken, and no event about a
    controller nobody registered (clause 2.1)."""
    clock = Clock()
    make_home(home, clock)
    with open_ledger(home, clock=clock) as ledger:
        made = TestLedger(home, ledger, clock)
        made.services[ADMINISTRATOR] = keys.load(keys.key_file(home.keys, ADMINISTRATOR))
        agreement = {
            "controller_id": "C1",
            "effective_from": "2026-01-05",
            "objection_days": 7,
            "transfer_area": "EU",
            "initial_subprocessors": [],
        }
        steps: list[tuple[str, dict[str, Any], bool]] = [
            ("ProcessingAgreementConcluded", agreement, False),
            ("ControllerRegistered", {"controller_id": "C1", "legal_name": "Een"}, True),
            ("ProcessingAgreementConcluded", agreement, False),
            ("ProcessorRegistered", {"processor_id": "P", "legal_name": "P"}, True),
            ("ProcessingAgreementConcluded", agreement, True),
            ("ProcessingAgreementConcluded", {**agreement, "controller_id": "C2"}, False),
        ]
        for name, data, taken in steps:
            (answer,) = ledger.append([made.sign(name, data, service=ADMINISTRATOR)])
            assert isinstance(answer, Appended if taken else PartyUnknown), (name, answer)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (
            "SubprocessorEngaged",
            {"subprocessor_id": "S9", "controller_ids": ["C1"], "countries": ["US"]},
        ),
        (
            "ResearchDataShared",
            {
                "share_id": "RS-1",
                "instruction_id": "I-404",
                "attestation_id": "RC-404",
                "controller_id": "C1",
                "subject_tokens": ["t1"],
                "recipient": "UMC",
                "country": "NL",
            },
        ),
        ("LicenceGranted", {"controller_id": "C1", "licence_id": "L-1"}),
        ("DataAccessAuthorised", {"person_pseudonym": "D"}),
        (
            "PersonalDataDisclosed",
            {
                "disclosure_id": "PD-1",
                "demand_id": "DD-404",
                "controller_ids": ["C1"],
                "subject_count": 1,
            },
        ),
        ("BreachConfirmed", BREACH),
        ("PersonalDataErased", {"controller_id": "C1", "scope": "all", "partial": False}),
    ],
)
def test_what_violates_the_agreement_is_recorded(
    ledger: TestLedger, name: str, data: dict[str, Any]
) -> None:
    """A subprocessor without announcement, data shared without consent, access without secrecy:
    the ledger records what happened."""
    assert ledger.append(name, data)


def test_refusals_name_field_and_rule(ledger: TestLedger) -> None:
    """And nothing of another controller."""
    ledger.fill(1)
    fault = refused(ledger, "InstructionVerified", {"instruction_id": "I-1", "controller_id": "C2"})
    assert isinstance(fault, Refused)
    assert "C1" not in f"{fault} {fault.faults}"
