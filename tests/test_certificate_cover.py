"""Days with and without a certificate, against a count of single days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.certificate_cover import Days, certificates, gaps, standards_in
from projections.facts import effective
from tests.recording import Recording

FIRST = date(2024, 1, 1)
STRETCHES = st.builds(
    lambda begin, length: Days(
        FIRST + timedelta(days=begin), FIRST + timedelta(days=begin + length)
    ),
    st.integers(0, 60),
    st.integers(0, 20),
)


@given(st.lists(STRETCHES, max_size=6))
def test_gaps_agree_with_a_count_of_days(covered: list[Days]) -> None:
    """A day between first and last cover is in a gap exactly when no stretch holds it."""
    begin = min((d.first for d in covered), default=FIRST)
    end = max((d.last for d in covered), default=FIRST - timedelta(days=1))
    every = [begin + timedelta(days=n) for n in range((end - begin).days + 1)]
    bare = [day for day in every if not any(d.first <= day <= d.last for d in covered)]
    found = [gap.first + timedelta(days=n) for gap in gaps(covered) for n in range(gap.number)]
    assert found == bare


def test_a_withdrawal_ends_the_cover_on_its_day() -> None:
    """The day of the withdrawal still had a certificate; the next one has not."""
    story = Recording()
    issue = {"certificate_id": "I", "standard": "ISO/IEC 27001:2022"}
    valid = {"valid_from": "2024-03-01", "valid_until": "2027-02-28"}
    story.add("CertificateIssued", "2024-03-01 09:00", issue | valid)
    story.add("CertificateWithdrawn", "2025-06-10 23:30", {"certificate_id": "I"})
    (certificate,) = certificates(effective(story.events))
    assert certificate.valid == Days(date(2024, 3, 1), date(2025, 6, 10))


def test_a_renewal_under_the_same_id_is_not_withdrawn_by_what_came_before() -> None:
    """A withdrawal ends the certificate issued before it, not the one issued after."""
    story = Recording()
    for issued, until in (("2024-01-01", "2024-12-31"), ("2024-07-01", "2026-12-31")):
        data = {"certificate_id": "I", "standard": "x", "valid_from": issued, "valid_until": until}
        story.add("CertificateIssued", f"{issued} 12:00", data)
        if issued == "2024-01-01":
            story.add("CertificateWithdrawn", "2024-06-01 12:00", {"certificate_id": "I"})
    first, second = certificates(effective(story.events))
    assert first.valid == Days(date(2024, 1, 1), date(2024, 6, 1))
    assert second.valid == Days(date(2024, 7, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("name", "standards"),
    [
        ("ISO/IEC 27001:2022", ["ISO/IEC 27001"]),
        ("NEN 7510-1:2024", ["NEN 7510"]),
        ("ISO/IEC 27001:2022 + NEN 7510", ["ISO/IEC 27001", "NEN 7510"]),
        ("ISO 9001", ["ISO 9001"]),
    ],
)
def test_editions_are_of_one_standard(name: str, standards: list[str]) -> None:
    """A new edition continues the old one; one certificate can be for both standards."""
    assert standards_in(name) == standards
