"""Opening a witness: made once, and never with a part of it missing or another."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from ledger import keys
from ledger import policy as policies
from ledger.errors import ConfigurationError
from ledger.policy import Policy
from ledger.witness.home import WitnessHome, open_witness
from tests.foreign_log import ForeignLog
from tests.witnessing import NAME

LOG = ForeignLog()


def start(home: WitnessHome, name: str | None = None, size: int = 0) -> list[str]:
    """Open a witness, have it cosign a tree when `size` is given; its vkeys."""
    with open_witness(home, [LOG.signer.verifier], name=name) as witness:
        if size:
            held = witness.state.all_held()
            old = held[0].size if held else 0
            assert witness.add_checkpoint(LOG.request(old, size)).status == 200
        return [signer.verifier.vkey for signer in witness.signers]


@pytest.fixture
def home(tmp_path: Path) -> WitnessHome:
    """The home of a witness that cosigned a tree."""
    home = WitnessHome(tmp_path / "w")
    start(home, NAME, 5)
    return home


def refused(home: WitnessHome, name: str | None = None) -> str:
    """Opening is refused; with what words."""
    with pytest.raises(ConfigurationError) as caught:
        start(home, name)
    return str(caught.value)


def test_the_first_start_makes_keys_that_stay(tmp_path: Path) -> None:
    """One of each kind, mode 0600; the name is asked for once."""
    home = WitnessHome(tmp_path / "deep" / "w")
    assert "--name" in refused(home)
    made = start(home, NAME)
    assert start(home) == start(home, NAME) == made
    assert [vkey.partition("+")[0] for vkey in made] == [NAME, NAME]
    for kind in ("ed25519", "mldsa44"):
        assert stat.S_IMODE(home.key_file(kind).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.data.stat().st_mode) == 0o700


def test_keys_are_encrypted_when_there_is_a_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both, and without it the witness does not start."""
    home = WitnessHome(tmp_path)
    monkeypatch.setenv(keys.PASSPHRASE, "correct horse")
    made = start(home, NAME, 5)
    for kind in ("ed25519", "mldsa44"):
        assert b"ENCRYPTED" in home.key_file(kind).read_bytes()
    assert start(home) == made
    monkeypatch.delenv(keys.PASSPHRASE)
    assert keys.PASSPHRASE in refused(home)


def test_the_lines_for_a_policy_are_a_policy(home: WitnessHome) -> None:
    """Either key makes the group cosign."""
    text = policies.decode(home.policy_file.read_bytes())
    policy = Policy.parse(f"{text}quorum {NAME}\n")
    assert [witness.key.vkey for witness in policy.witnesses] == start(home)
    assert policy.rule() == NAME


def test_another_name_is_another_witness(home: WitnessHome) -> None:
    """The name is in the keys."""
    assert "named witness.example/w" in refused(home, "witness.example/other")


@pytest.mark.parametrize("name", ["two words", "a+b", "", "é" * 128])
def test_a_name_that_no_key_has_is_refused(tmp_path: Path, name: str) -> None:
    """As a setting, with the name of the option."""
    assert "--name" in refused(WitnessHome(tmp_path), name)


def test_without_its_state_it_does_not_start(home: WitnessHome) -> None:
    """It could cosign a second history; the way out is said, and the keys are left."""
    home.state_file.unlink()
    words = refused(home, NAME)
    assert "second history" in words
    assert "new name and new keys" in words
    assert not home.state_file.exists()


@pytest.mark.parametrize("kind", ["ed25519", "mldsa44"])
def test_without_a_key_it_does_not_start(home: WitnessHome, kind: str) -> None:
    """No new one is made in its place."""
    home.key_file(kind).unlink()
    assert f"{kind}.key of this witness is gone" in refused(home, NAME)
    assert not home.key_file(kind).exists()


def test_with_the_keys_of_another_it_does_not_start(home: WitnessHome, tmp_path: Path) -> None:
    """Nor with a key in the file of the other kind."""
    other = WitnessHome(tmp_path / "other")
    start(other, NAME, 3)
    shutil.copytree(home.data / "keys", tmp_path / "mine")
    shutil.copytree(other.data / "keys", home.data / "keys", dirs_exist_ok=True)
    assert "not those that" in refused(home)
    shutil.copy(tmp_path / "mine" / "mldsa44.key", home.key_file("ed25519"))
    assert "not of the kind" in refused(home)
    shutil.copytree(tmp_path / "mine", home.data / "keys", dirs_exist_ok=True)
    start(home)


def test_a_key_others_can_read_is_refused(home: WitnessHome) -> None:
    """With the command that mends it."""
    home.key_file("mldsa44").chmod(0o644)
    assert "chmod 600" in refused(home)


def test_a_first_start_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    """A state that holds nothing takes the keys that are there, and makes the missing one."""
    home = WitnessHome(tmp_path)
    before = start(home, NAME)
    home.key_file("mldsa44").unlink()
    after = start(home, NAME)
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert start(home, size=5) == after
