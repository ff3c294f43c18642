"""`verantwoord anchor`: the days of a log of a system, fixed by digests in a ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.options import Formatted
from api.cli.output import Format, console, errors, print_json
from ledger import anchor as anchors
from ledger import anchor_store, cloudevent, keys, line_proof, log_files, log_keys, receipt
from ledger import receipt_files as files
from ledger.anchor import Compared, DayKey, Place
from ledger.anchor_store import Anchors, Kept
from ledger.client import AppendRefused, Client
from ledger.errors import AnchorMalformed, ConfigurationError
from ledger.line_proof import DIGEST
from ledger.log_files import DayOf, Form

app = typer.Typer(help="Days of logs: digest, prove a line, compare.", no_args_is_help=True)

Files = Annotated[
    list[Path], typer.Argument(help="Files of the log, plain or gzip; of a directory all, by name.")
]
Source = Annotated[str, typer.Option(help="Name of the log, the same every day: epd-toegang.")]
Day = Annotated[str, typer.Option(help="Civil day in Europe/Amsterdam: 2026-11-29.")]
SaltKey = Annotated[Path, typer.Option(help="File that `anchor new-key` made.")]
Directory = Annotated[Path, typer.Option("--anchors", help="Directory of the anchors.")]
Vkey = Annotated[Path, typer.Option(help="File with the verifier key of the ledger's log.")]
FormOption = Annotated[
    Form, typer.Option("--form", help="What a line is: of a file, or a record of OTLP in JSON.")
]
Time = Annotated[
    str | None,
    typer.Option(
        help="Member of lines in JSON with their time (RFC 3339); of other days are left."
    ),
]
ANCHORS = Path("anchors")


@app.callback()
def anchor() -> None:
    """Days of logs: digest, prove a line, compare."""


@app.command("new-key")
def new_key(file: Annotated[Path, typer.Argument(help="New file: salts.key")]) -> None:
    """Make the key that salts the lines of logs. It signs nothing; a log needs it for ever."""
    if file.suffix != ".key":
        raise ConfigurationError("the name of a key ends with .key")
    keys.save(file.parent, keys.make_key(file.stem))
    said = f"The key is in {file}. Without it no line can be proven."
    console.print(said, markup=False, highlight=False)


@app.command()
def day(
    given: Files,
    source: Source,
    standard: Annotated[str, typer.Option(help="Standard of the log: ldv or nen7513.")],
    day: Day,
    key: Annotated[Path, typer.Option(help="Private key of the service that records it.")],
    producer: Annotated[
        str, typer.Option(help="Source of its events: urn:nld:kvk:12345678:systeem:security-desk")
    ],
    server: Annotated[str, typer.Option(help="Address of the ledger.")],
    salt_key: SaltKey,
    vkey: Vkey,
    directory: Directory = ANCHORS,
    form: FormOption = Form.LINES,
    time: Time = None,
    late: Annotated[
        bool, typer.Option("--late", help="Record the lines that came after the digest of the day.")
    ] = False,
    format: Formatted = Format.TEXT,
) -> None:
    """Record the digest of a day that is over, and keep what proves its lines.

    Again with the same lines it records nothing twice. Lines that came since are refused, unless
    --late records them as a supplement; the digest of the day stays as it is.
    """
    of = _day(day)
    anchor_store.check_over(of, datetime.now(UTC))
    there = DayOf(given, form, of, time)
    leaves = DayKey(keys.load(salt_key).secret, source, of).leaves(there)
    store = Anchors(directory, source)

    def payload(id_: str, data: dict[str, Any]) -> bytes:
        now = datetime.now(UTC)
        made = cloudevent.format(
            id=id_, source=producer, type=DIGEST, time=now, occurred_at=now, data=data
        )
        cloudevent.parse(made)  # nothing is kept that the ledger would not take
        return made

    recorded = []
    with Client(
        server, keys.load(key), source=producer, verifier=log_keys.parse(_text(vkey))
    ) as client:
        while kept := store.take(
            of, leaves, standard=standard, form=form, late=late, payload=payload
        ):
            recorded.append(_send(client, kept))
    _say_recorded(recorded, of, there.others, format)


@app.command()
def prove(
    source: Source,
    day: Day,
    salt_key: SaltKey,
    out: Annotated[Path, typer.Option(help="The proof: LINE.line-proof")],
    line: Annotated[str | None, typer.Option(help="The line itself.")] = None,
    file: Annotated[Path | None, typer.Option(help="A file of the log …")] = None,
    number: Annotated[int | None, typer.Option(min=1, help="… and which line of it.")] = None,
    directory: Directory = ANCHORS,
) -> None:
    """Write the proof that a line was in the log when its day was digested.

    `verantwoord verify` checks it, without the log and without the ledger.
    """
    of = _day(day)
    kept = _recorded(Anchors(directory, source), of)
    content = _content(line, file, number, Form(kept[0].anchor.digest.form))
    key = DayKey(keys.load(salt_key).secret, source, of)
    for each in kept:
        receipt_text = anchor_store.read_receipt(each.receipt)
        proof = anchors.prove(each.anchor, key, content, receipt_text)
        if proof is not None:
            line_proof.check(proof, each.anchor.digest)
            files.write(out, line_proof.format(proof))
            said = f"Line {proof.index + 1} of {each.anchor.digest.lines} of {of}: {out}"
            console.print(said, markup=False, highlight=False)
            return
    errors.print(f"No digest of {of} of {source} has this line.", markup=False, highlight=False)
    raise typer.Exit(1)


@app.command()
def check(
    given: Files,
    source: Source,
    day: Day,
    salt_key: SaltKey,
    vkey: Vkey,
    directory: Directory = ANCHORS,
    time: Time = None,
    format: Formatted = Format.TEXT,
) -> None:
    """Compare the log of a day with its digests: which lines were altered, lack, or are extra."""
    of = _day(day)
    kept = _recorded(Anchors(directory, source), of)
    verifier = log_keys.parse(_text(vkey))
    for each in kept:
        shown = receipt.check(anchor_store.read_receipt(each.receipt), verifier)
        if shown.entry.payload != each.anchor.payload:
            raise AnchorMalformed(f"{each.receipt} is the receipt of another digest")
    there = DayOf(given, Form(kept[0].anchor.digest.form), of, time)
    key = DayKey(keys.load(salt_key).secret, source, of)
    found = anchors.compare([each.anchor for each in kept], map(key.leaf, there))
    _say_compared(found, of, there.others, format)
    if not found.same:
        raise typer.Exit(1)


@app.command()
def rebuild(
    given: Files,
    source: Source,
    receipt_file: Annotated[Path, typer.Option("--receipt", help="Receipt of the digest.")],
    salt_key: SaltKey,
    directory: Directory = ANCHORS,
    time: Time = None,
) -> None:
    """Make a lost anchor again, from the lines as they were and the receipt of its digest."""
    text = anchor_store.read_receipt(receipt_file)
    digest = anchor_store.digest_of(text)
    lines = DayOf(given, Form(digest.form), digest.day, time)
    key = DayKey(keys.load(salt_key).secret, source, digest.day)
    kept = Anchors(directory, source).rebuild(text, key.leaves(lines))
    console.print(f"The anchor of {digest.day} is in {kept.file}.", markup=False, highlight=False)


def _send(client: Client, kept: Kept) -> dict[str, Any]:
    digest = kept.anchor.digest
    id_ = anchors.event_id(digest.log_source, digest.day, digest.supplement)
    try:
        shown = client.append_payload(kept.anchor.payload, id=id_, keep=kept.receipt)
    except AppendRefused:
        if kept.new:  # one from before may be recorded, although it is refused now
            kept.file.unlink()
        raise
    return {
        "id": id_,
        "index": shown.index,
        "supplement": digest.supplement,
        "lines": digest.lines,
        "root": digest.root.hex(),
        "anchor": str(kept.file),
        "receipt": str(kept.receipt),
    }


def _recorded(store: Anchors, of: date) -> list[Kept]:
    kept = store.of_day(of)
    if not kept:
        raise ConfigurationError(f"there is no anchor of {of}: `anchor rebuild` makes a lost one")
    if not all(each.receipt.exists() for each in kept):
        raise ConfigurationError(f"a digest of {of} has no receipt: run `anchor day` again")
    return kept


def _content(line: str | None, file: Path | None, number: int | None, form: Form) -> bytes:
    if line is not None and file is None and number is None:
        return line.encode()
    if line is not None or file is None or number is None:
        raise ConfigurationError("give --line TEXT, or --file FILE with --number N")
    found = next(islice(_contents(file, form), number - 1, None), None)
    if found is None:
        raise ConfigurationError(f"{file} has no line {number}")
    return found


def _contents(file: Path, form: Form) -> Iterator[bytes]:
    return (line.content for line in log_files.lines([file], form))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError("--day is a date: 2026-11-29") from None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()


def _say_recorded(recorded: list[dict[str, Any]], of: date, others: int, format: Format) -> None:
    if format is Format.JSON:
        print_json({"day": str(of), "recorded": recorded, "of_other_days": others})
        return
    for each in recorded:
        console.print(
            f"recorded  {each['id']}  entry {each['index']}: {each['lines']} lines,"
            f" root {each['root']}",
            highlight=False,
        )
    if not recorded:
        console.print(f"was there  {of}: no line is new", highlight=False)
    _say_others(others)


def _say_compared(found: Compared, of: date, others: int, format: Format) -> None:
    if format is Format.JSON:
        print_json(
            {
                "day": str(of),
                "same": found.same,
                "lines": found.lines,
                "altered": [{"line": number, **_place(place)} for number, place in found.altered],
                "missing": [_place(place) for place in found.missing],
                "extra": list(found.extra),
                "moved": [{"line": number, **_place(place)} for number, place in found.moved],
                "of_other_days": others,
            }
        )
        return
    for number, place in found.altered:
        console.print(f"altered  line {number}: not {_named(place)}", highlight=False)
    for place in found.missing:
        console.print(f"missing  {_named(place)}", highlight=False)
    for number in found.extra:
        console.print(f"extra    line {number}: in no digest of {of}", highlight=False)
    for number, place in found.moved:
        console.print(f"moved    line {number}: {_named(place)}", highlight=False)
    if found.same:
        console.print(f"The {found.lines} lines of {of} are those that were digested.")
    _say_others(others)


def _say_others(others: int) -> None:
    if others:
        console.print(f"{others} lines are of other days, and were left.", highlight=False)


def _place(place: Place) -> dict[str, int]:
    return {"supplement": place.supplement, "number": place.at + 1}


def _named(place: Place) -> str:
    of = f" of supplement {place.supplement}" if place.supplement else ""
    return f"number {place.at + 1}{of} as it was digested"
