"""Several logs in one deployment: none waits for another, reads it, or can be taken for it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ledger import citus, deployment, fsck_logs, keys, logs, routing
from ledger.append import Appended
from ledger.deployment import Home
from ledger.errors import ConfigurationError, PartyUnknown, Refused, UnknownKey
from ledger.opening import open_ledger
from tests.check_ledger import check_ledger, check_registers
from tests.deployments import Deployment, new_log, register
from tests.ledgers import KVK, Clock, TestLedger, make_home
from tests.serving import serving


def test_both_are_whole_ledgers_of_their_own(deployed: Deployment) -> None:
    """With keys, key, token, schema and kept checkpoint of their own."""
    for made in (deployed.main, deployed.part):
        check_ledger(made, made.ledger.append([made.instruction(1, controller_of(made))]))  # type: ignore[arg-type]
        check_registers(made)
    one, other = deployed.main.home, deployed.part.home
    for file in ("log.vkey", "read.token", "last.checkpoint", "keys/log.key", "keys/numbers.key"):
        assert (one.data / file).read_bytes() != (other.data / file).read_bytes()


def controller_of(made: TestLedger) -> str:
    """A controller that a log keeps."""
    return "C1" if made.ledger.routing.log_of("C1") == made.home.schema else "C4"


def test_no_log_waits_for_another(deployed: Deployment) -> None:
    """While an open transaction holds the head of one, the other appends and answers; the one that
    was held goes on when it is let go."""
    head = 'SELECT FROM "{}".head FOR UPDATE'
    with psycopg.connect(deployed.url or "") as conn, ThreadPoolExecutor(1) as pool:
        conn.execute(head.format(deployed.main.home.schema).encode())
        waits = pool.submit(deployed.main.fill, 1)
        begin = time.monotonic()
        for number in range(10):
            (answer,) = deployed.part.ledger.append([deployed.part.instruction(number, "C4")])
            assert isinstance(answer, Appended)
        assert time.monotonic() - begin < 10
        assert not waits.done()
        conn.rollback()
        (late,) = waits.result(timeout=20)
    check_ledger(deployed.main, [late])
    check_ledger(deployed.part)


def test_both_take_events_at_once(deployed: Deployment) -> None:
    """Whoever writes where, each log is dense and sound."""
    writers = [
        threading.Thread(
            target=made.ledger.append,
            args=([made.instruction(n, controller_of(made)) for n in range(start, start + 40)],),
        )
        for made in (deployed.main, deployed.part)
        for start in (0, 100, 200)
    ]
    sizes = [made.ledger.reader.size() for made in (deployed.main, deployed.part)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for made, size in zip((deployed.main, deployed.part), sizes, strict=True):
        assert check_ledger(made).size == size + 120


# Who may do what.


def test_the_role_of_one_log_can_do_nothing_in_another(deployed: Deployment) -> None:
    """Not read, not write, not listen in on its tables; neither serving, reading nor erasing."""
    there = deployed.part.home.schema
    tables = ("entries", "log", "head", "numbers", "register_rows", "granted_access")
    for role in deployed.main.ledger.database.roles:
        with psycopg.connect(deployed.url or "", autocommit=True) as conn:
            conn.execute(f'SET ROLE "{role}"'.encode())
            for table in tables:
                for statement in ("SELECT FROM {}", "DELETE FROM {}", "TRUNCATE {}"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        conn.execute(statement.format(f'"{there}".{table}').encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(f'SELECT FROM "{there}_sealing".sealing_keys'.encode())


@contextmanager
def login(url: str, name: str, *schemas: str) -> Iterator[str]:
    """An account of the server with the roles of some logs; the address that it connects at."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f'CREATE ROLE "{name}" LOGIN'.encode())
        for schema in schemas:
            for role in ("service", "controller", "erasing"):
                conn.execute(f'GRANT "{schema}_{role}" TO "{name}"'.encode())
    try:
        yield make_conninfo(url, user=name)
    finally:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(f'DROP ROLE "{name}"'.encode())


def test_an_account_for_each_log_cannot_become_the_role_of_another(deployed: Deployment) -> None:
    """Also for whoever runs statements of its own: which the roles alone do not keep apart, when
    one account has them all."""
    main, part = deployed.main.home, deployed.part.home
    with login(deployed.url or "", f"{main.schema}_account", main.schema) as address:
        own = Home(main.data, address, main.schema, place=main.place)
        with open_ledger(own, clock=deployed.main.clock) as ledger:
            assert isinstance(ledger.append([deployed.main.instruction(77)])[0], Appended)
        with psycopg.connect(address, autocommit=True) as conn:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(f'SET ROLE "{part.schema}_service"'.encode())
        other = Home(part.data, address, part.schema, place=part.place)
        with pytest.raises((psycopg.Error, ConfigurationError)), open_ledger(other):
            pass


def test_the_token_of_one_log_reads_nothing_of_another(deployed: Deployment) -> None:
    """Neither that of the operator, nor one that was granted."""
    with serving(deployed.main) as main, serving(deployed.part) as part:
        for made, own, other in ((deployed.main, main, part), (deployed.part, part, main)):
            headers = {"Authorization": f"Bearer {made.home.token_file.read_text()}"}
            for path in ("/v1/events", "/v1/registers/processing", "/v1/log", "/log/checkpoint"):
                assert httpx.get(f"{own}{path}", headers=headers).status_code == 200
                assert httpx.get(f"{other}{path}", headers=headers).status_code == 401


def test_a_key_of_one_log_signs_nothing_in_another(deployed: Deployment) -> None:
    """An event that was signed for one is of an unknown key to the other, and a log is not opened
    with the key of another."""
    stranger = keys.make_key("k-stranger")
    deployed.main.append(
        "SigningKeyEnrolled", stranger.enrolment("helpdesk"), service="administrator"
    )
    sent = deployed.main.sign(
        "InstructionReceived",
        {"instruction_id": "I-1", "controller_id": "C4", "channel": "email"},
        key=stranger,
    )
    (refused,) = deployed.part.ledger.append([sent])
    assert isinstance(refused, UnknownKey)
    shutil.copy(deployed.main.home.keys / "log.key", deployed.part.home.keys / "log.key")
    with pytest.raises(ConfigurationError, match="does not hold the private key"):
        with open_ledger(deployed.part.home):
            pass


# Which log keeps whom.


def test_a_controller_is_kept_in_one_log(deployed: Deployment) -> None:
    """It is registered there alone, and no event of it is taken anywhere else, nor one that names
    controllers of two logs."""
    for made, foreign in ((deployed.main, "C4"), (deployed.part, "C1")):
        size = made.ledger.reader.size()
        with pytest.raises(PartyUnknown, match="kept in the log"):
            register(made, foreign)
        (answer,) = made.ledger.append([made.instruction(1, foreign)])
        assert isinstance(answer, PartyUnknown)
        data = {"controller_ids": ["C1", "C4"], "breach_id": "B-1"}
        with pytest.raises(Refused):
            made.append("BreachConfirmed", data, service="security-desk")
        assert made.ledger.reader.size() == size


def test_who_is_kept_somewhere_stays_there(deployed: Deployment) -> None:
    """Registered or assigned: for good; and nothing of what was asked with it is done."""
    part, main = logs.named(deployed.logs, deployed.part.home.schema), deployed.main.home
    whole = logs.named(deployed.logs, main.schema)
    for wanted, to in ((["C9", "C1"], part), (["C9", "C4"], whole)):
        with pytest.raises(ConfigurationError, match="for good"):
            logs.assign(deployed.logs, wanted, to)
    for no_id in ("", "C9 x", "C9 x\ncontroller C1", "../C9"):
        with pytest.raises(ConfigurationError, match="no id"):
            logs.assign(deployed.logs, ["C9", no_id], part)
    assert routing.read(main.data / "controllers") == {"C4": part.name}
    logs.assign(deployed.logs, ["C4", "C5"], part)
    register(deployed.part, "C5")


def test_an_assignment_and_an_append_take_turns(deployed: Deployment) -> None:
    """A controller that is registered in the main log while it is assigned to a part ends up in one
    of them, whichever came first."""
    part = logs.named(deployed.logs, deployed.part.home.schema)
    for number in range(100, 110):
        controller = f"C{number}"
        barrier = threading.Barrier(2)

        def assigned(controller: str = controller, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait(20)
            try:
                logs.assign(deployed.logs, [controller], part)
            except ConfigurationError:
                return False
            return True

        def registered(controller: str = controller, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait(20)
            try:
                register(deployed.main, controller)
            except PartyUnknown:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(assigned), pool.submit(registered)]
            outcomes = [each.result(timeout=30) for each in both]
        assert sorted(outcomes) == [False, True], controller


def test_fsck_finds_a_controller_in_two_logs(deployed: Deployment) -> None:
    """As when the file was lost, and the main log took one that a part keeps."""
    examined = {
        name: fsck_logs.examine(made.ledger)
        for name, made in ((m.home.schema, m) for m in (deployed.main, deployed.part))
    }
    assert fsck_logs.kept_twice(examined, deployed.main.ledger.routing.log_of) == []
    file = deployed.main.home.data / "controllers"
    text = file.read_bytes()
    file.unlink()
    register(deployed.main, "C4")
    file.write_bytes(text)
    name = deployed.main.home.schema
    examined[name] = fsck_logs.examine(deployed.main.ledger)
    twice = fsck_logs.kept_twice(examined, deployed.main.ledger.routing.log_of)
    assert twice == [("C4", sorted(examined))]


def test_what_concerns_no_controller_is_told_where_it_is_not(deployed: Deployment) -> None:
    """By source and id, until it is in every log."""
    certificate = {
        "certificate_id": "K-1",
        "standard": "NEN 7510",
        "valid_from": "2026-01-01",
        "valid_until": "2028-12-31",
    }
    sent = [
        made.sign("CertificateIssued", certificate, service="dpo", id_="cert-1")
        for made in (deployed.main, deployed.part)
    ]

    def examined() -> dict[str, fsck_logs.Examined]:
        return {m.home.schema: fsck_logs.examine(m.ledger) for m in (deployed.main, deployed.part)}

    (answer,) = deployed.main.ledger.append(sent[:1])
    assert isinstance(answer, Appended), answer
    source = f"urn:nld:kvk:{KVK}:systeem:dpo cert-1"
    assert (source, [deployed.part.home.schema]) in fsck_logs.missing(examined())
    deployed.part.ledger.append(sent[1:])
    assert source not in dict(fsck_logs.missing(examined()))


# Making them.


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("East", {"kvk": "87654321"}, "lower-case"),
        ("x_sealing", {"kvk": "87654321"}, "not ending _sealing"),
        ("../x", {"kvk": "87654321"}, "lower-case"),
        ("fresh", {"kvk": "876"}, "8 digits"),
        ("fresh", {"kvk": KVK}, "give --part-of"),
        ("fresh", {"part_of": "nobody"}, "there is no log nobody"),
        ("fresh", {"part_of": "PART"}, "itself a part"),
        ("fresh", {}, "give --kvk"),
        ("PART", {"part_of": "MAIN"}, "name or origin already|holds a log already"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_made(
    deployed: Deployment, name: str, more: dict[str, str], says: str
) -> None:
    """It says what to give instead."""
    names = {"MAIN": deployed.main.home.schema, "PART": deployed.part.home.schema}
    before = sorted(deployed.data.rglob("*"))
    with pytest.raises(ConfigurationError, match=says):
        new_log(
            deployed.data,
            deployed.url,
            names.get(name, name),
            **{key: names.get(value, value) for key, value in more.items()},
        )
    assert sorted(deployed.data.rglob("*")) == before


def test_a_ledger_of_one_log_becomes_one_of_several(home: Home, tmp_path: Path) -> None:
    """It stays where it is; a service that runs already heeds what is assigned."""
    make_home(home, Clock())
    with open_ledger(home, clock=Clock()) as ledger, ExitStack() as stack:
        before = ledger.reader.checkpoint()
        name = f"{home.schema}_e"
        stack.callback(lambda: drop(home, name))
        log, _ = logs.create(
            home.data,
            home.database_url,
            name,
            origin="test.example/e",
            part_of=home.schema,
            schema=home.schema,
        )
        there = logs.logs_of(home.data, home.database_url)
        assert [each.name for each in there] == [home.schema, name]
        assert [each.is_main for each in there] == [True, False]
        logs.assign(there, ["C4"], log)
        assert ledger.routing.log_of("C4") == name
        assert ledger.reader.checkpoint() == before
    with open_ledger(there[0].home, clock=Clock()) as again:
        assert again.reader.checkpoint() == before


def drop(home: Home, schema: str) -> None:
    """Drop a log with what stands beside it."""
    with psycopg.connect(home.database_url or "", autocommit=True) as conn:
        for name in (schema, f"{schema}_sealing"):
            conn.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'.encode())
        for role in ("service", "controller", "erasing"):
            conn.execute(f'DROP ROLE IF EXISTS "{schema}_{role}"'.encode())


def test_one_embedded_server_serves_them_all(tmp_path: Path) -> None:
    """It is in the directory of the deployment, and a log is found when that was moved."""
    data = tmp_path / "data"
    new_log(data, None, "west", kvk=KVK)
    new_log(data, None, "east", kvk="87654321")
    assert sorted(each.name for each in data.iterdir()) == ["logs", "postgres"]
    data.rename(tmp_path / "moved")
    found = logs.logs_of(tmp_path / "moved", None)
    assert [log.name for log in found] == ["east", "west"]
    with ExitStack() as stack:
        opened = [stack.enter_context(open_ledger(log.home)) for log in found]
        assert [ledger.reader.size() for ledger in opened] == [2, 2]
    with pytest.raises(ConfigurationError, match=r"several logs \(east, west\)"):
        with open_ledger(deployment.home_at(tmp_path / "moved", None)):
            pass


def test_the_logs_of_two_processors_are_kept_apart(tmp_path: Path) -> None:
    """A question is about those of one, who is named."""
    data = tmp_path / "data"
    new_log(data, None, "west", kvk=KVK)
    new_log(data, None, "other", kvk="87654321")
    found = logs.logs_of(data, None)
    with pytest.raises(ConfigurationError, match="2 processors"):
        logs.of_processor(found, None)
    assert [log.name for log in logs.of_processor(found, KVK)] == ["west"]
    with pytest.raises(ConfigurationError, match="no log here is of processor"):
        logs.of_processor(found, "11112222")


def test_a_log_in_a_database_of_ones_own_is_not_looked_for_elsewhere(deployed: Deployment) -> None:
    """Without its address no server is started."""
    home = deployment.home_at(deployed.part.home.data, None)
    with pytest.raises(ConfigurationError, match="give --database-url"), home.database():
        pass
    assert not list(deployed.data.rglob("postgres"))


def test_plain_postgresql_says_what_is_possible_instead_of_a_move(deployed: Deployment) -> None:
    """And nothing is done."""
    with deployed.main.ledger.database.connect_as_owner() as conn:
        if citus.is_cluster(conn):
            pytest.skip("this server is a Citus cluster")
        with pytest.raises(ConfigurationError, match=r"no Citus cluster.*standby"):
            citus.move(conn, deployed.main.home.schema, [], "other-node")
