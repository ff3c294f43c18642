"""A document as a PDF that proves itself: PDF/A-3a and PDF/UA-1, with what proves it attached.

    report.json    the document, the key of the log, and what it was set with
    report.note · checkpoint · events.jsonl         see `ledger/paper_check.py`

The pages are set from `report.json` and nothing else, so whoever has the same version of typst sets
them again and compares; nothing can be drawn over them that is not attached. Events are attached as
far as whoever asks may read them. `tests/test_report.py`.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pikepdf

from ledger import proven
from ledger.database import Connections
from ledger.errors import ReportMalformed
from ledger.opening import Ledger
from ledger.paper_check import (
    CHECKPOINT,
    EVENTS,
    LARGEST,
    REPORT,
    SIGNED,
    PaperReport,
    Said,
    check,
)
from ledger.reader import Reader
from ledger.report import Pins
from ledger.statement import Kind
from projections.exports.document import Document, Heading, Picture, Table
from projections.exports.paper import PROVING, Attachment, TooLong, to_pdf
from projections.register import Label

MOST_EVENTS = 2_000
"""Events that are attached; a report that rests on more is asked for as an evidence pack."""

ABOUT = {
    REPORT: Label("wat de bladzijden tonen", "what the pages show"),
    SIGNED: Label("de verklaring van het logboek daarover", "the log's statement about it"),
    CHECKPOINT: Label("het ondertekende controlepunt", "the signed checkpoint"),
    EVENTS: Label(
        "de gebeurtenissen, elk met het bewijs dat zij in het logboek staat",
        "the events, each with proof that it is in the log",
    ),
}

MEDIA_TYPES = {
    REPORT: "application/json",
    SIGNED: "text/plain",
    CHECKPOINT: "text/plain",
    EVENTS: "application/jsonl",
}


def to_report(document: Document, ledger: Ledger, seen: Connections) -> bytes:
    """The bytes of a PDF. `seen` are the connections of whoever asks.

    Raises TooLong, SigningRefused, and ConfigurationError where nothing signs.
    """
    if len(document.rests_on) > MOST_EVENTS:
        raise TooLong(
            f"{len(document.rests_on)} events are more than the {MOST_EVENTS} that are attached to"
            " a PDF"
        )
    reader = ledger.reader
    checkpoint = reader.stamped(reader.cosigned(reader.checkpoint_covering(document.size)))
    raw = as_json(document, ledger.log_keys().vkey)
    readable = Reader(seen)
    lines = []
    for index in document.rests_on:
        with suppress(LookupError):
            leaf = readable.leaf(index)
            lines.append(proven.format(index, reader.prove_inclusion(index, checkpoint.size), leaf))
    files = {
        REPORT: raw,
        SIGNED: ledger.state(Kind.REPORT, checkpoint.size, raw).encode(),
        CHECKPOINT: checkpoint.note.encode(),
        EVENTS: b"".join(lines),
    }
    return _set(document, files)


def check_report(file: Path, pins: Pins) -> PaperReport:
    """Check the report in a file. Raises VerificationFailed and OSError."""
    with file.open("rb") as opened:
        raw = opened.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ReportMalformed(f"a report has at most {LARGEST} bytes")
    files = _attached(raw)

    def again() -> str | None:
        document, made_with = of_json(files[REPORT])
        if made_with["typst"] != version("typst"):
            return (
                f"The pages were set with typst {made_with['typst']}, and here is"
                f" {version('typst')}: they were not compared with what is attached."
            )
        try:
            same = _set(document, files) == raw
        except (TooLong, RuntimeError, ValueError) as error:
            raise ReportMalformed(f"the report cannot be set: {error}") from None
        if not same:
            raise ReportMalformed("the pages are not those that the attached report gives")
        return None

    return check(files, pins, _said, again)


def as_json(document: Document, vkey: str) -> bytes:
    """A document as JSON, which `of_json` reads."""
    value = {
        "report": 1,
        "made_with": {"typst": version("typst")},
        "vkey": vkey,
        "name": document.name,
        "title": document.title,
        "subtitle": document.subtitle,
        "language": document.language,
        "about": [list(pair) for pair in document.about],
        "remark": document.remark,
        "size": document.size,
        "root": document.root,
        "made_at": document.made_at.isoformat() if document.made_at else None,
        "rests_on": list(document.rests_on),
        "tables": [_table_json(table) for table in document.tables],
    }
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def of_json(raw: bytes) -> tuple[Document, Mapping[str, str]]:
    """The document of a report, and what it was set with. Raises ReportMalformed."""
    try:
        value = json.loads(raw.decode("utf-8"))
        made_at = value["made_at"]
        document = Document(
            value["name"],
            value["title"],
            value["subtitle"],
            value["language"],
            [(name, said) for name, said in value["about"]],
            value["remark"],
            [_table(table) for table in value["tables"]],
            value["size"],
            value["root"],
            None if made_at is None else datetime.fromisoformat(made_at),
            tuple(value["rests_on"]),
        )
        made_with = {"typst": str(value["made_with"]["typst"])}
        sound = value["report"] == 1 and document.language in ("nl", "en") and document.about
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise ReportMalformed(f"{REPORT} is not a document")
    return document, made_with


def _said(raw: bytes) -> Said:
    document, _ = of_json(raw)
    numbers = (document.size, *document.rests_on)
    vkey = json.loads(raw).get("vkey")
    texts = (document.title, document.root, vkey)
    if not all(type(n) is int for n in numbers) or not all(isinstance(t, str) for t in texts):
        raise ReportMalformed(f"{REPORT} is not a document")
    return Said(document.title, document.size, document.root, vkey, document.rests_on)


def _set(document: Document, files: Mapping[str, bytes]) -> bytes:
    attached = [
        Attachment(
            name,
            MEDIA_TYPES[name],
            label.text(document.language),
            "source" if name == REPORT else "supplement",
            files[name].decode("utf-8"),
        )
        for name, label in ABOUT.items()
    ]
    return to_pdf(document, PROVING, attached)


def _attached(raw: bytes) -> dict[str, bytes]:
    """The files that are attached to a PDF. Raises ReportMalformed."""
    try:
        with pikepdf.open(io.BytesIO(raw)) as pdf:
            return dict(_files(pdf))
    except (pikepdf.PdfError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ReportMalformed(f"the PDF cannot be read: {error}") from None


def _files(pdf: pikepdf.Pdf) -> Iterator[tuple[str, bytes]]:
    for name in pdf.attachments:
        stream = pdf.attachments[name].get_file().obj
        yield name, _unpacked(name, stream.get("/Filter"), stream.read_raw_bytes())


def _unpacked(name: str, packed: Any, raw: bytes) -> bytes:
    """The bytes of an attached file, of which no more is unpacked than a report may have."""
    if packed is None:
        return raw
    if packed != "/FlateDecode":
        raise ReportMalformed(f"{name} is attached in another way than a report has it")
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(raw, LARGEST)
    except zlib.error:
        raise ReportMalformed(f"{name} cannot be unpacked") from None
    if not unpacking.eof:
        raise ReportMalformed(f"{name} is larger than a report may have, or was cut")
    return content


def _table_json(table: Table) -> dict[str, Any]:
    made: dict[str, Any] = {
        "title": table.title,
        "headings": [[h.label, h.source] for h in table.headings],
        "rows": [list(row) for row in table.rows],
        "is_list": table.is_list,
    }
    if table.picture is not None:
        picture = table.picture
        made["picture"] = [picture.svg, picture.words, picture.caption]
    return made


def _table(value: Mapping[str, Any]) -> Table:
    picture = value.get("picture")
    return Table(
        value["title"],
        [Heading(label, source) for label, source in value["headings"]],
        [list(row) for row in value["rows"]],
        bool(value["is_list"]),
        Picture(*picture) if picture else None,
    )
