"""`verantwoord publish`: ask the witnesses once, and tell who cosigned."""

from __future__ import annotations

import time
from collections.abc import Sequence

import typer
from rich.table import Table

from api.cli.options import (
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    Data,
    DatabaseUrl,
    Formatted,
    PolicyFile,
    Schema,
    home,
    policy_of,
)
from api.cli.output import Format, console, print_json
from api.witnesses import WitnessStanding, standings
from ledger.cloudevent import write_instant
from ledger.errors import ConfigurationError
from ledger.opening import open_ledger
from ledger.publish import Publisher, Round, last_cosigned

ATTEMPTS = 3
"""Rounds in which a witness that does not answer is asked again."""


def publish(
    policy: PolicyFile = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Ask the witnesses of the policy to cosign the latest checkpoint, and print who did.

    The status is 0 when the quorum is met and no witness raises an alarm.
    """
    where = home(data, database_url, schema)
    found = policy_of(where, policy)
    if found is None:
        raise ConfigurationError(
            f"there is no policy: put one in {where.policy_file}, or give --policy FILE"
            " (docs/how-to/witness.md)"
        )
    with open_ledger(where) as ledger:
        publisher = Publisher(ledger, found, pause=0)
        last = _rounds(publisher)
        shown = standings(publisher, last_cosigned(ledger.pool))
        publisher.close()
    if format is Format.JSON:
        witnesses = [standing.model_dump(mode="json") for standing in shown]
        print_json(
            {
                "size": last.size,
                "published": last.published,
                "rule": found.rule(),
                "witnesses": witnesses,
            }
        )
    else:
        _print(last, found.rule(), shown)
    alarm = any(s.trouble is not None and s.trouble.code == "witness-alarm" for s in shown)
    if alarm or not last.published:
        raise typer.Exit(1)


def _rounds(publisher: Publisher) -> Round:
    last = publisher.round()
    for _ in range(ATTEMPTS - 1):
        waits = publisher.next_try()
        if waits is None:
            break
        time.sleep(waits)
        last = publisher.round()
    return last


def _print(last: Round, rule: str, shown: Sequence[WitnessStanding]) -> None:
    table = Table("witness", "key", "cosigned", "at, by its clock", "what went wrong")
    for standing in shown:
        cosigned, trouble = standing.cosigned, standing.trouble
        table.add_row(
            standing.name,
            standing.algorithm,
            f"{cosigned.size} entries" if cosigned else "never",
            write_instant(cosigned.at) if cosigned else "",
            trouble.detail if trouble else "" if standing.url else "has no address in the policy",
        )
    console.print(table, soft_wrap=False, highlight=False)
    verdict = "[bold]published[/]" if last.published else "[bold red]not published[/]"
    console.print(f"The checkpoint of {last.size} entries is {verdict}.", highlight=False)
    console.print(f"The quorum is {rule}.", highlight=False, markup=False)
    for held in {s.trouble.held for s in shown if s.trouble is not None and s.trouble.held}:
        console.print("Keep this checkpoint of the witness; this log's own key signed it:")
        console.print(held, highlight=False, markup=False)
