"""The verifier of an auditor: `verantwoord-verify`, and what `verantwoord verify` does.

It needs the standard library and `cryptography`, and for timestamps `rfc3161-client`; no database,
no settings, and a network only for a log at an address. It is packed by itself as well
(`packaging/verifier/`). `tests/test_auditor.py` runs the program.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ledger import (
    archive,
    completeness,
    completeness_report,
    controller_export,
    controller_key,
    keys,
    line_proof,
    line_report,
    log_keys,
    note,
    pack_check,
    policy,
    proof,
    receipt_report,
    sources,
    telling,
    tokens,
)
from ledger.errors import (
    ConfigurationError,
    ExportMalformed,
    LogUnreadable,
    PolicyMalformed,
    VerificationFailed,
)
from ledger.keyring import CIVIL_TIME
from ledger.ladder import Rung, State
from ledger.note import Verifier
from ledger.policy import Policy
from ledger.receipt import MAX_RECEIPT
from ledger.report import Pins
from ledger.verify import CHECKPOINT, VKEY, Fetch, verify

PDF = b"%PDF-"

TOKEN = "VERANTWOORD_READ_TOKEN"  # noqa: S105 - the name of the variable

HELP: Mapping[str, str] = MappingProxyType(
    {
        "where": "A receipt (.tlog-proof), a proof of a line of a log (.line-proof), an evidence"
        " pack (.zip), a report (.pdf), an export for one controller, a directory of export-log, or"
        " the address of a log: https://ledger.example.nl/log.",
        "vkey": "File with the log's verifier key, from a source you trust (log.vkey).",
        "administrator_key": "File with the public key of the log's administrator (PEM, or base64"
        " on one line), from a source you trust; for a log.",
        "kept": "A receipt or checkpoint kept from earlier, or an earlier export for the same"
        " controller; repeat. The log, or the export, must go on from it.",
        "policy": "File with your policy (C2SP tlog-policy): which witnesses must have cosigned.",
        "tsa": "File with the certificates (PEM) of a time-stamping authority that you trust;"
        " repeat.",
        "producer_key": "File with a public key of the producer (PEM, or base64 on one line);"
        " repeat. One of them must have signed the event of a receipt.",
        "key": "File with your key as a controller, which you were given first; for an export.",
        "since": "The ledger must have committed to the numbers in the export then or later:"
        " 2026-08-01, or an instant.",
        "numbers_key": "File with the secret of the numbers (keys/numbers.key of the ledger); for a"
        " log. With it the numbers of every controller are checked.",
        "require": "End with status 1 unless this rung is reached; repeat.",
        "token_file": f"File with the token that reads entries at an address; or set {TOKEN}.",
        "format": "text for people, json for machines (on stdout).",
    }
)
"""What every option is for, in both programs."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be verified, and the files with what is trusted."""

    where: str
    vkey: Path | None = None
    administrator_key: Path | None = None
    kept: Sequence[Path] = ()
    policy: Path | None = None
    tsa: Sequence[Path] = ()
    producer_key: Sequence[Path] = ()
    key: Path | None = None
    since: str | None = None
    numbers_key: Path | None = None
    require: Sequence[Rung] = ()
    token_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for machines, its lines for people, and the status to end with.

    `complaint` is for stderr: what failed, or which rungs were required and not reached.
    """

    document: Mapping[str, Any]
    lines: Sequence[str]
    status: int = 0
    complaint: str | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """What the whole program can do beside this one: make again what follows from the entries of a
    pack, and take a report in a PDF apart."""

    derive: pack_check.Derive
    report: Callable[[Path, Pins], telling.Shown]


def answer(question: Question, whole: Whole | None = None) -> Answer:
    """Verify, and say how far it stands up.

    Raises ConfigurationError, LogUnreadable and OSError when nothing could be verified.
    """
    try:
        report = _verify(question, whole)
    except VerificationFailed as failed:
        document = telling.failure_json(failed)
        return Answer(document, (), 1, f"failed: {document['detail']}")
    reached = {step.rung for step in report.steps if step.state is State.REACHED}
    missing = [rung for rung in question.require if rung not in reached]
    document = telling.as_json(report)
    if question.require:
        document["missing"] = missing
    lines = tuple(telling.as_lines(report))
    if missing:
        return Answer(document, lines, 1, f"not reached: {', '.join(missing)}")
    return Answer(document, lines)


def pins(question: Question) -> Pins:
    """What is trusted, read from its files. Raises ConfigurationError, OSError and
    VerificationFailed."""
    return Pins(
        vkey=None if question.vkey is None else _line(question.vkey),
        administrator_key=(
            None if question.administrator_key is None else public_key(question.administrator_key)
        ),
        kept=[note_of(file) for file in question.kept],
        policy=None if question.policy is None else _policy(question.policy),
        certificates=[
            certificate
            for file in question.tsa
            for certificate in tokens.load_certificates(file.read_bytes(), str(file))
        ],
        producers=[public_key(file) for file in question.producer_key],
        numbers_secret=(
            None if question.numbers_key is None else keys.load(question.numbers_key).secret
        ),
    )


def note_of(file: Path) -> str:
    """The signed checkpoint in a file: the file itself, the one a receipt ends with, or that of an
    export."""
    if _is_export(file):
        return _checkpoint_of_export(file)
    text = _text(file)
    return proof.parse(text).checkpoint if text.startswith(proof.HEADER) else text


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `verantwoord-verify`: status 0 when what was asked for is reached, 1 when something is
    wrong with what was verified, 2 with the call."""
    given = _parser().parse_args(arguments)
    asked = {name: value for name, value in vars(given).items() if name != "format"}
    try:
        told = answer(Question(**asked))
        _show(told, as_json=given.format == "json")
    except (ConfigurationError, LogUnreadable) as error:
        sys.exit(_complain(f"error: {error}"))
    except OSError as error:
        where = f" {error.filename}:" if error.filename else ""
        sys.exit(_complain(f"error:{where} {error.strerror or error}"))
    sys.exit(told.status)


def _show(told: Answer, *, as_json: bool) -> None:
    if as_json:
        _write(json.dumps(told.document, indent=2))
        return
    if told.lines:
        _write("\n".join(told.lines))
    if told.complaint is not None:
        _complain(told.complaint)


def _write(text: str) -> None:
    """Write on stdout, whatever it can encode, and as much as its reader wants."""
    try:
        encoding = sys.stdout.encoding or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        # As after `| head`: the interpreter would complain about the rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(text: str) -> int:
    print(telling.printable(text), file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verantwoord-verify",
        description="Check a receipt, an evidence pack or a log of Verantwoord, without trusting"
        " who gave it. The answer says how far it stands up (signed, included, witnessed,"
        " timestamped), on whose word, and what it does not show.",
        allow_abbrev=False,
    )
    parser.add_argument("where", help=HELP["where"])
    for name in ("vkey", "administrator_key", "policy", "key", "numbers_key", "token_file"):
        parser.add_argument(_flag(name), type=Path, metavar="FILE", help=HELP[name])
    for name in ("kept", "tsa", "producer_key"):
        parser.add_argument(
            _flag(name), type=Path, metavar="FILE", action="append", default=[], help=HELP[name]
        )
    parser.add_argument("--since", metavar="MOMENT", help=HELP["since"])
    parser.add_argument(
        "--require", type=Rung, choices=list(Rung), action="append", default=[],
        metavar="RUNG", help=HELP["require"],
    )  # fmt: skip
    parser.add_argument("--format", choices=["text", "json"], default="text", help=HELP["format"])
    return parser


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _verify(question: Question, whole: Whole | None) -> telling.Shown:
    given = pins(question)
    where = question.where
    if not sources.is_address(where) and not Path(where).is_dir():
        file = Path(where)
        if _is_export(file):
            return _verify_export(file, given, question)
        beginning = _beginning(file)
        if archive.is_archive(beginning):
            return _verify_pack(file, given, question, whole)
        if beginning.startswith(PDF):
            return _verify_paper(file, given, whole)
        if line_proof.is_line_proof(beginning):
            return _verify_line(file, given)
        return _verify_receipt(file, given)
    with log_at(where, question.token_file) as fetch:
        return verify(fetch, _pin_by_policy(given, lambda: note.decode(fetch(CHECKPOINT))))


def _verify_export(file: Path, given: Pins, question: Question) -> telling.Shown:
    given = _pin_by_policy(given, lambda: _checkpoint_of_export(file))
    own = _pins_of_export(given, question)
    return completeness_report.check(_lines_of(file), own, given.policy, given.certificates)


def _pins_of_export(given: Pins, question: Question) -> completeness.Pins:
    texts = {kept: _text(kept) for kept in question.kept if not _is_export(kept)}
    return completeness.Pins(
        vkey=given.vkey,
        key=None if question.key is None else controller_key.parse(_line(question.key)),
        since=None if question.since is None else _moment(question.since),
        receipts=[text for text in texts.values() if text.startswith(proof.HEADER)],
        checkpoints=[text for text in texts.values() if not text.startswith(proof.HEADER)],
        earlier=[_lines_of(kept) for kept in question.kept if _is_export(kept)],
    )


def _verify_pack(file: Path, given: Pins, question: Question, whole: Whole | None) -> telling.Shown:
    with archive.open_archive(file) as opened:
        given = _pin_by_policy(given, lambda: pack_check.note_in(opened))

        def pins_of(controller: str) -> completeness.Pins:
            own = _pins_of_export(given, question)
            other = own.key is not None and own.key.controller != controller
            return replace(own, key=None, earlier=()) if other else own

        return pack_check.check(opened, given, pins_of, None if whole is None else whole.derive)


def _verify_paper(file: Path, given: Pins, whole: Whole | None) -> telling.Shown:
    if whole is None:
        raise ConfigurationError(
            f"{file} is a PDF: `verantwoord verify` of the whole program takes it apart, sets its"
            " pages again and compares them"
        )
    return whole.report(file, given)


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        longest = max(len(archive.BEGINNING), len(PDF), len(line_proof.HEADER))
        return opened.read(longest)


def _is_export(file: Path) -> bool:
    with file.open("rb") as opened:
        return controller_export.is_export(opened.read(len(controller_export.BEGINNING)))


def _lines_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        yield from controller_export.read(opened)


def _checkpoint_of_export(file: Path) -> str:
    head = controller_export.parse(next(_lines_of(file)))
    if not isinstance(head, controller_export.Head):
        raise ExportMalformed("an export begins with whose it is")
    return head.checkpoint


def _moment(text: str) -> datetime:
    """The begin of a day in Europe/Amsterdam, or an instant."""
    try:
        if len(text) == len("2026-08-01"):
            return datetime.combine(date.fromisoformat(text), time(), CIVIL_TIME)
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(
            "--since is a date (2026-08-01) or an instant with its offset"
            " (2026-08-01T12:00:00+02:00)"
        )
    return moment


def _verify_receipt(file: Path, given: Pins) -> telling.Shown:
    text = _at_most(file, MAX_RECEIPT)
    given = _pin_by_policy(given, lambda: proof.parse(text).checkpoint)
    return receipt_report.check(text, _keys_of_log(file, given), given)


def _verify_line(file: Path, given: Pins) -> telling.Shown:
    text = _at_most(file, line_proof.MAX_PROOF)
    receipt = line_proof.parse(text).receipt
    given = _pin_by_policy(given, lambda: proof.parse(receipt).checkpoint)
    return line_report.check(text, _keys_of_log(file, given), given)


def _keys_of_log(file: Path, given: Pins) -> log_keys.LogKeys:
    """The pinned keys of the log, or those beside a file that its keys check."""
    beside = file.parent / VKEY
    if given.vkey is None and not beside.exists():
        raise ConfigurationError(
            "a receipt is checked with the log's verifier key: give it with --vkey FILE, or put"
            f" {VKEY} beside {file.name}"
        )
    return log_keys.parse(given.vkey or _line(beside))


def _at_most(file: Path, most: int) -> str:
    """The text of a file; of one that is longer, enough for its format to refuse it."""
    with file.open("rb") as opened:
        return note.decode(opened.read(most + 1))


def public_key(file: Path) -> bytes:
    """The 32 bytes of the Ed25519 public key in a file. Raises ConfigurationError."""
    content = file.read_bytes()
    try:
        if content.startswith(b"-----"):
            key = load_pem_public_key(content)
        else:
            key = Ed25519PublicKey.from_public_bytes(
                base64.b64decode(content.strip(), validate=True)
            )
    except (ValueError, UnsupportedAlgorithm, binascii.Error):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError(
            f"{file} holds no Ed25519 public key: PEM, or its 32 bytes in base64 on one line"
        )
    return key.public_bytes_raw()


def _pin_by_policy(given: Pins, signed: Callable[[], str]) -> Pins:
    """A policy that names the log pins its key, unless the key was given by itself."""
    if given.vkey is not None or given.policy is None or not given.policy.logs:
        return given
    origin = note.parse(signed()).text.partition("\n")[0]
    named = [log.key for log in given.policy.logs if log.key.name == origin]
    for key in named:
        if isinstance(key, Verifier):
            return replace(given, vkey=key.vkey)
    raise VerificationFailed(f"the policy accepts no log of the name {origin}")


def _policy(file: Path) -> Policy:
    try:
        return Policy.parse(policy.decode(file.read_bytes()))
    except PolicyMalformed as error:
        raise ConfigurationError(f"{file}: {error}") from None


def _line(file: Path) -> str:
    return _text(file).strip()


def _text(file: Path) -> str:
    return note.decode(file.read_bytes())


@contextmanager
def log_at(where: str, token_file: Path | None) -> Iterator[Fetch]:
    """The log in a directory or at an address, until the block ends; the token is read from the
    file, or the environment. Raises ConfigurationError."""
    if not sources.is_address(where):
        yield sources.directory(Path(where))
        return
    token = os.environ.get(TOKEN) if token_file is None else keys.read_secret(token_file).strip()
    with sources.address(where, token or None) as fetch:
        yield fetch
