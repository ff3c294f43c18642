"""How fast an exported log is verified offline, and with how much memory.

    python -m benchmarks.verifying [--events 100000] [--data DIR] [--json FILE]

Beside it, over the same bytes and on the same core: the Ed25519 signatures of all events and the
SHA-256 of all entries, and nothing else. Export and verification are each done in a process of its
own, since the most that a process ever held says nothing of what it did last. With `--data`, the
log of a ledger that `benchmarks.filling` made is verified.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.subject import asked, most_memory
from ledger import entry, keys, sources, tiles, verify
from ledger.deployment import NUMBERS, Home
from ledger.entry_check import read_event
from ledger.envelope import PAYLOAD_TYPE, pae
from ledger.export import export_log
from ledger.keyring import KEY_EVENTS, KeyRing
from ledger.opening import open_ledger
from ledger.report import Pins


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes, before and at the end."""

    before: float
    most: float

    def __str__(self) -> str:
        return f"{self.most:.0f} MB ({self.most - self.before:.0f} more than before)"


@dataclass(frozen=True, slots=True)
class Verified:
    """Seconds, and the most memory that each process held, in megabytes: with the modules that it
    needs and nothing done yet, and at its end."""

    entries: int
    export_s: float
    verify_s: float
    raw_s: float
    export_memory: Memory
    verify_memory: Memory
    with_secret_memory: Memory

    @property
    def ratio(self) -> float:
        """The speed of verifying as a part of that of signatures and hashes alone."""
        return self.raw_s / self.verify_s


def main(arguments: list[str] | None = None) -> None:
    """Export, verify, print, and write JSON where asked."""
    subject = asked("verifying", arguments)
    with subject.home() as home, tempfile.TemporaryDirectory(prefix="verantwoord-") as folder:
        found = measure(home, Path(folder) / "log")
    print(
        f"{found.entries} entries: exported in {found.export_s:.1f} s, verified in"
        f" {found.verify_s:.1f} s ({found.entries / found.verify_s:,.0f}/s), signatures and hashes"
        f" alone {found.raw_s:.1f} s: ratio {found.ratio:.2f}"
    )
    print(
        f"memory: export {found.export_memory}, verify {found.verify_memory}, with the secret of"
        f" the numbers {found.with_secret_memory}"
    )
    subject.write({**asdict(found), "ratio": found.ratio})


def measure(home: Home, log: Path) -> Verified:
    """Export to a directory, verify that, and do the raw work over the same bytes."""
    exported, export_s, export_memory = _apart(_export, home, log)
    size, verify_s, verify_memory = _apart(_verify, log, None)
    if size != exported:
        raise RuntimeError(f"{size} of {exported} entries were verified")
    secret = keys.load(keys.key_file(home.keys, NUMBERS)).secret
    _, _, with_secret = _apart(_verify, log, secret)
    raw_s = _raw(sources.directory(log), exported)
    return Verified(exported, export_s, verify_s, raw_s, export_memory, verify_memory, with_secret)


def _apart(work: Callable[..., int], *arguments: object) -> tuple[int, float, Memory]:
    """Do it in a new process: what it gives, seconds, and memory."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, arguments))


def _measured(work: Callable[..., int], arguments: Sequence[object]) -> tuple[int, float, Memory]:
    before = most_memory()
    start = time.perf_counter()
    found = work(*arguments)
    return found, time.perf_counter() - start, Memory(before, most_memory())


def _export(home: Home, log: Path) -> int:
    with open_ledger(home, signs=False) as ledger:
        return export_log(ledger.reader, ledger.vkeys(), log, latest=True)


def _verify(log: Path, secret: bytes | None) -> int:
    return verify.verify(sources.directory(log), Pins(numbers_secret=secret)).size


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


if __name__ == "__main__":
    main()
