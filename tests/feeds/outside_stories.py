"""Subprocessors and transfers (clauses 5.3 and 7), and breaches (clause 9)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.feeds.script import Act, Script
from tests.naive.civil import after_days, day

SUBPROCESSORS = ("S1", "S2", "S3", "S4")
COUNTRIES = ("NL", "NO", "US", "IN", "CH", "GB", "BR")
CLAUSES = ("2.4", "4.1", "5.3", "6.2", "7", "8", "9", "10", "11")


def subprocessor(script: Script) -> None:
    """A subprocessor is announced, objected to, engaged, and data go where it is."""
    begin = script.begin()
    name = script.pick(*SUBPROCESSORS)
    country = script.pick(*COUNTRIES)
    announced = announce(script, name, country, begin) if script.often() else None
    window = after_days(begin, script.pick(7, 14, 0, 1))
    if announced is not None:
        objections(script, announced, window)
    engaged_at = script.near(window, begin + timedelta(days=20), begin)
    contract(script, name, engaged_at)
    change = {} if announced is None else {"change_id": announced.data["change_id"]}
    for at in (engaged_at, engaged_at + timedelta(days=10))[: script.pick(1, 1, 2)]:
        script.act(
            "SubprocessorEngaged",
            at,
            {
                "subprocessor_id": name,
                "controller_ids": script.some(script.controllers),
                "countries": sorted({country, script.pick(country, "NL")}),
                **({} if script.seldom() else change),
            },
            field="started_at",
        )
    if script.often():
        transfer(script, name, country, engaged_at)
    if script.seldom():
        script.act(
            "SubprocessorDisengaged",
            script.near(engaged_at + timedelta(days=30)),
            {"subprocessor_id": name, "controller_ids": script.some(script.controllers)},
            field="at",
        )


def announce(script: Script, name: str, country: str, at: datetime) -> Act:
    """A change is announced; some whom it does not reach are told again."""
    data: dict[str, Any] = {
        "change_id": script.name("CH"),
        "subprocessor_id": name,
        "subprocessor_name": f"Subprocessor {name}",
        "kind": script.pick("add", "add", "replace", "relocate", "remove"),
        "countries": [country],
        "intended_start": day(at + timedelta(days=14)).isoformat(),
        "announced_via": "newsletter",
    }
    announced = script.act(
        "SubprocessorChangeAnnounced",
        at,
        {**data, "delivered_to": deliveries(script, at)},
        field="announced_at",
    )
    if script.seldom():
        again = at + timedelta(days=2)
        data["delivered_to"] = deliveries(script, again)
        script.act("SubprocessorChangeAnnounced", again, data, field="announced_at")
    return announced


def deliveries(script: Script, at: datetime) -> list[Any]:
    """To whom something was delivered, and for some when."""
    reached = script.some(script.controllers, least=0)
    if script.seldom():
        later = at + script.pick(timedelta(hours=1), timedelta(days=9))
        return [{"controller": c, "at": later.isoformat()} for c in reached]
    return [*reached]


def objections(script: Script, announced: Act, window: datetime) -> None:
    """Controllers object, in time and in form or not, and are answered or not."""
    for number, controller in enumerate(script.some(script.controllers, least=0)):
        objection = {
            "objection_id": f"O-{script.number}-{number}",
            "change_id": announced.data["change_id"],
            "controller_id": controller,
        }
        raised = script.act(
            "SubprocessorObjectionRaised",
            script.near(announced.at + timedelta(days=1), window),
            {**objection, "written": script.often(), "reasoned": script.often()},
            field="received_at",
            after=announced,
        )
        for _ in range(script.pick(0, 1, 2)):
            outcome = script.pick("upheld", "upheld", "rejected", "withdrawn", "accommodated")
            script.act(
                "SubprocessorObjectionResolved",
                script.near(raised.at + timedelta(days=1), window),
                {**objection, "outcome": outcome},
                field="at",
                after=raised,
            )


def contract(script: Script, name: str, engaged: datetime) -> None:
    """The contract with a subprocessor, or none."""
    if script.seldom():
        return
    passed_on = dict.fromkeys(CLAUSES, "art. 3")
    script.act(
        "SubprocessingContractConcluded",
        engaged - script.pick(timedelta(days=3), timedelta(0), -timedelta(seconds=1)),
        {
            "subprocessor_id": name,
            "subprocessor_name": f"Subprocessor {name}",
            **script.maybe("clause_map", passed_on, {"7": "art. 7"}, {}),
            **script.maybe("gaps", [], ["8"]),
        },
        field="signed_at",
    )


def transfer(script: Script, name: str, country: str, engaged: datetime) -> None:
    """Data go to a country, with or without consent and a basis in chapter V."""
    begin = engaged + script.pick(timedelta(minutes=5), timedelta(0), timedelta(days=3))
    where = {"subprocessor_id": name, "country": country}
    concerned = script.some(script.controllers)
    started = script.act(
        "ThirdCountryTransferStarted",
        begin,
        {
            **where,
            "transfer_id": script.name("TR"),
            "controller_ids": concerned,
            "mechanism": script.pick("adequacy", "SCC", "BCR", "derogation", "eea"),
            **script.maybe("safeguard_ref", "contract annex 2"),
            **script.maybe("tia_ref", "TIA-1"),
        },
        field="started_at",
    )
    stop = begin + timedelta(days=40)
    turns = [stop]
    for controller in concerned:
        for number in range(script.pick(1, 0, 2)):
            turns += consent(script, {**where, "controller_id": controller}, begin, stop, number)
    if script.pick(True, False):
        script.act(
            "ThirdCountryTransferEnded",
            script.near(*turns) + script.pick(timedelta(0), timedelta(hours=24)),
            {
                **where,
                "transfer_id": script.name("TR"),
                "controller_ids": script.some(concerned),
            },
            field="at",
            after=started,
        )


def consent(
    script: Script, of: dict[str, Any], begin: datetime, stop: datetime, number: int
) -> list[datetime]:
    """A consent to a transfer, which may expire or be withdrawn; when it does."""
    turns = []
    name = f"T-{script.number}-{of['controller_id']}-{number}"
    until = script.near(begin + timedelta(days=30))
    granted = script.act(
        "TransferConsentGranted",
        script.near(begin, begin - timedelta(days=5), begin + timedelta(days=20)),
        {
            **of,
            "consent_id": name,
            **script.maybe("valid_until", day(until).isoformat(), until.isoformat()),
        },
        field="valid_from",
        ahead=True,
    )
    if "valid_until" in granted.data:
        turns.append(until)
    if script.pick(False, True):
        withdrawn = script.act(
            "TransferConsentWithdrawn",
            script.near(until, stop - timedelta(hours=24)),
            {"consent_id": name, "controller_id": of["controller_id"]},
            field="at",
            after=granted,
        )
        turns.append(withdrawn.at)
    return turns


def breach(script: Script) -> None:
    """A breach: who is told when, what later turns out, and when it is closed."""
    begin = script.begin()
    concerned = script.some(script.controllers)
    name = {"breach_id": script.name("B")}
    aware = begin - script.pick(timedelta(0), timedelta(hours=5))
    confirmed = script.act(
        "BreachConfirmed",
        begin,
        {
            **name,
            "event_ref": script.name("SE"),
            "became_aware_at": aware.isoformat(),
            "occurred_from": (begin - timedelta(days=9)).isoformat(),
            "occurred_until": day(begin - timedelta(days=1)).isoformat(),
            "controller_ids": concerned,
            "subject_count": 1840,
        },
    )
    told = aware
    for controller in script.controllers:
        for _ in range(script.pick(1, 1, 1, 0, 2)):
            hours = script.pick(24, 0, 1, 48, 72)
            notice = tell(script, confirmed, controller, aware + timedelta(hours=hours))
            told = notice.at
    last = develop(script, confirmed, concerned, aware)
    for controller in script.controllers:
        if script.pick(False, True):
            script.act(
                "SupervisoryAuthorityNotified",
                script.near(told + timedelta(hours=72)),
                {**name, "controller_id": controller},
                field="notified_at",
                after=confirmed,
            )
    if script.pick(True, True, False):
        at = script.near(after_days(last.at, script.pick(14, 2, 0)), last.at)
        script.act("BreachClosed", at, name, field="at", after=last)


def tell(script: Script, confirmed: Act, controller: str, at: datetime) -> Act:
    """A controller is told of a breach."""
    data = {
        "breach_id": confirmed.data["breach_id"],
        "controller_id": controller,
        "missing_items": script.pick([], ["cause"], ["cause", "measures"]),
    }
    at = script.near(at)
    return script.act("BreachNotified", at, data, field="notified_at", after=confirmed)


def develop(script: Script, confirmed: Act, concerned: list[str], aware: datetime) -> Act:
    """The updates of a breach, in order."""
    last = confirmed
    for number in range(1, 1 + script.pick(1, 0, 2, 3)):
        at = max(script.near(after_days(last.at, script.pick(14, 2, 0)), last.at), last.at)
        data = {
            "breach_id": confirmed.data["breach_id"],
            "update_no": number,
            "delivered_to": deliveries(script, at) if script.seldom() else [*script.controllers],
            "changed_facts": script.pick(
                {"cause": "a bucket was open"},
                {"subject_count": 2115},
                {"measures": "closed", "cause": "a bucket was open"},
            ),
        }
        if script.seldom():
            field = script.pick("added_controller_ids", "controllers_added")
            data[field] = script.some(script.controllers)
            if script.pick(True, False):
                data["became_aware_at"] = max(aware, at - timedelta(hours=24)).isoformat()
        last = script.act("BreachUpdateIssued", at, data, field="issued_at", after=last)
    return last
