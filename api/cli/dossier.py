"""`verantwoord dossier`: what the law asks for as one document. `tests/test_dossiers.py`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Schema
from api.cli.output import console, print_json
from api.cli.read import AS_FILES, FILES, AsOf, KnownAt, Lang, Language, asked, write_file
from ledger.errors import ConfigurationError
from projections.dossiers import DOSSIERS
from projections.dossiers.dossier import Kind, NoSuch, ask_dossier
from projections.exports import dossiers as shown
from projections.exports.document import Document, text
from projections.exports.linked import to_jsonld
from projections.exports.pia import to_pia
from projections.withheld import one_controller


class DossierFormat(StrEnum):
    """How a dossier is written."""

    TABLE = "table"
    JSON = "json"
    XLSX = "xlsx"
    PDF = "pdf"
    REPORT = "report"
    JSONLD = "jsonld"
    SVG = "svg"
    PIA = "pia"


def dossier(
    name: Annotated[
        str | None, typer.Argument(help=f"One of: {', '.join(DOSSIERS)}; which there are.")
    ] = None,
    controller: Annotated[
        str | None, typer.Option(help="Id of the controller it is about, and is made for.")
    ] = None,
    breach: Annotated[
        str | None, typer.Option(help="Id of the personal data breach it is about.")
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    lang: Lang = Language.EN,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Annotated[
        DossierFormat,
        typer.Option(
            help="table for people; json, jsonld (W3C DPV), svg (data flows), pia (for the PIA"
            f" tool of the CNIL), {FILES}"
        ),
    ] = DossierFormat.TABLE,
) -> None:
    """Print a dossier: the register for the authority, the pre-fill of a controller's own, the file
    of a breach, the authority's form for it, or support with a DPIA.

    It says what was recorded, and names what only the controller can answer. With --controller it
    holds what that one may see.
    """
    if name is None:
        for kind in DOSSIERS.values():
            needs = f" [dim](--{', --'.join(sorted(kind.needs))})[/]" if kind.needs else ""
            console.print(
                f"[bold]{kind.name:20}[/] {escape(kind.title.text(lang))}, {kind.source}{needs}",
                highlight=False,
            )
        return
    kind = _kind(name, format, controller, breach)
    with asked(data, database_url, schema, as_of, known_at, format) as (ledger, moment):
        origin = ledger.identity.origin
        connections = ledger.pool if controller is None else one_controller(ledger, controller)
        try:
            found = ask_dossier(
                connections, ledger.now(), kind, moment, controller=controller, breach=breach
            )
        except NoSuch as error:
            raise ConfigurationError(str(error)) from None
        document = shown.to_document(found, lang, origin)
        if format in AS_FILES:
            write_file(format, document, ledger, controller)
            return
    if format is DossierFormat.JSON:
        print_json(shown.to_json(found, lang))
    elif format is DossierFormat.JSONLD:
        print_json(to_jsonld(found, lang, origin))
    elif format is DossierFormat.PIA:
        print_json(to_pia(found, lang))
    elif format is DossierFormat.SVG:
        drawn = shown.picture(found, lang)
        if drawn is None:
            raise ConfigurationError("no data flows were recorded")
        typer.echo(drawn, nl=False)
    else:
        _print(document, lang)


def _kind(name: str, format: DossierFormat, controller: str | None, breach: str | None) -> Kind:
    kind = DOSSIERS.get(name)
    if kind is None:
        raise ConfigurationError(f"there is no dossier {name}; there are {', '.join(DOSSIERS)}")
    given = {"controller": controller, "breach": breach}
    for needed in sorted(kind.needs):
        if given[needed] is None:
            raise ConfigurationError(f"{name} is about one {needed}: give --{needed}")
    if breach is not None and "breach" not in kind.needs:
        raise ConfigurationError(f"{name} is about no single breach: leave --breach out")
    if format is not DossierFormat.TABLE and format not in shown.formats_of(kind):
        raise ConfigurationError(f"{name} comes as {', '.join(shown.formats_of(kind))}")
    return kind


def _print(document: Document, lang: str) -> None:
    console.print(f"[bold]{escape(document.title)}[/]  ({document.subtitle})", highlight=False)
    for part in document.tables:
        table = Table(title=part.title, title_justify="left", title_style="bold", show_lines=True)
        for heading in part.headings:
            table.add_column(heading.label, overflow="fold")
        for row in part.rows:
            table.add_row(*(escape(text(value, lang)) for value in row))
        if part.rows:
            console.print(table, soft_wrap=False)
        else:
            console.print(f"[bold]{escape(part.title)}[/]: [dim]-[/]", highlight=False)
    console.print(f"rests on the first {document.size} entries", highlight=False)
