"""Our log before aics-witness, and a log of theirs before our witness, neither of them changed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger import add_checkpoint, checkpoint, cosignature, note, witnesses
from ledger.errors import WitnessAlarm, WitnessRefused
from ledger.policy import Policy, parse_log_vkey
from ledger.publish import Publisher
from ledger.witnesses import ask
from tests.check_ledger import check_ledger
from tests.conformance.aics import environment
from tests.foreign_log import ForeignLog
from tests.ledgers import TestLedger
from tests.test_witnesses import submission
from tests.witnessing import NAME, serving_witness

FEED = Path(__file__).parent / "conformance" / "aics_feed.py"
THEIRS = "witness.example/aics"


@pytest.fixture(scope="module")
def python(request: pytest.FixtureRequest) -> Path:
    """The Python that has aics-witness."""
    assert request.config.cache is not None
    return environment(request.config.cache.mkdir("aics-tlog"))


class AicsWitness:
    """aics-witness with a configuration of its own."""

    def __init__(self, python: Path, directory: Path) -> None:
        self._python = python
        self._config = directory / "witness.json"
        directory.mkdir(exist_ok=True)
        self.vkey = self.run("init", "--name", THEIRS, "--listen", "127.0.0.1:0").strip()

    def run(self, command: str, *arguments: str) -> str:
        """What a command of it prints."""
        program = [self._python, "-m", "aics_witness", command, "--config", self._config]
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=True)
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address, while it runs."""
        program = [self._python, "-m", "aics_witness", "serve", "--config", self._config]
        process = subprocess.Popen(program, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        try:
            said = iter(process.stderr.readline, "")
            address = next(filter(None, (re.search(r"listening on (\S+)", line) for line in said)))
            yield address.group(1)
        finally:
            process.terminate()
            process.wait(10)
            process.stderr.close()


@pytest.fixture
def theirs(python: Path, tmp_path: Path) -> AicsWitness:
    """A new aics-witness."""
    return AicsWitness(python, tmp_path / "aics")


def verified_by_aics(python: Path, signed: str, log: str, witness: str, file: Path) -> list[str]:
    """The witnesses that aics-tlog finds under a signed checkpoint; it must find it good."""
    file.write_text(signed)
    program = [python, "-m", "aics_tlog", "verify-checkpoint", "--note", file, "--quorum", "1"]
    keys = ["--log-key", log, "--witness-key", witness, "--max-age", "600"]
    done = subprocess.run([*program, *keys], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["ok"] is True
    witnesses: list[str] = found["witnesses"]
    return witnesses


def test_our_log_is_cosigned_by_aics_witness(
    python: Path, theirs: AicsWitness, ledger: TestLedger, tmp_path: Path
) -> None:
    """A growing ledger, across a restart of the witness; aics-tlog verifies what we publish, and
    what the witness shows is what we published."""
    theirs.run("add-log", "--origin", ledger.verifier.name, "--vkey", ledger.verifier.vkey)
    last = 0
    for restart in range(2):
        with theirs.serving() as url:
            policy = Policy.parse(f"witness aics {theirs.vkey} {url}\nquorum aics\n")
            publisher = Publisher(ledger.ledger, policy)
            for grow in range(3):
                ledger.fill(40, start=1 + 200 * restart + 50 * grow)
                done = publisher.round()
                assert done.published, publisher.standings[0].error
                assert done.size > last
                last = done.size
            publisher.close()
            signed = ledger.ledger.reader.published().note
            shown = httpx.get(
                f"{url}/{add_checkpoint.origin_hash(ledger.verifier.name)}/checkpoint"
            )
            assert shown.text == signed
    assert policy.judge(signed, [ledger.verifier]).quorum_met
    log, file = ledger.verifier.vkey, tmp_path / "published"
    assert verified_by_aics(python, signed, log, theirs.vkey, file) == [THEIRS]
    assert check_ledger(ledger).cosignatures == 6


def test_our_client_understands_every_answer_of_aics_witness(theirs: AicsWitness) -> None:
    """409 from any size we think it holds, a log it does not know, and a fork with its proof."""
    log, fork = ForeignLog(), ForeignLog(history="other ")
    theirs.run("add-log", "--origin", log.signer.name, "--vkey", log.signer.verifier.vkey)
    with theirs.serving() as url, witnesses.make_client() as http:
        policy = Policy.parse(f"witness aics {theirs.vkey} {url}\nquorum aics\n")
        (target,) = witnesses.targets(policy)
        for size, known in ((5, 0), (8, 0), (8, 8), (20, 8), (33, 0), (33, 20)):
            (made,) = ask(http, target, submission(size), known=known)
            assert made.by.vkey == theirs.vkey
        with pytest.raises(WitnessRefused, match="404"):
            ask(http, target, submission(5, ForeignLog("log.example/else")), known=0)
        for size in (33, 40):
            with pytest.raises(WitnessAlarm, match="two histories") as alarm:
                ask(http, target, submission(size, fork), known=0)
            assert alarm.value.held is not None
            shown = checkpoint.open(alarm.value.held, log.signer.verifier)
            assert shown.root == log.root(33) != fork.root(33)
        with pytest.raises(WitnessAlarm, match="set back"):
            ask(http, target, submission(20), known=0)


class Feeder:
    """aics-witness's own client, feeding a log of aics-tlog's."""

    def __init__(self, python: Path, origin: str) -> None:
        self._origin = origin
        self._process = subprocess.Popen(
            [python, FEED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.vkey: str = self._order(do="vkey")["vkey"]

    def submit(self, url: str, witness: str, size: int, history: str = "") -> dict[str, Any]:
        """What the client makes of the answer of a witness."""
        return self._order(do="submit", url=url, witness=witness, size=size, history=history)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _order(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"origin": self._origin, **order}) + "\n")
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture
def feeder(python: Path) -> Iterator[Feeder]:
    """A log of theirs."""
    made = Feeder(python, "log.example/aics")
    yield made
    made.close()


def test_their_log_is_cosigned_by_our_witness(python: Path, feeder: Feeder, tmp_path: Path) -> None:
    """Through every size and a restart; aics-tlog verifies what our witness shows of it. Their
    client takes the Ed25519 line and leaves the ML-DSA-44 line, which it does not know."""
    sizes = iter([1, 2, 3, 5, 8, 8, 64, 65, 200, 257])
    for count in (4, 6):
        with serving_witness(tmp_path / "w", [parse_log_vkey(feeder.vkey)]) as (witness, url):
            vkey = witness.signers[0].verifier.vkey
            for _ in range(count):
                size = next(sizes)
                done = feeder.submit(url, vkey, size)
                assert "line" in done, done
                (made,) = cosignature.read(done["cosigned"], [cosignature.parse_vkey(vkey)])
                assert made.line == done["line"]
            shown = httpx.get(f"{url}/{add_checkpoint.origin_hash('log.example/aics')}/checkpoint")
            assert note.split(shown.text)[0].split("\n")[1] == str(size)
            file = tmp_path / "shown"
            assert verified_by_aics(python, shown.text, feeder.vkey, vkey, file) == [NAME]


def test_their_client_understands_every_answer_of_our_witness(
    feeder: Feeder, tmp_path: Path
) -> None:
    """409 with a size, 422 for a fork of equal and of larger size, 404 for a log it was not told
    of, and an older checkpoint."""
    with serving_witness(tmp_path / "w", [parse_log_vkey(feeder.vkey)]) as (witness, url):
        vkey = witness.signers[0].verifier.vkey
        assert "line" in feeder.submit(url, vkey, 8)
        for size in (8, 20):
            refused = feeder.submit(url, vkey, size, history="fork ")
            assert (refused["error"], "422" in refused["detail"]) == ("WitnessRejected", True)
        (conflict,) = witness.state.conflicts()
        assert conflict.size == 8
        again = feeder.submit(url + "/", vkey, 20)  # a client that knows nothing: 409 first
        assert "line" in again
        assert feeder.submit(url + "/", vkey, 8)["error"] == "WitnessAhead"
        witness.logs = {}
        assert "404" in feeder.submit(url, vkey, 30)["detail"]
