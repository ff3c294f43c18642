"""Checking an evidence pack offline, and what that shows.

(1) It holds the files of its list, each once, and no other.
(2) The key of the log, which is the pinned one, signed its checkpoint and its list.
(3) Every file has the length and SHA-256 of the list.
(4) A part about the whole ledger has the log itself: the checks of `ledger/verify.py`.
(5) A part about a controller has its export, which is complete (`ledger/completeness.py`) up to
    what the part rests on.
(6) `events.jsonl` of a part has every entry of (4) or (5), each once, in order, and in the tree.

Nothing but the standard library and `cryptography`, and memory for one file of the log at a time.
`tests/test_pack.py` plays whoever edits, leaves out, swaps and replays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger import (
    archive,
    completeness,
    completeness_report,
    controller_export,
    log_keys,
    note,
    pack,
    proven,
    statement,
)
from ledger.archive import Archive
from ledger.checkpoint import Checkpoint
from ledger.completeness_report import CompletenessReport
from ledger.controller_export import LONGEST_LINE, Line
from ledger.errors import ArchiveMalformed, Incomplete, ProofInvalid, VerificationFailed
from ledger.ladder import Attested, Step
from ledger.log_keys import LogKeys
from ledger.note import MAX_NOTE
from ledger.pack import Manifest, Part
from ledger.report import Pins, Report
from ledger.statement import Kind, Statement
from ledger.verify import CHECKPOINT, VKEY, most, verify

PinsOf = Callable[[str], completeness.Pins]
"""What is known from elsewhere about a controller."""

Derive = Callable[[Archive, Manifest], Sequence[str]]
"""Makes what follows from the entries again, and compares; a sentence on what that showed. Raises
VerificationFailed."""


@dataclass(frozen=True, slots=True)
class PackReport:
    """What checking a pack showed; `shared` entries of a part about a controller have no number of
    its own, and concern everybody. `derived` says what was made again."""

    manifest: Manifest
    checkpoint: Checkpoint
    vkey: str
    whole: Report | None
    complete: Sequence[CompletenessReport]
    shared: Sequence[int]
    derived: Sequence[str]
    steps: tuple[Step, ...]
    attested: Attested
    contradictions: tuple[str, ...]
    rests_on: tuple[str, ...]
    does_not_show: tuple[str, ...]


def note_in(opened: Archive) -> str:
    """The signed checkpoint of a pack. Raises ArchiveMalformed and NoteMalformed."""
    return note.decode(_file(opened, pack.CHECKPOINT, MAX_NOTE))


def check(opened: Archive, pins: Pins, pins_of: PinsOf, derive: Derive | None = None) -> PackReport:
    """Check a pack, and (7) with `derive` that registers, findings and evidence follow from its
    entries. Raises VerificationFailed."""
    raw = _file(opened, pack.MANIFEST, pack.MAX_MANIFEST)
    manifest = pack.parse(raw)
    _check_names(opened, manifest)  # (1)
    signed = note_in(opened)
    keys = log_keys.parse(pins.vkey) if pins.vkey else _keys_in(opened, manifest)
    checkpoint = keys.open(signed)  # (2)
    if (checkpoint.origin, checkpoint.size, checkpoint.root.hex()) != (
        manifest.origin,
        manifest.size,
        manifest.root,
    ):
        raise ArchiveMalformed("the checkpoint is of another tree than the list of the pack")
    about = Statement.of(Kind.PACK, manifest.origin, manifest.size, raw)
    statement.open(note.decode(_file(opened, pack.SIGNED, MAX_NOTE)), about, keys)
    for each in manifest.files:  # (3)
        _check_file(opened, each.filed)
    whole, complete, shared = None, [], []
    for part in manifest.parts:
        if part.controller is None:
            whole = _check_whole(opened, part, checkpoint, signed, pins)  # (4) (6)
        else:
            report = _check_export(opened, part, signed, pins, pins_of(part.controller))  # (5)
            complete.append(report)
            shared.append(_check_events(opened, part, checkpoint))  # (6)
    derived = () if derive is None else derive(opened, manifest)  # (7)
    vkey = keys.signer_of(signed).vkey
    return _report(manifest, checkpoint, vkey, whole, complete, shared, derived)


def _check_names(opened: Archive, manifest: Manifest) -> None:
    listed = [each.filed.name for each in manifest.files]
    there = {*opened.names} - {pack.MANIFEST, pack.SIGNED}
    if len({*listed}) != len(listed):
        raise ArchiveMalformed("the list of the pack has a file twice")
    if missing := {*listed} - there:
        raise Incomplete(f"{min(missing)} is in the list of the pack, and not in the pack")
    if more := there - {*listed}:
        raise ArchiveMalformed(f"{min(more)} is in the pack, and not in its list")


def _check_file(opened: Archive, filed: archive.Filed) -> None:
    if opened.length(filed.name) != filed.bytes:
        raise ArchiveMalformed(f"{filed.name} has another length than the list of the pack says")
    digest = hashlib.sha256()
    for piece in opened.pieces(filed.name):
        digest.update(piece)
    if digest.hexdigest() != filed.sha256:
        raise ArchiveMalformed(f"{filed.name} has another SHA-256 than the list of the pack says")


def _keys_in(opened: Archive, manifest: Manifest) -> LogKeys:
    """The key that the pack itself says is the log's, where none is pinned."""
    part = manifest.parts[0]
    if part.controller is None:
        return log_keys.parse(note.decode(_file(opened, f"{part.path}/log/{VKEY}", MAX_NOTE)))
    first = next(opened.lines(f"{part.path}/export.jsonl", LONGEST_LINE), b"")
    head = controller_export.parse(first)
    if isinstance(head, controller_export.Line):
        raise ArchiveMalformed("an export begins with whose it is")
    return log_keys.parse(head.vkey)


def _check_whole(
    opened: Archive, part: Part, checkpoint: Checkpoint, signed: str, pins: Pins
) -> Report:
    prefix = f"{part.path}/log/"

    def fetch(path: str) -> bytes:
        return opened.read(prefix + path, most(path))

    if note.decode(fetch(CHECKPOINT)) != signed or part.covered != checkpoint.size:
        raise ArchiveMalformed(f"{prefix}{CHECKPOINT} is not the checkpoint of the pack")
    report = verify(fetch, pins)
    entries = 0
    for line in opened.lines(f"{part.path}/events.jsonl", proven.LONGEST):
        entry = proven.parse(line)
        if entry.index != entries:
            raise Incomplete(f"{part.path}/events.jsonl has no entry {entries} in its place")
        entry.check(checkpoint)
        entries += 1
    if entries != checkpoint.size:
        raise Incomplete(f"{part.path}/events.jsonl has {entries} of {checkpoint.size} entries")
    return report


def _check_export(
    opened: Archive, part: Part, signed: str, pins: Pins, own: completeness.Pins
) -> CompletenessReport:
    lines = opened.lines(f"{part.path}/export.jsonl", LONGEST_LINE)
    report = completeness_report.check(lines, own, pins.policy, pins.certificates)
    found = report.found
    if found.head.controller != part.controller or found.head.checkpoint != signed:
        raise ArchiveMalformed(
            f"{part.path}/export.jsonl is of another controller or checkpoint than the pack says"
        )
    if found.covered != part.covered:
        raise Incomplete(
            f"what is in {part.path} rests on {part.covered} entries, and its export shows the"
            f" first {found.covered} to be complete"
        )
    return report


def _check_events(opened: Archive, part: Part, checkpoint: Checkpoint) -> int:
    """How many entries are in the events of a part that its export does not have."""
    exported = (
        (line.index, line.leaf)
        for raw in opened.lines(f"{part.path}/export.jsonl", LONGEST_LINE)
        if isinstance(line := controller_export.parse(raw), Line) and not line.latest
    )
    wanted = next(exported, None)
    shared, index = 0, -1
    for raw in opened.lines(f"{part.path}/events.jsonl", proven.LONGEST):
        entry = proven.parse(raw)
        if not index < entry.index < part.covered:
            raise ProofInvalid(
                f"entry {entry.index} has no place in {part.path}/events.jsonl", entry.index
            )
        index = entry.index
        entry.check(checkpoint)
        if wanted is not None and wanted[0] == entry.index:
            wanted = next(exported, None)
        else:
            shared += 1
    if wanted is not None:
        raise Incomplete(f"entry {wanted[0]} is not in {part.path}/events.jsonl", wanted[0])
    return shared


def _report(
    manifest: Manifest,
    checkpoint: Checkpoint,
    vkey: str,
    whole: Report | None,
    complete: Sequence[CompletenessReport],
    shared: Sequence[int],
    derived: Sequence[str],
) -> PackReport:
    reports: list[Report | CompletenessReport] = (
        [*complete] if whole is None else [whole, *complete]
    )
    unique = [dict.fromkeys(s for r in reports for s in getattr(r, name)) for name in _SENTENCES]
    contradictions, rests_on, does_not_show = (tuple(sentences) for sentences in unique)
    more = []
    if not derived:
        more.append(
            "That registers, findings and evidence in the pack follow from its entries: that is the"
            " log's word, signed with its key."
        )
    if any(shared):
        more.append("That no entry that concerns everybody is left out: those have no number.")
    return PackReport(
        manifest=manifest,
        checkpoint=checkpoint,
        vkey=vkey,
        whole=whole,
        complete=tuple(complete),
        shared=tuple(shared),
        derived=tuple(derived),
        steps=reports[0].steps,
        attested=reports[0].attested,
        contradictions=contradictions,
        rests_on=rests_on,
        does_not_show=(*more, *does_not_show),
    )


_SENTENCES = ("contradictions", "rests_on", "does_not_show")


def headline(report: PackReport) -> str:
    """The answer in a few words."""
    manifest = report.manifest
    files = f"an evidence pack of {len(manifest.files)} files"
    if report.whole is not None:
        return f"{files} about all {manifest.size} entries of {manifest.origin}"
    names = ", ".join(each.found.head.controller for each in report.complete)
    return f"{files} about {names} of {manifest.origin}"


def showed(report: PackReport) -> list[str]:
    """What the checks showed, a sentence each."""
    manifest = report.manifest
    sentences = [
        f"The key of {manifest.origin} signed the list of the pack: its {len(manifest.files)} files"
        " are there, each with its SHA-256, and no other.",
    ]
    if report.whole is not None:
        sentences.append(
            f"It holds the log: all {manifest.size} entries, of which root and signatures verify."
        )
    for each, shared in zip(report.complete, report.shared, strict=True):
        sentences.append(f"It is {completeness_report.headline(each.found)}.")
        sentences += completeness_report.committed(each.found)
        if shared:
            sentences.append(
                f"{shared} entries that concern everybody are with those of"
                f" {each.found.head.controller}, and in the log."
            )
    return [*sentences, *report.derived]


def _file(opened: Archive, name: str, most_bytes: int) -> bytes:
    try:
        return opened.read(name, most_bytes)
    except FileNotFoundError:
        raise VerificationFailed(f"there is no {name} in the archive") from None
