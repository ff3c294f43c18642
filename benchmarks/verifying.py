"""How fast an exported log is verified offline, and with how much memory.

    python -m benchmarks.verifying [--events 100000] [--data DIR] [--json FILE]

Beside it, over the same bytes and on the same core: the Ed25519 signatures of all events and the
SHA-256 of all entries, and nothing else. With `--data`, the log of a ledger that
`benchmarks.filling` made is verified.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.subject import asked, most_memory
from ledger import entry, sources, tiles, verify
from ledger.entry_check import read_event
from ledger.envelope import PAYLOAD_TYPE, pae
from ledger.export import export_log
from ledger.keyring import KEY_EVENTS, KeyRing
from ledger.opening import Ledger

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verified:
    """Seconds, and the most memory that the process held, in megabytes."""

    entries: int
    export_s: float
    verify_s: float
    raw_s: float
    memory_before_mb: float
    memory_mb: float

    @property
    def ratio(self) -> float:
        """The speed of verifying as a part of that of signatures and hashes alone."""
        return self.raw_s / self.verify_s


def main(arguments: list[str] | None = None) -> None:
    """Export, verify, print, and write JSON where asked."""
    subject = asked("verifying", arguments)
    with subject.opened() as ledger, tempfile.TemporaryDirectory(prefix="verantwoord-") as folder:
        found = measure(ledger, Path(folder) / "log")
    print(
        f"{found.entries} entries: exported in {found.export_s:.1f} s, verified in"
        f" {found.verify_s:.1f} s ({found.entries / found.verify_s:,.0f}/s), signatures and hashes"
        f" alone {found.raw_s:.1f} s: ratio {found.ratio:.2f}"
    )
    print(f"memory: {found.memory_before_mb:.0f} MB before, at most {found.memory_mb:.0f} MB")
    subject.write({**asdict(found), "ratio": found.ratio})


def measure(ledger: Ledger, log: Path) -> Verified:
    """Export to a directory, verify that, and do the raw work over the same bytes."""
    before = most_memory()
    exported, export_s = _timed(lambda: export_log(ledger.reader, ledger.vkeys(), log, latest=True))
    fetch = sources.directory(log)
    report, verify_s = _timed(lambda: verify.verify(fetch))
    memory = most_memory()
    if report.size != exported:
        raise RuntimeError(f"{report.size} of {exported} entries were verified")
    raw_s = _raw(fetch, exported)
    return Verified(exported, export_s, verify_s, raw_s, before, memory)


def _raw(fetch: verify.Fetch, size: int) -> float:
    """What no verifier can do without: only this is timed, not the reading of the entries."""
    ring, spent = KeyRing(), 0.0
    for tile in tiles.bundles_of(size):
        leaves = list(tiles.parse_bundle(fetch(tiles.path(tile)), tile.width))
        work = []
        for leaf in leaves:
            parsed = entry.parse(leaf)
            event = read_event(parsed.payload)
            if event.type in KEY_EVENTS:
                ring.apply(event.type, event.data, parsed.recorded_at)
            for signature in parsed.signatures:
                key = ring.find(signature.keyid)
                assert key is not None
                work.append((key.verifier(), signature.sig, pae(PAYLOAD_TYPE, parsed.payload)))
        start = time.perf_counter()
        for leaf in leaves:
            hashlib.sha256(leaf).digest()
        for public_key, sig, message in work:
            public_key.verify(sig, message)
        spent += time.perf_counter() - start
    return spent


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start


if __name__ == "__main__":
    main()
