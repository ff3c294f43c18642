"""What was asked for or planned, and by when it came (8.2, 11.1, 11.2).

A clock only where there is a term: thirty days of policy for results and information, the date that
was planned for a corrective action, and for assistance with a data subject request the month of the
controller (art. 12(3)). Other assistance, DPIA support and audits asked for have no term, in the
text or in policy; the registers tell how long they are open. `tests/rules/test_audits.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.civil import civil_date, days_after, end_of
from projections.facts import Fact
from projections.reading import (
    after,
    civil_day,
    day,
    day_of,
    in_order,
    instant,
    moment,
    text,
    texts,
)
from projections.register import Label
from projections.rows import by_id, of_type
from projections.rules.audits.rules import ASSISTANCE, CORRECTION, PROVISION
from projections.rules.chapter import Judged
from projections.rules.rule import Clock, Finding
from projections.rules.wording import number_of_days

RESULTS = "AuditResultsProvided"
INFORMATION = "ComplianceInformationProvided"
ASKED = "AssistanceRequested"
GIVEN = "AssistanceProvided"
PLANNED = "CorrectiveActionPlanned"
CLOSED = "FindingClosed"

PROVIDE_WITHIN = 30
"""Days."""


def provided(fact: Fact) -> Judged:
    """Audit results or information, so many days after they were asked for (policy).

    The one event tells of both moments; one that tells of no request has no term.
    """
    asked_on = civil_day(fact.data, "requested_at")
    if asked_on is None:
        return
    started_at = moment(fact, "requested_at")
    provided_at = moment(fact, "provided_at")
    subject = text(fact.data, "audit_id") or text(fact.data, "subject") or fact.id
    for controller in texts(fact.data, "controller_id"):
        clock = Clock(
            PROVISION,
            started_at=started_at,
            due_at=days_after(started_at, PROVIDE_WITHIN),
            stopped_at=provided_at,
            owner=controller,
            subject=subject,
            start=fact,
            stop=fact,
            open_end=True,
        )
        yield clock
        if clock.overdue_from:
            took = number_of_days((civil_date(provided_at) - asked_on).days)
            within = number_of_days(PROVIDE_WITHIN)
            what = WHAT[fact.type]
            said = Label(
                f"{what.nl} gevraagd {asked_on}, na {took.nl} verstrekt (beleid {within.nl})",
                f"{what.en} asked for {asked_on}, provided after {took.en} (policy {within.en})",
            )
            yield Finding(
                PROVISION,
                provided_at,
                said,
                [fact],
                controller,
                subject,
            )


WHAT = {
    RESULTS: Label("auditresultaten", "audit results"),
    INFORMATION: Label("informatie over naleving", "information on compliance"),
}


def assistance(assistance_id: str, facts: Sequence[Fact]) -> Judged:
    """Assistance with a data subject request, in time for the controller to answer it."""
    for controller, own in sorted(by_id(facts, "controller_id").items()):
        for asked in of_type(own, ASKED)[:1]:
            last = after(day_of(asked, "requested_at"), "P1M")
            if last and text(asked.data, "subject") == "dsr":
                given = in_order(of_type(own, GIVEN), "at")
                given_at, stop = next(iter(given), (None, None))
                yield Clock(
                    ASSISTANCE,
                    started_at=moment(asked, "requested_at"),
                    due_at=end_of(last),
                    stopped_at=given_at,
                    owner=controller,
                    subject=assistance_id,
                    start=asked,
                    stop=stop,
                    open_end=True,
                )


def corrected(finding_id: str, facts: Sequence[Fact]) -> Judged:
    """The corrective action last planned on an auditor's finding, by the date given for it."""
    for planned in of_type(facts, PLANNED)[-1:]:
        last = day(planned.data, "due")
        due_at = end_of(last) if last else instant(planned.data, "due")
        closed_at, stop = next(iter(in_order(of_type(facts, CLOSED), "at")), (None, None))
        if due_at:
            yield Clock(
                CORRECTION,
                started_at=planned.occurred_at,
                due_at=due_at,
                stopped_at=closed_at,
                owner="",
                subject=finding_id,
                start=planned,
                stop=stop,
                open_end=last is not None,
            )
