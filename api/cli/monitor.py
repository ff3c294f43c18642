"""`verantwoord monitor` and `verantwoord verify-misbehaviour`: following a log that somebody else
runs, and a proof that it contradicts itself."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from api.cli.options import Formatted
from api.cli.output import Format, console, errors
from ledger import log_keys, misbehaviour, monitor_state, note
from ledger.auditor import HELP, log_at, note_of
from ledger.errors import ConfigurationError, VerificationFailed
from ledger.log_keys import LogKeys
from ledger.monitor import Finding, Kind, Look, Monitor
from ledger.telling import printable

PINNED = "File with the log's verifier keys (log.vkey), from a source you trust."


def monitor(
    where: Annotated[
        str,
        typer.Argument(
            help="The address of a log (https://ledger.example.nl/log), or a directory of"
            " export-log."
        ),
    ],
    vkey: Annotated[Path, typer.Option(help=PINNED)],
    state: Annotated[
        Path, typer.Option(help="File for what was seen; proofs are written beside it.")
    ],
    kept: Annotated[
        list[Path] | None,
        typer.Option(help="A receipt or checkpoint that somebody else kept of it; repeat."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once and end, as for cron.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between looks.", min=1)] = 60.0,
    still_after: Annotated[
        float, typer.Option(help="Hours without a new entry after which that is reported.")
    ] = 7 * 24.0,
    token_file: Annotated[Path | None, typer.Option(help=HELP["token_file"])] = None,
    format: Formatted = Format.TEXT,
) -> None:
    """Follow a log, and prove it when it contradicts itself.

    Keeps every checkpoint it saw and has the log show that each goes on from the one before. Reads
    checkpoints and hashes, no entries. Status with --once: 0 when all is well, 1 when something is
    wrong with the log, 2 when it could not be read. Without, it goes on until the log is proven to
    misbehave, and ends with status 1 then.
    """
    pinned = _pinned(vkey)
    watching = Monitor(
        pinned,
        elsewhere=[_kept(file, pinned) for file in kept or ()],
        still_after=timedelta(hours=still_after),
        clock=lambda: datetime.now(UTC),
    )
    with monitor_state.alone(state), log_at(where, token_file) as fetch:
        told: tuple[Finding, ...] = ()
        while True:
            look = watching.look(fetch, monitor_state.load(state, pinned))
            proofs = _save_proofs(state, look)
            monitor_state.save(state, look.state, pinned)
            if once or look.grown or look.findings != told:
                _tell(look, proofs, format)
            told = look.findings
            if once or proofs:
                raise typer.Exit(_status(look))
            time.sleep(every)


def _status(look: Look) -> int:
    kinds = {finding.kind for finding in look.findings}
    return 2 if kinds == {Kind.UNREADABLE} else 1 if kinds else 0


def _save_proofs(file: Path, look: Look) -> list[Path]:
    """A log that was convicted once is not convicted anew with each of its checkpoints."""
    known = monitor_state.proofs(file)
    found = [finding.proof for finding in look.findings if finding.proof is not None]
    if not known:
        known = [monitor_state.save_proof(file, proof) for proof in found]
    return known if found else []


def _tell(look: Look, proofs: list[Path], format: Format) -> None:
    if format is Format.JSON:
        typer.echo(orjson.dumps(_as_json(look, proofs)).decode())
        return
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
    if look.latest is not None and not look.findings:
        word = "grew to" if look.grown else "still has"
        origin, root = printable(look.latest.origin), look.latest.root.hex()
        _say(f"{now}  {origin} {word} {look.latest.size} entries, root {root}")
    for finding in look.findings:
        _warn(f"{now}  {finding.kind.upper()}: {finding.detail}")
    for proof in proofs:
        _warn(f"The proof is in {proof}:\n\n{proof.read_text()}")
        _warn(
            "Keep it, give it to everybody who verifies this log, and check it with"
            f" `verantwoord verify-misbehaviour {proof}`."
        )


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _warn(text: str) -> None:
    for line in text.split("\n"):
        errors.print(printable(line), highlight=False, markup=False, soft_wrap=True)


def _as_json(look: Look, proofs: list[Path]) -> dict[str, Any]:
    latest = look.latest
    return {
        "at": datetime.now(UTC).isoformat(),
        "size": None if latest is None else latest.size,
        "root": None if latest is None else latest.root.hex(),
        "grown": look.grown,
        "kept": len(look.state.seen),
        "findings": [_finding_as_json(finding) for finding in look.findings],
        "proofs": [str(proof) for proof in proofs],
    }


def _finding_as_json(finding: Finding) -> dict[str, str]:
    return {"kind": finding.kind, "detail": finding.detail}


def verify_misbehaviour(
    file: Annotated[Path, typer.Argument(help="A proof that a monitor wrote.")],
    vkey: Annotated[Path | None, typer.Option(help=PINNED)] = None,
    format: Formatted = Format.TEXT,
) -> None:
    """Check a proof that a log contradicts itself; it needs no log, no network and no trust.

    Status 0 when the proof holds, and the log is convicted; 1 when it proves nothing.
    """
    try:
        proof = misbehaviour.parse(note.decode(file.read_bytes()))
        found = misbehaviour.check(proof, proof.keys if vkey is None else _pinned(vkey))
    except VerificationFailed as failed:
        if format is Format.JSON:
            typer.echo(orjson.dumps({"proven": False, "detail": str(failed)}).decode())
        else:
            _warn(f"it proves nothing: {failed}")
        raise typer.Exit(1) from None
    trees = [{"size": tree.size, "root": tree.root.hex()} for tree in (found.earlier, found.later)]
    rests_on = "keys that you pinned" if vkey else "keys in the proof itself"
    begins = None if proof.begins is None else proof.begins.hex()
    if format is Format.JSON:
        told = {"proven": True, "origin": found.later.origin, "trees": trees, "begins": begins}
        typer.echo(orjson.dumps({**told, "pinned": vkey is not None}).decode())
        return
    _say(f"proven: {printable(found.later.origin)} signed two histories")
    for tree in trees:
        _say(f"  a tree of {tree['size']} entries, root {tree['root']}")
    if begins is not None:
        size = found.earlier.size
        _say(f"  the second begins with {size} entries of root {begins}, not those of the first")
    _say(f"  both signed by {rests_on}:")
    for line in log_keys.format(proof.keys).splitlines():
        _say(f"    {printable(line)}")
    if vkey is None:
        _say("  Whoever made this proof chose those keys: compare them with the ones you have.")


def _kept(file: Path, pinned: LogKeys) -> str:
    signed = note_of(file)
    try:
        pinned.open(signed)
    except VerificationFailed as error:
        raise ConfigurationError(f"{file} holds no checkpoint of {pinned.name}: {error}") from None
    return signed


def _pinned(file: Path) -> LogKeys:
    try:
        return log_keys.parse(note.decode(file.read_bytes()))
    except VerificationFailed as error:
        raise ConfigurationError(f"{file} does not hold keys of a log: {error}") from None
