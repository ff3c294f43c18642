"""The command line: `verantwoord`.

Every command takes `--data DIR` or `--database-url URL`, prints for people or with `--format json`
for machines, and ends with status 0 only when all is well: 1 when something was found wrong or
refused, 2 when the call or the settings are wrong. A command is loaded when it is asked for: most
need neither the server nor half of the libraries. `tests/test_cli.py` runs the real program.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import psycopg
import typer
from rich.markup import escape
from typer.core import TyperGroup

from api import logs
from api.cli.output import errors
from ledger.errors import ConfigurationError, LedgerError, LogUnreadable

COMMANDS = {
    "init": "setup.init",
    "serve": "serve.serve",
    "demo": "serve.demo",
    "replay": "append.replay",
    "append": "append.append",
    "anchor": "anchor.app",
    "keys": "log_keys.app",
    "grant": "grant_auditor.app",
    "hooks": "hooks.app",
    "kept": "kept.app",
    "backup": "backup.backup",
    "restore": "backup.restore",
    "sealing": "seal.app",
    "erase": "seal.erase",
    "retention": "seal.retention",
    "register": "read.register",
    "findings": "judge.findings",
    "clocks": "judge.clocks",
    "check": "judge.check",
    "evidence": "evidence.evidence",
    "dossier": "dossier.dossier",
    "status": "judge.status",
    "verify": "check.verify",
    "monitor": "monitor.monitor",
    "verify-misbehaviour": "monitor.verify_misbehaviour",
    "receipt": "receipt.app",
    "fsck": "check.fsck",
    "logs": "logs.app",
    "timestamp": "timestamp.timestamp",
    "rebuild": "read.rebuild",
    "upgrade-postgres": "upgrade.upgrade_postgres",
    "export-log": "read.export_log",
    "note-checkpoint": "complete.note_checkpoint",
    "export-controller": "complete.export_controller",
    "pack": "pack.pack",
    "publish": "publish.publish",
    "witness": "witness.witness",
}
"""Where each command is, in the order in which they are listed."""


class Commands(TyperGroup):
    """The commands, each of which is loaded when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of them; None for an unknown name."""
        return load(cmd_name) if cmd_name in COMMANDS else None


def load(name: str) -> Any:  # Typer shows the class of its commands to nobody
    """A command, or a group of them, from the module that it is in."""
    module, _, function = COMMANDS[name].partition(".")
    found = getattr(import_module(f"api.cli.{module}"), function)
    if isinstance(found, typer.Typer):
        command = typer.main.get_group(found)
        command.name = name
        return command
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


app = typer.Typer(
    cls=Commands,
    name="verantwoord",
    help="The audit ledger of a processor agreement: signed events, a log that outsiders can check,"
    " registers for any moment.",
    epilog="Start with `verantwoord demo`. All commands: docs/reference/cli.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def show_version(asked: bool) -> None:
    """Print which version is installed, and end."""
    if asked:
        typer.echo(f"verantwoord {version('verantwoord')}")
        raise typer.Exit


@app.callback()
def commands(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_version, is_eager=True, help="Print the version, and end."
        ),
    ] = False,
) -> None:
    """Nothing else is asked of every command."""


def main() -> None:
    """Run the program; errors of ours are one line on stderr, without a trace."""
    try:
        logs.configure()
        app()
    except (ConfigurationError, LogUnreadable) as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False)
        sys.exit(2)
    except LedgerError as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False)
        sys.exit(1)
    except psycopg.Error as error:
        said = error.diag.message_primary or type(error).__name__
        errors.print(f"[bold red]error:[/] the database: {escape(said)}", highlight=False)
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        said = escape(f"{where}{error.strerror or error}")
        errors.print(f"[bold red]error:[/] {said}", highlight=False)
        sys.exit(2)
