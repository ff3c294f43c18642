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


def shared(name: str) -> Path:
    """A file or folder of the shared folder; the test is skipped when it is not there."""
    path = Path(os.environ.get("VERANTWOORD_SHARED", BESIDE)) / name
    if not path.exists():
        pytest.skip(f"what others made is not there: no {path}")
    return path


def vectors(name: str) -> Path:
    """A file or folder of vectors; the test is skipped when it is not there."""
    return shared(f"vectors/{name}")


def load(name: str) -> Any:
    """The JSON in a file of vectors."""
    return json.loads(vectors(name).read_text())
