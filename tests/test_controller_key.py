"""A controller's key as text: one spelling, of one log and controller."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import controller_key
from ledger.controller_key import ControllerKey
from ledger.errors import ConfigurationError

KEY = ControllerKey("log.example/a", "C1", bytes(range(32)))
GOLDEN = "numbers-key log.example/a C1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def test_the_text_of_a_key_never_changes() -> None:
    """A controller keeps it from the beginning."""
    assert controller_key.format(KEY) == GOLDEN
    assert controller_key.parse(GOLDEN) == KEY


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_read_as_it_was_written(key: bytes) -> None:
    """Any 32 bytes."""
    made = ControllerKey("a", "b/c:d.e-f_1", key)
    assert controller_key.parse(controller_key.format(made)) == made


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("numbers-key", "number-key"),
        (" C1", "  C1"),
        (" C1", ""),
        (" C1", " C1 C2"),
        (" C1", " C\u00a01"),
        ("8=", "9="),
        ("8=", "8"),
        ("AAEC", "AA-C"),
        ("AAEC", "AAé"),
        ("numbers-key", "\nnumbers-key"),
        ("8=", "8=\n"),
    ],
)
def test_second_spellings_are_refused(right: str, wrong: str) -> None:
    """With what to do instead."""
    assert right in GOLDEN
    with pytest.raises(ConfigurationError, match="keys controller"):
        controller_key.parse(GOLDEN.replace(right, wrong, 1))


@given(st.text())
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    """What is no key is ConfigurationError."""
    with pytest.raises(ConfigurationError):
        controller_key.parse(text)


def test_only_what_can_be_a_controller_has_a_key() -> None:
    """A slip of the pen would make a key that opens nothing."""
    with pytest.raises(ConfigurationError, match="not the id"):
        controller_key.format(ControllerKey("a", "C 1", bytes(32)))
