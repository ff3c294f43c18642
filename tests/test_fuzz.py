"""Every parser of what others send: no crash and no second spelling, whatever the bytes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.absent import absent
from tests.fuzz.targets import TARGETS

EVERY = pytest.mark.parametrize("name", TARGETS)


@EVERY
def test_a_target_takes_its_seeds(name: str) -> None:
    """So that what follows is about bytes that were nearly taken."""
    for seed in TARGETS[name].seeds:
        assert TARGETS[name].run(seed), seed


MOST = 1500
"""Changes of one seed that are tried: every one of a short seed, some of a long one."""


def small_changes(seed: bytes) -> Iterator[bytes]:
    """The seed with one thing put in, taken out or changed, at every place."""
    for place in range(len(seed) + 1):
        before, at, after = seed[:place], seed[place : place + 1], seed[place + 1 :]
        for put in (b"0", b"+", b" ", b"\n", b"=", b"\0", b"\xcc\x81", at):
            yield before + put + at + after
        for other in (b"", at.swapcase(), bytes([at[0] ^ 1]) if at else b""):
            yield before + other + after


@EVERY
def test_one_small_change_is_refused_or_the_one_spelling(name: str) -> None:
    """A zero in front of a number, a space, a capital, a bit: anywhere in what is taken."""
    target = TARGETS[name]
    for seed in target.seeds:
        changes = list(small_changes(seed))
        for change in changes[:: 1 + len(changes) // MOST]:
            target.run(change)


@st.composite
def changed(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with a few changes: bytes replaced, taken out, put in, moved, or of another seed."""
    raw = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 8)))
        other = draw(st.sampled_from(seeds))
        put = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from([b"0", b"+", b" ", b"\n", b"\n\n", b"=", b"\0", b"\xff", b"\\"]),
                st.just(raw[start:end] * 2),
                st.just(raw[start:end].swapcase()),
                st.integers(0, len(other)).map(lambda at, o=other: o[at : at + 40]),
            )
        )
        raw = raw[:start] + put + raw[end:]
    return raw


@EVERY
def test_changed_bytes_are_refused_or_the_one_spelling(name: str) -> None:
    """A few changes to what is taken, and bytes that are nothing at all."""
    target = TARGETS[name]
    inputs = st.one_of(changed(target.seeds), st.binary(max_size=60))

    @settings(max_examples=200, deadline=None)
    @given(inputs)
    def run(raw: bytes) -> None:
        target.run(raw)

    run()


@pytest.mark.long
@EVERY
def test_atheris_finds_nothing(name: str, tmp_path: Path) -> None:
    """Bytes grown from the seeds by what they reach in the code."""
    if importlib.util.find_spec("atheris") is None:
        absent("atheris", "it has wheels for Linux on x86-64 only")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", name, "-runs=20000", "-max_total_time=20",
         "-max_len=3000", f"-artifact_prefix={tmp_path}/"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).resolve().parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done " in done.stderr
