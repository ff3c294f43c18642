"""Instructions (4.1, 4.4, 4.6; Schriftelijk; GDPR art. 28(3)(a), 29): carried out as given.

An instruction counts when it is in writing: a channel that leaves something written, an identity
and an integrity that were established. Each execution is judged by what was the case at that
moment, that moment included; a verification or a notice that comes later cures nothing.
`tests/rules/test_instructions.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from projections.facts import Fact
from projections.reading import ids, moment, text, texts
from projections.register import Label
from projections.registers.instructions import (
    ASSESSED,
    CLOSED,
    CONFIRMED,
    EXECUTED,
    NOTIFIED,
    RECEIVED,
    STATES,
    VERIFIED,
    WRITTEN,
)
from projections.rows import by_id, of_type
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Finding, Rule
from projections.rules.wording import listed, moment_text

SUSPENDED = "InstructionSuspended"
ACTIVITY_AMENDED = "ProcessingActivityAmended"

BY_TYPE = dict.fromkeys((*STATES, NOTIFIED, ACTIVITY_AMENDED), ("instruction:instruction_id",))

WRITING = Rule(
    id="R-4.1w",
    version=1,
    severity="major",
    clause="4.1, 1 (Schriftelijk)",
    gdpr="28(3)(a), 29",
    title=Label(
        "Instructie uitgevoerd die niet Schriftelijk vaststond",
        "Instruction executed that was not established in writing",
    ),
)

SCOPE = Rule(
    id="R-4.1s",
    version=1,
    severity="major",
    clause="4.1",
    gdpr="28(3)(a), 29, 82(2)",
    title=Label(
        "Uitgevoerd buiten wat de instructie inhoudt",
        "Executed outside the scope of the instruction",
    ),
)

CONTACT_DATA = Rule(
    id="R-4.4",
    version=1,
    severity="minor",
    clause="4.4",
    gdpr="28(3)(a)",
    title=Label(
        "Contactgegevens van patiënten gewijzigd of verzameld",
        "Contact data of patients changed or collected",
    ),
)

TOLD_FIRST = Rule(
    id="R-4.6",
    version=1,
    severity="major",
    clause="4.6",
    gdpr="28(3)",
    title=Label(
        "Strijdig geachte instructie uitgevoerd voordat Klant daarvan wist",
        "Instruction judged infringing executed before the controller was told",
    ),
)

CONCERN_STANDS = Rule(
    id="O-4.6",
    version=1,
    severity="observation",
    clause="4.6",
    gdpr="28(3)",
    title=Label(
        "Strijdig geachte instructie uitgevoerd nadat Klant daarvan wist",
        "Instruction judged infringing executed after the controller was told",
    ),
)

PATIENT_CONTACT = "patient_contact_change"

OCCASIONS = {
    "rejected": Label("afgewezen", "rejected"),
    "withdrawn": Label("ingetrokken", "withdrawn"),
    "refused": Label("geweigerd", "refused"),
    "suspended": Label("opgeschort", "suspended"),
}

WHEN = {
    RECEIVED: "received_at",
    NOTIFIED: "notified_at",
    EXECUTED: "executed_at",
    "ResearchSharingRefused": "refused_at",
    SUSPENDED: "at",
    CONFIRMED: "at",
    "InstructionWithdrawn": "at",
}
"""The field that says when a step was taken; others were taken when they occurred."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution for one controller, with what was known of the instruction by then.

    `known` are the steps up to that moment, in the order in which they were taken; `message` is the
    last that came before it, or the first after it when none had.
    """

    instruction: str
    controller: str
    executed: Fact
    at: datetime
    known: Sequence[Fact]
    message: Fact | None

    def found(self, rule: Rule, why: Label, *rests_on: Fact) -> Finding:
        """A finding about this execution."""
        done = moment_text(self.at)
        told = Label(
            f"{self.instruction} uitgevoerd op {done}, {why.nl}",
            f"{self.instruction} executed on {done}, {why.en}",
        )
        based = [self.executed, *rests_on]
        return Finding(rule, self.at, told, based, self.controller, self.instruction)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """What was found about one instruction, for each controller that is named with it."""
    instruction = case.partition(":")[2]
    steps = by_id(of_type(facts, *STATES, NOTIFIED), "controller_id")
    for controller, own in sorted(steps.items()):
        own.sort(key=lambda step: (_at(step), step.position))
        for executed in of_type(own, EXECUTED):
            at = _at(executed)
            known = [step for step in own if _at(step) <= at]
            message = _message(own, at)
            execution = Execution(instruction, controller, executed, at, known, message)
            for found in (_unwritten, _blocked, _contact_data, _infringing):
                yield from found(execution)
        for act in of_type(facts, ACTIVITY_AMENDED):
            yield from _outside(instruction, controller, act, _message(own, act.occurred_at))


def _at(step: Fact) -> datetime:
    return moment(step, WHEN[step.type]) if step.type in WHEN else step.occurred_at


def _message(steps: Sequence[Fact], at: datetime) -> Fact | None:
    received = of_type(steps, RECEIVED)
    before = [step for step in received if _at(step) <= at]
    return before[-1] if before else next(iter(received), None)


def _unwritten(execution: Execution) -> Judged:
    """R-4.1w: nothing written, or an identity or an integrity that was not established by then."""
    verified = of_type(execution.known, VERIFIED)
    received = [execution.message] if execution.message else []
    channel = text(received[0].data, "channel") if received else None
    if channel and channel not in WRITTEN:
        why = Label(
            f"ontvangen langs een weg die niets Schriftelijk achterlaat ({channel})",
            f"received through a channel that leaves nothing written ({channel})",
        )
        yield execution.found(WRITING, why, *received)
    elif not any(_established(fact) for fact in verified):
        yield execution.found(WRITING, _missing(verified), *received, *verified)


IDENTITY, INTEGRITY = "sender_identity_established", "integrity_established"


def _established(verified: Fact) -> bool:
    """A verification that is silent about one of the two established it."""
    return all(verified.data.get(field) is not False for field in (IDENTITY, INTEGRITY))


def _missing(verified: Sequence[Fact]) -> Label:
    last = verified[-1].data if verified else {IDENTITY: False, INTEGRITY: False}
    identity, integrity = (last.get(field) is False for field in (IDENTITY, INTEGRITY))
    if identity and integrity:
        return Label(
            "terwijl identiteit van de afzender en integriteit van het bericht niet vaststonden",
            "while the sender's identity and the message's integrity were not established",
        )
    if identity:
        return Label(
            "terwijl de identiteit van de afzender niet vaststond",
            "while the sender's identity was not established",
        )
    return Label(
        "terwijl de integriteit van het bericht niet vaststond",
        "while the message's integrity was not established",
    )


def _blocked(execution: Execution) -> Judged:
    """R-4.1s: rejected, withdrawn, refused, or suspended, and not confirmed since.

    A new message opens what was closed, but lifts no suspension: that takes a confirmation.
    """
    closed: Fact | None = None
    suspended: Fact | None = None
    for step in execution.known:
        if STATES.get(step.type) in CLOSED:
            closed = step
        elif step.type == SUSPENDED:
            suspended = step
        elif step.type == CONFIRMED:
            closed = suspended = None
        elif step.type == RECEIVED:
            closed = None
    if stop := closed or suspended:
        word, since = OCCASIONS[STATES[stop.type]], moment_text(_at(stop))
        why = Label(f"{word.nl} op {since}", f"{word.en} on {since}")
        yield execution.found(SCOPE, why, stop)


def _contact_data(execution: Execution) -> Judged:
    """R-4.4: contact data of patients are the controller's own to keep."""
    message = execution.message
    if message and text(message.data, "kind") == PATIENT_CONTACT:
        why = Label(
            f"wijziging van contactgegevens van patiënten ({PATIENT_CONTACT})",
            f"a change of contact data of patients ({PATIENT_CONTACT})",
        )
        yield execution.found(CONTACT_DATA, why, message)


def _infringing(execution: Execution) -> Judged:
    """R-4.6 without a notice by then, O-4.6 with one: the last assessment counts."""
    known = execution.known
    assessed = of_type(known, ASSESSED)[-1:]
    if not assessed or text(assessed[0].data, "opinion") != "infringing":
        return
    judged = moment_text(_at(assessed[0]))
    notified, confirmed = of_type(known, NOTIFIED), of_type(known, CONFIRMED)
    if not notified:
        why = Label(
            f"in strijd met de wet geacht op {judged}, zonder dat Klant daarvan in kennis was "
            "gesteld",
            f"judged infringing on {judged}, before the controller was told",
        )
        yield execution.found(TOLD_FIRST, why, *assessed)
        return
    told = moment_text(_at(notified[0]))
    if confirmed:
        agreed = moment_text(_at(confirmed[-1]))
        then = Label(f"en bevestiging op {agreed}", f"and confirmation on {agreed}")
    else:
        then = Label("en zonder bevestiging", "and without confirmation")
    why = Label(
        f"na kennisgeving op {told} {then.nl}; het oordeel van {judged} blijft staan",
        f"after notice on {told} {then.en}; the concern of {judged} stands",
    )
    yield execution.found(CONCERN_STANDS, why, *assessed, notified[0], *confirmed[-1:])


def _outside(instruction: str, controller: str, act: Fact, message: Fact | None) -> Judged:
    """R-4.1s: an activity amended under an instruction that names others."""
    named = ids(act.data, "controller_id", "added_controller_ids")
    activity = text(act.data, "activity_id")
    scope = texts(message.data, "activity_ids") if message else []
    if not activity or not scope or activity in scope or (named and controller not in named):
        return
    done, within = moment_text(act.occurred_at), listed(scope)
    told = Label(
        f"{activity} gewijzigd op {done} onder {instruction}, die gaat over {within.nl}",
        f"{activity} amended on {done} under {instruction}, which is about {within.en}",
    )
    rests_on = [act, *([message] if message else [])]
    subject = f"{instruction} {activity}"
    yield Finding(SCOPE, act.occurred_at, told, rests_on, controller, subject)


CHAPTER = Chapter(
    name="instructions",
    rules=(WRITING, SCOPE, CONTACT_DATA, TOLD_FIRST, CONCERN_STANDS),
    by_type=BY_TYPE,
    judge=judge,
)
