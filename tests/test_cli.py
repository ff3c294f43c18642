"""The command line: the real program, its words, its exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.cli import COMMANDS, load
from ledger.deployment import DATABASE, Home
from ledger.embedded import EmbeddedServer
from tests.vectors import shared

PROGRAM = Path(sys.executable).with_name("verantwoord")


def run(
    *arguments: object, status: int = 0, typed: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the program; its status must be as given, and no trace of Python may show."""
    done = subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1", **env},
        input=typed,
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def options_of(home: Home) -> list[object]:
    """The options that lead to a ledger."""
    return ["--data", home.data, "--database-url", home.database_url, "--schema", home.schema]


def answer(*arguments: object, **options: Any) -> Any:
    """The machine-readable answer on stdout."""
    return json.loads(run(*arguments, "--format", "json", **options).stdout)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the demonstration, with a server of its own."""
    data = tmp_path_factory.mktemp("demo") / "data"
    done = run("demo", "--no-serve", "--data", data)
    assert "Processing register" in done.stdout
    assert "root" in done.stdout
    return data


def test_every_command_teaches() -> None:
    """Each command, and each option of it, says what it is for."""
    for name in COMMANDS:
        command = load(name)
        inner = getattr(command, "commands", {name: command})
        for sub in inner.values():
            assert sub.help, name
            for option in sub.params:
                assert getattr(option, "help", "") or option.name == "help", (name, option.name)
    assert "demo" in run("--help").stdout


def test_the_demonstration_can_be_run_again(demo: Path) -> None:
    """What was recorded is there; nothing is recorded twice."""
    assert "0 recorded, 178 were there" in run("demo", "--no-serve", "--data", demo).stdout


def test_fsck_and_verify_find_the_demonstration_sound(demo: Path, tmp_path: Path) -> None:
    """Offline from an export as well, pinned and not pinned; the words are not a bare 'passed'."""
    assert answer("fsck", "--data", demo)["sound"] is True
    exported = tmp_path / "log"
    size = answer("export-log", exported, "--data", demo)["size"]
    assert (exported / "log.vkey").exists()
    found = answer("verify", exported, "--vkey", demo / "log.vkey")
    assert (found["verdict"], found["size"]) == ("included", size)
    assert any("pinned" in sentence for sentence in found["rests_on"])
    assert found["does_not_show"]
    text = run("verify", exported).stdout
    assert "first seen" in text
    assert "does not show" in text
    assert not re.search(r"\bpassed\b", text)


def test_a_changed_export_ends_with_status_1(demo: Path, tmp_path: Path) -> None:
    """And names the entry."""
    run("export-log", tmp_path, "--data", demo)
    (bundle,) = (tmp_path / "tile/entries").rglob("000.p/*")
    bundle.write_bytes(bundle.read_bytes().replace(b"Rivierzicht", b"Rivierdicht"))
    done = run("verify", tmp_path, status=1)
    assert "failed" in done.stderr
    assert re.search(r"entry \d+|check 3", done.stderr)


@contextmanager
def served(*arguments: object) -> Iterator[str]:
    """The address of a ledger that the program serves on a free port."""
    process = subprocess.Popen(
        [str(PROGRAM), "serve", "--port", "0", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "400"},
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().rpartition(" ")[2].strip()
        while not answers(address):
            time.sleep(0.05)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def answers(address: str) -> bool:
    """Whether a server answers there."""
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tls-key", "key.pem"], "--tls-certificate and --tls-key go together"),
        (["--proxy", "example.org"], "--proxy example.org is no address"),
        (["--tls-certificate", "none.pem", "--tls-key", "none.key"], "cannot read none.key"),
    ],
)
def test_how_it_cannot_be_served_is_said(demo: Path, options: list[str], told: str) -> None:
    """Before anybody is told that it is served."""
    done = run("serve", "--port", "0", "--data", demo, *options, status=2)
    assert told in done.stderr
    assert "Serving" not in done.stdout


def test_a_served_log_is_verified_at_its_address(demo: Path, tmp_path: Path) -> None:
    """By a holder of the token, by file or variable, as from an export; nobody else sees entries,
    and to see none is no verdict about the log."""
    run("export-log", tmp_path, "--data", demo)
    token = (demo / "read.token").read_text()
    with served("--data", demo, "--public-hashes") as address:
        log = f"{address}/log"
        pinned = ["--vkey", demo / "log.vkey", "--kept", tmp_path / "checkpoint"]
        found = answer("verify", log, *pinned, "--token-file", demo / "read.token")
        assert found == answer("verify", tmp_path, *pinned)
        assert found == answer("verify", log, *pinned, VERANTWOORD_READ_TOKEN=token)
        assert (found["verdict"], len(found["checks"])) == ("included", 9)
        refused = run("verify", log, status=2)
        assert "--token-file" in refused.stderr
        assert "failed" not in refused.stderr
        assert httpx.get(f"{log}/checkpoint").text == (tmp_path / "checkpoint").read_text()


def test_an_export_on_any_web_server_is_verified_at_its_address(demo: Path, tmp_path: Path) -> None:
    """Static files are a log; a changed one is found there as well."""
    run("export-log", tmp_path / "log", "--data", demo)
    quiet = partial(QuietFiles, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), quiet) as server:
        threading.Thread(target=server.serve_forever).start()
        log = f"http://127.0.0.1:{server.server_port}/log/"
        assert answer("verify", log) == answer("verify", tmp_path / "log")
        (bundle,) = (tmp_path / "log/tile/entries").rglob("000.p/*")
        bundle.write_bytes(bundle.read_bytes().replace(b"Rivierzicht", b"Rivierdicht"))
        done = run("verify", log, status=1)
        assert re.search(r"check 3 failed", done.stderr)
        server.shutdown()


class QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_registers_are_printed_in_every_form(demo: Path) -> None:
    """Table, CSV and JSON; Dutch and English; now and then."""
    text = run("register", "processing", "--controller", "C2", "--data", demo).stdout
    assert "Praktijk Rivierzicht, Arnhem" in text
    assert "Bekkenfysio" not in text
    dutch = run("register", "subprocessors", "--lang", "nl", "--data", demo).stdout
    assert "register van subverwerkers" in dutch.lower()
    rows = list(
        csv.reader(
            io.StringIO(run("register", "processing", "--format", "csv", "--data", demo).stdout)
        )
    )
    assert len(rows) > 10
    assert len({len(row) for row in rows}) == 1
    before = json.loads(
        run(
            "register", "breaches", "--as-of", "2025-03-26", "--known-at", "2025-03-26",
            "--format", "json", "--data", demo,
        ).stdout
    )  # fmt: skip
    assert '"762"' not in json.dumps(before)
    assert before["as_of"].startswith("2025-03-26")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["register", "nothing"], 2, "processing"),
        (["register", "processing", "--as-of", "soon"], 2, "as_of is a date"),
        (["register", "processing", "--known-at", "2001-01-01"], 2, "nothing had been recorded"),
        (["init", "--origin", "https://x", "--kvk", "12345678"], 2, "without scheme"),
        (["append", "missing.ndjson", "--key", "missing.key"], 2, "missing.key"),
        (["verify", "missing"], 2, "missing"),
        (["verify", "https://u:secret@host/log"], 2, "no password"),
        (["verify", "http://192.0.2.1/log", "--token-file", "TOKEN"], 2, "https address"),
        (["replay", "missing.ndjson"], 2, "missing.ndjson"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_mistakes_end_with_a_sentence(
    demo: Path, arguments: list[str], status: int, words: str
) -> None:
    """That says what is wrong, on stderr, with the status that fits."""
    more = [] if arguments[0] in ("verify", "nonsense") else ["--data", str(demo)]
    named = [str(demo / "read.token") if a == "TOKEN" else a for a in arguments]
    done = run(*named, *more, status=status)
    assert "secret" not in done.stderr
    assert words in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_a_ledger_is_made_and_used_from_the_command_line(tmp_path: Path) -> None:
    """init, keys, append, register, a receipt that verifies, revocation: as the tutorial has it."""
    data = tmp_path / "data"
    made = answer("init", "--origin", "ledger.example/log", "--kvk", "12345678", "--data", data)
    assert made["origin"] == "ledger.example/log"
    run("init", "--origin", "ledger.example/log", "--kvk", "12345678", "--data", data, status=2)
    run("keys", "new", "k-crm", "--service", "crm", "--into", tmp_path, "--data", data)
    events = tmp_path / "events.ndjson"
    lines = [
        ("p", "ProcessorRegistered", {"processor_id": "P", "legal_name": "Beweegzorg"}),
        ("c", "ControllerRegistered", {"controller_id": "C1", "legal_name": "Praktijk Voorbeeld"}),
        ("x", "LicenceGranted", {"controller_id": "C9", "licence_id": "L"}),
    ]
    events.write_text(
        "\n".join(
            json.dumps({"id": i, "type": t, "occurred_at": "2026-01-05T09:00:00Z", "data": d})
            for i, t, d in lines
        )
    )
    common = ["--key", tmp_path / "k-crm.key", "--data", data, "--receipts", tmp_path / "receipts"]
    first = run("append", events, *common, "--format", "json", status=1)
    assert [line.get("refused") for line in json.loads(first.stdout)] == [
        None,
        None,
        "party-unknown",
    ]
    again = json.loads(run("append", events, *common, "--format", "json", status=1).stdout)
    assert [line.get("created") for line in again[:2]] == [False, False]
    checked = answer("verify", tmp_path / "receipts" / "c.tlog-proof", "--vkey", data / "log.vkey")
    assert (checked["verdict"], checked["id"]) == ("included", "c")
    run("verify", tmp_path / "receipts" / "c.tlog-proof", status=2)
    shown = run("register", "processing", "--data", data).stdout
    assert "Praktijk Voorbeeld" in shown
    run(
        "keys",
        "revoke",
        "k-crm",
        "--reason",
        "lost",
        "--suspect-since",
        "2026-01-01",
        "--data",
        data,
    )
    listed = answer("keys", "list", "--data", data)["keys"]
    assert next(k for k in listed if k["key_id"] == "k-crm")["revoked_at"]
    late = run("append", events, *common, status=1)
    assert "revoked" in late.stderr
    assert answer("fsck", "--data", data)["suspect"]
    kept = tmp_path / "receipts" / "c.tlog-proof"
    assert answer("fsck", "--kept", kept, "--data", data)["sound"] is True
    assert answer("rebuild", "--data", data)["position"] == answer("fsck", "--data", data)["size"]


def test_a_tampered_database_ends_with_status_1(tmp_path: Path) -> None:
    """`fsck` names the entry (N10: one flipped byte)."""
    data = tmp_path / "data"
    run("demo", "--no-serve", "--data", data)
    with EmbeddedServer.open(data / "postgres") as server:
        with psycopg.connect(server.url(dbname=DATABASE), autocommit=True) as conn:
            conn.execute("SET search_path = ledger")
            conn.execute("ALTER TABLE entries DISABLE TRIGGER USER")
            conn.execute(
                "UPDATE entries SET leaf = set_byte(leaf, 200, get_byte(leaf, 200) # 1)"
                " WHERE position = 43"
            )
    done = run("fsck", "--data", data, status=1)
    assert "entry 42" in done.stderr
    found = json.loads(run("fsck", "--data", data, "--format", "json", status=1).stdout)
    assert (found["verdict"], found["index"]) == ("failed", 42)


def test_the_scenario_is_replayed_and_refuses_a_second_time(tmp_path: Path) -> None:
    """Into a new ledger; the same again only to resume."""
    feed = shared("scenario") / "feed.ndjson"
    data = tmp_path / "data"
    assert answer("replay", feed, "--data", data) == {"recorded": 225, "already": 0, "size": 249}
    run("replay", feed, "--data", data, status=2)
    resumed = answer("replay", feed, "--resume", "--data", data)
    assert resumed == {"recorded": 0, "already": 225, "size": 249}
