"""Options that many commands share, and the ledger they lead to."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from api.addresses import check_address
from api.cli.output import Format
from api.moments import MomentError, parse_instant
from ledger import authorities
from ledger import policy as policies
from ledger.authorities import Authority
from ledger.deployment import Home, home_at
from ledger.errors import ConfigurationError, PolicyMalformed
from ledger.policy import Policy

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="VERANTWOORD_DATA",
        help="Directory of the ledger: keys, and the embedded PostgreSQL's data.",
    ),
]

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        envvar="VERANTWOORD_DATABASE_URL",
        help="A PostgreSQL server of your own (15 or later) instead of the embedded one:"
        " postgresql://user@host/database. Keys stay in --data.",
    ),
]

Schema = Annotated[
    str,
    typer.Option("--schema", help="Schema of the log in the database: one log is one schema."),
]

Formatted = Annotated[
    Format, typer.Option("--format", help="text for people, json for machines (on stdout).")
]

Authorities = Annotated[
    Path | None,
    typer.Option(
        "--authorities",
        envvar="VERANTWOORD_AUTHORITIES",
        help="File of time-stamping authorities: lines `authority NAME URL FILE.pem`."
        "  [default: DIR/authorities, if it is there]",
        show_default=False,
    ),
]

PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        envvar="VERANTWOORD_POLICY",
        help="File that names the witnesses and the quorum (C2SP tlog-policy). Default: DIR/policy"
        " of --data, if it is there.",
    ),
]

ProviderFile = Annotated[
    Path | None,
    typer.Option(
        "--provider",
        envvar="VERANTWOORD_PROVIDER",
        help="File that names the identity provider at which people sign in (OpenID Connect)."
        "  [default: DIR/provider, if it is there]",
        show_default=False,
    ),
]

Address = Annotated[
    str,
    typer.Option(
        "--address",
        envvar="VERANTWOORD_ADDRESS",
        help="Address at which browsers reach the service: https://ledger.example.nl.",
    ),
]

DEFAULT_ADDRESS = "http://127.0.0.1:8480"

DEFAULT_DATA = Path("verantwoord-data")
DEFAULT_SCHEMA = "ledger"

KEEP = "VERANTWOORD_KEEP"
"""Further files that keep the last checkpoint, with `:` between them."""


By = Annotated[str, typer.Option(help="Who decided it, as a pseudonym, in the event.")]


def instant(name: str, text: str) -> datetime:
    """The instant that an option gives; a date is its end. Raises ConfigurationError."""
    try:
        return parse_instant(name, text)
    except MomentError as error:
        raise ConfigurationError(str(error)) from None


def home(data: Path, database_url: str | None, schema: str = DEFAULT_SCHEMA) -> Home:
    """The ledger that the options name, and the files that VERANTWOORD_KEEP names."""
    keep = os.environ.get(KEEP, "")
    files = tuple(map(Path, filter(None, keep.split(os.pathsep))))
    return home_at(data, database_url, schema, files)


def authorities_of(where: Home, file: Path | None) -> tuple[Authority, ...]:
    """The authorities that the option or the data directory names; none if neither does."""
    if file is None and not where.authorities_file.exists():
        return ()
    return authorities.load(file or where.authorities_file)


def provider_of(where: Home, file: Path | None) -> Path | None:
    """The file of the identity provider: that of the option, or of the data directory if it is
    there."""
    return file or (where.provider_file if where.provider_file.exists() else None)


def public_address(address: str) -> str:
    """The address that browsers use, without a slash at its end. Raises ConfigurationError."""
    checked = check_address("address", address.rstrip("/"))
    if urlsplit(checked).path or urlsplit(checked).query:
        raise ConfigurationError("address has no path: it is that of the whole service")
    return checked


def policy_of(where: Home, file: Path | None) -> Policy | None:
    """The policy a log is published under; None when there is none. Raises ConfigurationError."""
    if file is None and not where.policy_file.exists():
        return None
    return read_policy(file or where.policy_file)


def read_policy(file: Path) -> Policy:
    """The policy in a file. Raises ConfigurationError that names the file and the line."""
    try:
        return Policy.parse(policies.decode(file.read_bytes()))
    except PolicyMalformed as error:
        raise ConfigurationError(f"{file}: {error}") from None
