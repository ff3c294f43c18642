"""What is done in the background is done again, also after it failed, until it is closed."""

from __future__ import annotations

import threading

import psycopg
import pytest

from ledger.background import Background


@pytest.mark.parametrize("failure", [psycopg.OperationalError, OSError])
def test_a_step_that_fails_is_taken_again(failure: type[Exception]) -> None:
    """The third look comes although the two before it failed; after `close` there is none."""
    looks: list[int] = []
    third = threading.Event()

    def step() -> None:
        looks.append(len(looks))
        if len(looks) < 3:
            raise failure
        third.set()

    background = Background("step", step, look=0.001)
    assert third.wait(10)
    background.close()
    assert not any(thread.name == "step" for thread in threading.enumerate())
    assert looks[:3] == [0, 1, 2]
