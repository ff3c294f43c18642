"""Where the test vectors of others lie: `vectors` of the shared folder, which is not in this repo.

The folder is the one that VERANTWOORD_SHARED names, or `../shared` beside the repository.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared"


def vectors(name: str) -> Path:
    """A file or folder of vectors; the test is skipped when it is not there."""
    path = Path(os.environ.get("VERANTWOORD_SHARED", BESIDE)) / "vectors" / name
    if not path.exists():
        pytest.skip(f"the vectors of others are not there: no {path}")
    return path


def load(name: str) -> Any:
    """The JSON in a file of vectors."""
    return json.loads(vectors(name).read_text())
