"""`verantwoord register`, `rebuild` and `export-log`: what the ledger gives out."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema, home
from api.cli.output import Format, console, local, print_json, progress
from api.cli.several import AllLogs, Asked, Patience, Processor, tell
from api.moments import MomentError, parse_moment
from ledger.across import PATIENCE
from ledger.errors import ConfigurationError
from ledger.export import export_log as write_log
from ledger.opening import Ledger, open_ledger
from ledger.unsealing import opener
from projections import follow
from projections.exports import document, tables
from projections.exports.file import make
from projections.exports.kinds import kind_of, own_columns
from projections.exports.paper import TooLong
from projections.question import Answer, Moment, ask
from projections.rebuild import Workers
from projections.register import Column
from projections.registers import REGISTERS
from projections.showing import shown, values_of
from projections.withheld import one_controller


class RegisterFormat(StrEnum):
    """How a register is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"
    REPORT = "report"


class Language(StrEnum):
    """Dutch or English."""

    NL = "nl"
    EN = "en"


AsOf = Annotated[
    str | None, typer.Option(help="What was the case then: 2025-06-28, or an instant.")
]
KnownAt = Annotated[
    str | None, typer.Option(help="What was known then, or in the first so many entries.")
]
Lang = Annotated[Language, typer.Option(help="Language of labels and texts.")]


FILES = "xlsx or pdf on stdout; report is a PDF that proves itself."

AS_FILES = frozenset({"xlsx", "pdf", "report"})
"""The formats that are files."""


@contextmanager
def asked(
    data: Path,
    database_url: str | None,
    schema: str,
    as_of: str | None,
    known_at: str | None,
    format: str = "",
) -> Iterator[tuple[Ledger, Moment]]:
    """An open ledger whose registers have caught up, and the moment that was asked about. One that
    signs is opened for a report."""
    try:
        moment = parse_moment(as_of, known_at)
        with open_ledger(home(data, database_url, schema), signs=format == "report") as ledger:
            follow.catch_up(ledger.pool)
            yield ledger, moment
    except MomentError as error:
        raise ConfigurationError(str(error)) from None
    except LookupError:
        raise ConfigurationError("nothing had been recorded at that moment") from None


def register(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(REGISTERS)}")],
    controller: Annotated[
        str | None, typer.Option(help="Id of a controller: its own rows and the general ones.")
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    lang: Lang = Language.EN,
    unsealed: Annotated[
        bool, typer.Option("--unsealed", help="With the text of sealed fields.")
    ] = False,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Annotated[
        RegisterFormat, typer.Option(help=f"table for people; json, csv, {FILES}")
    ] = RegisterFormat.TABLE,
    all_logs: AllLogs = False,
    processor: Processor = None,
    patience: Patience = PATIENCE,
) -> None:
    """Print a register: as it is now, as of a moment, as known at a moment."""
    found = REGISTERS.get(name)
    if found is None:
        raise ConfigurationError(f"there is no register {name!r}; there are {', '.join(REGISTERS)}")

    def question(ledger: Ledger, moment: Moment) -> Answer:
        answer = ask(ledger.pool, found, moment, controller=controller)
        if not unsealed:
            return shown(answer)
        with ledger.pool.connection() as conn:
            show = opener(conn, ledger.master_keys(), values_of(answer))
        return shown(answer, show)

    if all_logs:
        tell(
            Asked.of(data, database_url, processor, patience, as_of, known_at),
            format,
            question,
            lambda answer: tables.to_json(answer, lang),
            lambda answer: print_register(answer, lang),
        )
        return
    with asked(data, database_url, schema, as_of, known_at, format) as (ledger, moment):
        origin = ledger.identity.origin
        answer = question(ledger, moment)
        if format in AS_FILES:
            made = document.of_register(answer, lang, origin, controller)
            write_file(format, made, ledger, controller)
            return
    if format is RegisterFormat.JSON:
        print_json(tables.to_json(answer, lang))
    elif format is RegisterFormat.CSV:
        typer.echo(tables.to_csv(answer, lang), nl=False)
    else:
        print_register(answer, lang)


def write_file(
    format: str, made: document.Document, ledger: Ledger, controller: str | None
) -> None:
    """A spreadsheet or a PDF on stdout; a report with the events that the controller may read, or
    all. Raises ConfigurationError where that is a terminal, or the PDF would be too long."""
    if sys.stdout.isatty():
        ending = "xlsx" if format == "xlsx" else "pdf"
        raise ConfigurationError(f"{format} is a file: add `> {made.name}.{ending}`")
    seen = ledger.pool if controller is None else one_controller(ledger, controller)
    try:
        sys.stdout.buffer.write(make(format, made, ledger, seen))
    except TooLong as error:
        raise ConfigurationError(f"{error}: name a controller, or ask for csv") from None
    sys.stdout.buffer.flush()


MANY_COLUMNS = 7
"""With more columns than this, a few rows are easier to read beside each other."""


def print_register(answer: Answer, language: str) -> None:
    """A register as tables, one for each kind of row, without the columns that are empty there."""
    by_kind: dict[str, list[dict[str, object]]] = {}
    for row in answer.rows:
        by_kind.setdefault(kind_of(answer.register, row.values), []).append(dict(row.values))
    title = answer.register.title.text(language)
    console.print(f"[bold]{title}[/]  ({answer.register.source})", highlight=False)
    for kind, rows in by_kind.items():
        shown = [
            column
            for column in own_columns(answer.register)
            if any(values.get(column.key) for values in rows)
        ]
        console.print(_table(kind.replace("_", " "), shown, rows, language), soft_wrap=False)
    moment = local(answer.basis.recorded_at) if answer.basis.recorded_at else "never"
    console.print(
        f"rests on the first {answer.basis.size} entries, the last recorded {moment}",
        highlight=False,
    )


def _table(
    title: str, columns: list[Column], rows: list[dict[str, object]], language: str
) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_lines=True)
    if len(columns) > MANY_COLUMNS and len(rows) <= MANY_COLUMNS:
        table.show_header = False
        table.add_column(style="bold")
        table.add_column(style="dim")
        for _ in rows:
            table.add_column(overflow="fold")
        for column in columns:
            cells = (_shown(values.get(column.key), language) for values in rows)
            table.add_row(column.label.text(language), column.source, *cells)
        return table
    for column in columns:
        table.add_column(f"{column.label.text(language)}\n[dim]{column.source}[/]", overflow="fold")
    for values in rows:
        table.add_row(*(_shown(values.get(column.key), language) for column in columns))
    return table


INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def _shown(value: object, language: str) -> str:
    """A value as people read it: instants in Dutch civil time, to the minute."""
    return escape(INSTANT.sub(lambda found: local(found[0]), tables.cell(value, language)))


def rebuild(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    workers: Annotated[
        int,
        typer.Option(
            help="Processes that fold, beside the one that writes and PostgreSQL.", min=1, max=64
        ),
    ] = 1,
    format: Formatted = Format.TEXT,
) -> None:
    """Make all registers anew from the log, and swap them in whole; readers see no gap."""
    with (
        open_ledger(home(data, database_url, schema), signs=False) as ledger,
        progress("entries", ledger.reader.size()) as show,
    ):
        taking = Workers(workers, ledger.database)
        position = follow.rebuild(ledger.pool, progress=show, workers=taking)
    if format is Format.JSON:
        print_json({"position": position})
    else:
        console.print(f"The registers are those of the first {position} entries.")


def export_log(
    directory: Annotated[Path, typer.Argument(help="Directory to write to; may be written again.")],
    latest: Annotated[
        bool,
        typer.Option(
            "--latest", help="Up to the latest checkpoint, also if no quorum cosigned it yet."
        ),
    ] = False,
    timestamped: Annotated[
        bool, typer.Option("--timestamped", help="Up to the latest checkpoint with a timestamp.")
    ] = False,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Write the log as files (C2SP tlog-tiles), for `verantwoord verify` or another verifier."""
    if latest and timestamped:
        raise ConfigurationError("give one of --latest and --timestamped")
    where = home(data, database_url, schema)
    with open_ledger(where, signs=False) as ledger, progress("tiles") as show:
        size = write_log(
            ledger.reader,
            ledger.vkeys(),
            directory,
            lambda done, _: show(done),
            latest=latest,
            timestamped=timestamped,
        )
        newer = ledger.reader.size() - size
    if format is Format.JSON:
        print_json({"size": size, "newer": newer, "directory": str(directory)})
        return
    console.print(f"{size} entries in {directory}; check them with `verantwoord verify`.")
    if newer:
        console.print(
            f"{newer} newer entries are left out: they are not under a checkpoint as asked for"
            " yet (--latest)."
        )
