"""Fuzz one target with atheris, guided by coverage: python -m tests.fuzz.run TARGET [OPTIONS]

Options are those of libFuzzer, such as -runs=100000 or a directory of a corpus to go on from. The
status is 0 when nothing was found; otherwise the input is printed and kept as crash-….
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ledger", "api"]):
    from tests.fuzz.targets import TARGETS


def main(name: str, options: list[str]) -> None:
    """Run until the options say so, or until something is found."""
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        # atheris leaves the process when it is done, so the directory is emptied by what it is in.
        atheris.Setup([sys.argv[0], *options, corpus], lambda raw: bool(target.run(raw)) and None)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
