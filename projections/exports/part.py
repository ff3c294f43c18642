"""What follows from the events, as the files of one part of an evidence pack.

    registers/NAME.json .csv .xlsx …    every register
    findings.… clocks.…                 what rules make of them
    evidence/FRAMEWORK.…                what there is for the controls of each framework

The answers come from a ledger, when a pack is made, or from the entries in a pack, when it is
checked (`derived.py`): the files are the same, byte for byte. `tests/test_pack.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson

from ledger.isolation import OneController
from ledger.opening import Ledger
from ledger.pack import Part
from projections.clocks import STATES, Clocks, ask_clocks
from projections.exports import described, document, evidenced, judged, oscal, tables
from projections.exports.spreadsheet import to_xlsx
from projections.findings import Findings, ask_findings
from projections.frameworks.evidence import Gathered, Period, gather
from projections.frameworks.framework import Framework, as_file
from projections.question import Answer, Moment, ask
from projections.register import Label, Register
from projections.registers import REGISTERS
from projections.showing import shown

SAMPLE = 25
"""Events drawn for each control."""

MOST_IN_XLSX = 20_000
"""Rows of a register that is also a spreadsheet; more take gigabytes to write. CSV has them all."""

SCHEMA = Label("JSON Schema van het register", "JSON Schema of the register")
CSVW = Label("beschrijving van de CSV (CSV on the Web)", "about the CSV (CSV on the Web)")
OSCAL = Label("bewijs als OSCAL assessment results", "evidence as OSCAL assessment results")
COUNTED = Label(
    "welke gebeurtenissen voor elke beheersmaatregel meetellen",
    "which events are counted for each control",
)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a part: its name within the pack, what it holds, and what it is."""

    name: str
    content: bytes
    about: Label


@dataclass(frozen=True, slots=True)
class Asked:
    """What every part of a pack is asked: in which language, about which period, and which
    frameworks; the seed of its samples is the root of the tree, in hex."""

    origin: str
    language: str
    period: Period
    frameworks: Sequence[Framework]
    seed: str


class Answers(Protocol):
    """Who answers about one part: about the first entries of a log, so many as the part says."""

    def register(self, register: Register) -> Answer:
        """A register, with sealed text in short."""

    def findings(self) -> Findings:
        """The findings."""

    def clocks(self) -> Clocks:
        """All clocks, whatever their state."""

    def evidence(self, framework: Framework, asked: Asked) -> Gathered:
        """The evidence for a framework."""

    def leaf(self, index: int) -> bytes:
        """The bytes of an entry."""


class OfLedger:
    """The answers of a ledger."""

    def __init__(self, ledger: Ledger, part: Part) -> None:
        self._ledger = ledger
        self._controller = part.controller
        self._connections = (
            ledger.pool
            if part.controller is None
            else OneController(ledger.pool, ledger.database, part.controller, part.covered)
        )
        self._moment = Moment(known_at=part.covered)
        # Never asked for: a moment that says how much was known says when.
        self._now = datetime.max

    def register(self, register: Register) -> Answer:
        """A register, with sealed text in short."""
        found = ask(self._connections, register, self._moment, controller=self._controller)
        return shown(found)

    def findings(self) -> Findings:
        """The findings."""
        return ask_findings(self._connections, self._now, self._moment, controller=self._controller)

    def clocks(self) -> Clocks:
        """All clocks, whatever their state."""
        return ask_clocks(
            self._connections, self._now, self._moment, controller=self._controller, states=STATES
        )

    def evidence(self, framework: Framework, asked: Asked) -> Gathered:
        """The evidence for a framework."""
        return gather(
            self._connections,
            self._now,
            framework,
            asked.period,
            self._moment,
            sample=SAMPLE,
            seed=asked.seed,
        )

    def leaf(self, index: int) -> bytes:
        """The bytes of an entry."""
        return self._ledger.reader.leaf(index)


@dataclass(slots=True)
class Summary:
    """What the index says of a part."""

    part: Part
    findings: Findings
    clocks: Clocks
    evidence: Sequence[Gathered]


def files(part: Part, answers: Answers, asked: Asked) -> Iterator[File | Summary]:
    """The files of a part, and at last the summary of what they say."""
    for register in REGISTERS.values():
        yield from _of_register(part, register, answers.register(register), asked)
    findings, clocks = answers.findings(), answers.clocks()
    yield from _of_judged(part, findings, clocks, asked.language)
    gathered = []
    for framework in asked.frameworks:
        found = answers.evidence(framework, asked)
        yield from _of_evidence(part, found, asked, answers)
        gathered.append(found)
    yield Summary(part, findings, clocks, gathered)


def _of_register(part: Part, register: Register, answer: Answer, asked: Asked) -> Iterator[File]:
    lang = asked.language
    name, title = f"{part.path}/registers/{register.name}", register.title
    yield File(f"{name}.json", _json(tables.to_json(answer, lang)), title)
    yield File(f"{name}.schema.json", _json(described.json_schema(register, lang)), SCHEMA)
    yield File(f"{name}.csv", tables.to_csv(answer, lang).encode(), title)
    about = described.csvw(register, lang, f"{register.name}.csv")
    yield File(f"{name}.csv-metadata.json", _json(about), CSVW)
    if len(answer.rows) <= MOST_IN_XLSX:
        made = document.of_register(answer, lang, asked.origin, part.controller)
        yield File(f"{name}.xlsx", to_xlsx(made), title)


def _of_judged(part: Part, findings: Findings, clocks: Clocks, lang: str) -> Iterator[File]:
    name, title = f"{part.path}/findings", document.KINDS["findings"]
    yield File(f"{name}.json", _json(judged.findings_json(findings, lang)), title)
    yield File(f"{name}.csv", judged.findings_csv(findings, lang).encode(), title)
    name, title = f"{part.path}/clocks", document.KINDS["clocks"]
    yield File(f"{name}.json", _json(judged.clocks_json(clocks, lang)), title)
    yield File(f"{name}.csv", judged.clocks_csv(clocks, lang).encode(), title)


def _of_evidence(part: Part, found: Gathered, asked: Asked, answers: Answers) -> Iterator[File]:
    lang = asked.language
    name = f"{part.path}/evidence/{found.framework.id}"
    kind = document.KINDS["evidence"]
    title = Label(*(f"{text}: {found.framework.name}" for text in (kind.nl, kind.en)))
    yield File(f"{name}.framework.json", _json(as_file(found.framework)), COUNTED)
    yield File(f"{name}.json", _json(evidenced.pack_json(found, lang)), title)
    yield File(f"{name}.csv", evidenced.coverage_csv(found, lang).encode(), title)
    yield File(f"{name}.xlsx", to_xlsx(document.of_evidence(found, lang, asked.origin)), title)
    results = oscal.assessment_results(found, lang, asked.origin, answers.leaf)
    yield File(f"{name}.oscal.json", _json(results), OSCAL)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"
