"""Requests of data subjects (8.1; GDPR art. 12, 28(3)(e)): refer them, and do so in time.

The text gives no number of days: `dsr_forward_days` is policy, and counts as a term in days does.
Referring the data subject and forwarding the request both answer it. The controller's month of
art. 12(3) is its own: a window, since whether it answered is not recorded here.
`tests/rules/test_data_subject_requests.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.civil import days_after, end_of
from projections.facts import Fact
from projections.reading import after, day_of, moment
from projections.register import Label
from projections.rows import by_id, of_type
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Clock, Finding, Rule
from projections.rules.wording import elapsed, moment_text
from projections.terms import TERMS_EVENTS, terms_at

RECEIVED = "DataSubjectRequestReceived"
FORWARDED = "DataSubjectRequestForwarded"
REFERRED = "DataSubjectReferred"

BY_TYPE = dict.fromkeys((RECEIVED, FORWARDED, REFERRED), ("request:request_id",))

REFER = Rule(
    id="R-8.1",
    version=1,
    severity="minor",
    clause="8.1",
    gdpr="28(3)(e), 12(3)",
    title=Label(
        "De Betrokkene is niet tijdig doorverwezen, noch het verzoek doorgestuurd",
        "The data subject was not referred, nor the request forwarded, in time",
    ),
    duty=Label(
        "De Betrokkene doorverwijzen of het verzoek doorsturen",
        "Refer the data subject, or forward the request",
    ),
    parameters=("dsr_forward_days",),
)

ANSWER = Rule(
    id="C-12.3",
    version=1,
    severity=None,
    clause="8.2",
    gdpr="12(3)",
    title=Label(
        "Klant antwoordt de Betrokkene binnen een maand",
        "The controller answers the data subject within a month",
    ),
)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """The clocks of one request for each controller it names, and what was found."""
    request = case.partition(":")[2]
    steps = by_id(of_type(facts, *BY_TYPE), "controller_id")
    for controller, own in sorted(steps.items()):
        received = of_type(own, RECEIVED)
        if received:
            agreed = by_id(of_type(facts, *TERMS_EVENTS), "controller_id").get(controller, [])
            yield from _request(request, controller, received[0], own, agreed)


def _request(
    request: str, controller: str, received: Fact, own: Sequence[Fact], agreed: Sequence[Fact]
) -> Judged:
    start = moment(received, "received_at")
    days = terms_at(agreed, start).dsr_forward_days
    answers = [(moment(f, "forwarded_at", "referred_at"), f) for f in own if f.type != RECEIVED]
    stopped_at, stop = min(answers, key=lambda a: (a[0], a[1].position), default=(None, None))
    clock = Clock(
        rule=REFER,
        started_at=start,
        due_at=days_after(start, days),
        stopped_at=stopped_at,
        owner=controller,
        subject=request,
        start=received,
        stop=stop,
        open_end=True,
        parameters={"dsr_forward_days": days},
    )
    yield clock
    if clock.overdue_from:
        yield _late(clock)
    if until := after(day_of(received, "received_at"), "P1M"):
        yield Clock(
            rule=ANSWER,
            started_at=start,
            due_at=end_of(until),
            stopped_at=None,
            owner=controller,
            subject=request,
            start=received,
            open_end=True,
            window=True,
        )


def _late(clock: Clock) -> Finding:
    if clock.stopped_at:
        took = elapsed(clock.started_at, clock.stopped_at)
        text = Label(
            f"{clock.subject} pas na {took.nl} doorverwezen of doorgestuurd",
            f"{clock.subject} referred or forwarded only after {took.en}",
        )
    else:
        text = Label(
            f"{clock.subject} niet doorverwezen of doorgestuurd voor {moment_text(clock.due_at)}",
            f"{clock.subject} not referred or forwarded before {moment_text(clock.due_at)}",
        )
    rests_on = [clock.start, *([clock.stop] if clock.stop else [])]
    return Finding(
        REFER,
        at=clock.started_at,
        text=text,
        rests_on=rests_on,
        owner=clock.owner,
        subject=clock.subject,
        holds_from=clock.overdue_from,
        parameters=clock.parameters,
    )


CHAPTER = Chapter(
    name="data-subject-requests",
    rules=(REFER, ANSWER),
    by_type=BY_TYPE,
    judge=judge,
    context=TERMS_EVENTS,
)
