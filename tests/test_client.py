"""The client for services: nothing doubled, nothing trusted unchecked, whatever the line does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ledger import cloudevent
from ledger.client import AppendRefused, Client, Event, LedgerUnreachable, SealingRefused
from ledger.erasure import erase
from ledger.errors import VerificationFailed
from ledger.keys import make_key
from ledger.note import Verifier
from ledger.receipt import Receipt, check
from ledger.roles import Role
from ledger.sealing import unseal
from tests.check_ledger import check_ledger
from tests.door import Owner, opened
from tests.ledgers import KVK, TestLedger
from tests.sealed import TEXT, key_for
from tests.serving import serving

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def instruction(number: int, controller: str = "C1") -> Event:
    data = {"instruction_id": f"I-{number}", "controller_id": controller, "channel": "email"}
    return Event("InstructionReceived", data, f"client-{number}", AT)


def client_of(
    made: TestLedger, url: str, receipts: Path | None = None, **options: object
) -> Client:
    return Client(
        url,
        made.services["helpdesk"],
        source=f"urn:nld:kvk:{KVK}:systeem:helpdesk",
        verifier=options.pop("verifier", made.verifier),  # type: ignore[arg-type]
        receipts=receipts,
        pause=lambda seconds: None,
        **options,  # type: ignore[arg-type]
    )


def test_an_append_gives_a_checked_receipt_and_keeps_it(ledger: TestLedger, tmp_path: Path) -> None:
    """The file verifies by itself."""
    event = instruction(1)
    with serving(ledger) as url, client_of(ledger, url, tmp_path) as client:
        given = client.append(event.type, event.data, id=event.id, occurred_at=event.occurred_at)
    kept = check((tmp_path / "client-1.tlog-proof").read_text(), ledger.verifier)
    assert (kept.index, kept.leaf) == (given.index, given.leaf)


def test_many_events_go_in_batches_and_refusals_are_told(ledger: TestLedger) -> None:
    """An answer for each, in order; the refused one has its problem."""
    events = [instruction(n) for n in range(620)]
    events[300] = instruction(300, controller="C9")
    with serving(ledger) as url, client_of(ledger, url) as client:
        answers = client.append_all(events)
    refused = [n for n, answer in enumerate(answers) if isinstance(answer, AppendRefused)]
    assert refused == [300]
    answer = answers[300]
    assert isinstance(answer, AppendRefused)
    assert answer.problem["type"] == "/v1/problems/party-unknown"
    check_ledger(ledger)


def test_one_refused_event_raises(ledger: TestLedger) -> None:
    """With the id and the reason."""
    event = instruction(1, controller="C9")
    with serving(ledger) as url, client_of(ledger, url) as client:
        with pytest.raises(AppendRefused, match="client-1"):
            client.append(event.type, event.data, id=event.id, occurred_at=AT)


def test_a_payload_that_was_made_before_is_sent_as_it_is(
    ledger: TestLedger, tmp_path: Path
) -> None:
    """However often; other bytes under its id are refused, and no receipt of them is kept."""
    made = cloudevent.format(
        id="client-1",
        source=f"urn:nld:kvk:{KVK}:systeem:helpdesk",
        type="InstructionReceived",
        time=AT,
        occurred_at=AT,
        data=instruction(1).data,
    )
    with serving(ledger) as url, client_of(ledger, url) as client:
        for _ in range(2):
            given = client.append_payload(made, id="client-1", keep=tmp_path / "a.tlog-proof")
            assert given.entry.payload == made
        kept = check((tmp_path / "a.tlog-proof").read_text(), ledger.verifier)
        assert kept.leaf == given.leaf
        with pytest.raises(AppendRefused, match="client-1"):
            client.append_payload(made + b" ", id="client-1", keep=tmp_path / "b.tlog-proof")
    assert not (tmp_path / "b.tlog-proof").exists()


@contextmanager
def cutting(url: str, plan: list[str]) -> Iterator[str]:
    """A proxy that cuts each connection where the plan says: before the request gets through,
    after it but before the answer, or not."""
    upstream = urlsplit(url)
    listening = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def run() -> None:
        while not stopped.is_set():
            try:
                near, _ = listening.accept()
            except OSError:
                return
            with near:
                cut = plan.pop(0) if plan else "nothing"
                request = near.recv(1 << 20)
                if cut == "request":
                    continue
                head, _, body = request.partition(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                while len(body) < length:
                    more = near.recv(1 << 20)
                    body += more
                    request += more
                far = socket.create_connection((upstream.hostname or "", upstream.port or 0))
                with far:
                    far.sendall(request.replace(b"keep-alive", b"close"))
                    answer = b""
                    while chunk := far.recv(1 << 20):
                        answer += chunk
                        if answer.endswith(b"]}") or b'"problem"' in answer:
                            break
                if cut == "half":
                    near.sendall(answer[: len(answer) // 2])
                elif cut != "answer":
                    near.sendall(answer)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stopped.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


@pytest.mark.parametrize("cut", ["request", "answer", "half"])
def test_a_lost_connection_never_doubles_an_event(
    ledger: TestLedger, tmp_path: Path, cut: str
) -> None:
    """Before the request, before the answer, in the middle of it: one entry, and its receipt."""
    before = ledger.ledger.reader.size()
    events = [instruction(n) for n in range(3)]
    with (
        serving(ledger) as url,
        cutting(url, [cut, cut]) as cut_url,
        client_of(ledger, cut_url, tmp_path) as client,
    ):
        answers = client.append_all(events)
    assert not any(isinstance(answer, AppendRefused) for answer in answers)
    assert ledger.ledger.reader.size() == before + 3
    assert len(list(tmp_path.glob("*.tlog-proof"))) == 3
    check_ledger(ledger)


def test_a_ledger_that_stays_away_is_said_so(ledger: TestLedger) -> None:
    """After all attempts, with the last reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with client_of(ledger, url, attempts=3) as client:
        with pytest.raises(LedgerUnreachable, match="3 attempts"):
            client.append_all([instruction(1)])


def test_what_a_ledger_says_that_cannot_take_events_is_passed_on(ledger: TestLedger) -> None:
    """The reason is its own: here it cannot write the file that keeps its last checkpoint."""
    beside = ledger.home.data / "last.checkpoint.new"
    beside.mkdir()
    with serving(ledger) as url, client_of(ledger, url, attempts=2) as client:
        with pytest.raises(LedgerUnreachable, match=r"503: cannot write last\.checkpoint, which"):
            client.append_all([instruction(1)])
        beside.rmdir()
        (receipt,) = client.append_all([instruction(1)])
    assert isinstance(receipt, Receipt)
    check_ledger(ledger)


def test_a_receipt_of_another_log_is_not_trusted(ledger: TestLedger) -> None:
    """The pinned key did not sign it."""
    other = Verifier(ledger.verifier.name, make_key("other").public_key)
    with serving(ledger) as url, client_of(ledger, url, verifier=other) as client:
        with pytest.raises(VerificationFailed):
            client.append_all([instruction(1)])


def test_text_is_sealed_before_it_is_sent(ledger: TestLedger, owner: Owner) -> None:
    """With a service's token; a subject whose key is gone, and no token, are told apart."""
    with opened(ledger, owner) as door:
        token = door.token(Role.SERVICE, key_id="k-helpdesk")
        with client_of(ledger, door.url, token=token) as client:
            sealed = client.seal("request:V-1", TEXT)
            data = {"request_id": "V-1", "controller_id": "C1", "right": "access"}
            data |= {"request_text": sealed}
            given = client.append("DataSubjectRequestReceived", data, id="v-1", occurred_at=AT)
            assert unseal(sealed, key_for(ledger, "request:V-1")) == TEXT
            again = client.append("DataSubjectRequestReceived", data, id="v-1", occurred_at=AT)
            assert again.index == given.index
            erase(ledger.ledger, "request:V-1", ground="x", by="operator")
            with pytest.raises(SealingRefused, match="destroyed"):
                client.seal("request:V-1", TEXT)
        with client_of(ledger, door.url) as client, pytest.raises(SealingRefused, match="Token"):
            client.seal("request:V-2", TEXT)
    check_ledger(ledger)
