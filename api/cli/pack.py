"""`verantwoord pack`: the evidence for a scope and a period as one file that can be checked.

`tests/test_pack.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import (
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    Data,
    DatabaseUrl,
    Formatted,
    Schema,
    authorities_of,
    home,
)
from api.cli.output import Format, console, parts_done, print_json
from api.cli.read import Lang, Language
from api.moments import MomentError
from api.pack_scope import scope_of, trust_of
from ledger import durable_file
from ledger.errors import ConfigurationError
from ledger.inspections import Export, recording
from ledger.opening import open_ledger
from ledger.roles import OPERATOR
from projections import follow
from projections.exports.pack import about, write
from projections.frameworks.framework import all_frameworks


def pack(
    file: Annotated[Path, typer.Argument(help="File to write (.zip), readable to you alone.")],
    controller: Annotated[
        list[str] | None,
        typer.Option(help="Only what this controller may see; repeat. Without it the whole."),
    ] = None,
    framework: Annotated[
        list[str] | None, typer.Option(help="Evidence for this framework; repeat. All of them.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", help="First day of the period; a year before its end.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Last day of the period, or an instant; when the log ends."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Only the first so many entries, up to a checkpoint.", min=1),
    ] = None,
    lang: Lang = Language.EN,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Write an evidence pack: registers, findings, clocks and evidence for a period, the events
    with their proofs, and a signed list of it all, for `verantwoord verify`.

    The same scope at the same size of the log is the same file. It holds whole entries, and of
    controllers their keys: for the eyes of whom it is about, or who may see all. That it was made
    is recorded, with the SHA-256 of its list.
    """
    where = home(data, database_url, schema)
    scope = scope_of(
        all_frameworks(where.frameworks),
        controllers=controller or None,
        named=framework,
        begin=begin,
        until=until,
        language=lang.value,
        size=size,
    )
    policy = where.policy_file if where.policy_file.exists() else None
    trust = trust_of(policy, authorities_of(where, None))
    with open_ledger(where) as ledger, recording(ledger) as inspections:
        follow.catch_up(ledger.pool)
        try:
            with parts_done("evidence") as show, durable_file.writing(file, mode=0o600) as out:
                packed = write(ledger, scope, trust, out, show)
        except MomentError as error:
            raise ConfigurationError(str(error)) from None
        if inspections is not None:
            told = about(packed.manifest)
            inspections.exported(Export(OPERATOR, told, packed.sha256, packed.manifest.size))
    manifest = packed.manifest
    if format is Format.JSON:
        print_json(
            {
                "file": str(file),
                "files": len(manifest.files),
                "size": manifest.size,
                "root": manifest.root,
                "manifest_sha256": packed.sha256,
                "parts": [
                    {"controller": p.controller, "covered": p.covered} for p in manifest.parts
                ],
            }
        )
        return
    console.print(f"{file}: {len(manifest.files)} files about {about(manifest)}", highlight=False)
    console.print(f"manifest.json has SHA-256 {packed.sha256}", highlight=False)
    console.print(f"Check it with `verantwoord verify {file}`.", highlight=False)
