"""`verantwoord hooks`, as an operator types it, and the service that sends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import deliveries
from ledger.deployment import Home, now
from ledger.outbound import Outbound
from ledger.subscriptions import Kind
from tests.ledgers import TestLedger
from tests.receiver import Receiver, receiving, status
from tests.subscribed import send_all, sender
from tests.test_cli import answer, options_of, run, served

HERE = ("--allow-network", "127.0.0.1")
HOW_TO = Path(__file__).parent.parent / "docs" / "how-to" / "webhooks.md"


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path) as made:
        yield made


@pytest.fixture
def at(
    home: Home, ledger: TestLedger, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> list[object]:
    """Where a ledger is that runs by the clock of this machine, and trusts the receiver."""
    ledger.ledger.clock = now
    monkeypatch.setenv("SSL_CERT_FILE", str(receiver.authority))
    return options_of(home)


def added(receiver: Receiver, at: list[object], *more: object) -> dict[str, Any]:
    """A subscription, as JSON."""
    asked = ("hooks", "add", receiver.url, "--holder", "practice-c1", *HERE, *more)
    found: dict[str, Any] = answer(*asked, *at)
    return found


def test_one_is_made_tried_listed_and_removed(
    at: list[object], receiver: Receiver, ledger: TestLedger
) -> None:
    """Its secret is shown once, and verifies what is sent; what follows the host of its address is
    not shown at all."""
    url = f"{receiver.url}/s3cr3t?code=s3cr3t"
    asked = ("--holder", "practice-c1", "--controller", "C1", "--kind", "clock.due", *HERE)
    said, secret = run("hooks", "add", url, *asked, *at).stdout.splitlines()
    id = said.split()[1]
    assert said == f"Subscription {id} of practice-c1. Its secret is not shown again:"
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    tried = run("hooks", "try", id, *at).stdout
    assert tried.endswith(": delivered, status 204.\n")
    assert receiver.got[0].verified(secret)["type"] == "webhook.tried"
    for text in (run("hooks", "list", *at).stdout, json.dumps(answer("hooks", "list", *at))):
        assert id in text
        assert "C1" in text
        assert "whsec_" not in text
        assert "s3cr3t" not in text
    assert run("hooks", "remove", id, *at).stdout == f"{id} is removed.\n"
    assert answer("hooks", "list", *at) == {"subscriptions": []}
    assert "hooks list" in run("hooks", "try", id, *at, status=2).stderr


def test_what_is_not_delivered_is_shown_and_sent_again(
    at: list[object], receiver: Receiver, ledger: TestLedger
) -> None:
    """Tried again, dead, and sent again under the same id."""
    made = added(receiver, at, "--kind", "entry.recorded")
    (index,) = (each.index for each in ledger.fill(1))
    receiver.answering = status(500)
    by = sender(ledger.ledger, Outbound(receiver.trusted))
    send_all(by)
    assert "status 500" in run("hooks", "dead", *at).stdout
    (tried,) = answer("hooks", "dead", *at)["tried_again"]
    assert (tried["attempts"], tried["event_type"]) == (1, "InstructionReceived")
    with ledger.ledger.pool.connection() as conn:
        conn.execute("UPDATE deliveries SET attempts = 9, next_at = %s", (now(),))
    send_all(by)
    (dead,) = answer("hooks", "dead", *at)["dead"]
    assert "dead since" in run("hooks", "dead", *at, COLUMNS="300").stdout
    assert answer("hooks", "list", *at)["subscriptions"][0]["dead"] == 1
    receiver.answering = status(200)
    assert answer("hooks", "retry", made["id"], *at) == {"again": 1}
    send_all(by)
    last = receiver.got[-1]
    assert (last.id, last.verified(made["secret"])["data"]["index"]) == (dead["id"], index)
    assert answer("hooks", "dead", *at) == {"dead": [], "tried_again": []}
    assert "hooks dead" in run("hooks", "retry", dead["id"], *at, status=2).stderr


def test_a_secret_is_replaced_and_a_new_master_key_changes_nothing(
    at: list[object], receiver: Receiver
) -> None:
    """Both verify for a while; with no overlap the old one ends at once."""
    made = added(receiver, at)
    said, second = run("hooks", "rotate", made["id"], *at).stdout.splitlines()
    assert "new secret" in said
    assert "And 2 secrets of webhooks." in run("sealing", "rotate", *at).stdout
    run("hooks", "try", made["id"], *at)
    for secret in (made["secret"], second):
        assert receiver.got[-1].verified(secret)
    third = answer("hooks", "rotate", made["id"], "--hours", "0", *at)["secret"]
    run("hooks", "try", made["id"], *at)
    assert receiver.got[-1].headers["webhook-signature"].count("v1,") == 1
    assert receiver.got[-1].verified(third)


def test_one_that_is_gone_is_shown_and_enabled(
    at: list[object], receiver: Receiver, ledger: TestLedger
) -> None:
    """With what the receiver said, and from where it was."""
    made = added(receiver, at, "--kind", "entry.recorded")
    ledger.fill(1)
    receiver.answering = status(410)
    send_all(sender(ledger.ledger, Outbound(receiver.trusted)))
    assert "410: Gone" in run("hooks", "list", *at, COLUMNS="300").stdout
    assert answer("hooks", "enable", made["id"], *at)["disabled_at"] is None
    assert "not delivered, status 410" in run("hooks", "try", made["id"], *at, status=1).stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["https://hooks.example/", "--holder", "Jan Jansen"], "pseudonym"),
        (["https://hooks.example/", "--holder", "x", "--controller", "C99"], "C99"),
        (["https://hooks.example/", "--holder", "x", "--type", "Nothing"], "no event type"),
        (["https://hooks.example/", "--holder", "x", "--allow-network", "here"], "no network"),
        (["https://me:s3cr3t@hooks.example/", "--holder", "x"], "no credentials"),
        (["http://hooks.example/", "--holder", "x"], "is https"),
    ],
)
def test_a_slip_is_told(at: list[object], options: list[str], said: str) -> None:
    """With what is wrong and how to put it right; nothing is made, and no secret of an address
    repeated."""
    done = run("hooks", "add", *options, *at, status=2)
    assert said in done.stderr
    assert "s3cr3t" not in done.stderr
    assert "whsec_" not in done.stdout
    assert answer("hooks", "list", *at) == {"subscriptions": []}


def test_an_address_within_is_not_sent_to_unless_it_was_allowed(
    at: list[object], receiver: Receiver
) -> None:
    """It is told why."""
    made = answer("hooks", "add", receiver.url, "--holder", "x", *at)
    done = run("hooks", "try", made["id"], *at, status=1)
    assert "leads to 127.0.0.1, which is not allowed" in done.stdout
    assert receiver.got == []


def test_the_service_sends_what_is_new(
    at: list[object], receiver: Receiver, ledger: TestLedger
) -> None:
    """Entries within seconds, with two processes as with one; and who was told is recorded when it
    stops."""
    types = ("--kind", "entry.recorded", "--type", "InstructionReceived")
    made = added(receiver, at, "--controller", "C1", *types)
    with served(*at, "--workers", "2"):
        indexes = [each.index for each in ledger.fill(3)]
        receiver.wait_for(3)
    assert [got.verified(made["secret"])["data"]["index"] for got in receiver.got] == indexes
    told = [row["values"] for row in answer("register", "inspections", *at)["rows"]]
    mine = [each for each in told if each["reader"] == "practice-c1"]
    assert sum(each["count"] or 1 for each in mine) == 3
    with ledger.ledger.pool.connection() as conn:
        assert deliveries.waiting(conn, made["id"]) == 0


def test_the_receiver_of_the_how_to_verifies_what_is_sent(
    at: list[object], receiver: Receiver, tmp_path: Path
) -> None:
    """The example, as it is printed: it takes what the ledger sends once, and nothing else."""
    (example,) = re.findall(
        r"<!-- script: receiver.py -->\n```python\n(.*?)^```$", HOW_TO.read_text(), re.M | re.S
    )
    made = added(receiver, at)
    run("hooks", "try", made["id"], *at)
    (got,) = receiver.got
    (tmp_path / "receiver_example.py").write_text(example)
    asked = {
        "taken": [got.headers, got.body.decode()],
        "again": [got.headers, got.body.decode()],
        "forged": [got.headers, got.body.decode() + " "],
        "other": [{**got.headers, "webhook-id": "msg_other"}, got.body.decode()],
        "none": [{}, got.body.decode()],
    }
    program = (
        "import json, sys, receiver_example as r;"
        "asked = json.load(sys.stdin);"
        "print(json.dumps({k: r.take(h, b.encode()) for k, (h, b) in asked.items()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"WEBHOOK_SECRET": made["secret"], "SEEN": str(tmp_path / "seen.db")},
    )
    *_, last = done.stdout.splitlines()
    assert json.loads(last) == {
        "taken": 204,
        "again": 204,
        "forged": 400,
        "other": 400,
        "none": 400,
    }
    assert done.stdout.count("webhook.tried") == 1


def test_every_kind_can_be_asked_for() -> None:
    """As they are called in messages."""
    said = run("hooks", "add", "--help", COLUMNS="200").stdout
    assert all(kind in said for kind in Kind)
