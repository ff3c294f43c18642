"""The operator's ways out when a ledger refuses to sign."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import checkpoint, entry, receipt, rollback
from ledger.checkpoint import Checkpoint
from ledger.errors import ConfigurationError, Refused, SigningRefused, Unavailable
from ledger.export import export_log
from ledger.isolation import OneController
from ledger.kept import Kept
from ledger.note import Signer
from ledger.opening import open_ledger
from ledger.sources import directory
from ledger.telling import as_json, as_lines
from ledger.verify import verify
from projections.question import ask
from projections.registers.inspections import REGISTER
from tests.check_ledger import check_ledger, check_registers
from tests.ledgers import TestLedger
from tests.log_builder import private_key
from tests.test_kept import Owner, copy, kept, reopened, set_back

PROGRAM = Path(sys.executable).with_name("verantwoord")


def run(made: TestLedger, *arguments: object, status: int = 0, typed: str = "") -> str:
    """The program's answer about a ledger, on stdout."""
    home = made.home
    where = ["--data", home.data, "--database-url", home.database_url, "--schema", home.schema]
    done = subprocess.run(
        [str(word) for word in (PROGRAM, "kept", *arguments, *where)],
        capture_output=True,
        text=True,
        check=False,
        input=typed,
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def lose(made: TestLedger, owner: Owner, entries: int = 5) -> str:
    """Set a ledger back behind what it told; the receipt of the last entry that is lost."""
    copy(owner)
    lost = made.fill(entries, start=500)[-1].receipt
    set_back(owner)
    return lost


def test_a_sound_ledger_is_shown_sound(ledger: TestLedger) -> None:
    """Sizes and roots of both sides, and nothing is written."""
    ledger.fill(3)
    before = ledger.home.kept_files[0].stat().st_mtime_ns
    standing = rollback.look(ledger.home)
    assert standing.refusal is None
    assert standing.places[0].checkpoint == kept(ledger)
    assert (standing.size, standing.root) == (kept(ledger).size, kept(ledger).root)
    assert ledger.home.kept_files[0].stat().st_mtime_ns == before
    shown = json.loads(run(ledger, "show", "--format", "json"))
    assert (shown["signs"], shown["size"]) == (True, standing.size)


def test_a_ledger_set_back_is_shown_with_both_sizes(ledger: TestLedger, owner: Owner) -> None:
    """In words and with status 1."""
    lose(ledger, owner)
    size = ledger.ledger.reader.size()
    text = run(ledger, "show", status=1)
    assert f"last.checkpoint: {size + 5} entries" in text
    assert f"the database: {size} entries" in text
    assert "it was set back" in text
    shown = json.loads(run(ledger, "show", "--format", "json", status=1))
    assert [shown["signs"], shown["files"][0]["size"]] == [False, size + 5]


def test_a_lost_file_is_made_again_from_a_receipt(ledger: TestLedger, tmp_path: Path) -> None:
    """The database reaches it, so the log signs on, and keeps what it has now."""
    given = ledger.fill(3)
    ledger.fill(2, start=50)
    ledger.home.kept_files[0].unlink()
    with pytest.raises(SigningRefused):
        reopened(ledger)
    file = tmp_path / "some.tlog-proof"
    file.write_text(given[-1].receipt)
    assert "goes on from what is kept" in run(ledger, "put", file)
    check_ledger(ledger, [*given, *ledger.fill(2, start=90)])


def test_a_receipt_that_the_database_does_not_reach_keeps_it_from_signing(
    ledger: TestLedger, owner: Owner, tmp_path: Path
) -> None:
    """After a disaster: files lost, an old database restored, a controller has a later receipt."""
    lost = lose(ledger, owner)
    ledger.home.kept_files[0].unlink()
    file = tmp_path / "lost.tlog-proof"
    file.write_text(lost)
    assert "it was set back" in run(ledger, "put", file, status=1)
    assert kept(ledger) == receipt.check(lost, ledger.verifier).checkpoint
    with pytest.raises(SigningRefused, match="set back"):
        reopened(ledger)


def test_nothing_is_put_that_would_let_a_ledger_sign_more(ledger: TestLedger, owner: Owner) -> None:
    """Neither an older checkpoint, nor one of the same size, nor one of another key or log."""
    copy(owner)
    old = ledger.home.kept_files[0].read_text()
    ledger.fill(5)
    set_back(owner)
    now = ledger.home.kept_files[0].read_text()
    size = kept(ledger).size
    same = checkpoint.sign(Checkpoint(ledger.verifier.name, size, bytes(32)), ledger.log_signer)
    for text in (old, now, same):
        with pytest.raises(ConfigurationError, match=f"keeps a tree of {size} entries already"):
            rollback.put(ledger.home, text)
    for signer in (
        Signer(ledger.verifier.name, private_key("mallory")),
        Signer("other.example/log", ledger.log_signer.private_key),
    ):
        text = checkpoint.sign(Checkpoint(signer.name, size + 9, bytes(32)), signer)
        with pytest.raises(SigningRefused, match="none that this log signed"):
            rollback.put(ledger.home, text)
    assert ledger.home.kept_files[0].read_text() == now


def test_a_file_that_cannot_be_read_is_not_written_over_by_put(ledger: TestLedger) -> None:
    """Somebody has to look at it first."""
    note = ledger.home.kept_files[0].read_text()
    ledger.home.kept_files[0].write_text("?")
    with pytest.raises(ConfigurationError, match="none that this log signed"):
        rollback.put(ledger.home, note)
    assert ledger.home.kept_files[0].read_text() == "?"


def test_accepting_takes_the_origin_and_leaves_everything_to_be_seen(
    ledger: TestLedger, owner: Owner
) -> None:
    """What was kept is put aside, the announcement holds both checkpoints, and the log signs on; a
    lost receipt and the new checkpoint then prove what happened."""
    lost = lose(ledger, owner)
    left = ledger.ledger.reader.checkpoint()
    old = ledger.home.kept_files[0].read_text()
    text = run(ledger, "accept-rollback", status=2, typed="another.example/log\nWhy\n")
    assert "this log is test.example" in text
    with pytest.raises(SigningRefused):
        reopened(ledger)
    text = run(ledger, "accept-rollback", typed=f"{ledger.verifier.name}\nThe disk burned.\n")
    (announcement,) = ledger.home.data.glob("rollback-*.txt")
    assert announcement.read_text().strip() in text
    assert old.strip() in announcement.read_text()
    assert left.note.strip() in announcement.read_text()
    (aside,) = ledger.home.data.glob("last.checkpoint.2*")
    assert aside.read_text() == old
    with open_ledger(ledger.home, clock=ledger.clock):
        ledger.fill(9, start=900)
    other = receipt.check(lost, ledger.verifier).checkpoint
    assert other.size < kept(ledger).size
    check_ledger(ledger)


def test_the_next_entry_says_what_was_lost(
    ledger: TestLedger, owner: Owner, tmp_path: Path
) -> None:
    """Size and root that are left, the newest checkpoint before with its signature, and why; so
    that everybody who reads the log finds it, and can check that the log had signed the other."""
    lose(ledger, owner)
    before = kept(ledger)
    left = checkpoint.open(ledger.ledger.reader.checkpoint().note, ledger.verifier)
    accepted = rollback.accept(
        ledger.home, ledger.verifier.name, reason="The disk burned.", by="operator"
    )
    assert accepted.index == left.size
    said = json.loads(entry.parse(ledger.ledger.reader.leaf(left.size)).payload)
    assert said["type"] == "nl.verwerkersovereenkomsten.entries-lost.v1"
    data = said["data"]
    assert (data["tree_size"], base64.b64decode(data["root"])) == (left.size, left.root)
    assert (data["signed_size"], base64.b64decode(data["signed_root"])) == (
        before.size,
        before.root,
    )
    assert (data["reason"], data["by"]) == ("The disk burned.", "operator")
    text = checkpoint.format(before) + "\n" + "".join(f"{line}\n" for line in data["signatures"])
    assert checkpoint.open(text, ledger.verifier) == before
    sentence = f"the log goes on from {left.size}, and had signed {before.size}"
    (lost,) = check_ledger(ledger, ledger.fill(3, start=900)).lost
    assert (lost.index, lost.size, lost.signed_size) == (left.size, left.size, before.size)
    export_log(ledger.ledger.reader, ledger.ledger.log_keys(), tmp_path / "out")
    report = verify(directory(tmp_path / "out"))
    assert report.lost == (lost,)
    assert any(sentence in line for line in as_lines(report))
    assert as_json(report)["lost"] == [
        {"index": left.size, "tree_size": left.size, "signed_size": before.size}
    ]
    home = ledger.home
    fsck = [PROGRAM, "fsck", "--data", home.data, "--schema", home.schema]
    told = subprocess.run(
        [*map(str, fsck), "--database-url", home.database_url or ""],
        capture_output=True,
        text=True,
        check=True,
    )
    assert sentence in told.stdout


def test_every_reader_sees_the_loss(ledger: TestLedger, owner: Owner) -> None:
    """A controller too, in its events and in the register."""
    lose(ledger, owner)
    accepted = rollback.accept(ledger.home, ledger.verifier.name, reason="Lost", by="operator")
    check_registers(ledger)
    (row,) = (row for row in ask(ledger.ledger.pool, REGISTER).rows if row.values["kind"] == "loss")
    assert row.controllers == ()
    assert row.values["signed_size"] == accepted.index + 5
    seen = OneController(ledger.ledger.pool, ledger.ledger.database, "C1", accepted.index + 1)
    with seen.connection() as conn:
        found = conn.execute(
            "SELECT position FROM entries WHERE type LIKE '%entries-lost%'"
        ).fetchall()
    assert found == [(accepted.index + 1,)]


def test_the_loss_is_recorded_once_when_the_first_try_is_cut_off(
    ledger: TestLedger, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event was committed and the files were not written: nothing else is signed meanwhile, and
    accepting again adds no second event."""
    lose(ledger, owner)
    monkeypatch.setattr(Kept, "keep", _no_space)
    with pytest.raises(Unavailable):
        rollback.accept(ledger.home, ledger.verifier.name, reason="Lost", by="operator")
    monkeypatch.undo()
    with pytest.raises(SigningRefused, match="set back"):
        reopened(ledger)
    rollback.accept(ledger.home, ledger.verifier.name, reason="Lost", by="operator")
    assert len(check_ledger(ledger, ledger.fill(1, start=900)).lost) == 1


def _no_space(kept: Kept, signed: str) -> None:
    raise Unavailable("no space left", retry_after=5)


def test_nothing_is_written_when_the_reason_is_refused(ledger: TestLedger, owner: Owner) -> None:
    """An address in the reason: no event, no announcement, and the files as they were."""
    lose(ledger, owner)
    before = sorted(ledger.home.data.iterdir())
    with pytest.raises(Refused):
        rollback.accept(
            ledger.home, ledger.verifier.name, reason="jan@voorbeeld.nl did it", by="operator"
        )
    assert sorted(ledger.home.data.iterdir()) == before
    with pytest.raises(SigningRefused):
        reopened(ledger)


@pytest.mark.parametrize("content", [None, b"?"])
def test_accepting_goes_on_without_any_file(ledger: TestLedger, content: bytes | None) -> None:
    """Nothing says what was signed last, and the operator takes that upon him."""
    file = ledger.home.kept_files[0]
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    rollback.accept(ledger.home, ledger.verifier.name, reason="Lost", by="operator")
    check_ledger(ledger, ledger.fill(1))


def test_nothing_is_accepted_where_nothing_is_wrong(ledger: TestLedger) -> None:
    """So the command cannot become a habit."""
    with pytest.raises(ConfigurationError, match="nothing to accept"):
        rollback.accept(ledger.home, ledger.verifier.name, reason="Lost", by="operator")
    assert list(ledger.home.data.glob("rollback-*")) == []


def test_a_machine_that_knows_no_key_of_the_log_says_so(ledger: TestLedger) -> None:
    """It could not tell what this log signed from what anybody did."""
    ledger.home.vkey_file.unlink()
    for key in ledger.home.keys.glob("log*.key"):
        key.unlink()
    with pytest.raises(ConfigurationError, match="nothing on this machine says what it signed"):
        rollback.look(ledger.home)
