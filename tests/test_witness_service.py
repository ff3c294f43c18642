"""A witness as it is run: over HTTP, killed at the worst moment, and from the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from api import witness as service
from ledger import add_checkpoint, cosignature, note
from ledger.add_checkpoint import MAX_BODY, SIZE_TYPE
from ledger.cosignature import CosignatureVerifier
from ledger.errors import Unavailable
from ledger.policy import Policy
from ledger.witness import Witness
from tests.foreign_log import ForeignLog
from tests.test_cli import PROGRAM, answer, run
from tests.witnessing import NAME, serving_witness

LOG = ForeignLog()
FORK = ForeignLog(history="other ")
HELD = f"/{add_checkpoint.origin_hash(LOG.signer.name)}/checkpoint"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Witness, httpx.Client]]:
    """A witness of one log, and a client of it."""
    with serving_witness(tmp_path / "w", [LOG.signer.verifier]) as (witness, url):
        with httpx.Client(base_url=url) as client:
            yield witness, client


def test_the_protocol_over_http(served: tuple[Witness, httpx.Client]) -> None:
    """Statuses, bodies and media types of the specification, on one connection."""
    witness, http = served
    assert http.get(HELD).status_code == 404
    first = http.post("/add-checkpoint", content=LOG.request(0, 5))
    assert first.status_code == 200
    verifiers = [signer.verifier for signer in witness.signers]
    assert len(cosignature.read(LOG.signed(5) + first.text, verifiers)) == 2
    assert http.get(HELD).text == LOG.signed(5) + first.text
    conflict = http.post("/add-checkpoint", content=LOG.request(0, 8))
    assert (conflict.status_code, conflict.text) == (409, "5\n")
    assert conflict.headers["content-type"] == SIZE_TYPE
    fork = http.post("/add-checkpoint", content=FORK.request(5, 8))
    assert (fork.status_code, http.get(HELD).text) == (422, LOG.signed(5) + first.text)
    for content, status in (
        (b"", 400),
        (ForeignLog("log.example/else").request(0, 5), 404),
        (LOG.request(5, 8).replace(LOG.signer.name.encode() + b" ", b"log.example/x "), 403),
        (LOG.request(5, 8), 200),
    ):
        assert http.post("/add-checkpoint", content=content).status_code == status
    assert http.get("/healthz").status_code == 200


def test_other_addresses_and_methods(served: tuple[Witness, httpx.Client]) -> None:
    """404 and 405; what is held is named by its hash in small letters alone."""
    _, http = served
    http.post("/add-checkpoint", content=LOG.request(0, 5))
    assert http.get(HELD).status_code == 200
    assert http.get("/add-checkpoint").status_code == 405
    assert http.post(HELD, content=b"").status_code == 405
    for path in ("/", "/nothing", HELD.upper(), HELD + "/", "/%00/checkpoint"):
        assert http.get(path).status_code == 404, path


def test_a_body_that_is_too_large_is_not_read_to_its_end(
    served: tuple[Witness, httpx.Client],
) -> None:
    """With and without its length told; one byte less is read, and refused for what it is."""
    _, http = served
    assert http.post("/add-checkpoint", content=b"x" * MAX_BODY).status_code == 400
    assert http.post("/add-checkpoint", content=b"x" * (MAX_BODY + 1)).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 65_536

    with suppress(httpx.WriteError):  # closed before all was sent
        assert http.post("/add-checkpoint", content=endless()).status_code == 413


def test_a_body_that_never_ends_is_given_up(
    served: tuple[Witness, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that sends a byte at a time holds its connection no longer than the limit."""
    monkeypatch.setattr(service, "BODY_TIME", 0.2)
    _, http = served
    address = (http.base_url.host, http.base_url.port or 0)
    with socket.create_connection(address, timeout=10) as slow:
        slow.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\nold")
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_state_that_cannot_be_written_is_told(
    served: tuple[Witness, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 from every address, so that whoever watches sees it."""
    witness, http = served
    http.post("/add-checkpoint", content=LOG.request(0, 5))

    def fail(origin: str) -> None:
        raise Unavailable("the state of this witness cannot be written: disk", 7)

    monkeypatch.setattr(witness.state, "held", fail)
    refused = http.post("/add-checkpoint", content=LOG.request(5, 8))
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "7")
    assert http.get(HELD).status_code == 503
    witness.state._failed = True
    assert http.get("/healthz").status_code == 503


def test_two_next_trees_at_once_over_http(served: tuple[Witness, httpx.Client]) -> None:
    """One is cosigned; the other client is told its size, and no client gets two."""
    _, http = served
    http.post("/add-checkpoint", content=LOG.request(0, 5))
    statuses: list[int] = []
    start = threading.Barrier(8)

    def ask(new: int) -> None:
        with httpx.Client(base_url=http.base_url) as client:
            start.wait()
            content = LOG.request(5, new)
            statuses.append(client.post("/add-checkpoint", content=content).status_code)

    threads = [threading.Thread(target=ask, args=(new,)) for new in range(6, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7


# The program, with the process killed by itself right after a commit, before the answer.
KILLED_AFTER_COMMIT = """
import os, signal, sys
from contextlib import contextmanager
from ledger.witness.state import WitnessState

commit = WitnessState.transaction
holds = WitnessState.hold

def hold(self, held):
    holds(self, held)
    self.deadly = held.size == 8

@contextmanager
def transaction(self):
    with commit(self):
        yield
    if getattr(self, "deadly", False):
        os.kill(os.getpid(), signal.SIGKILL)

WitnessState.transaction, WitnessState.hold = transaction, hold
from api.cli import main
main()
"""


@contextmanager
def program(data: Path, *, deadly: bool = False) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`verantwoord witness` in a process of its own, and its address."""
    command = [sys.executable, "-c", KILLED_AFTER_COMMIT] if deadly else [str(PROGRAM)]
    arguments = ["witness", "--data", str(data), "--name", NAME, "--port", "0"]
    process = subprocess.Popen(
        [*command, *arguments, "--log", LOG.signer.verifier.vkey],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        yield process, first.rpartition(" at ")[2].strip()
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def test_a_kill_between_writing_and_answering(tmp_path: Path) -> None:
    """The log hears nothing and asks again: the tree it was about to be told of is held, another
    of its size is refused, and the log gets its cosignature after all."""
    with program(tmp_path, deadly=True) as (process, url):
        assert httpx.post(f"{url}/add-checkpoint", content=LOG.request(0, 5)).status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.post(f"{url}/add-checkpoint", content=LOG.request(5, 8))
        assert process.wait(10) == -signal.SIGKILL
    with program(tmp_path) as (_, url):
        again = httpx.post(f"{url}/add-checkpoint", content=LOG.request(5, 8))
        assert (again.status_code, again.text) == (409, "8\n")
        assert httpx.get(f"{url}{HELD}").text.startswith(LOG.signed(8))
        for body in (FORK.request(5, 8), FORK.request(8, 8), FORK.request(8, 9)):
            assert httpx.post(f"{url}/add-checkpoint", content=body).status_code in (409, 422)
        assert httpx.post(f"{url}/add-checkpoint", content=LOG.request(8, 8)).status_code == 200


@pytest.mark.long
def test_kills_at_any_moment(tmp_path: Path) -> None:
    """Twenty kills while a log grows: no size that was answered is ever forgotten, and what is
    held is always a tree of the one history."""
    log = ForeignLog(size=3000)
    answered = 0
    for number in range(20):
        with program(tmp_path) as (process, url), httpx.Client(base_url=url) as http:
            body = http.post("/add-checkpoint", content=log.request(0, 1)).text
            size = int(body) if body.strip().isdigit() else 1
            assert size >= answered
            killer = threading.Timer(0.05 + 0.03 * number, process.send_signal, [signal.SIGKILL])
            killer.start()
            try:
                while True:
                    done = http.post("/add-checkpoint", content=log.request(size, size + 1))
                    assert done.status_code == 200
                    answered = size = size + 1
            except httpx.TransportError:
                process.wait(10)
    with program(tmp_path) as (_, url):
        held = httpx.get(f"{url}{HELD}").text
        (line,) = [n for n in range(answered, answered + 2) if held.startswith(log.signed(n))]
        assert line >= answered


def test_the_command_line_of_a_witness(tmp_path: Path) -> None:
    """What it says at the start, what it shows of itself, and a conflict as status 1."""
    data = tmp_path / "w"
    assert "--log" in run("witness", "--data", data, "--name", NAME, status=2).stderr
    with program(data) as (process, url):
        assert httpx.post(f"{url}/add-checkpoint", content=LOG.request(0, 5)).status_code == 200
        assert httpx.post(f"{url}/add-checkpoint", content=FORK.request(5, 5)).status_code == 422
        process.terminate()
        assert process.stdout is not None
        said = process.stdout.read()
    assert f"Cosigns {LOG.signer.name}" in said
    shown = answer("witness", "--data", data, "--show", status=1)
    assert shown["name"] == NAME
    (tree,) = shown["logs"]
    assert (tree["origin"], tree["size"]) == (LOG.signer.name, 5)
    verifier: CosignatureVerifier = cosignature.parse_vkey(shown["vkeys"][0])
    assert verifier.vkey in said
    (conflict,) = shown["conflicts"]
    for text in (conflict["cosigned"], conflict["refused"]):
        assert note.open(text, [LOG.signer.verifier])
    text = run("witness", "--data", data, "--show", status=1).stdout
    assert "two trees of size 5" in text
    assert LOG.signed(5) in text


def test_the_logs_of_a_policy_file(tmp_path: Path) -> None:
    """`--policy` names logs as `--log` does; a bad line is named."""
    file = tmp_path / "policy"
    file.write_text(f"log {LOG.signer.verifier.vkey}\nquorum none\n")
    assert Policy.parse(file.read_text()).logs[0].key == LOG.signer.verifier
    shown = answer("witness", "--data", tmp_path, "--name", NAME, "--policy", file, "--show")
    assert shown["logs"] == []
    file.write_text("log nothing\nquorum none\n")
    words = run("witness", "--data", tmp_path, "--policy", file, "--show", status=2).stderr
    assert f"{file}: line 1: " in words.replace("\n", "")


def test_a_clock_that_had_run_ahead_is_set_right(tmp_path: Path) -> None:
    """Cosignatures dated after now stop the witness until the operator says so."""
    with serving_witness(tmp_path, [LOG.signer.verifier]) as (witness, url):
        witness._clock = lambda: time.time() + 100_000
        assert httpx.post(f"{url}/add-checkpoint", content=LOG.request(0, 5)).status_code == 200
        witness._clock = time.time
        assert httpx.post(f"{url}/add-checkpoint", content=LOG.request(5, 8)).status_code == 503
    shown = answer("witness", "--data", tmp_path, "--show", "--clock-was-ahead")
    assert json.dumps(shown["logs"][0]["size"]) == "5"
    with serving_witness(tmp_path, [LOG.signer.verifier]) as (_, url):
        assert httpx.post(f"{url}/add-checkpoint", content=LOG.request(5, 8)).status_code == 200
