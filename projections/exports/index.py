"""The index of an evidence pack: what it is about, what its parts say, and which files it holds.

`tests/test_pack.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from ledger.checkpoint import Checkpoint
from ledger.pack import Described
from projections.civil import local_minute
from projections.clocks import STATES
from projections.exports import document, evidenced, judged
from projections.exports.document import ABOUT, ALL, Document, Heading, Table
from projections.exports.part import Asked, Summary
from projections.findings import SEVERITIES
from projections.register import Label

TITLE = Label("Bewijspakket", "Evidence pack")
FILES = Label("Bestanden", "Files")
FILE = Label("Bestand", "File")
WHAT = Label("Wat het is", "What it is")
BYTES = Label("Bytes", "Bytes")
COVERAGE = Label("Bewijs per raamwerk", "Evidence by framework")
FRAMEWORK = Label("Raamwerk", "Framework")
CONTROLS = Label("Beheersmaatregelen", "Controls")
PRIMARY = Label("met rechtstreeks bewijs", "with primary evidence")
SUPPORTING = Label("met ondersteunend bewijs", "with supporting evidence")
NONE = Label("zonder bewijs in dit grootboek", "with no evidence in this ledger")
JUDGED = Label("Bevindingen en termijnen", "Findings and clocks")
COUNT = Label("Aantal", "Number")
WHOLE = Label("Het hele grootboek", "The whole ledger")
HOW = Label(
    "Controleer dit pakket met `verantwoord verify PAKKET.zip`; hoe, staat in VERIFY.txt.",
    "Check this pack with `verantwoord verify PACK.zip`; VERIFY.txt says how.",
)
LOG = Label("het logboek zelf (C2SP tlog-tiles)", "the log itself (C2SP tlog-tiles)")


def index(
    asked: Asked,
    checkpoint: Checkpoint,
    recorded_at: datetime,
    summaries: Sequence[Summary],
    files: Sequence[Described],
) -> Document:
    """The index as a document; `recorded_at` is that of the last entry under the checkpoint."""
    lang = asked.language
    names = [each.part.controller for each in summaries if each.part.controller is not None]
    about = {
        "ledger": asked.origin,
        "controller": ", ".join(names) or ALL.text(lang),
        "period": f"{local_minute(asked.period.begin)} – {local_minute(asked.period.end)}",
        "size": ", ".join(str(each.part.covered) for each in summaries),
        "recorded_at": local_minute(recorded_at),
        "root": checkpoint.root.hex(),
    }
    said = [table for each in summaries for table in _tables(each, lang)]
    return Document(
        "index",
        TITLE.text(lang),
        HOW.text(lang),
        lang,
        [(ABOUT[key].text(lang), value) for key, value in about.items()],
        evidenced.MARK.text(lang),
        [*said, _files(files, lang)],
        checkpoint.size,
        checkpoint.root.hex(),
        recorded_at,
    )


def _tables(summary: Summary, lang: str) -> Iterator[Table]:
    who = summary.part.controller or WHOLE.text(lang)
    labels = (FRAMEWORK, CONTROLS, PRIMARY, SUPPORTING, NONE)
    rows = [
        [found.framework.name, *evidenced.coverage(found).values()] for found in summary.evidence
    ]
    yield Table(f"{who}: {COVERAGE.text(lang)}", _headings(lang, *labels), rows)
    held = Counter(finding.severity for finding in summary.findings.findings)
    states = Counter(clock.state for clock in summary.clocks.clocks)
    findings, clocks = (document.KINDS[name].text(lang) for name in ("findings", "clocks"))
    counted: list[list[Any]] = [[findings, severity, held[severity]] for severity in SEVERITIES]
    counted += [[clocks, state, states[state]] for state in STATES]
    headings = _headings(lang, WHAT, judged.CLOCK["state"], COUNT)
    yield Table(f"{who}: {JUDGED.text(lang)}", headings, counted)


def _files(files: Sequence[Described], lang: str) -> Table:
    """The files; those of the log are many and for programs, and stand there as one folder."""
    rows: list[list[Any]] = []
    log = LOG.text(lang)
    for each in files:
        if each.about != log:
            rows.append([each.filed.name, each.about, each.filed.bytes])
        elif each.filed.name.endswith("/log.vkey"):
            rows.append([each.filed.name.removesuffix("log.vkey"), log, ""])
    return Table(FILES.text(lang), _headings(lang, FILE, WHAT, BYTES), rows, is_list=True)


def _headings(lang: str, *labels: Label) -> list[Heading]:
    return [Heading(label.text(lang), "") for label in labels]
