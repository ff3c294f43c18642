"""Private keys and tokens on disk: nobody else reads them, nothing overwrites or prints them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ledger import envelope, keys
from ledger.errors import ConfigurationError


def test_a_key_is_written_for_its_owner_alone_and_read_back(tmp_path: Path) -> None:
    """Mode 0600 in a directory of mode 0700, and it signs as before."""
    key = keys.make_key("k-crm")
    file = keys.save(tmp_path / "keys", key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    again = keys.load(file)
    assert (again.key_id, again.public_key) == ("k-crm", key.public_key)
    signed = again.sign(b"{}")
    public = key.private_key.public_key()
    envelope.check_signature(b"{}", signed.signatures[0], public)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """The second save says so and leaves the first."""
    file = keys.save(tmp_path, keys.make_key("k"))
    before = file.read_bytes()
    with pytest.raises(ConfigurationError, match="never overwritten"):
        keys.save(tmp_path, keys.make_key("k"))
    assert file.read_bytes() == before


def test_a_key_others_can_read_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """The message is the command that mends it."""
    file = keys.save(tmp_path, keys.make_key("k"))
    file.chmod(0o640)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {file}"):
        keys.load(file)


def test_a_passphrase_encrypts_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable set the file is encrypted; without it, or with another, it stays shut."""
    monkeypatch.setenv(keys.PASSPHRASE, "correct horse")
    file = keys.save(tmp_path, keys.make_key("k"))
    assert b"ENCRYPTED PRIVATE KEY" in file.read_bytes()
    assert keys.load(file).key_id == "k"
    for wrong in ("battery staple", ""):
        monkeypatch.setenv(keys.PASSPHRASE, wrong)
        with pytest.raises(ConfigurationError, match=keys.PASSPHRASE) as refused:
            keys.load(file)
        assert "horse" not in str(refused.value)


def test_no_text_shows_a_private_key() -> None:
    """Neither repr nor str hold more than the key id."""
    key = keys.make_key("k")
    assert repr(key) == str(key) == "SigningKey('k')"


@pytest.mark.parametrize("content", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_broken_key_file_is_a_clear_error(tmp_path: Path, content: str) -> None:
    """No trace of a library, but the file and the reason."""
    file = tmp_path / "k.key"
    keys.write_secret(file, content)
    with pytest.raises(ConfigurationError, match="cannot read the key"):
        keys.load(file)


def test_tokens_are_long_random_and_recognised() -> None:
    """256 bits; only the exact token matches its digest."""
    one, other = keys.make_token(), keys.make_token()
    assert one != other
    assert one.startswith("vrw_")
    assert len(one) >= 47
    digest = keys.token_digest(one)
    assert keys.token_matches(one, digest)
    for wrong in (other, one[:-1], one + "x", ""):
        assert not keys.token_matches(wrong, digest)
