"""The monitor as a program: what it keeps, what it writes, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from api import cli, logs
from ledger import durable_file, misbehaviour, monitor_state
from ledger.deployment import Home
from ledger.errors import ConfigurationError
from ledger.log_keys import LogKeys
from ledger.monitor import Seen, State
from ledger.note import Signer
from ledger.opening import open_ledger
from tests.ledgers import TestLedger
from tests.log_builder import ORIGIN, export, private_key
from tests.serving import serving
from tests.test_monitor import FORK, KEYS, LOG, START

PROGRAM = Path(sys.executable).with_name("verantwoord")


class Run(Protocol):
    """Runs the program in this process: words and the status it must end with; what it said."""

    def __call__(self, *words: object, status: int = 0) -> str: ...


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program, without the second that it takes to start."""

    def call(*words: object, status: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["verantwoord", *map(str, words)])
        # It would log to what pytest captures here, also in the tests that come later.
        monkeypatch.setattr(logs, "configure", lambda: None)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == status, said
        return said.out + said.err

    return call


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """A log as files."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    """A file with the pinned key of the log in memory."""
    file = tmp_path / "pinned.vkey"
    file.write_text(LOG.signer.verifier.vkey + "\n")
    return file


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """Times, checkpoints and keys; an empty state when there is none."""
    file = tmp_path / "state.json"
    assert monitor_state.load(file, KEYS) == State()
    state = State((Seen(START, LOG.checkpoint(3)), Seen(START, LOG.checkpoint(9))), "keys\n")
    monitor_state.save(file, state, KEYS)
    assert monitor_state.load(file, KEYS) == state


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d | {"origin": "log.example/other"},
        lambda d: d | {"format": "verantwoord monitor v2"},
        lambda d: d | {"seen": d["seen"][::-1]},
        lambda d: d | {"seen": [*d["seen"], d["seen"][0]]},
        lambda d: d | {"seen": [{"at": "yesterday", "checkpoint": d["seen"][0]["checkpoint"]}]},
        lambda d: d | {"seen": [d["seen"][0] | {"at": "2026-01-01T00:00:00"}]},
        lambda d: d | {"seen": [{**d["seen"][0], "checkpoint": "log\n"}]},
        lambda d: (
            d | {"seen": [{**d["seen"][0], "checkpoint": LOG.checkpoint(5)[:-9] + "AAAAAAAA\n"}]}
        ),
        lambda d: d | {"seen": 3},
        lambda d: d | {"log.vkey": 3},
        lambda d: {},
        lambda d: [],
    ],
)
def test_a_state_that_somebody_changed_is_refused_and_left(tmp_path: Path, change: object) -> None:
    """Signatures are verified again, so no checkpoint can be put in; and nothing is begun anew
    without the operator, since that would forget what was seen."""
    file = tmp_path / "state.json"
    state = State((Seen(START, LOG.checkpoint(3)), Seen(START, LOG.checkpoint(9))), None)
    monitor_state.save(file, state, KEYS)
    changed = json.dumps(change(json.loads(file.read_text())))  # type: ignore[operator]
    file.write_text(changed)
    with pytest.raises(ConfigurationError, match="is not what a monitor of"):
        monitor_state.load(file, KEYS)
    assert file.read_text() == changed


def test_a_proof_has_one_file(tmp_path: Path) -> None:
    """Written twice it is the same, and it is found beside the state."""
    state = tmp_path / "state.json"
    one, other = LOG.checkpoint(300), export(FORK[:300], LOG.signer)["checkpoint"].decode()
    proof = misbehaviour.between(one, other, KEYS, lambda level, index: bytes(32))
    assert proof is not None
    first = monitor_state.save_proof(state, proof)
    assert monitor_state.save_proof(state, proof) == first
    assert monitor_state.proofs(state) == [first]
    assert misbehaviour.parse(first.read_text()) == proof


def test_two_monitors_do_not_share_a_state(tmp_path: Path, pinned: Path, run: Run) -> None:
    """The second is told at once; a directory that is not there is told too."""
    log = write(tmp_path / "log", LOG.export(9))
    state = tmp_path / "state.json"
    with durable_file.locked(state):
        done = run("monitor", log, "--vkey", pinned, "--state", state, "--once", status=2)
    assert "another monitor uses" in done
    nowhere = tmp_path / "nowhere" / "state.json"
    done = run("monitor", log, "--vkey", pinned, "--state", nowhere, "--once", status=2)
    assert "cannot keep a state" in done


def test_a_log_is_followed_and_convicted_from_the_command_line(
    tmp_path: Path, pinned: Path, run: Run
) -> None:
    """Status 0 while it is one log; 1 with a proof when it is not; the proof checks by itself, and
    says so in words and for machines; further looks write no further proof."""
    log, state = tmp_path / "log", tmp_path / "state.json"
    look = ("monitor", log, "--vkey", pinned, "--state", state, "--once")
    for size in (300, 500):
        write(log, LOG.export(size))
        assert f"grew to {size} entries" in run(*look)
    assert "still has 500 entries" in run(*look)
    for size in (600, 640):
        write(log, export(FORK[:size], LOG.signer))
        done = run(*look, status=1)
        (proof,) = tmp_path.glob("state.json.misbehaviour-*.txt")
        assert "MISBEHAVIOUR: the log signed two histories" in done
        assert proof.read_text().strip() in done
    told = json.loads(run(*look, "--format", "json", status=1))
    assert [finding["kind"] for finding in told["findings"]] == ["misbehaviour"]
    assert told["proofs"] == [str(proof)]
    text = run("verify-misbehaviour", proof, "--vkey", pinned)
    assert f"proven: {ORIGIN} signed two histories" in text
    assert "a tree of 500 entries" in text
    assert "a tree of 600 entries" in text
    assert "chose those keys" in run("verify-misbehaviour", proof)
    found = json.loads(run("verify-misbehaviour", proof, "--format", "json"))
    assert (found["proven"], found["pinned"], found["origin"]) == (True, False, ORIGIN)


def test_what_is_no_proof_ends_with_status_1(tmp_path: Path, pinned: Path, run: Run) -> None:
    """A file that is none, and a proof against another key."""
    file = tmp_path / "proof.txt"
    file.write_text("nothing\n")
    assert "proves nothing" in run("verify-misbehaviour", file, status=1)
    one, two = (
        export(leaves[:300], LOG.signer)["checkpoint"].decode() for leaves in (LOG.leaves, FORK)
    )
    proof = misbehaviour.between(one, two, KEYS, lambda level, index: bytes(32))
    assert proof is not None
    file.write_text(misbehaviour.format(proof))
    run("verify-misbehaviour", file, "--vkey", pinned)
    pinned.write_text(Signer(ORIGIN, private_key("mallory")).verifier.vkey)
    assert "no known key" in run("verify-misbehaviour", file, "--vkey", pinned, status=1)
    pinned.write_text("?")
    assert "does not hold keys" in run("verify-misbehaviour", file, "--vkey", pinned, status=2)


def test_a_served_log_is_followed_until_it_is_convicted(
    ledger: TestLedger,
    twin: Home,
    tmp_path: Path,
    run: Run,
) -> None:
    """The real service, without --once; then another database restored from a copy is served in its
    place, with files of its own: the two sign two trees, and the monitor ends with the proof."""
    state, token = tmp_path / "state.json", ledger.home.token_file
    ledger.fill(20)
    other = replace(twin, data=tmp_path / "other")
    other.data.mkdir()
    for file in ("log.vkey", "read.token"):
        (other.data / file).write_bytes((ledger.home.data / file).read_bytes())
    (other.data / "keys").symlink_to(ledger.home.keys)
    with serving(ledger) as url:
        words = ["monitor", f"{url}/log", "--vkey", ledger.home.vkey_file, "--state", state]
        words += ["--token-file", token, "--every", "1", "--format", "json"]
        command = [str(w) for w in (PROGRAM, *words)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            first = json.loads(child.stdout.readline())
            assert (first["findings"], first["size"]) == ([], ledger.ledger.reader.size())
            ledger.fill(3, start=100)
            assert json.loads(child.stdout.readline())["size"] == first["size"] + 3
            child.send_signal(signal.SIGTERM)
    stored = ledger.home.kept_files[0]
    with open_ledger(twin, signs=False) as copy:
        (other.data / stored.name).write_text(copy.reader.checkpoint().note)
    with open_ledger(other, clock=ledger.clock) as second:
        forked = replace(ledger, ledger=second, home=other)
        forked.fill(40, start=500)
        with serving(forked) as url:
            words[1] = f"{url}/log"
            words[words.index("json")] = "text"
            done = run(*words, status=1)
    (proof,) = tmp_path.glob("state.json.misbehaviour-*.txt")
    assert str(proof) in done
    run("verify-misbehaviour", proof, "--vkey", ledger.home.vkey_file)


def test_a_log_that_cannot_be_read_ends_with_status_2(
    tmp_path: Path, pinned: Path, run: Run
) -> None:
    """As every fault of the machine, and nothing is kept of it but an empty state."""
    state = tmp_path / "state.json"
    look = ("monitor", tmp_path / "empty", "--vkey", pinned, "--state", state, "--once")
    assert "UNREADABLE" in run(*look, status=2)
    assert monitor_state.load(state, LogKeys.of(LOG.signer.verifier)) == State()
