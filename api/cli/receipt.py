"""`verantwoord receipt`: what holders of receipts do with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import httpx
import typer

from api.cli.options import Formatted
from api.cli.output import Format, console, errors, print_json
from ledger import auditor, keys, log_keys
from ledger.auditor import HELP, Question
from ledger.errors import ConfigurationError, HistoriesDiffer, VerificationFailed
from ledger.receipt_files import asking, refresh_file
from ledger.refresh import Refreshed
from ledger.telling import as_json, printable

app = typer.Typer(help="Receipts: refresh those that are kept.", no_args_is_help=True)

PATIENCE = 30.0
"""Seconds for one step of an exchange with the ledger."""


@app.callback()
def receipt() -> None:
    """Receipts: refresh those that are kept."""


@app.command()
def refresh(
    files: Annotated[list[Path], typer.Argument(help="Receipts (.tlog-proof); they are replaced.")],
    url: Annotated[str, typer.Option(help="Address of the service: https://ledger.example.nl")],
    vkey: Annotated[Path | None, typer.Option(help=HELP["vkey"])] = None,
    policy: Annotated[Path | None, typer.Option(help=HELP["policy"])] = None,
    tsa: Annotated[list[Path] | None, typer.Option(help=HELP["tsa"])] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help=f"File with the token that reads; or set {auditor.TOKEN}."),
    ] = None,
    format: Formatted = Format.TEXT,
) -> None:
    """Ask the ledger for what others have said since: cosignatures and timestamps.

    A receipt is replaced only by one of the same entry, under a checkpoint of the same history,
    that stands higher by what you trust. Where the history is another one, nothing is replaced, and
    the answer is kept beside the receipt as evidence.
    """
    pins = auditor.pins(Question(where="", vkey=vkey, policy=policy, tsa=tsa or ()))
    if pins.vkey is None:
        raise ConfigurationError("give the log's verifier key: --vkey FILE")
    token = os.environ.get(auditor.TOKEN) if token_file is None else keys.read_secret(token_file)
    said = []
    with httpx.Client(base_url=url, timeout=PATIENCE) as http:
        ask = asking(http, token.strip() if token else None)
        for file in files:
            try:
                found = refresh_file(file, ask, log_keys.parse(pins.vkey), pins)
                said.append(_as_json(file, found))
            except VerificationFailed as failed:
                said.append(_failure(file, failed))
    if format is Format.JSON:
        print_json({"receipts": said})
    else:
        for one in said:
            where = errors if "failed" in one else console
            where.print(_line(one), markup=False, highlight=False, soft_wrap=True)
    if any("failed" in one for one in said):
        raise typer.Exit(1)


def _as_json(file: Path, found: Refreshed) -> dict[str, object]:
    report = as_json(found.report)
    return {
        "file": str(file),
        "replaced": found.replaced,
        "verdict": report["verdict"],
        "headline": report["headline"],
        "size": report["size"],
    }


def _failure(file: Path, failed: VerificationFailed) -> dict[str, object]:
    failure: dict[str, object] = {"file": str(file), "failed": printable(str(failed))}
    if isinstance(failed, HistoriesDiffer):
        failure["evidence"] = f"{file}.other"
    return failure


def _line(one: dict[str, object]) -> str:
    if "failed" in one:
        evidence = f" The answer is in {one['evidence']}." if "evidence" in one else ""
        return f"failed    {one['file']}: {one['failed']}.{evidence}"
    word = "refreshed" if one["replaced"] else "as it was"
    return f"{word}  {one['file']}: {one['headline']}"
