"""Days of a log, from its files to a proof that stands alone: the real program, a real service."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import keys, line_proof
from projections.question import ask
from projections.registers import REGISTERS
from tests.check_ledger import check_ledger
from tests.ledgers import KVK, TestLedger
from tests.serving import serving
from tests.test_cli import PROGRAM, answer, run
from tests.test_otlp import TRACE

DAY = "2026-11-28"
LINES = [f"2026-11-28T10:{n:02}:00Z gebruiker-7 las dossier-{n}" for n in range(6)]


class Desk:
    """A security desk with a log, its keys and the address of a ledger."""

    def __init__(self, made: TestLedger, url: str, directory: Path) -> None:
        self.made = made
        self.directory = directory
        self.log = directory / "access.log"
        self.write(LINES)
        key = keys.save(directory, made.services["security-desk"])
        (directory / "log.vkey").write_text(f"{made.verifier.vkey}\n")
        run("anchor", "new-key", directory / "salts.key")
        self.kept = [
            "--source", "epd", "--salt-key", directory / "salts.key",
            "--anchors", directory / "anchors",
        ]  # fmt: skip
        self.sent = [
            "--standard", "nen7513", "--key", key, "--server", url,
            "--producer", f"urn:nld:kvk:{KVK}:systeem:security-desk",
            "--vkey", directory / "log.vkey",
        ]  # fmt: skip

    def write(self, lines: list[str]) -> None:
        """What the log holds now."""
        self.log.write_text("".join(f"{line}\n" for line in lines))

    def day(self, *more: object, status: int = 0, day: str = DAY, log: Path | None = None) -> Any:
        """Record a day; what the program answers."""
        arguments = ["anchor", "day", log or self.log, "--day", day, *self.kept, *self.sent, *more]
        if status:
            return run(*arguments, status=status)
        return answer(*arguments)

    def prove(self, *more: object, status: int = 0, day: str = DAY) -> Path:
        """Write the proof of a line."""
        out = self.directory / "a.line-proof"
        run("anchor", "prove", "--day", day, *self.kept, "--out", out, *more, status=status)
        return out

    def check(self, status: int = 0) -> Any:
        """How the log compares with its digests."""
        vkey = ["--vkey", self.directory / "log.vkey"]
        return answer("anchor", "check", self.log, "--day", DAY, *self.kept, *vkey, status=status)


@pytest.fixture
def desk(ledger: TestLedger, tmp_path: Path) -> Iterator[Desk]:
    """A served ledger, and who records in it."""
    # It moves a second at a look, and the program has the time of the machine.
    ledger.clock.moment = datetime.now(UTC) + timedelta(hours=1)
    with serving(ledger) as url:
        yield Desk(ledger, url, tmp_path)


def test_a_line_is_proven_without_the_log_and_the_ledger(desk: Desk) -> None:
    """From the file to the verdict; the digest is an event of the ledger like any other."""
    (recorded,) = desk.day()["recorded"]
    assert (recorded["lines"], recorded["supplement"]) == (6, 0)
    assert desk.day()["recorded"] == []
    check_ledger(desk.made)
    proof = desk.prove("--line", LINES[3])
    assert desk.prove("--file", desk.log, "--number", 4).read_text() == proof.read_text()
    desk.log.unlink()
    found = answer("verify", proof, "--vkey", desk.directory / "log.vkey")
    assert found["verdict"] == "included"
    assert (found["line"]["day"], found["line"]["number"]) == (DAY, 4)
    assert found["signed_by"] == ["k-security-desk"]
    for line in LINES[:3]:
        assert line not in proof.read_text()
    other = line_proof.parse(proof.read_text())
    wrong = line_proof.LineProof(b"x", other.salt, other.index, other.hashes, other.receipt)
    proof.write_text(line_proof.format(wrong))
    told = run("verify", proof, "--vkey", desk.directory / "log.vkey", status=1)
    assert "does not lead to the root" in told.stderr


def test_a_line_that_was_not_there_is_not_proven(desk: Desk) -> None:
    """Nor one of another day."""
    desk.day()
    assert not desk.prove("--line", "put in later", status=1).exists()
    assert not desk.prove("--line", LINES[0], status=2, day="2026-11-27").exists()
    assert not desk.prove("--file", desk.log, "--number", 7, status=2).exists()
    assert not desk.prove("--line", LINES[0], "--number", 7, status=2).exists()


def test_late_lines_are_a_supplement(desk: Desk) -> None:
    """The digest of the day stays; a proof says which of the two has the line."""
    desk.day()
    desk.write([LINES[0], "late", *LINES[1:]])
    refused = desk.day(status=1)
    assert "1 lines are not in it: record them with --late" in refused.stderr
    assert desk.check(status=1)["extra"] == [2]
    (recorded,) = desk.day("--late")["recorded"]
    assert (recorded["id"], recorded["lines"]) == (f"log-digest/epd/{DAY}/1", 1)
    assert desk.check()["same"]
    found = answer("verify", desk.prove("--line", "late"), "--vkey", desk.directory / "log.vkey")
    assert (found["line"]["supplement"], found["line"]["previous"]) == (
        1,
        f"log-digest/epd/{DAY}/0",
    )


def test_what_was_altered_is_named_by_line(desk: Desk) -> None:
    """Altered, cut out, put in and swapped; by the numbers of the digest and of the file."""
    desk.day()
    assert desk.check()["lines"] == 6
    desk.write([LINES[0], LINES[1].replace("las", "zag"), LINES[3], LINES[2], LINES[5], "new"])
    found = desk.check(status=1)
    assert [each["line"] for each in found["altered"]] == [2]
    assert found["missing"] == [{"supplement": 0, "number": 5}]
    assert found["extra"] == [6]
    assert found["moved"] == [{"line": 4, "supplement": 0, "number": 3}]


def test_an_anchor_of_a_forger_is_refused(desk: Desk) -> None:
    """Whoever alters the log and makes the anchor anew has no receipt for it."""
    desk.day()
    (anchor,) = (desk.directory / "anchors" / "epd").glob("*.anchor")
    (receipt,) = (desk.directory / "anchors" / "epd").glob("*.tlog-proof")
    honest, signed = anchor.read_bytes(), receipt.read_text()
    anchor.unlink()
    receipt.unlink()
    desk.write([LINES[0].replace("las", "zag"), *LINES[1:]])
    refused = desk.day(status=1)
    assert "used before" in refused.stderr
    assert not anchor.exists()
    anchor.write_bytes(honest.replace(honest[-32:], bytes(32)))
    receipt.write_text(signed)
    vkey = ["--vkey", desk.directory / "log.vkey"]
    told = run("anchor", "check", desk.log, "--day", DAY, *desk.kept, *vkey, status=1)
    assert "another root" in told.stderr


def test_a_lost_anchor_is_made_again_from_the_lines(desk: Desk) -> None:
    """With the receipt, which the ledger has as well."""
    desk.day()
    (receipt,) = (desk.directory / "anchors" / "epd").glob("*.tlog-proof")
    kept = desk.directory / "kept.tlog-proof"
    receipt.rename(kept)
    receipt.with_suffix(".anchor").unlink()
    run("anchor", "rebuild", desk.log, "--receipt", kept, *desk.kept)
    assert desk.check()["same"]


def test_records_of_opentelemetry_are_lines(desk: Desk) -> None:
    """Of the day that they began on, from a packed file as the collector leaves it."""
    packed = desk.directory / "traces.jsonl.gz"
    other = json.loads(json.dumps(TRACE).replace("1544712660000000000", '"1544799060000000000"'))
    content = f"{json.dumps(TRACE)}\n{json.dumps(other)}\n"
    packed.write_bytes(gzip.compress(content.encode()))
    said = desk.day("--form", "otlp", log=packed, day="2018-12-13")
    assert said["recorded"][0]["lines"] == 1
    assert said["of_other_days"] == 1
    proof = desk.prove("--file", packed, "--number", 1, day="2018-12-13")
    vkey = desk.directory / "log.vkey"
    assert answer("verify", proof, "--vkey", vkey)["line"]["day"] == "2018-12-13"
    line = line_proof.parse(proof.read_text()).line
    assert json.loads(line)["span"]["traceId"] == "5b8efff798038103d269b633813fc60c"


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        (["--day", "2999-01-01"], 2, "is not over"),
        (["--day", "yesterday"], 2, "--day is a date"),
        (["--standard", "syslog"], 1, "must be 'ldv' or 'nen7513'"),
        (["--source", "no such name!"], 2, "the name of a log has"),
        (["--producer", "me"], 1, "source"),
        (["--time", "at"], 1, "access.log, line 1"),
        (["--form", "otlp"], 1, "access.log, line 1"),
    ],
)
def test_mistakes_end_with_a_sentence(
    desk: Desk, change: list[str], status: int, told: str
) -> None:
    """Nothing is recorded, and no anchor is left; no line of the log is repeated."""
    before = desk.made.ledger.reader.size()
    refused = desk.day(*change, status=status)
    assert told in refused.stderr.replace("\n", " ")
    assert "gebruiker" not in refused.stderr
    assert desk.made.ledger.reader.size() == before
    assert not list((desk.directory / "anchors").glob("*/*.anchor"))


def test_a_program_that_is_killed_goes_on_where_it_was(desk: Desk) -> None:
    """While a ledger is away: the anchor is there before the digest is sent, and is sent as it was,
    whatever the log holds by then."""
    anchor = desk.directory / "anchors" / "epd" / f"{DAY}.anchor"
    there = desk.sent[desk.sent.index("--server") + 1]
    away = [arg if arg != there else "http://127.0.0.1:9" for arg in desk.sent]
    waiting = subprocess.Popen(
        [
            str(each)
            for each in (PROGRAM, "anchor", "day", desk.log, "--day", DAY, *desk.kept, *away)
        ]
    )
    until = time.monotonic() + 120
    while not anchor.exists() and time.monotonic() < until:
        time.sleep(0.05)
    waiting.kill()
    waiting.wait(10)
    content = anchor.read_bytes()
    honest = desk.sent
    key = keys.save(desk.directory, keys.make_key("k-nobody"))
    desk.sent = [key if str(arg).endswith("security-desk.key") else arg for arg in honest]
    assert "Unknown signing key" in desk.day(status=1).stderr
    desk.sent = honest
    desk.write([*LINES, "late"])
    assert "1 lines are not in it" in desk.day(status=1).stderr
    assert anchor.read_bytes() == content
    desk.write(LINES)
    assert desk.check()["same"]
    check_ledger(desk.made)


def test_days_without_a_digest_are_shown_in_the_register(desk: Desk, ledger: TestLedger) -> None:
    """As soon as a later day has one."""
    for day in ("2026-11-24", "2026-11-25", DAY):
        desk.day(day=day)
    rows = ask(ledger.ledger.pool, REGISTERS["measures"]).rows
    (row,) = [each for each in rows if each.values["kind"] == "log"]
    assert row.values["days_without"] == [{"from": "2026-11-26", "until": "2026-11-27"}]
    assert (row.values["first_day"], row.values["last_day"]) == ("2026-11-24", DAY)
    assert row.values["breaks"] == []
