"""Pictures for those who would rather look than read, each with its table behind it.

    /pictures/subprocessors   who was engaged from when until when (7.1)
    /pictures/breaches        hours from becoming aware to the notice, for each controller (9.2)
    /pictures/events          how long after it happened something was recorded (6.1)
    /pictures/data-flows      from a controller through the processor to whoever gets the data

What is drawn elsewhere is listed: findings by month, coverage of a framework. `tests/test_desk.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from api.access import holder_of
from api.desk import charts
from api.desk.charts import Bar, Span
from api.desk.entries import label_of
from api.desk.shown import EVERY_READER, asked_about, desk, shows
from api.pages.page import language_of
from api.state import ledger_of, rests_on
from ledger.reader import Reader
from projections import history
from projections.civil import local_minute
from projections.dossiers.dossier import NoSuch, ask_dossier
from projections.dossiers.dpia import FLOWS
from projections.engaged import ask_engaged
from projections.exports.document import text
from projections.exports.dossiers import picture, told
from projections.question import Basis, Moment, Picked, ask_all
from projections.register import Label
from projections.registers import REGISTERS

MOST = 60
"""Bars of a picture."""

LATEST = 500
"""Events of the picture of delays: the latest of those that may be read."""

LONGEST = 20
"""Rows of its table: those that took longest."""

router = APIRouter(include_in_schema=False)

Controller = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Kind:
    """A picture: its title, what it shows, and the name under which that is read."""

    title: Label
    about: Label
    reads: str


KINDS: Mapping[str, Kind] = {
    "subprocessors": Kind(
        Label("Subverwerkers door de tijd", "Subprocessors over time"),
        Label(
            "Van wanneer tot wanneer elke subverwerker is ingeschakeld, voor wie u ernaar vraagt.",
            "From when until when each subprocessor was engaged, for whom you ask about.",
        ),
        "subprocessors",
    ),
    "breaches": Kind(
        Label("Inbreuken: uren tot de melding", "Breaches: hours to the notice"),
        Label(
            "Uren tussen bekend worden met een inbreuk en de melding aan elke Klant.",
            "Hours between becoming aware of a breach and the notice to each controller.",
        ),
        "breaches",
    ),
    "events": Kind(
        Label("Gebeurd en vastgelegd", "Occurred and recorded"),
        Label(
            "Elke stip is een gebeurtenis: van links naar rechts wanneer het gebeurde, hoger"
            " naarmate het later werd vastgelegd. De tabel heeft wat het langst duurde.",
            "Each dot is an event: from left to right when it happened, higher the later it was"
            " recorded. The table has what took longest.",
        ),
        "events",
    ),
    "data-flows": Kind(
        Label("Gegevensstromen", "Data flows"),
        Label(
            "Van een Klant, door de verwerkingen, naar wie de gegevens krijgt.",
            "From a controller, through the processing, to whoever gets the data.",
        ),
        "dossiers",
    ),
}

HOURS, DAYS = Label("Uren", "Hours"), Label("Dagen", "Days")
SUBPROCESSOR, CONTROLLER = Label("Subverwerker", "Subprocessor"), Label("Klant", "Controller")
SINCE, UNTIL = Label("Sinds", "Since"), Label("Tot", "Until")
FROM, TO, WHAT = Label("Van", "From"), Label("Naar", "To"), Label("Wat", "What")
OCCURRED, RECORDED = Label("Gebeurd", "Occurred"), Label("Vastgelegd", "Recorded")
NOTIFIED, CONTROLLERS = Label("Gemeld", "Notified"), Label("Klanten", "Controllers")
EVENT, BREACH = Label("Gebeurtenis", "Event"), Label("Inbreuk", "Breach")

Cell = str | tuple[str, str]
"""What stands in a table: text, or text and where it leads."""


@router.get("/pictures", dependencies=[EVERY_READER])
def list_pictures(request: Request) -> HTMLResponse:
    """The pictures that may be looked at."""
    granted, language = holder_of(request).registers, language_of(request)
    found = [
        (name, kind.title.text(language), kind.about.text(language))
        for name, kind in KINDS.items()
        if granted is None or kind.reads in granted
    ]
    return desk(request, "pictures", pictures=found)


@router.get("/pictures/subprocessors", dependencies=[shows("subprocessors")])
def show_subprocessors(request: Request, controller: Controller = "") -> HTMLResponse:
    """Each subprocessor from the first engagement to the end of the last."""
    connections, asked = asked_about(request, controller)
    ledger, language = ledger_of(request), language_of(request)
    basis, engaged = ask_engaged(connections, controller=asked)
    now = ledger.now()
    shown = engaged[:MOST]
    spans = [
        Span(each.name, each.since, each.until, "ended")
        if each.until
        else Span(each.name, each.since, max(each.since, now), "running")
        for each in shown
    ]
    rows = [
        (
            each.name,
            local_minute(each.since),
            local_minute(each.until) if each.until else "",
            str(each.controllers),
        )
        for each in shown
    ]
    title = KINDS["subprocessors"].title.text(language)
    chart = charts.spans(spans, now, title, language) if spans else None
    headings = (SUBPROCESSOR, SINCE, UNTIL, CONTROLLERS)
    return _show(request, "subprocessors", controller, chart, headings, rows, basis)


@router.get("/pictures/breaches", dependencies=[shows("breaches")])
def show_breaches(request: Request, controller: Controller = "") -> HTMLResponse:
    """The notices of breaches, the latest first."""
    connections, asked = asked_about(request, controller)
    language = language_of(request)
    basis, found = ask_all(
        connections, [REGISTERS["breaches"]], controller=asked, picked=Picked("notice")
    )
    notices = [
        row.values
        for row in found
        if row.values["kind"] == "notice" and row.values["hours_to_notice"] is not None
    ]
    notices = sorted(notices, key=lambda each: str(each["notified_at"]), reverse=True)[:MOST]
    bars = [
        Bar(f"{each['breach_id']} {each['controller']}", float(each["hours_to_notice"]))
        for each in notices
    ]
    rows: list[Sequence[Cell]] = [
        (
            (str(each["breach_id"]), f"/cases/breach/{each['breach_id']}"),
            str(each["controller"]),
            text(each["notified_at"], language),
            f"{each['hours_to_notice']:g}",
        )
        for each in notices
    ]
    title = KINDS["breaches"].title.text(language)
    chart = charts.bars(bars, title, "; ".join(f"{b.label}: {b.value:g}" for b in bars))
    headings = (BREACH, CONTROLLER, NOTIFIED, HOURS)
    return _show(request, "breaches", controller, chart if bars else None, headings, rows, basis)


@router.get("/pictures/events", dependencies=[shows("events")])
def show_events(request: Request, controller: Controller = "") -> HTMLResponse:
    """The latest events by when they happened and how much later they were recorded."""
    connections, asked = asked_about(request, controller)
    language = language_of(request)
    stored = Reader(connections).latest(asked, LATEST)
    found = [history.recorded(each.position, each.leaf) for each in stored]
    points = [(each.occurred_at, each.recorded_at) for each in found]
    slowest = sorted(found, key=lambda e: e.recorded_at - e.occurred_at, reverse=True)[:LONGEST]
    rows: list[Sequence[Cell]] = [
        (
            (
                label_of(history.topic_of(each.type), language),
                f"/entries/{each.position - 1}",
            ),
            local_minute(each.occurred_at),
            local_minute(each.recorded_at),
            f"{(each.recorded_at - each.occurred_at).total_seconds() / 86_400:.1f}",
        )
        for each in slowest
    ]
    title = KINDS["events"].title.text(language)
    chart = charts.dots(points, title, KINDS["events"].about.text(language)) if points else None
    headings = (EVENT, OCCURRED, RECORDED, DAYS)
    rests_on(request, ledger_of(request).reader.size())
    return _show(request, "events", controller, chart, headings, rows, None)


@router.get("/pictures/data-flows", dependencies=[shows("dossiers")])
def show_data_flows(request: Request, controller: Controller = "") -> HTMLResponse:
    """Where the data of one controller go; the picture is that of its dossier for a DPIA."""
    connections, asked = asked_about(request, controller)
    language = language_of(request)
    headings = (FROM, TO, WHAT)
    if asked is None:
        return _show(request, "data-flows", controller, None, headings, [], None)
    try:
        dossier = ask_dossier(
            connections, ledger_of(request).now(), FLOWS, Moment(), controller=asked
        )
    except NoSuch as error:
        raise HTTPException(404, f"{error.args[0].capitalize()}.") from None
    (flows,) = dossier.sections
    rows = [
        tuple(text(told(row[key], language), language) for key in ("from", "to", "what"))
        for row in flows.rows
    ]
    drawn = picture(dossier, language)
    chart = Markup(drawn) if drawn else None  # noqa: S704 - every text in it is escaped
    return _show(request, "data-flows", controller, chart, headings, rows, dossier.basis)


def _show(
    request: Request,
    name: str,
    controller: str,
    chart: Markup | None,
    headings: Sequence[Label],
    rows: Sequence[Sequence[Cell]],
    basis: Basis | None,
) -> HTMLResponse:
    if basis is not None:
        rests_on(request, basis)
    language, kind = language_of(request), KINDS[name]
    return desk(
        request,
        "picture",
        title=kind.title.text(language),
        about=kind.about.text(language),
        chart=chart,
        headings=[heading.text(language) for heading in headings],
        rows=[[cell if isinstance(cell, tuple) else (cell, None) for cell in row] for row in rows],
        controller=controller,
        controllers=holder_of(request).controllers,
        basis=basis,
        here="pictures",
    )
