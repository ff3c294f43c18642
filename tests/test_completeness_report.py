"""The report on an export: how far its checkpoint stands up, and every sentence is true."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger import auditor, completeness_report, controller_export, controller_key, telling
from ledger.auditor import Answer, Question
from ledger.completeness import Pins
from ledger.completeness_report import CompletenessReport
from ledger.controller_export import Head, Line
from ledger.errors import NoteUnverified
from ledger.ladder import Rung, State, verdict
from ledger.policy import Policy
from tests.attesting import attest, policy_text
from tests.authority import Authority, needs_openssl
from tests.log_builder import LogBuilder
from tests.test_completeness import EXPORT, KEY, LOG, PINNED, SECRET, check, told

VERIFIER = LOG.signer.verifier
POLICY = Policy.parse(policy_text(["X1", "X2"], 2))


def attested(witnesses: list[str], authorities: list[Authority]) -> list[Head | Line]:
    """The export under a checkpoint that others attested."""
    head = LOG.head("C1")
    signed = attest(head.checkpoint, VERIFIER, witnesses, authorities)
    return [replace(head, checkpoint=signed), *EXPORT[1:]]


def report(export: list[Head | Line], pins: Pins = PINNED, **trusted: object) -> CompletenessReport:
    lines = map(controller_export.format, export)
    return completeness_report.check(lines, pins, **trusted)  # type: ignore[arg-type]


def said(sentences: tuple[str, ...], words: str) -> int:
    """How many sentences have these words."""
    return sum(words in sentence for sentence in sentences)


def test_what_is_pinned_and_what_is_found_in_the_export_is_told_apart() -> None:
    """A key of the export is never called the controller's own."""
    pinned, found = report(EXPORT), report(EXPORT, Pins())
    assert said(pinned.rests_on, "pinned by you") == 2
    assert said(pinned.rests_on, "pinned by nobody") == 0
    assert said(pinned.does_not_show, "second sequence") == 0
    assert said(found.rests_on, "pinned by you") == 0
    assert said(found.rests_on, "found in the export, and pinned by nobody") == 2
    assert said(found.does_not_show, "second sequence of C1") == 1
    assert said(found.does_not_show, "the log you mean") == 1


def test_what_is_not_covered_is_always_said() -> None:
    """What was never recorded, never numbered, or came later."""
    sentences = report(EXPORT).does_not_show
    found = check(EXPORT)
    assert said(sentences, "never recorded") == 1
    assert said(sentences, "was given its number") == 1
    assert said(sentences, f"from entry {found.covered} on") == 1
    assert said(tuple(completeness_report.committed(found)), "2 later entries of C1") == 1
    covered = [x for x in EXPORT if isinstance(x, Head) or x.latest or x.number <= 6]
    assert said(tuple(completeness_report.committed(check(covered))), "later") == 0


def test_a_sequence_that_does_not_begin_with_the_registration_is_said() -> None:
    """What was recorded before its number 1 is not covered."""
    log = LogBuilder(secret=SECRET)
    log.enrol("k", "desk")
    data = {"controller_id": "C1", "instruction_id": "I-1"}
    log.record("InstructionReceived", data, by="k", concerns=["C1"])
    log.note()
    assert said(report(log.export_controller("C1")).does_not_show, "before its number 1") == 1
    assert said(report(EXPORT).does_not_show, "before its number 1") == 0


@needs_openssl
def test_an_export_climbs_the_ladder(tmp_path: Path) -> None:
    """Witnesses and timestamps count for it as for any checkpoint, if they are trusted."""
    authority = Authority(tmp_path)
    export = attested(["X1", "X2"], [authority])
    by_itself = report(export)
    assert verdict(by_itself.steps) is Rung.INCLUDED
    trusting = report(export, policy=POLICY, certificates=[authority.root])
    assert verdict(trusting.steps) is Rung.TIMESTAMPED
    assert trusting.contradictions == ()  # the log of the tests is older than the timestamp
    half = report(attested(["X1"], []), policy=POLICY)
    assert half.attested.witnessed.state is State.NOT_REACHED
    broken = attested(["X1", "X2"], [])
    head = broken[0]
    assert isinstance(head, Head)
    first, _, rest = head.checkpoint.partition("X1.example ")
    broken[0] = replace(head, checkpoint=f"{first}X1.example {rest[:20]}AAAA{rest[24:]}")
    with pytest.raises(NoteUnverified):
        report(broken, policy=POLICY)


@needs_openssl
def test_an_entry_recorded_after_its_timestamp_is_told(tmp_path: Path) -> None:
    """Also when it is one of those that came later."""
    authority = Authority(tmp_path)
    log = told(6)
    log.record(
        "InstructionReceived", {"controller_id": "C1", "instruction_id": "late"},
        by="k", concerns=["C1"], at=datetime(2100, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    head, *lines = log.export_controller("C1")
    assert isinstance(head, Head)
    signed = attest(head.checkpoint, VERIFIER, [], [authority])
    found = report([replace(head, checkpoint=signed), *lines], certificates=[authority.root])
    assert said(found.contradictions, "2100-01-01") == 1


def test_people_and_machines_are_told_the_same(tmp_path: Path) -> None:
    """Whose it is, how many, up to where; a policy that names the log pins its key."""
    files = {
        "export": b"".join(map(controller_export.format, EXPORT)),
        "key": (controller_key.format(KEY) + "\n").encode(),
        "policy": policy_text(["X1", "X2"], 2, VERIFIER).encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    answer = ask(tmp_path)
    assert answer.status == 0
    assert answer.document["complete"] == {
        "controller": "C1",
        "entries": 6,
        "covered": 15,
        "committed_at": "2025-01-01T12:00:16+00:00",
        "later": 2,
    }
    json.dumps(answer.document)
    text = "\n".join(answer.lines)
    assert text.startswith("complete, included")
    for sentence in (*answer.document["rests_on"], *answer.document["does_not_show"]):
        assert sentence in text
    assert "all 6 entries of C1 among the first 15 of log.example/verantwoord" in text
    assert said(answer.document["rests_on"], "pinned by you") == 2
    missing = ask(tmp_path, require=[Rung.WITNESSED])
    assert (missing.status, missing.complaint) == (1, "not reached: witnessed")


def ask(files: Path, **more: object) -> Answer:
    question = Question(
        where=str(files / "export"), key=files / "key", policy=files / "policy", **more
    )  # type: ignore[arg-type]
    return auditor.answer(question)


def test_an_export_that_was_kept_binds_the_whole_log_as_well(tmp_path: Path) -> None:
    """Its checkpoint is one that the log must go on from."""
    file = tmp_path / "export"
    file.write_bytes(b"".join(map(controller_export.format, EXPORT)))
    assert auditor.note_of(file) == LOG.checkpoint()


def test_a_file_that_only_begins_like_an_export_is_refused(tmp_path: Path) -> None:
    """With what is wrong, and status 1."""
    (tmp_path / "export").write_bytes(b'{"controller":"C1"}\n')
    answer = auditor.answer(Question(where=str(tmp_path / "export")))
    assert (answer.status, answer.document["verdict"]) == (1, "failed")
    assert "not one of an export" in answer.document["detail"]


def test_every_report_can_be_written_out() -> None:
    """As JSON and as lines without a character that moves a cursor."""
    for pins in (PINNED, Pins()):
        found = report(EXPORT, pins)
        assert json.dumps(telling.as_json(found))
        assert all(line.isprintable() for line in telling.as_lines(found))
