"""Everything that docs/performance.md reports, one after the other.

    python -m benchmarks DIR [--events 100000] [--seconds 5] [--most 6]

Makes one ledger of so many events in DIR to measure on, and another that grows to the `most`-th
power of ten. Each benchmark prints its table, and writes its result to DIR as JSON.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import (
    append,
    evidence,
    filling,
    growth,
    logs,
    packs,
    pages,
    plans,
    questions,
    rebuilding,
    serving,
    sizes,
    strain,
    verifying,
)


def main(arguments: list[str] | None = None) -> None:
    """Run them all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("directory", type=Path, help="for ledgers and results; made if need be")
    parser.add_argument("--events", type=int, default=100_000, help="size of the ledger")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each run under load")
    parser.add_argument("--most", type=int, default=6, help="the last power of ten of the growth")
    asked = parser.parse_args(arguments)
    where: Path = asked.directory
    where.mkdir(parents=True, exist_ok=True)
    ledger, grown = str(where / "ledger"), str(where / "grown")
    plot = str(where / "growth.svg")
    seconds = ["--seconds", str(asked.seconds)]
    filling.main([ledger, str(asked.events)])
    for name, run, given in (
        ("append", append.main, seconds),
        ("strain", strain.main, seconds),
        ("logs", logs.main, seconds),
        ("sizes", sizes.main, ["--data", ledger]),
        ("serving", serving.main, ["--data", ledger, *seconds]),
        ("questions", questions.main, ["--data", ledger]),
        ("evidence", evidence.main, ["--data", ledger]),
        ("packs", packs.main, ["--data", ledger]),
        ("pages", pages.main, ["--data", ledger]),
        ("verifying", verifying.main, ["--data", ledger]),
        ("rebuilding", rebuilding.main, ["--data", ledger]),
        ("plans", plans.main, ["--data", ledger]),
        ("growth", growth.main, [grown, "--most", str(asked.most), "--plot", plot]),
        ("serving-grown", serving.main, ["--data", grown, *seconds]),
    ):
        print(f"\n{name}\n{'-' * len(name)}", flush=True)
        run([*given, "--json", str(where / f"{name}.json")])


if __name__ == "__main__":
    main()
