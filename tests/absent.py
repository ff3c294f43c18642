"""What a test needs from elsewhere and may not find: then it skips, or fails where it must not."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(what: str, reason: str) -> NoReturn:
    """Skip the test, or fail it when VERANTWOORD_TEST_REQUIRE names what is absent.

    The variable is a list with commas; in CI it names what is needed there, such as `chromium`.
    """
    required = os.environ.get("VERANTWOORD_TEST_REQUIRE", "").split(",")
    (pytest.fail if what in required else pytest.skip)(f"{what} is not there: {reason}")
