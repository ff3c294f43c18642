"""The ladder: rungs decided by themselves, no verdict above a gap, no trust that was not given."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger import ladder, note, rfc3161, tokens
from ledger.cosignature import CosignatureSigner
from ledger.errors import NoteUnverified
from ledger.ladder import Rung, State, Step
from ledger.policy import Policy
from tests.attesting import TIME, attest, policy_text, witness
from tests.authority import Authority, needs_openssl
from tests.log_builder import busy_log

pytestmark = needs_openssl

LOG = busy_log(9)
SIGNED = LOG.checkpoint()
VERIFIER = LOG.signer.verifier
POLICY = Policy.parse(policy_text(["X1", "X2", "X3"], 2))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority in good order."""
    return Authority(tmp_path_factory.mktemp("authority"))


def steps(*states: State) -> list[Step]:
    """Steps with these states, from the lowest rung."""
    return [Step(rung, state, "") for rung, state in zip(Rung, states, strict=True)]


def test_the_verdict_is_never_above_a_gap() -> None:
    """For all states of all rungs: every rung up to the verdict is reached, but for "signed"; and
    the headline names that gap, and what is reached above another."""
    for states in itertools.product(State, repeat=4):
        made = steps(*states)
        stands = ladder.verdict(made)
        upto = [] if stands is None else list(Rung)[: list(Rung).index(stands) + 1]
        by_rung = dict(zip(Rung, states, strict=True))
        assert all(by_rung[rung] is State.REACHED for rung in upto if rung is not Rung.SIGNED)
        words = ladder.headline(made)
        if stands is None:
            assert by_rung[Rung.SIGNED] is not State.REACHED
            continue
        assert words.startswith(stands)
        assert (f"signed {by_rung[Rung.SIGNED]}" in words) == (
            by_rung[Rung.SIGNED] is not State.REACHED
        )
        above = [rung for rung in Rung if rung not in upto and by_rung[rung] is State.REACHED]
        assert all(rung in words for rung in above)
        assert ("gap" in words) == bool(above)


def test_more_trust_never_gives_a_lower_rung(authority: Authority) -> None:
    """For every choice of what is given, giving more besides keeps what was reached."""
    signed = attest(SIGNED, VERIFIER, ["X1", "X2"], [authority])
    reached = {}
    for policy, roots in itertools.product((None, POLICY), ((), (authority.root,))):
        found = ladder.look_up(signed, VERIFIER, policy, roots)
        reached[policy is not None, bool(roots)] = (
            found.witnessed.state is State.REACHED,
            found.timestamped.state is State.REACHED,
        )
    assert reached == {given: given for given in reached}


def test_nothing_given_is_not_decided(authority: Authority) -> None:
    """It is said what the checkpoint carries, and by nobody's word."""
    found = ladder.look_up(attest(SIGNED, VERIFIER, ["X1", "X2"], [authority]), VERIFIER)
    assert found.witnessed.state is State.NOT_DECIDED
    assert "2 signatures of others" in found.witnessed.says
    assert found.timestamped.state is State.NOT_DECIDED
    assert "tsa1" in found.timestamped.says
    assert (found.witnesses, found.timestamps, found.earliest) == ((), (), None)


def test_a_bare_checkpoint_has_no_witness_and_no_time(authority: Authority) -> None:
    """With a policy and a certificate these are looked for, and not found."""
    found = ladder.look_up(SIGNED, VERIFIER, POLICY, [authority.root])
    assert found.witnessed.state is found.timestamped.state is State.NOT_REACHED
    assert "0 of the 3 witnesses" in found.witnessed.says
    assert "No timestamp" in found.timestamped.says


@pytest.mark.parametrize("names", [(), ("X1",), ("X1", "X3"), ("X1", "X2", "X3"), ("X9", "X1")])
def test_witnesses_are_counted_and_named(names: tuple[str, ...]) -> None:
    """k of n, who and when; those that the policy does not know are not counted."""
    found = ladder.look_up(attest(SIGNED, VERIFIER, names), VERIFIER, POLICY)
    counted = [name for name in names if name != "X9"]
    assert [by.witness.name for by in found.witnesses] == sorted(counted)
    assert f"{len(counted)} of the 3 witnesses" in found.witnessed.says
    assert (found.witnessed.state is State.REACHED) == (len(counted) >= 2)
    for name in counted:
        assert f"{name} at 2026-09-21 14:13:20 UTC" in found.witnessed.says
    if len(counted) < 2:
        assert "asks for 2 of (X1, X2, X3)" in found.witnessed.says


def test_a_policy_that_asks_for_nobody_witnesses_nothing() -> None:
    """Its quorum is met, and nobody has looked."""
    nobody = Policy.parse(f"witness X1 {witness('X1').verifier.vkey}\nquorum none\n")
    found = ladder.look_up(attest(SIGNED, VERIFIER, ["X1"]), VERIFIER, nobody)
    assert found.witnessed.state is State.NOT_REACHED


def test_a_cosignature_that_fails_refuses_the_checkpoint() -> None:
    """A known key whose signature is wrong is no missing witness but a forged note (C2SP)."""
    opened = note.open(SIGNED, [VERIFIER])
    other = opened.text.replace("\n9\n", "\n8\n")
    assert other != opened.text, "precondition: another checkpoint"
    forged = SIGNED + witness("X1").cosign(other, TIME)
    with pytest.raises(NoteUnverified, match="X1"):
        ladder.look_up(forged, VERIFIER, POLICY)
    assert ladder.look_up(forged, VERIFIER).witnessed.state is State.NOT_DECIDED


def test_a_post_quantum_witness_is_named_in_what_it_rests_on() -> None:
    """ML-DSA-44 is part of the mathematics then."""
    signer = CosignatureSigner("pq.example", MLDSA44PrivateKey.generate())
    policy = Policy.parse(f"witness pq {signer.verifier.vkey}\nquorum pq\n")
    signed = SIGNED + signer.cosign(note.open(SIGNED, [VERIFIER]).text, TIME)
    found = ladder.look_up(signed, VERIFIER, policy)
    assert found.witnessed.state is State.REACHED
    assert "ML-DSA-44" in ladder.algorithms(found)
    assert signer.verifier.vkey in " ".join(ladder.trusted(found, policy))


def test_a_time_is_told_with_who_and_by_which_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    """Of several authorities, the earliest counts, and each certificate is named."""
    other = Authority(tmp_path, "Other TSA")
    signed = attest(SIGNED, VERIFIER, [], [authority, other])
    found = ladder.look_up(signed, VERIFIER, None, [authority.root, other.root])
    assert {stamp.authority for stamp in found.timestamps} == {"CN=Test TSA", "CN=Other TSA"}
    assert found.earliest == min(stamp.time for stamp in found.timestamps)
    assert "CN=Other TSA at 20" in found.timestamped.says
    trusted = " ".join(ladder.trusted(found, None))
    assert all(stamp.anchor_digest in trusted for stamp in found.timestamps)


def test_an_authority_that_is_not_trusted_gives_no_time(
    authority: Authority, tmp_path: Path
) -> None:
    """Its token is told with the reason; one good one beside it is enough."""
    other = Authority(tmp_path, "Other TSA")
    found = ladder.look_up(attest(SIGNED, VERIFIER, [], [other]), VERIFIER, None, [authority.root])
    assert found.timestamped.state is State.NOT_REACHED
    assert "tsa1: the timestamp does not verify" in found.timestamped.says
    both = attest(SIGNED, VERIFIER, [], [other, authority])
    found = ladder.look_up(both, VERIFIER, None, [authority.root])
    assert found.timestamped.state is State.REACHED
    assert [reason[:5] for reason in found.unfit] == ["tsa1:"]


def test_a_token_of_another_checkpoint_gives_no_time(authority: Authority) -> None:
    """Of another size, of the text without the log's signature, or with another log's signature."""
    opened = note.open(SIGNED, [VERIFIER])
    other = note.open(LOG.checkpoint(8), [VERIFIER])
    impostor = busy_log(9).signer.line(b"another text")
    for message in (
        tokens.covered(other.text, other.verified[0]),
        opened.text.encode(),
        tokens.covered(opened.text, impostor),
    ):
        line = tokens.token_line("tsa", authority.stamp(message))
        found = ladder.look_up(SIGNED + note.format_line(line), VERIFIER, None, [authority.root])
        assert found.timestamped.state is State.NOT_REACHED, message
        assert rfc3161.check(line.signature, message, [authority.root]), "precondition: a token"


def test_without_the_library_a_timestamp_is_not_decided(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is said what is missing."""
    monkeypatch.setattr(ladder, "find_spec", lambda name: None)
    signed = attest(SIGNED, VERIFIER, [], [authority])
    found = ladder.look_up(signed, VERIFIER, None, [authority.root])
    assert found.timestamped.state is State.NOT_DECIDED
    assert "rfc3161-client" in found.timestamped.says


def test_a_recorded_time_after_the_timestamp_is_a_contradiction(authority: Authority) -> None:
    """Nothing under a checkpoint can be recorded after somebody saw it; clocks may be minutes
    apart."""
    signed = attest(SIGNED, VERIFIER, [], [authority])
    found = ladder.look_up(signed, VERIFIER, None, [authority.root])
    assert found.earliest is not None
    assert ladder.contradiction(found.earliest + timedelta(minutes=4), found) == []
    (sentence,) = ladder.contradiction(found.earliest + timedelta(minutes=6), found)
    assert "was wrong" in sentence
    assert ladder.contradiction(found.earliest, ladder.look_up(SIGNED, VERIFIER)) == []
