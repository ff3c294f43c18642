"""`verantwoord findings`, `clocks`, `check` and `status`: what was not kept, and what is due.

`tests/test_cli_judge.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.padding import Padding

from api import problems
from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Schema, home
from api.cli.output import Format, console, local, print_json
from api.cli.read import (
    AS_FILES,
    FILES,
    AsOf,
    KnownAt,
    Lang,
    Language,
    RegisterFormat,
    asked,
    write_file,
)
from api.cli.several import AllLogs, Asked, Patience, Processor, tell
from ledger import candidate
from ledger.across import PATIENCE
from ledger.cloudevent import read_instant
from ledger.errors import ConfigurationError
from ledger.opening import Ledger, open_ledger
from projections.checks import check as check_act
from projections.civil import civil_date
from projections.clocks import STATES, Clocks, SeenClock, ask_clocks
from projections.exports import document, judged
from projections.findings import SEVERITIES, Findings, HeldFinding, ask_findings
from projections.question import Moment
from projections.rules import RULES
from projections.status import Status, ask_status

COLOURS = {
    "major": "bold red",
    "minor": "yellow",
    "observation": "cyan",
    "policy": "dim",
    "late": "bold red",
    "running": "green",
    "met": "dim",
    "ended": "dim",
    "not_applicable": "dim",
}

OF_A_FINDING = ("rule", "severity", "controllers", "at", "text", "events")
"""The members of a finding on the command line; the HTTP interface gives more."""

Controller = Annotated[
    str | None, typer.Option(help="Id of a controller: its own and those about all.")
]
Judged = Annotated[
    RegisterFormat,
    typer.Option("--format", help=f"table for people; json, csv, {FILES}"),
]


def findings(
    controller: Controller = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="Only this rule, such as R-9.1; repeat.")
    ] = None,
    severity: Annotated[
        list[str] | None, typer.Option(help=f"Only this severity: {', '.join(SEVERITIES)}; repeat.")
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    lang: Lang = Language.EN,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Judged = RegisterFormat.TABLE,
    all_logs: AllLogs = False,
    processor: Processor = None,
    patience: Patience = PATIENCE,
) -> None:
    """Print what was not kept: the rule, the calculation, the events it rests on.

    A finding is never a refusal: the ledger records what happened, and this is what the rules of
    the agreement say of it. Exit status 0 says that the question was answered, not that there is
    nothing to find.
    """
    _known("rule", rule, RULES)
    _known("severity", severity, SEVERITIES)

    def question(ledger: Ledger, moment: Moment) -> Findings:
        return ask_findings(
            ledger.pool,
            ledger.now(),
            moment,
            controller=controller,
            rules=rule or (),
            severities=severity or (),
        )

    if all_logs:
        tell(
            Asked.of(data, database_url, processor, patience, as_of, known_at),
            format,
            question,
            lambda answer: judged.findings_json(answer, lang),
            lambda answer: _print_findings(answer, lang),
        )
        return
    with asked(data, database_url, schema, as_of, known_at, format) as (ledger, moment):
        origin = ledger.identity.origin
        answer = question(ledger, moment)
        if format in AS_FILES:
            made = document.of_findings(answer, lang, origin, controller)
            write_file(format, made, ledger, controller)
            return
    if format is RegisterFormat.JSON:
        found = (judged.finding_json(finding, lang) for finding in answer.findings)
        print_json([{key: finding[key] for key in OF_A_FINDING} for finding in found])
    elif format is RegisterFormat.CSV:
        typer.echo(judged.findings_csv(answer, lang), nl=False)
    else:
        _print_findings(answer, lang)


def clocks(
    within: Annotated[
        int | None, typer.Option(help="Due within so many days, or overdue.", min=0, max=3660)
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Only this state: {', '.join(STATES)}; repeat. Else what is still open."
        ),
    ] = None,
    controller: Controller = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    lang: Lang = Language.EN,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Judged = RegisterFormat.TABLE,
    all_logs: AllLogs = False,
    processor: Processor = None,
    patience: Patience = PATIENCE,
) -> None:
    """Print the duties with a term that are still open, the soonest due first."""
    _known("state", state, STATES)

    def question(ledger: Ledger, moment: Moment) -> Clocks:
        return ask_clocks(
            ledger.pool,
            ledger.now(),
            moment,
            controller=controller,
            states=state or (),
            within=None if within is None else timedelta(days=within),
        )

    if all_logs:
        tell(
            Asked.of(data, database_url, processor, patience, as_of, known_at),
            format,
            question,
            lambda answer: judged.clocks_json(answer, lang),
            lambda answer: _print_clocks(answer, lang),
        )
        return
    with asked(data, database_url, schema, as_of, known_at, format) as (ledger, moment):
        origin = ledger.identity.origin
        answer = question(ledger, moment)
        if format in AS_FILES:
            made = document.of_clocks(answer, lang, origin, controller)
            write_file(format, made, ledger, controller)
            return
    if format is RegisterFormat.JSON:
        print_json(judged.clocks_json(answer, lang))
    elif format is RegisterFormat.CSV:
        typer.echo(judged.clocks_csv(answer, lang), nl=False)
    else:
        _print_clocks(answer, lang)


def check(
    file: Annotated[
        Path, typer.Argument(help='A file with {"type": …, "data": {…}, "occurred_at": …}.')
    ],
    lang: Lang = Language.EN,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Annotated[
        Format, typer.Option("--format", help="text for people, json for machines (on stdout).")
    ] = Format.TEXT,
) -> None:
    """May this act happen now? Say which rules it would break; nothing is written.

    The event needs no signature. Without occurred_at it is judged as if it happened now; with a
    moment to come, as of that moment. Exit status 0: nothing stands in its way; 1: something does.
    """
    act = _act(file)
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        now = ledger.now()
        source = ledger.own_source(candidate.SYSTEM)
        event = candidate.make(act["type"], act["data"], act["occurred_at"] or now, source)
        answer = check_act(ledger.pool, event, now)
    refusal = None if answer.refusal is None else problems.document(answer.refusal)
    if format is Format.JSON:
        print_json({**judged.check_json(answer, lang), "refusal": refusal})
    else:
        word = "[bold green]nothing stands in its way[/]" if answer.allowed else "[bold red]no[/]"
        console.print(f"{word}, judged at {local(answer.at)}", highlight=False)
        if refusal:
            console.print(f"It would be refused: {refusal['detail']}", highlight=False)
        if answer.findings:
            _list_findings(answer.findings, lang)
        if answer.clocks:
            console.print("Clocks it starts or stops:")
            _list_clocks(answer.clocks, lang)
    if not answer.allowed:
        raise typer.Exit(1)


def status(
    within: Annotated[int, typer.Option(help="Days ahead for what is due.", min=0, max=3660)] = 30,
    lang: Lang = Language.EN,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Annotated[
        Format, typer.Option("--format", help="text for people, json for machines (on stdout).")
    ] = Format.TEXT,
) -> None:
    """One screen: the log, how far the registers follow, what is due, what was found."""
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        answer = ask_status(ledger, within=timedelta(days=within))
    if format is Format.JSON:
        print_json(judged.status_json(answer, lang))
    else:
        _print_status(answer, within, lang)


def _known(option: str, given: Sequence[str] | None, known: Collection[str]) -> None:
    for value in given or ():
        if value not in known:
            raise ConfigurationError(f"--{option} is one of: {', '.join(known)}; not {value!r}")


def _act(file: Path) -> dict[str, Any]:
    try:
        act = json.loads(file.read_text())
    except ValueError:
        raise ConfigurationError(f"{file} is not JSON") from None
    fields = {"type", "data", "occurred_at"}
    if not isinstance(act, dict) or not {"type", "data"} <= act.keys() <= fields:
        raise ConfigurationError(f"{file} holds an object with type, data and perhaps occurred_at")
    if not isinstance(act["type"], str):
        raise ConfigurationError(f"type in {file} is the name of an event type")
    return {**act, "occurred_at": _occurred_at(file, act.get("occurred_at"))}


def _occurred_at(file: Path, value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        return read_instant(value)
    except ValueError:
        detail = f"occurred_at in {file} is an instant with its offset (RFC 3339)"
        raise ConfigurationError(detail) from None


def _print_findings(answer: Findings, language: str) -> None:
    _list_findings(answer.findings, language)
    counts = Counter(finding.severity for finding in answer.findings)
    told = ", ".join(f"{counts[s]} {s}" for s in SEVERITIES if counts[s]) or "nothing was found"
    console.print(f"{told}; judged at {local(answer.at)}", highlight=False)
    _print_basis(answer)


def _print_clocks(answer: Clocks, language: str) -> None:
    _list_clocks(answer.clocks, language)
    console.print(f"{len(answer.clocks)} clocks; judged at {local(answer.at)}", highlight=False)
    _print_basis(answer)


def _print_basis(answer: Findings | Clocks) -> None:
    console.print(f"rests on the first {answer.basis.size} entries of the log", highlight=False)


def _list_findings(found: Sequence[HeldFinding], language: str) -> None:
    for finding in found:
        _head(local(finding.at), finding.rule.id, finding.severity, finding.controllers)
        _below(
            f"{escape(finding.text.text(language))} [dim]· entries {_entries(finding.events)}[/]"
        )


def _list_clocks(seen: Sequence[SeenClock], language: str) -> None:
    for clock in seen:
        _head(_due(clock), clock.rule.id, clock.state, clock.controllers)
        _below(f"{clock.title.text(language)} [dim]· {escape(clock.subject)}[/]")


def _head(moment: str, rule: str, word: str, controllers: Sequence[str]) -> None:
    """The first line of an item: columns that are read down. Its text goes below, whole lines."""
    whom = escape(", ".join(controllers)) or "[dim]processor-wide[/]"
    said = f"{word.replace('_', ' '):<14}"
    console.print(f"[bold]{moment}[/]  {rule:<8}[{COLOURS[word]}]{said}[/]{whom}", highlight=False)


def _below(text: str) -> None:
    console.print(Padding(text, (0, 0, 0, 4), expand=False), highlight=False, soft_wrap=False)


FEW = 6
"""More entries than this are told by their number."""


def _entries(positions: Sequence[int]) -> str:
    shown = ", ".join(str(position - 1) for position in positions[:FEW])
    return shown if len(positions) <= FEW else f"{shown} and {len(positions) - FEW} more"


def _coloured(word: str) -> str:
    return f"[{COLOURS[word]}]{word.replace('_', ' ')}[/]"


def _due(clock: SeenClock) -> str:
    """A term in days ends at 24:00 of its last day, which is 00:00 of the next."""
    if not clock.open_end:
        return local(clock.due_at)
    return f"{civil_date(clock.due_at - timedelta(microseconds=1))} 24:00"


def _print_status(answer: Status, within: int, language: str) -> None:
    console.print(f"[bold]{answer.origin}[/]  at {local(answer.at)}", highlight=False)
    lines: list[tuple[str, str]] = [
        ("log", f"{answer.size} entries, the last recorded {local(answer.recorded_at)}"),
        ("root", answer.root.hex()),
        ("registers", _lag(answer)),
        ("findings", _counted(answer)),
        (
            "certificates",
            _certificates(answer) or f"none expires within {answer.expiring.days} days",
        ),
    ]
    for name, value in lines:
        console.print(f"  [dim]{name:12}[/] {value}", highlight=False, soft_wrap=True)
    if answer.clocks:
        console.print(f"due within {within} days, or overdue:", highlight=False)
        _list_clocks(answer.clocks, language)
    else:
        console.print(f"  [dim]{'clocks':12}[/] nothing is due within {within} days")


def _lag(answer: Status) -> str:
    behind = answer.size - answer.followed
    if behind == 0:
        return "follow the whole log"
    return f"[yellow]{behind} entries behind[/]; a running service or `verantwoord rebuild` follows"


def _counted(answer: Status) -> str:
    parts = [f"[{COLOURS[s]}]{answer.findings[s]} {s}[/]" for s in SEVERITIES]
    return ", ".join(parts)


def _certificates(answer: Status) -> str:
    return "; ".join(
        f"{c.standard} {c.certificate_id} until {c.valid_until}" for c in answer.certificates
    )
