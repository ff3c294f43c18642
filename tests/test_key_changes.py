"""Key events under the lock: what a verifier could not apply is never recorded."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ledger.errors import FieldsInvalid, FormRuleViolated
from ledger.keyring import ADMINISTRATOR
from tests.ledgers import TestLedger

KEY = {
    "key_id": "k-new",
    "service": "crm",
    "algorithm": "ed25519",
    "public_key": base64.b64encode(b"a" * 32).decode(),
}


def changed(**fields: Any) -> dict[str, Any]:
    """The enrolment with other fields; None removes one."""
    return {name: value for name, value in (KEY | fields).items() if value is not None}


@pytest.mark.parametrize(
    "data",
    [
        changed(algorithm=None),
        changed(public_key=None),
        changed(public_key=base64.b64encode(bytes(32)).decode()),  # of small order
        changed(public_key=KEY["public_key"][:-2] + "F="),  # loose bits
        changed(valid_until="9999-12-31"),
    ],
)
def test_a_key_that_no_verifier_could_read_is_not_enrolled(
    ledger: TestLedger, data: dict[str, Any]
) -> None:
    """Once in the log it could never leave, and every later verification would fail on it."""
    with pytest.raises(FieldsInvalid):
        ledger.append("SigningKeyEnrolled", data, service=ADMINISTRATOR)
    ledger.append("SigningKeyEnrolled", KEY, service=ADMINISTRATOR)


def test_a_key_is_enrolled_once_and_revoked_once(ledger: TestLedger) -> None:
    """Also when both events are otherwise new."""
    revocation = {"key_id": "k-new", "suspect_since": "2026-01-05"}
    steps = [
        ("SigningKeyRevoked", revocation, "revokes-key"),
        ("SigningKeyEnrolled", KEY, None),
        ("SigningKeyEnrolled", KEY, "enrolled-once"),
        ("SigningKeyRevoked", revocation, None),
        ("SigningKeyRevoked", revocation, "revoked-once"),
        ("SigningKeyEnrolled", KEY, "enrolled-once"),
    ]
    for type_, data, rule in steps:
        if rule is None:
            ledger.append(type_, data, service=ADMINISTRATOR)
            continue
        with pytest.raises(FormRuleViolated) as caught:
            ledger.append(type_, data, service=ADMINISTRATOR)
        assert [fault.rule for fault in caught.value.faults] == [rule]
