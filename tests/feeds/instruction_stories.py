"""Instructions on every road, research, activities and demands (clauses 4.1, 4.2, 4.4 to 4.7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.feeds.script import Act, Script
from tests.naive.civil import close, day

STEPS = (
    timedelta(0),
    timedelta(seconds=1),
    timedelta(hours=1),
    timedelta(hours=24),
    timedelta(days=3),
)

AT_LAST = timedelta(days=4)


def instruction(script: Script) -> None:
    """An instruction, and what was done with it, in any order."""
    received = receive(script, script.begin())
    verify(script, received)
    for _ in range(script.pick(1, 0, 2)):
        answer(script, "InstructionAssessed", received, opinion=opinion(script))
    if script.pick(False, True):
        answer(script, "InfringementConcernNotified", received, field="notified_at")
    if script.seldom():
        answer(script, "InstructionSuspended", received, field="at")
        if script.pick(True, False):
            answer(script, "InstructionConfirmed", received, field="at")
    if script.seldom():
        ground = script.pick("not_written", "identity", "out_of_scope")
        answer(script, "InstructionRejected", received, ground=ground)
    if script.seldom():
        answer(script, "InstructionWithdrawn", received, field="at")
    for _ in range(script.pick(1, 1, 1, 0, 2)):
        step = script.pick(AT_LAST, *STEPS, AT_LAST)
        answer(script, "InstructionExecuted", received, field="executed_at", step=step)


def receive(script: Script, at: datetime, **more: Any) -> Act:
    """An instruction arrives."""
    data = {
        "instruction_id": script.name("I"),
        "controller_id": script.controller(),
        "channel": script.pick("email", "fax", "letter", "portal", "licence_grant", "phone"),
        **script.maybe("kind", "patient_contact_change", "erasure", "export"),
        **script.maybe("activity_ids", ["PA-1"], ["PA-2"], []),
        **more,
    }
    return script.act("InstructionReceived", at, data, field="received_at")


def verify(script: Script, received: Act) -> None:
    """The sender and the message are established, or not."""
    established = (True, True, "call-back", {"method": "S/MIME"}, False)
    for _ in range(script.pick(1, 1, 1, 0, 2)):
        more = {
            **script.maybe("sender_identity_established", *established),
            **script.maybe("integrity_established", *established),
        }
        answer(script, "InstructionVerified", received, **more)


def opinion(script: Script) -> str:
    """What the processor thinks of an instruction."""
    return script.pick("lawful", "infringing", "infringing", "unclear")


def answer(
    script: Script,
    type_: str,
    received: Act,
    *,
    field: str | None = None,
    step: timedelta | None = None,
    **more: Any,
) -> Act:
    """Something is done with an instruction, at one of a few moments after it came."""
    data = {
        "instruction_id": received.data["instruction_id"],
        "controller_id": received.data["controller_id"],
        **more,
    }
    at = received.at + (script.pick(*STEPS) if step is None else step)
    return script.act(type_, at, data, field=field, after=received)


TOKENS = ("s1", "s2", "s3")


def research(script: Script) -> None:
    """Data of patients go to researchers, with or without consent and instruction."""
    begin = script.begin()
    received = receive(script, begin, kind="research_sharing")
    controller = received.data["controller_id"]
    consent = {"attestation_id": script.name("RC"), "controller_id": controller}
    attested = None
    for _ in range(script.pick(1, 1, 1, 2, 0)):
        attested = script.act(
            "ResearchConsentAttested",
            begin + script.pick(*STEPS),
            {
                **consent,
                "subject_tokens": script.some(TOKENS),
                "recipient": script.pick("UMC", "UMC", "UMC", "Institute"),
                **script.maybe("approached_by_controller", True, True, False),
            },
            field="attested_at",
        )
    for _ in range(script.pick(0, 0, 1, 2)):
        if attested is not None:
            data = {**consent, "subject_token": script.pick(*TOKENS)}
            at = begin + script.pick(*STEPS)
            script.act("ResearchConsentWithdrawn", at, data, field="withdrawn_at", after=attested)
    for number in range(script.pick(1, 2)):
        share(script, received, consent, number)
    if script.seldom():
        answer(script, "ResearchSharingRefused", received, field="refused_at", reason="none asked")
    if script.seldom():
        answer(script, "InstructionExecuted", received, field="executed_at")


def share(script: Script, received: Act, consent: dict[str, Any], number: int) -> None:
    """One batch is shared."""
    unknown = f"I-none-{script.number}"
    script.act(
        "ResearchDataShared",
        received.at + script.pick(*reversed(STEPS)),
        {
            **consent,
            "share_id": f"RS-{script.number}-{number}",
            "instruction_id": unknown if script.seldom() else received.data["instruction_id"],
            "controller_id": script.controller() if script.seldom() else consent["controller_id"],
            "subject_tokens": script.some(TOKENS, least=0),
            "recipient": "UMC",
            "country": "NL",
        },
        field="shared_at",
    )


CATEGORIES = ("name", "health", "bsn", "exercise_video", "photo")


def activity(script: Script) -> None:
    """A processing activity and its changes."""
    begin = script.begin()
    name = script.pick("PA-1", "PA-2") if script.seldom() else script.name("PA")
    registered = register_activity(script, name, begin)
    for _ in range(script.pick(1, 0, 2, 3)):
        change_activity(script, name, registered)
    if script.seldom():
        register_activity(script, name, begin + script.pick(*STEPS))


def register_activity(script: Script, name: str, at: datetime) -> Act:
    """An activity is entered in the register."""
    data = {
        "activity_id": name,
        "controller_ids": script.some(script.controllers),
        "data_categories": categories(script),
    }
    return script.act("ProcessingActivityRegistered", at, data)


def categories(script: Script) -> list[Any]:
    """Categories of data, sometimes marked as special."""
    chosen = script.some(CATEGORIES)
    return [{"category": chosen[0], "special": True}, *chosen[1:]] if script.seldom() else [*chosen]


def change_activity(script: Script, name: str, registered: Act) -> None:
    """An activity is amended, or ends for some."""
    at = registered.at + script.pick(*reversed(STEPS))
    if script.seldom():
        data = {"activity_id": name, "controller_ids": script.some(script.controllers)}
        script.act("ProcessingActivityDiscontinued", at, data, field="at", after=registered)
        return
    data = {"activity_id": name}
    if script.pick(True, False):
        data["added_data_categories"] = categories(script)
    if script.pick(False, False, True):
        data["added_controller_ids"] = script.some(script.controllers)
    if script.pick(False, True):
        data["controller_id"] = script.controller()
    script.act("ProcessingActivityAmended", at, data, after=registered)


def activity_by_instruction(script: Script) -> None:
    """An activity is amended because a controller said so; perhaps another than it named."""
    begin = script.begin()
    received = receive(script, begin)
    verify(script, received)
    data = {
        "activity_id": script.pick("PA-1", "PA-2"),
        "instruction_id": received.data["instruction_id"],
        **script.maybe("controller_id", received.data["controller_id"]),
    }
    script.act("ProcessingActivityAmended", begin + script.pick(*STEPS), data, after=received)


def demand(script: Script) -> None:
    """An authority demands data; the controllers are told before, after, later or never."""
    begin = script.begin()
    demanded = script.some(script.controllers)
    disclosed = begin + script.pick(*STEPS)
    lapse = script.near(begin + timedelta(days=10), disclosed)
    received = script.act(
        "DisclosureDemandReceived",
        begin,
        {
            "demand_id": script.name("DD"),
            "controller_ids": demanded,
            "authority": "Public Prosecutor",
            "notification_prohibited": script.pick(False, True),
            **script.maybe("prohibition_until", day(lapse).isoformat(), lapse.isoformat()),
        },
        field="received_at",
    )
    for number in range(script.pick(1, 1, 0, 2)):
        script.act(
            "PersonalDataDisclosed",
            disclosed + number * timedelta(days=1),
            {
                "disclosure_id": f"PD-{script.number}-{number}",
                "controller_ids": script.some(script.controllers) if number else demanded,
                "subject_count": 1,
                **({"demand_id": script.name("DD")} if script.often() else {}),
                "instruction_id": script.name("I"),
            },
            field="disclosed_at",
        )
    turns = (disclosed, begin, close(day(lapse) + timedelta(days=1)), lapse)
    for controller in demanded:
        if script.often():
            data = {"demand_id": script.name("DD"), "controller_id": controller}
            at = script.near(*turns)
            script.act("DisclosureDemandNotified", at, data, field="notified_at", after=received)
