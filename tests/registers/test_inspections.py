"""Who read, what was exported and shredded, and with which keys the ledger is checked."""

from __future__ import annotations

from projections.registers.inspections import REGISTER
from tests.recording import Recording, rows_of, scenario


def test_the_inspections_of_the_scenario() -> None:
    """One inspection, one evidence pack, one shredding: for the processor's eyes."""
    rows = rows_of(REGISTER, scenario()).values()
    kinds = ("inspection", "evidence_pack", "shredding")
    own = [row for row in rows if row.values["kind"] in kinds]
    assert sorted(row.values["kind"] for row in own) == sorted(kinds)
    assert {row.controllers for row in own} == {("",)}


def test_a_revoked_key_is_suspect_from_the_day_named() -> None:
    """The newsletter's key: enrolled until its revocation was known, and since when suspect."""
    key = rows_of(REGISTER, scenario())["key:k-news"].values
    assert (key["state"], key["suspect_since"]) == ("revoked", "2026-02-14")
    assert key["revoked_at"] == "2026-02-15T07:00:00Z"
    before = rows_of(REGISTER, scenario(), known_at="2026-02-15 08:00")["key:k-news"].values
    assert (before["state"], before["suspect_since"]) == ("enrolled", None)


def test_a_key_does_not_tell_for_whom_it_may_sign() -> None:
    """The controllers of a key stay hidden from readers of the register."""
    story = Recording()
    enrolled = {"key_id": "k-1", "service": "crm", "controller_ids": ["C7"]}
    event = story.add("SigningKeyEnrolled", "2025-01-01 09:00", enrolled)
    story.correct(event, "2025-01-02 09:00", "controller_ids", ["C7", "C8"])
    row = story.row(REGISTER, "key:k-1")
    assert row.controllers == ()
    assert "C7" not in str(row)
    assert "C8" not in str(row)


def test_every_checkpoint_has_a_row() -> None:
    """A checkpoint in the log is shown with its size and root."""
    story = Recording()
    for size in (10, 20):
        story.add("CheckpointSigned", "2025-01-01 09:00", {"tree_size": size, "root": "AAAA"})
    sizes = [row.values["ledger_position"] for row in rows_of(REGISTER, story.events).values()]
    assert sizes == [10, 20]


def test_a_loss_of_entries_has_a_row_for_every_reader() -> None:
    """What is left, what was signed before, and why."""
    story = Recording()
    lost = {"tree_size": 10, "root": "AAAA", "signed_size": 12, "signed_root": "BBBB"}
    story.add("EntriesLost", "2025-01-01 09:00", {**lost, "reason": "Disk", "by": "operator"})
    (row,) = rows_of(REGISTER, story.events).values()
    assert row.controllers == ()
    assert (row.values["kind"], row.values["at"]) == ("loss", "2025-01-01T08:00:00Z")
    assert [row.values[name] for name in ("ledger_position", "signed_size")] == [10, 12]
    assert (row.values["reason"], row.values["by"]) == ("Disk", "operator")
