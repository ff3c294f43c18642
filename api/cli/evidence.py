"""`verantwoord evidence`: what the ledger holds for the controls of a framework.

`tests/test_cli_evidence.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape
from rich.padding import Padding

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Schema, home
from api.cli.output import console, local, print_json
from api.cli.read import AS_FILES, FILES, AsOf, KnownAt, Lang, Language, asked, write_file
from api.moments import parse_period
from ledger.errors import ConfigurationError
from projections.civil import civil_date
from projections.exports import document, evidenced, oscal
from projections.frameworks.evidence import LARGEST_SAMPLE, Evidence, Gathered, gather
from projections.frameworks.framework import Framework, all_frameworks
from projections.withheld import one_controller


class EvidenceFormat(StrEnum):
    """How evidence is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"
    REPORT = "report"
    OSCAL = "oscal"


def evidence(
    framework: Annotated[
        str | None, typer.Argument(help="Id of a framework, such as iso27001; which there are.")
    ] = None,
    control: Annotated[
        str | None, typer.Argument(help="Id of a control, such as A.5.24; all of them.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", help="First day of the period; a year before its end.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Last day of the period, or an instant; now.")
    ] = None,
    controller: Annotated[
        str | None, typer.Option(help="Only what concerns this controller, or nobody.")
    ] = None,
    sample: Annotated[
        int,
        typer.Option(help="So many events of the control, drawn.", min=0, max=LARGEST_SAMPLE),
    ] = 0,
    seed: Annotated[
        str, typer.Option(help="Whoever knows it draws the same sample; choose it yourself.")
    ] = "",
    as_of: AsOf = None,
    known_at: KnownAt = None,
    lang: Lang = Language.EN,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Annotated[
        EvidenceFormat,
        typer.Option(help=f"table for people; json, csv, oscal, {FILES}"),
    ] = EvidenceFormat.TABLE,
) -> None:
    """Print what the ledger holds for the controls of a framework, in a period.

    How many events, which findings rest on them, when the last was, what did not come in time, and
    for one control a sample with receipts. Evidence is no judgement: where there is none, the
    ledger holds none.
    """
    frameworks = all_frameworks(home(data, database_url, schema).frameworks)
    if framework is None:
        _print_frameworks(frameworks.values(), lang, format)
        return
    chosen = _chosen(framework, frameworks)
    if control is not None and control not in chosen.controls:
        raise ConfigurationError(f"{framework} has no control {control}")
    if control is None and sample and format is not EvidenceFormat.OSCAL:
        raise ConfigurationError("--sample is drawn for one control: name it")
    with asked(data, database_url, schema, as_of, known_at, format) as (ledger, moment):
        origin = ledger.identity.origin
        connections = ledger.pool if controller is None else one_controller(ledger, controller)
        found = gather(
            connections,
            ledger.now(),
            chosen,
            parse_period(begin, until, ledger.now()),
            moment,
            controls=() if control is None else (control,),
            sample=sample,
            seed=seed,
        )
        if format is EvidenceFormat.OSCAL:
            print_json(oscal.assessment_results(found, lang, origin, ledger.reader.leaf))
            return
        if format in AS_FILES:
            write_file(format, document.of_evidence(found, lang, origin), ledger, controller)
            return
    if format is EvidenceFormat.CSV:
        typer.echo(evidenced.coverage_csv(found, lang), nl=False)
    elif format is EvidenceFormat.JSON:
        made = evidenced.coverage_json if control is None else evidenced.control_json
        print_json(made(found, lang))
    elif control is None:
        _print_coverage(found, lang)
    else:
        _print_control(found, lang)


def _chosen(id_: str, frameworks: Mapping[str, Framework]) -> Framework:
    if id_ not in frameworks:
        raise ConfigurationError(f"there is no framework {id_}; there are {', '.join(frameworks)}")
    return frameworks[id_]


def _print_frameworks(
    frameworks: Collection[Framework], language: str, format: EvidenceFormat
) -> None:
    if format is EvidenceFormat.JSON:
        print_json(evidenced.frameworks_json({each.id: each for each in frameworks}, language))
        return
    for each in frameworks:
        console.print(
            f"[bold]{each.id:10}[/] {escape(each.name)}: {escape(each.about.text(language))},"
            f" {len(each.controls)} controls",
            highlight=False,
        )


def _print_coverage(found: Gathered, language: str) -> None:
    _print_head(found)
    silent: dict[str, list[str]] = {}
    for each in found.evidence:
        said = evidenced.says(each, found).text(language)
        if each.strength is None and not each.missed:
            silent.setdefault(said, []).append(each.control.id)
            continue
        last = str(civil_date(each.last)) if each.last else ""
        console.print(
            f"[bold]{each.control.id:14}[/]{each.population:7}  {last:10}  {said:12}"
            f" {escape(each.control.label.text(language))}",
            highlight=False,
        )
        if each.exceptions:
            _below(f"[red]{len(each.exceptions)} findings[/]")
        _print_missed(each)
    for said, controls in silent.items():
        console.print(f"[bold]{said}[/]: {', '.join(controls)}", highlight=False)
    counts = evidenced.coverage_json(found, language)["coverage"]
    console.print(
        f"{counts['controls']} controls: {counts['primary']} with primary evidence,"
        f" {counts['supporting']} with supporting evidence, {counts['none']} with none",
        highlight=False,
    )
    _print_foot(found, language)


def _print_control(found: Gathered, language: str) -> None:
    (evidence,) = found.evidence
    control = evidence.control
    _print_head(found)
    label = escape(control.label.text(language))
    said = evidenced.says(evidence, found).text(language)
    console.print(f"[bold]{control.id}[/] {label}: {said}", highlight=False)
    for strength in ("primary", "supporting"):
        for name in getattr(control, strength):
            word = evidenced.STRENGTHS[strength].text(language)
            console.print(f"  {evidence.counts[name]:6} {name} [dim]{word}[/]", highlight=False)
    if evidence.first and evidence.last:
        console.print(f"  from {local(evidence.first)} to {local(evidence.last)}", highlight=False)
    _print_missed(evidence)
    for finding in evidence.exceptions:
        console.print(
            f"  [red]finding[/] {finding.rule.id} {finding.severity}, {local(finding.at)}:"
            f" {escape(finding.text.text(language))}",
            highlight=False,
        )
    if evidence.applicability:
        declared = evidence.applicability
        console.print(
            f"  statement of applicability {escape(declared.version)}:"
            f" {'applicable' if declared.applicable else 'not applicable'}",
            highlight=False,
        )
    if evidence.sample:
        drawn = ", ".join(map(str, evidence.sample))
        console.print(f"  sample, seed {found.seed!r}: entries {drawn}", highlight=False)
    _print_foot(found, language)


def _print_missed(evidence: Evidence) -> None:
    for each in evidence.missed:
        came = f"came {local(each.until)}" if each.until else "has not come"
        _below(
            f"[yellow]missed[/] {each.type}, every {each.every}: due {local(each.due)}, {came}"
            f" ({each.times}×)"
        )


def _below(text: str) -> None:
    console.print(Padding(text, (0, 0, 0, 4), expand=False), highlight=False, soft_wrap=False)


def _print_head(found: Gathered) -> None:
    console.print(
        f"[bold]{escape(found.framework.name)}[/], {local(found.period.begin)} to"
        f" {local(found.period.end)}",
        highlight=False,
    )


def _print_foot(found: Gathered, language: str) -> None:
    console.print(
        f"{evidenced.MARK.text(language)}\n"
        f"rests on the first {found.basis.size} entries of the log",
        highlight=False,
    )
