"""Agreements and licences, and what comes after them (clauses 2.3, 3.2, 4.3, 10)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.feeds.script import BEGIN, Act, Script
from tests.naive.civil import after_days, close, day, period_later

PERIODS = ("P1M", "P14D", "P0D", "P2M", "P1W")


def agreement(script: Script, controller: str) -> None:
    """An agreement and the licence that rests on it, and perhaps the end of both."""
    signed = BEGIN + script.pick(timedelta(days=1), timedelta(days=29), timedelta(hours=1))
    concluded = None
    if script.pick(True, True, True, True, True, True, True, False):
        concluded = conclude(script, controller, signed)
        for version in range(script.pick(0, 0, 0, 1, 2)):
            amend(script, controller, concluded, version)
    granted = script.act(
        "LicenceGranted",
        signed + script.pick(timedelta(days=1), timedelta(0), -timedelta(seconds=1)),
        {"controller_id": controller, "licence_id": f"L-{script.number}"},
        field="starts_at",
        ahead=True,
    )
    if script.pick(True, True, False):
        afterwards(script, controller, granted, concluded)


def terms(script: Script) -> dict[str, Any]:
    """Terms that an agreement or an amendment may give."""
    return {
        **script.maybe("retention_after_licence", *PERIODS),
        **script.maybe("audit_limit", "2/year", 0, 2, "1"),
        **script.maybe("audit_year_basis", "calendar", "rolling", "contract"),
        **script.maybe("breach_hours", 24, 48, 0, 1),
        **script.maybe("update_silence_days", 14, 2, 0),
        **script.maybe("dsr_forward_days", 5, 0, 1),
        **script.maybe("copies_days", 30, 1),
        **script.maybe("data_categories", ["name", "health"], ["name", {"category": "photo"}]),
    }


def conclude(script: Script, controller: str, at: datetime) -> Act:
    """An agreement."""
    data = {
        "controller_id": controller,
        "effective_from": day(at).isoformat(),
        "objection_days": script.pick(7, 14, 0, 1),
        "transfer_area": script.pick("EU", "EEA"),
        "initial_subprocessors": script.some(["S1", "S2"], least=0),
        **(terms(script) if script.seldom() else {}),
    }
    return script.act("ProcessingAgreementConcluded", at, data, field="effective_from", ahead=True)


def amend(script: Script, controller: str, concluded: Act, version: int) -> None:
    """Other terms from some moment on."""
    data = {
        "controller_id": controller,
        "version": f"1.{version}",
        **script.maybe("objection_days", 14, 0, 21),
        **script.maybe("transfer_area", "EEA", "EU"),
        **terms(script),
    }
    at = max(script.near(script.begin()), concluded.occurred)
    script.act(
        "ProcessingAgreementAmended",
        at,
        data,
        field="effective_from",
        ahead=True,
        after=concluded,
    )


def afterwards(script: Script, controller: str, granted: Act, concluded: Act | None) -> None:
    """The licence ends; data are kept, returned, erased, or not."""
    licence = {"controller_id": controller, "licence_id": granted.data["licence_id"]}
    end = max(script.begin(), granted.at + timedelta(days=1))
    ended = script.act("LicenceEnded", end, licence, field="ended_at", ahead=True, after=granted)
    last_day = period_later(day(ended.at), script.pick(*PERIODS))
    due = close(last_day)
    choices(script, controller, ended.at, due)
    turns = [due, ended.at + timedelta(days=1), *holds(script, controller, ended.at, due)]
    erasures(script, controller, turns)
    if concluded is not None and script.pick(True, False):
        end = max(script.near(*turns), concluded.at)
        data = {"controller_id": controller}
        script.act(
            "ProcessingAgreementEnded", end, data, field="ended_at", ahead=True, after=concluded
        )
    if script.seldom():
        again = {"controller_id": controller, "licence_id": f"L-{script.number}-2"}
        script.act("LicenceGranted", script.near(*turns), again, field="starts_at", ahead=True)


def choices(script: Script, controller: str, ended: datetime, due: datetime) -> None:
    """What the controller chose, and a return of the data."""
    chose = script.near(ended, due - timedelta(days=2))
    if script.pick(True, False):
        data = {
            "controller_id": controller,
            "choice": script.pick("erase", "return", "return_then_erase"),
        }
        script.act("ReturnOrErasureChosen", chose, data, field="chosen_at")
    if script.pick(False, True):
        returned = script.act(
            "DataReturned",
            script.near(chose, due - timedelta(days=1)),
            {
                "controller_id": controller,
                "return_id": script.name("DR"),
                "method": script.pick("download_link", "carrier"),
                "encrypted": script.often(),
            },
            field="sent_at",
        )
        if script.pick(True, False):
            script.act(
                "DataReturnAcknowledged",
                script.near(returned.at, due),
                {"controller_id": controller, "return_id": returned.data["return_id"]},
                field="at",
                after=returned,
            )


def holds(script: Script, controller: str, ended: datetime, due: datetime) -> list[datetime]:
    """Statutes that make the processor keep data; the moments that matter because of them."""
    turns = []
    for number in range(script.pick(0, 0, 1, 2)):
        until = script.near(due, ended + timedelta(days=5), due + timedelta(days=60))
        imposed = script.act(
            "StatutoryRetentionImposed",
            script.near(ended, due - timedelta(days=2), due),
            {
                "hold_id": f"H-{script.number}-{number}",
                "controller_id": controller,
                "legal_basis": "seizure",
                "until": script.pick(day(until).isoformat(), until.isoformat()),
                **script.maybe("data_categories", ["health"]),
            },
        )
        lapse = until
        if script.pick(True, False):
            lapse = max(script.near(until), imposed.occurred)
            data = {"hold_id": imposed.data["hold_id"], "controller_id": controller}
            script.act("StatutoryRetentionLapsed", lapse, data, field="at", after=imposed)
        turns += [lapse, after_days(lapse, 30)]
    return turns


def erasures(script: Script, controller: str, turns: list[datetime]) -> None:
    """Erasures of data and copies."""
    for number in range(script.pick(1, 0, 2, 3)):
        erased = script.act(
            "PersonalDataErased",
            script.near(*turns),
            {
                "controller_id": controller,
                "scope": "all",
                "partial": script.pick(False, True),
                "erasure_id": f"ER-{script.number}-{number}",
            },
            field="erased_at",
        )
        if script.pick(True, True, False):
            data = {
                "controller_id": controller,
                **script.maybe("subprocessors_confirmed", [], ["S1"], ["S1", "S2", "S3", "S4"]),
            }
            at = script.near(erased.at, after_days(erased.at, 30))
            script.act("CopiesErased", at, data, field="erased_at")
