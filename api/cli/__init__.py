"""The command line: `verantwoord`.

Every command takes `--data DIR` or `--database-url URL`, prints for people or with `--format json`
for machines, and ends with status 0 only when all is well: 1 when something was found wrong or
refused, 2 when the call or the settings are wrong. `tests/test_cli.py` runs the real program.
"""

from __future__ import annotations

import sys

import psycopg
import typer
from rich.markup import escape

from api import logs
from api.cli import (
    append,
    check,
    complete,
    grant,
    judge,
    kept,
    keys,
    log_keys,
    monitor,
    publish,
    read,
    receipt,
    serve,
    setup,
    timestamp,
    witness,
)
from api.cli.output import errors
from ledger.errors import ConfigurationError, LedgerError, LogUnreadable

app = typer.Typer(
    name="verantwoord",
    help="The audit ledger of a processor agreement: signed events, a log that outsiders can check,"
    " registers for any moment.",
    epilog="Start with `verantwoord demo`. All commands: docs/reference/cli.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(setup.init)
app.command()(serve.serve)
app.command()(serve.demo)
app.command()(append.replay)
app.command()(append.append)
app.add_typer(keys.app, name="keys")
app.add_typer(grant.app, name="grant")
app.add_typer(kept.app, name="kept")
keys.app.command("log")(log_keys.log)
keys.app.command("rotate-log")(log_keys.rotate_log)
keys.app.command("retire-log")(log_keys.retire_log)
keys.app.command("second-signer")(log_keys.second_signer)
app.command()(read.register)
app.command()(judge.findings)
app.command()(judge.clocks)
app.command()(judge.check)
app.command()(judge.status)
app.command()(check.verify)
app.command()(monitor.monitor)
app.command("verify-misbehaviour")(monitor.verify_misbehaviour)
app.add_typer(receipt.app, name="receipt")
app.command()(check.fsck)
app.command()(timestamp.timestamp)
app.command()(read.rebuild)
app.command("export-log")(read.export_log)
app.command("note-checkpoint")(complete.note_checkpoint)
app.command("export-controller")(complete.export_controller)
app.command()(publish.publish)
app.command()(witness.witness)


def main() -> None:
    """Run the program; errors of ours are one line on stderr, without a trace."""
    logs.configure()
    try:
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
