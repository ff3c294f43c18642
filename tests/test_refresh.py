"""Refreshing receipts: what others said since is added, and no evidence is ever swapped away.

The ledgers here are honest, or cut, forked or forged; the last tests have a real one, served, with
a real authority.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger import receipt, refresh
from ledger.client import Client
from ledger.errors import (
    ConfigurationError,
    HistoriesDiffer,
    LogUnreadable,
    ProofInvalid,
    VerificationFailed,
)
from ledger.export import export_log
from ledger.ladder import Rung, verdict
from ledger.merkle import leaf_hash, prove_consistency
from ledger.policy import Policy
from ledger.publish import Publisher
from ledger.receipt_files import refresh_file
from ledger.refresh import Ask, Refreshed
from ledger.report import Pins
from ledger.sources import directory
from ledger.verify import verify
from tests.attesting import attested_receipt, policy_text
from tests.authority import Authority, asking, named, needs_openssl
from tests.authority import serving as authority_serving
from tests.ledgers import KVK, TestLedger
from tests.log_builder import LogBuilder, busy_log, reader
from tests.serving import serving
from tests.witnessing import serving_witness

pytestmark = needs_openssl

INDEX = 7
LOG = busy_log(20)
VERIFIER = LOG.signer.verifier
POLICY = Policy.parse(policy_text(["X1", "X2"], 2))
FIRST = LOG.receipt(INDEX, 9)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority in good order."""
    return Authority(tmp_path_factory.mktemp("authority"))


def answering(text: str, log: LogBuilder = LOG) -> Ask:
    """A ledger that answers with this receipt, and with consistency proofs of a log."""

    def ask(path: str, parameters: Mapping[str, str]) -> bytes:
        if path == f"/v1/events/{INDEX}/proof":
            assert parameters == {"latest": "true"}
            return text.encode()
        assert path == "/v1/consistency"
        old, new = int(parameters["old"]), int(parameters["new"])
        hashes = [leaf_hash(leaf) for leaf in log.leaves]
        proof = prove_consistency(old, new, reader(hashes))
        encoded = [base64.b64encode(h).decode() for h in proof]
        return json.dumps({"old": old, "new": new, "proof": encoded}).encode()

    return ask


def refreshed(kept: str, answer: str, pins: Pins | None = None) -> Refreshed:
    """What an honest ledger's answer makes of a kept receipt."""
    return refresh.refresh(kept, answering(answer), VERIFIER, pins or Pins(VERIFIER.vkey))


def test_a_first_receipt_is_replaced_by_an_attested_one(authority: Authority) -> None:
    """With what it takes to judge it, and also without: it has nothing to lose."""
    attested = attested_receipt(LOG, INDEX, ["X1", "X2"], [authority])
    pins = Pins(VERIFIER.vkey, policy=POLICY, certificates=[authority.root])
    for given in (pins, Pins(VERIFIER.vkey)):
        found = refreshed(FIRST, attested, given)
        assert (found.text, found.replaced) == (attested, True)
    assert verdict(refreshed(FIRST, attested, pins).report.steps) is Rung.TIMESTAMPED


def test_a_receipt_stays_when_the_ledger_has_nothing_more(authority: Authority) -> None:
    """A larger tree with the log's signature alone is nothing more; nor is the same again."""
    attested = attested_receipt(LOG, INDEX, ["X1"], [authority])
    pins = Pins(VERIFIER.vkey, policy=POLICY, certificates=[authority.root])
    for kept, answer in [
        (FIRST, LOG.receipt(INDEX)),
        (FIRST, FIRST),
        (attested, attested),
        (attested, LOG.receipt(INDEX)),
        (attested, FIRST),
    ]:
        found = refreshed(kept, answer, pins)
        assert (found.text, found.replaced) == (kept, False)


def test_nothing_is_lost_by_refreshing(authority: Authority) -> None:
    """A timestamp is not given for cosignatures, nor cosignatures for a timestamp; more of what is
    there is taken. What cannot be judged is not replaced."""
    stamped = attested_receipt(LOG, INDEX, [], [authority])
    cosigned = attested_receipt(LOG, INDEX, ["X1", "X2"])
    both = attested_receipt(LOG, INDEX, ["X1", "X2"], [authority])
    pins = Pins(VERIFIER.vkey, policy=POLICY, certificates=[authority.root])
    assert not refreshed(stamped, cosigned, pins).replaced
    assert not refreshed(cosigned, stamped, pins).replaced
    assert refreshed(stamped, both, pins).replaced
    assert refreshed(cosigned, both, pins).replaced
    assert not refreshed(both, cosigned, pins).replaced
    assert not refreshed(stamped, both).replaced, "nobody's word is trusted here"
    more = Policy.parse(policy_text(["X1", "X2", "X3"], 2))
    all_three = attested_receipt(LOG, INDEX, ["X1", "X2", "X3"])
    assert refreshed(cosigned, all_three, Pins(VERIFIER.vkey, policy=more)).replaced


def test_the_receipt_of_another_entry_is_refused() -> None:
    """Also of one at the same index, in another log that the same key signed."""
    other = busy_log(20)
    other.leaves[INDEX] = other.leaves[INDEX].replace(b"E7", b"F7")
    assert other.leaves[INDEX] != LOG.leaves[INDEX], "precondition: another entry"
    for answer in (LOG.receipt(8), other.receipt(INDEX)):
        with pytest.raises(ProofInvalid, match="another entry"):
            refreshed(FIRST, answer)


def test_a_forked_log_is_found_and_the_answer_is_evidence() -> None:
    """Two trees of one size, or a tree that does not begin with the kept one, whatever the ledger
    says of its consistency."""
    fork = busy_log(20)
    fork.leaves[8] = fork.leaves[8].replace(b"E8", b"F8")
    for size, words in [(9, "two trees of 9"), (20, "does not show")]:
        answer = fork.receipt(INDEX, size)
        for log in (LOG, fork):
            with pytest.raises(HistoriesDiffer, match=words) as caught:
                refresh.refresh(FIRST, answering(answer, log), VERIFIER, Pins())
            assert caught.value.answer == answer


def test_a_log_that_was_cut_is_found() -> None:
    """It answers with a smaller tree: still of the same history, so the kept receipt stays."""
    kept = LOG.receipt(INDEX, 15)
    assert not refreshed(kept, LOG.receipt(INDEX, 9)).replaced


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"proof": 1}', b'{"proof": ["%"]}', b'{"proof": []}']
)
def test_a_consistency_proof_that_is_none_is_refused(raw: bytes) -> None:
    """Whatever a server sends instead."""
    honest = answering(LOG.receipt(INDEX))

    def ask(path: str, parameters: Mapping[str, str]) -> bytes:
        return raw if path == "/v1/consistency" else honest(path, parameters)

    with pytest.raises(HistoriesDiffer):
        refresh.refresh(FIRST, ask, VERIFIER, Pins())


@pytest.mark.parametrize("answer", ["", "garbage", "c2sp.org/tlog-proof@v1\n\n"])
def test_an_answer_that_is_no_receipt_is_refused(answer: str) -> None:
    """And the kept receipt stays."""
    with pytest.raises(VerificationFailed):
        refreshed(FIRST, answer)


# With a real ledger and a real authority.


def client_of(made: TestLedger, url: str, receipts: Path) -> Client:
    """The client of a service that keeps receipts and may read."""
    return Client(
        url,
        made.services["helpdesk"],
        source=f"urn:nld:kvk:{KVK}:systeem:helpdesk",
        verifier=made.verifier,
        receipts=receipts,
        token=made.home.token_file.read_text(),
        pause=lambda seconds: None,
    )


def append(client: Client, number: int) -> None:
    """Append an instruction, and keep its receipt."""
    data = {"instruction_id": f"I-{number}", "controller_id": "C1", "channel": "email"}
    at = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    client.append("InstructionReceived", data, id=f"i-{number}", occurred_at=at)


def test_kept_receipts_get_the_first_timestamp_after_them(
    ledger: TestLedger, authority: Authority, tmp_path: Path
) -> None:
    """Not a later one, and receipts that were given before stay valid byte for byte."""
    pins = Pins(certificates=[authority.root])
    with (
        authority_serving(authority.answer) as authority_url,
        serving(ledger) as url,
        client_of(ledger, url, tmp_path) as client,
    ):
        timestamps = asking(ledger, named("tsa", authority_url, authority))
        append(client, 1)
        first = tmp_path / "i-1.tlog-proof"
        given = first.read_text()
        assert [r.replaced for r in client.refresh(pins).values()] == [False]
        assert first.read_text() == given
        timestamps.ask_all()
        append(client, 2)
        timestamps.ask_all()
        outcome = client.refresh(pins)
        again = client.refresh(pins)
    assert [found.replaced for found in outcome.values()] == [True, True]
    assert [found.replaced for found in again.values()] == [False, False]
    receipt.check(given, ledger.verifier)
    sizes = [found.report.receipt.checkpoint.size for found in outcome.values()]
    assert sizes == [sizes[0], sizes[0] + 1]
    for file, found in outcome.items():
        assert file.read_text() == found.text
        assert found.report.steps[-1].state == "reached"
    assert not list(tmp_path.glob("*.new"))


def test_a_ledger_that_does_not_answer_leaves_receipts_alone(
    ledger: TestLedger, tmp_path: Path
) -> None:
    """Without the token, and when it is away."""
    with serving(ledger) as url, client_of(ledger, url, tmp_path) as client:
        append(client, 1)
        given = (tmp_path / "i-1.tlog-proof").read_bytes()
        client._token = None
        with pytest.raises(LogUnreadable, match="status 401"):
            client.refresh(Pins())
    with client_of(ledger, url, tmp_path) as client, pytest.raises(LogUnreadable, match="answer"):
        client.refresh(Pins())
    assert (tmp_path / "i-1.tlog-proof").read_bytes() == given


def run(*arguments: object, status: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `verantwoord receipt refresh`."""
    done = subprocess.run(
        [Path(sys.executable).with_name("verantwoord"), "receipt", "refresh", *map(str, arguments)],
        capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", **env},
    )  # fmt: skip
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def test_receipts_are_refreshed_from_the_command_line(
    ledger: TestLedger, authority: Authority, tmp_path: Path
) -> None:
    """In place, with what is trusted from files; a fork leaves the answer beside the receipt."""
    vkey, tsa = ledger.home.vkey_file, authority.roots
    token = ("--token-file", ledger.home.token_file)
    with (
        authority_serving(authority.answer) as authority_url,
        serving(ledger) as url,
        client_of(ledger, url, tmp_path) as client,
    ):
        append(client, 1)
        asking(ledger, named("tsa", authority_url, authority)).ask_all()
        file = tmp_path / "i-1.tlog-proof"
        given = (file, "--url", url, "--vkey", vkey, "--tsa", tsa, *token)
        assert "refreshed" in run(*given).stdout
        assert "as it was" in run(*given).stdout
        assert file.read_text().count("— ") == 2
        (one,) = json.loads(run(*given, "--format", "json").stdout)["receipts"]
        assert (one["replaced"], one["verdict"]) == (False, "included")
        assert "timestamped by itself" in one["headline"]
        run(file, "--url", url, *token, status=2)
        run(file, "--url", url, "--vkey", vkey, status=2)
        other = tmp_path / "other.tlog-proof"
        other.write_text(FIRST)
        failed = run(file, other, "--url", url, "--vkey", vkey, *token, status=1)
        assert "as it was" in failed.stdout
        assert "other.tlog-proof" in failed.stderr
        assert other.read_text() == FIRST


def test_the_answer_of_a_forked_ledger_is_kept(tmp_path: Path) -> None:
    """Beside the receipt, which stays."""
    fork = busy_log(20)
    fork.leaves[8] = fork.leaves[8].replace(b"E8", b"F8")
    file = tmp_path / "E7.tlog-proof"
    file.write_text(FIRST)
    answer = fork.receipt(INDEX)
    with pytest.raises(HistoriesDiffer):
        refresh_file(file, answering(answer, fork), VERIFIER, Pins())
    assert file.read_text() == FIRST
    assert (tmp_path / "E7.tlog-proof.other").read_text() == answer


def test_a_receipt_climbs_to_the_top_with_real_witnesses_and_a_real_authority(
    ledger: TestLedger, authority: Authority, tmp_path: Path
) -> None:
    """Published, then timestamped, then refreshed: all rungs, for the receipt and for an export,
    while the log went on; no rung is lost on the way."""
    with (
        serving_witness(tmp_path / "w", [ledger.verifier], "w.example") as (witness, witness_url),
        authority_serving(authority.answer) as authority_url,
        serving(ledger) as url,
        client_of(ledger, url, tmp_path / "receipts") as client,
    ):
        key = witness.signers[0].verifier
        policy = Policy.parse(f"witness w {key.vkey} {witness_url}\nquorum w\n")
        pins = Pins(ledger.verifier.vkey, policy=policy, certificates=[authority.root])
        publisher = Publisher(ledger.ledger, policy)
        timestamps = asking(ledger, named("tsa", authority_url, authority))
        append(client, 1)
        assert publisher.round().published
        (one,) = client.refresh(pins).values()
        assert verdict(one.report.steps) is Rung.WITNESSED
        append(client, 2)
        timestamps.ask_all()
        ledger.fill(2)
        (one, two) = client.refresh(pins).values()
        export_log(ledger.ledger.reader, ledger.ledger.vkeys(), tmp_path / "log", timestamped=True)
        publisher.close()
    assert [one.replaced, two.replaced] == [True, False], "the second entry is not published yet"
    assert verdict(one.report.steps) is Rung.TIMESTAMPED
    assert verdict(two.report.steps) is Rung.INCLUDED
    report = verify(directory(tmp_path / "log"), pins)
    assert verdict(report.steps) is Rung.TIMESTAMPED
    assert report.size == one.report.receipt.checkpoint.size
    assert report.size == ledger.ledger.reader.size() - 3


def test_an_untimestamped_log_is_not_exported_as_timestamped(
    ledger: TestLedger, tmp_path: Path
) -> None:
    """It is said how to get a timestamp."""
    with pytest.raises(ConfigurationError, match="verantwoord timestamp"):
        export_log(ledger.ledger.reader, ledger.ledger.vkeys(), tmp_path, timestamped=True)
