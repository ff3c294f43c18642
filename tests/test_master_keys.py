"""Master keys of sealed text: in files that only their owner reads, or in the environment."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from ledger import master_keys
from ledger.errors import ConfigurationError, MasterKeyMissing

ONE, TWO = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def test_the_highest_number_is_in_use(tmp_path: Path) -> None:
    """Each has its number, is of mode 0600 and never made twice; old ones are forgotten."""
    assert [master_keys.make(tmp_path) for _ in range(3)] == [1, 2, 3]
    found = master_keys.load(tmp_path)
    assert (found.current, sorted(found.secrets)) == (3, [1, 2, 3])
    assert len(set(found.secrets.values())) == 3
    assert stat.S_IMODE((tmp_path / "sealing-3.key").stat().st_mode) == 0o600
    assert master_keys.forget(tmp_path, 3) == [1, 2]
    assert sorted(master_keys.load(tmp_path).secrets) == [3]
    with pytest.raises(ConfigurationError, match=r"sealing-2\.key"):
        master_keys.load(tmp_path).secret(2)


def test_the_environment_counts_instead_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is made then."""
    master_keys.make(tmp_path)
    monkeypatch.setenv(master_keys.VARIABLE, f"1:{ONE}, 2:{TWO}")
    found = master_keys.load(tmp_path)
    assert found.secrets == {1: bytes([1]) * 32, 2: bytes([2]) * 32}
    with pytest.raises(ConfigurationError, match="next number"):
        master_keys.make(tmp_path)


@pytest.mark.parametrize(
    "given", ["", ONE, f"0:{ONE}", f"x:{ONE}", "1:AAAA", "1:!", f"1:{ONE};2:x"]
)
def test_what_is_no_key_is_told_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """The error names the variable."""
    monkeypatch.setenv(master_keys.VARIABLE, given)
    with pytest.raises(ConfigurationError, match=master_keys.VARIABLE) as refused:
        master_keys.load(tmp_path)
    assert ONE not in str(refused.value)


def test_none_and_one_that_others_read(tmp_path: Path) -> None:
    """The way out is told."""
    with pytest.raises(MasterKeyMissing, match="sealing rotate"):
        master_keys.load(tmp_path)
    master_keys.make(tmp_path)
    (tmp_path / "sealing-1.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        master_keys.load(tmp_path)
    assert "secrets" not in repr(master_keys.MasterKeys({1: bytes(32)}))
