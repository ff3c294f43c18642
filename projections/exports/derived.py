"""An evidence pack made again from its own entries, and compared with what it holds.

Registers, findings and evidence about the whole ledger follow from the entries that are in the pack
(`projections/exports/part.py`), so whoever checks it need not take them from the log. Those about
one controller rest on entries that it may not see. The events are held in memory: a million of them
take some gigabytes. `tests/test_pack.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from ledger import checkpoint as checkpoints
from ledger import note, proven
from ledger.archive import Archive
from ledger.errors import ConfigurationError, VerificationFailed
from ledger.pack import CHECKPOINT, MAX_MANIFEST, Described, Manifest, Part
from projections import context, history
from projections.clocks import Clocks, clocks_at
from projections.exports.html import to_html
from projections.exports.index import index
from projections.exports.pack import INDEX, made_with
from projections.exports.paper import to_pdf
from projections.exports.part import SAMPLE, Asked, File, Summary, files
from projections.facts import Recorded, effective
from projections.findings import Findings, held_at
from projections.frameworks.evidence import Gathered, Period, tally
from projections.frameworks.framework import Framework, of_file
from projections.needed import cases_of
from projections.question import Answer, Basis, Moment
from projections.register import Register, Row
from projections.registers import REGISTERS
from projections.rows import folded
from projections.rules import JUDGED
from projections.showing import shown

LARGEST = 64 * 1024 * 1024
"""Bytes of a framework or a note in a pack."""


class OfEntries:
    """The answers that follow from the first entries of a log, by themselves."""

    def __init__(self, leaves: Sequence[bytes], signed: str) -> None:
        self._leaves = leaves
        self._events = [history.recorded(n, leaf) for n, leaf in enumerate(leaves, start=1)]
        self._basis = Basis(len(leaves), self._events[-1].recorded_at, signed)
        self._moment = Moment(known_at=len(leaves))
        self._judged = [row for chapter in JUDGED.values() for row in self._rows(chapter)]

    @property
    def recorded_at(self) -> datetime:
        """When the last of them was recorded."""
        return self._events[-1].recorded_at

    def register(self, register: Register) -> Answer:
        """A register, with sealed text in short."""
        rows = sorted(self._rows(register), key=lambda row: row.key)
        return shown(Answer(register, self._moment, self._basis, register.present(rows)))

    def findings(self) -> Findings:
        """The findings."""
        held = held_at(self._judged, self.recorded_at)
        return Findings(self._moment, self.recorded_at, self._basis, held)

    def clocks(self) -> Clocks:
        """All clocks, whatever their state."""
        seen = clocks_at(self._judged, self.recorded_at)
        return Clocks(self._moment, self.recorded_at, self._basis, seen)

    def evidence(self, framework: Framework, asked: Asked) -> Gathered:
        """The evidence for a framework."""
        facts = effective(self._events)
        return tally(
            framework, asked.period, self.findings(), facts, sample=SAMPLE, seed=asked.seed
        )

    def leaf(self, index: int) -> bytes:
        """The bytes of an entry."""
        return self._leaves[index]

    def _rows(self, register: Register) -> list[Row]:
        wanted = register.types | register.context | history.AMENDMENTS
        events: list[Recorded] = [event for event in self._events if event.type in wanted]
        cases = cases_of(register, events, None)
        return folded(register, context.joined(register, cases, context.of(register, events, None)))


def derive(opened: Archive, manifest: Manifest) -> list[str]:
    """Make what a checked pack says about the whole ledger again; a sentence on what was found.

    Nothing where it has no such part. Raises VerificationFailed for a file that is not what follows
    from the entries.
    """
    part = next((part for part in manifest.parts if part.controller is None), None)
    if part is None:
        return []
    here = made_with()
    if manifest.made_with.get("folds") != here["folds"]:
        return [
            "Registers, findings and evidence were made by another version of the program, and"
            " could not be made again."
        ]
    listed = {each.filed.name: each for each in manifest.files}
    kinds = [kind for kind, needed in _OF_LIBRARIES.items() if _same(manifest, here, needed)]
    compared, left = 0, 0
    for made in _made_again(opened, manifest, part):
        kind = made.name.rpartition(".")[2]
        if kind in _OF_LIBRARIES and kind not in kinds:
            left += 1
            continue
        there = listed.get(made.name)
        if there is None or hashlib.sha256(made.content).hexdigest() != there.filed.sha256:
            raise VerificationFailed(
                f"{made.name} is not what follows from the entries in the pack"
            )
        compared += 1
    sentences = [
        f"{compared} files, all registers, findings, clocks and evidence among them, follow from"
        " these entries: made again, they are the same, byte for byte."
    ]
    if left:
        sentences.append(
            f"{left} spreadsheets or PDFs were made with another version of a library, and were not"
            " made again: read the CSV or JSON beside them."
        )
    return sentences


_OF_LIBRARIES: Mapping[str, tuple[str, ...]] = {"xlsx": ("xlsxwriter", "zlib"), "pdf": ("typst",)}
"""Kinds of files whose bytes depend on the version of a library."""


def _same(manifest: Manifest, here: Mapping[str, str], needed: Sequence[str]) -> bool:
    return all(manifest.made_with.get(name) == here[name] for name in needed)


def _made_again(opened: Archive, manifest: Manifest, part: Part) -> Iterator[File]:
    leaves = [
        proven.parse(line).leaf
        for line in opened.lines(f"{part.path}/events.jsonl", proven.LONGEST)
    ]
    signed = _signed(opened, part)
    answers = OfEntries(leaves, signed)
    tree = checkpoints.parse(signed.partition("\n\n")[0] + "\n")
    asked = Asked(
        manifest.origin,
        manifest.language,
        Period(manifest.begin, manifest.until),
        [_framework(opened, name) for name in _frameworks(manifest, part)],
        manifest.root,
    )
    summaries: list[Summary] = []
    for made in files(part, answers, asked):
        if isinstance(made, Summary):
            summaries.append(made)
        else:
            yield made
    if len(manifest.parts) > 1:
        return  # the index is about other parts as well
    before: list[Described] = []
    for each in manifest.files:
        if each.filed.name == "index.html":
            break
        before.append(each)
    found = index(asked, tree, answers.recorded_at, summaries, before)
    yield File("index.html", to_html(found, [each.filed.name for each in before]), INDEX)
    yield File("index.pdf", to_pdf(found), INDEX)


def _signed(opened: Archive, part: Part) -> str:
    """The checkpoint as the log signed it, without what others said of it since."""
    name = f"{part.path}/registers/{next(iter(REGISTERS))}.json"
    basis: Any = orjson.loads(opened.read(name, MAX_MANIFEST))
    signed = basis["basis"]["checkpoint"]
    whole = note.decode(opened.read(CHECKPOINT, note.MAX_NOTE))
    if not isinstance(signed, str) or not whole.startswith(signed):
        raise VerificationFailed(f"{name} rests on another checkpoint than the pack")
    return signed


def _frameworks(manifest: Manifest, part: Part) -> list[str]:
    prefix = f"{part.path}/evidence/"
    names = [each.filed.name for each in manifest.files]
    return [n for n in names if n.startswith(prefix) and n.endswith(".framework.json")]


def _framework(opened: Archive, name: str) -> Framework:
    try:
        return of_file(orjson.loads(opened.read(name, LARGEST)))
    except (ConfigurationError, ValueError, TypeError, AttributeError) as error:
        raise VerificationFailed(f"{name} is no framework: {error}") from None
