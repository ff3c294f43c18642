"""`--all-logs`: one question to every log of a processor, asked side by side.

What is printed names each log, and the checkpoint that its answer rests on. A log that did not
answer is named too, and the exit status is 1 then. `tests/test_cli_logs.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.options import KEEP
from api.cli.output import console, errors, local, print_json
from api.moments import MomentError, parse_moment
from ledger import across
from ledger.across import Told
from ledger.errors import ConfigurationError
from ledger.logs import DeployedLog, logs_of, of_processor
from ledger.opening import Ledger
from projections import follow
from projections.exports.tables import basis_json
from projections.question import Basis, Moment

AllLogs = Annotated[
    bool,
    typer.Option(
        "--all-logs",
        help="Of every log of the processor in --data, side by side; each with its checkpoint.",
    ),
]

Processor = Annotated[
    str | None,
    typer.Option(
        "--processor",
        help="With --all-logs: whose logs, by the Chamber of Commerce number, where there are"
        " those of several.",
    ),
]

Patience = Annotated[
    float,
    typer.Option(help="With --all-logs: seconds after which a log is told not to answer.", min=0.1),
]


def to_append_to(data: Path, database_url: str | None, processor: str | None) -> list[DeployedLog]:
    """The logs of a processor, for who appends to each of them. Raises ConfigurationError."""
    if os.environ.get(KEEP):
        raise ConfigurationError(
            f"{KEEP} names the files of one log: leave it out, or append to each log by itself"
        )
    return of_processor(logs_of(data, database_url), processor)


class Answered(Protocol):
    """An answer that says what it rests on."""

    @property
    def basis(self) -> Basis:
        """The entries and the checkpoint."""


A = TypeVar("A", bound=Answered)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every log: of which, about when, and how long to wait."""

    logs: list[DeployedLog]
    moment: Moment
    patience: float

    @classmethod
    def of(
        cls,
        data: Path,
        database_url: str | None,
        processor: str | None,
        patience: float,
        as_of: str | None,
        known_at: str | None,
    ) -> Asked:
        """As the options say. Raises ConfigurationError."""
        try:
            moment = parse_moment(as_of, known_at)
        except MomentError as error:
            raise ConfigurationError(str(error)) from None
        if isinstance(moment.known_at, int):
            raise ConfigurationError("a number of entries is of one log: give --known-at a moment")
        return cls(of_processor(logs_of(data, database_url), processor), moment, patience)


def tell(
    asked: Asked,
    format: str,
    question: Callable[[Ledger, Moment], A],
    as_json: Callable[[A], Any],
    show: Callable[[A], None],
) -> None:
    """Ask every log, and print what each says. Raises typer.Exit(1) when one did not answer."""
    if format not in ("json", "table"):
        raise ConfigurationError(
            f"{format} has no place for the checkpoints of several logs: ask for table or json, or"
            " each log by itself"
        )

    def ask(ledger: Ledger) -> A | None:
        follow.catch_up(ledger.pool)
        try:
            return question(ledger, asked.moment)
        except LookupError:
            return None  # nothing had been recorded there then

    told = across.ask(asked.logs, ask, asked.patience)
    if format == "json":
        print_json(
            {
                "processor": asked.logs[0].place.kvk,
                "complete": all(one.failure is None for one in told),
                "logs": [_as_json(one, as_json) for one in told],
            }
        )
    else:
        for one in told:
            if one.answer is not None:
                console.print(f"\n[bold]{one.log.name}[/]  {one.log.origin}", highlight=False)
                show(one.answer)
        console.print(_checkpoints(told))
    complete_or_exit(told)


def complete_or_exit(told: list[Told[Any]]) -> None:
    """Raises typer.Exit(1), and says so, when a log did not answer."""
    silent = [one for one in told if one.failure is not None]
    for one in silent:
        failure = escape(str(one.failure))
        errors.print(f"[bold red]no answer[/] of {one.log.name}: {failure}", highlight=False)
    if silent:
        errors.print(
            f"[bold red]incomplete[/]: {len(silent)} of {len(told)} logs did not answer",
            highlight=False,
        )
        raise typer.Exit(1)


def _as_json(one: Told[A | None], as_json: Callable[[A], Any]) -> dict[str, Any]:
    return {
        "log": one.log.name,
        "origin": one.log.origin,
        "basis": None if one.answer is None else basis_json(one.answer.basis),
        "failed": one.failure,
        "answer": None if one.answer is None else as_json(one.answer),
    }


def _checkpoints(told: list[Told[A | None]]) -> Table:
    table = Table("log", "origin", "entries", "last recorded", "root", title="Rests on")
    for one in told:
        basis = None if one.answer is None else one.answer.basis
        if one.failure is not None:
            cells = ["no answer", "", ""]
        elif basis is None or basis.checkpoint is None:
            cells = ["nothing was recorded then", "", ""]
        else:
            recorded = local(basis.recorded_at) if basis.recorded_at else "never"
            cells = [str(basis.size), recorded, basis.checkpoint.splitlines()[2]]
        table.add_row(one.log.name, one.log.origin, *cells, style="red" if one.failure else None)
    return table
