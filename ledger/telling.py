"""Reports written out: JSON for machines and lines for people, with the same content.

What a log, a note or a certificate says of itself is shown, and may be written to deceive: what
cannot be printed is written as its number, so that it cannot move a terminal's cursor.
`tests/test_telling.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ledger import completeness_report, line_report, loss, pack_check, paper_check
from ledger.completeness import Complete
from ledger.completeness_report import CompletenessReport
from ledger.errors import VerificationFailed
from ledger.ladder import Attested, State, Step, cosigned_at, headline, verdict
from ledger.line_report import LineReport
from ledger.pack_check import PackReport
from ledger.paper_check import PaperReport
from ledger.receipt_report import ReceiptReport
from ledger.report import Report

Shown = Report | ReceiptReport | CompletenessReport | PackReport | PaperReport | LineReport


def as_json(report: Shown) -> dict[str, Any]:
    """A report as a JSON document; `verdict` is a rung of the ladder."""
    return {
        "verdict": verdict(report.steps),
        "headline": printable(_headline(report)),
        **_about(report),
        "rungs": [{"rung": s.rung, "state": s.state, "says": s.says} for s in report.steps],
        **_attested(report.attested),
        "contradictions": list(report.contradictions),
        "rests_on": list(report.rests_on),
        "does_not_show": list(report.does_not_show),
    }


def as_lines(report: Shown) -> Iterator[str]:
    """A report as lines of text, for a terminal of any width."""
    yield from map(printable, _lines(report))


def failure_json(failed: VerificationFailed) -> dict[str, Any]:
    """A verification that failed, as a JSON document: there is no rung to stand on."""
    return {
        "verdict": "failed",
        "check": failed.check,
        "index": failed.index,
        "detail": printable(str(failed)),
    }


def printable(line: str) -> str:
    """A line in which every character that cannot be printed is written as its number."""
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in line)


def _lines(report: Shown) -> Iterator[str]:
    yield _headline(report)
    yield from _rungs(report.steps)
    if isinstance(report, Report):
        yield "checks"
        yield from (f"  {passed.number}  {passed.showed}" for passed in report.passed)
        if report.suspect:
            numbers = ", ".join(map(str, report.suspect))
            yield f"  Signed by a key that may have been in other hands: entries {numbers}."
        yield from (f"  {each}" for each in report.lost)
    elif isinstance(report, PackReport):
        yield "evidence pack"
        yield from (f"  · {sentence}" for sentence in pack_check.showed(report))
    elif isinstance(report, PaperReport):
        yield "report"
        yield from (f"  · {sentence}" for sentence in paper_check.showed(report))
    elif isinstance(report, LineReport):
        yield "line"
        yield from (f"  · {sentence}" for sentence in line_report.showed(report))
    elif isinstance(report, CompletenessReport):
        yield "completeness"
        yield from (f"  · {sentence}" for sentence in completeness_report.committed(report.found))
    else:
        yield "entry"
        entry = _receipt(report)
        for name in ("type", "id", "source", "recorded_at", "signed_by"):
            value = entry[name]
            yield f"  {name:12} {', '.join(value) if isinstance(value, list) else value}"
    yield from _titled("cannot all be true", report.contradictions)
    yield from _titled("timestamps that do not verify", report.attested.unfit)
    yield from _titled("rests on", report.rests_on)
    yield from _titled("does not show", report.does_not_show)


def _headline(report: Shown) -> str:
    if isinstance(report, CompletenessReport):
        what = completeness_report.headline(report.found)
        return f"complete, {headline(report.steps)}: {what}"
    if isinstance(report, PaperReport):
        return f"{headline(report.steps)}: a report, “{report.said.title}”"
    if isinstance(report, LineReport):
        return f"{headline(report.steps)}: {line_report.headline(report)}"
    if isinstance(report, PackReport):
        return f"complete, {headline(report.steps)}: {pack_check.headline(report)}"
    if isinstance(report, Report):
        what = f"all {report.size} entries of {report.origin}, root {report.root.hex()}"
    else:
        what = f"entry {report.receipt.index} of {report.receipt.checkpoint.origin}"
    return f"{headline(report.steps)}: {what}"


def _rungs(steps: Sequence[Step]) -> Iterator[str]:
    # The longest state decides the width.
    width = max(map(len, State))
    for step in steps:
        yield f"  {step.rung:12} {step.state:{width}}  {step.says}"


def _titled(title: str, sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield title
        yield from (f"  · {sentence}" for sentence in sentences)


def _about(report: Shown) -> Mapping[str, Any]:
    if isinstance(report, Report):
        return _log(report)
    if isinstance(report, PackReport):
        return _pack(report)
    if isinstance(report, PaperReport):
        return _paper(report)
    if isinstance(report, LineReport):
        return _line(report)
    return _receipt(report) if isinstance(report, ReceiptReport) else _complete(report.found)


def _complete(found: Complete) -> Mapping[str, Any]:
    return {
        "origin": found.checkpoint.origin,
        "size": found.checkpoint.size,
        "root": found.checkpoint.root.hex(),
        "complete": {
            "controller": found.head.controller,
            "entries": found.entries,
            "covered": found.covered,
            "committed_at": found.committed_at.isoformat(),
            "later": found.later,
        },
    }


def _pack(report: PackReport) -> Mapping[str, Any]:
    manifest = report.manifest
    return {
        "origin": manifest.origin,
        "size": manifest.size,
        "root": manifest.root,
        "pack": {
            "files": len(manifest.files),
            "whole": report.whole is not None,
            "complete": [_complete(each.found)["complete"] for each in report.complete],
            "shared": list(report.shared),
            "showed": pack_check.showed(report),
        },
    }


def _paper(report: PaperReport) -> Mapping[str, Any]:
    said, checkpoint = report.said, report.checkpoint
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "report": {
            "title": said.title,
            "covered": said.size,
            "rests_on": len(said.rests_on),
            "attached": report.attached,
            "pages_compared": report.same,
            "showed": paper_check.showed(report),
        },
    }


def _line(report: LineReport) -> Mapping[str, Any]:
    digest = report.digest
    return {
        **_receipt(report.recorded),
        "line": {
            "log_source": digest.log_source,
            "standard": digest.standard,
            "day": str(digest.day),
            "supplement": digest.supplement,
            "number": report.proof.index + 1,
            "of": digest.lines,
            "root": digest.root.hex(),
            "previous": digest.previous,
            "showed": list(line_report.showed(report)),
        },
    }


def _log(report: Report) -> Mapping[str, Any]:
    return {
        "origin": report.origin,
        "size": report.size,
        "root": report.root.hex(),
        "suspect": list(report.suspect),
        "lost": [loss.as_json(each) for each in report.lost],
        "checks": [{"number": p.number, "name": p.name, "showed": p.showed} for p in report.passed],
    }


def _receipt(report: ReceiptReport) -> Mapping[str, Any]:
    found, event = report.receipt, report.event
    return {
        "origin": found.checkpoint.origin,
        "size": found.checkpoint.size,
        "root": found.checkpoint.root.hex(),
        "index": found.index,
        "recorded_at": found.entry.recorded_at.isoformat(),
        "type": None if event is None else event.type,
        "id": None if event is None else event.id,
        "source": None if event is None else event.source,
        "signed_by": [signature.keyid for signature in found.entry.signatures],
    }


def _attested(attested: Attested) -> Mapping[str, Any]:
    cosigned = [(by, cosigned_at(by)) for by in attested.witnesses]
    return {
        "witnesses": [
            {
                "name": by.witness.name,
                "vkey": by.witness.key.vkey,
                "time": None if time is None else time.isoformat(),
            }
            for by, time in cosigned
        ],
        "timestamps": [
            {
                "authority": stamp.authority,
                "time": stamp.time.isoformat(),
                "accuracy_seconds": (
                    None if stamp.accuracy is None else stamp.accuracy.total_seconds()
                ),
                "serial": str(stamp.serial),
                "certificate_sha256": stamp.anchor_digest,
            }
            for stamp in attested.timestamps
        ],
        "timestamps_unfit": list(attested.unfit),
    }
