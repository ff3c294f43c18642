"""`python -m tests.faults`: play the faults, print what came of each; non-zero on a difference."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.faults.fault import Fault, Seen
from tests.faults.kills import kill
from tests.faults.run import missing, run
from tests.faults.scene import template
from tests.faults.table import FAULTS

ROW = "{:26} {:22} {:22} {:>9} {:>7} {:>8} {:>8}"


def main(arguments: Sequence[str]) -> int:
    """0: every fault came out as expected, and no kill broke a promise."""
    options = _options(arguments)
    chosen = [fault for fault in FAULTS if not options.only or fault.name in options.only]
    if options.first:
        chosen = [replace(fault, numbers=tuple(fault.numbers)[:1]) for fault in chosen]
    if options.kills and not options.only:
        chosen = []
    directory = Path(tempfile.mkdtemp(prefix="faults-"))
    found: list[Seen] = []
    report: dict[str, Any] = {}
    with template(directory / "template") as made:
        print(ROW.format("fault", "expected", "seen", "answered", "failed", "slowest", "seconds"))
        for fault in chosen:
            if _is_missing(fault):
                continue
            found.append(run(made, fault, directory / fault.name))
            _print(found[-1])
        if options.kills:
            killed = kill(made, directory, options.kills, options.seed, _say)
            report["kills"] = {"seed": options.seed, **killed}
            print(f"{options.kills} kills, seed {options.seed}: {dict(killed)}; nothing lost")
    report["faults"] = [_as_json(seen) for seen in found]
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    different = [seen.fault.name for seen in found if seen.different]
    if different:
        print(f"otherwise than expected: {', '.join(different)}; look in {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME")
    parser.add_argument("--first", action="store_true", help="each fault once, at its first call")
    parser.add_argument("--kills", type=int, default=0, help="so many kills under load, alone")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was seen there too")
    return parser.parse_args(arguments)


def _is_missing(fault: Fault) -> bool:
    reasons = [reason for reason in map(missing, fault.needs) if reason]
    if reasons:
        print(f"{fault.name:26} not played: {'; '.join(reasons)}")
    return bool(reasons)


def _print(seen: Seen) -> None:
    fault = seen.fault
    told = [fault.name, fault.outcome, seen.outcome(), seen.answered, seen.failed]
    print(ROW.format(*told, f"{seen.slowest:.1f} s", f"{seen.seconds:.0f}"), flush=True)
    for each in seen.different:
        print(f"    {each}", flush=True)


def _say(text: str) -> None:
    print(text, flush=True)


def _as_json(seen: Seen) -> dict[str, Any]:
    return {
        "name": seen.fault.name,
        "breaks": seen.fault.breaks,
        "expected": seen.fault.outcome,
        "seen": sorted(seen.outcomes),
        "plays": seen.plays,
        "answered": seen.answered,
        "failed": seen.failed,
        "slowest_seconds": round(seen.slowest, 2),
        "entries": seen.entries,
        "different": seen.different,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
