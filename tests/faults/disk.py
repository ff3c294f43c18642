"""A disk that is full, and one that is slow.

The full one is a tmpfs of its own, below the data of PostgreSQL or the second place of the last
checkpoint; mounting takes root. The slow one delays the answer of `fdatasync`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.faults.fault import Fault, Outcome, Says
from tests.faults.scene import Scene, until
from tests.faults.strace import injected

KIND = "disk"
MOUNT = ("mount",)


@contextmanager
def mounted(place: Path, size: str) -> Iterator[None]:
    """A file system of this size in a directory, as long as the block runs."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def small_server(scene: Scene) -> Iterator[Path]:
    """The server of the ledger has a small disk for itself; the block gets the file to fill it."""
    aside = scene.data / "aside"
    scene.postgres.rename(aside)
    scene.postgres.mkdir()
    with mounted(scene.postgres, "300m"):
        subprocess.run(["cp", "-a", f"{aside}/.", scene.postgres], check=True)
        shutil.rmtree(aside)
        yield scene.postgres / "ballast"
        scene.end()
        scene.until_stopped()


@contextmanager
def small_second_place(scene: Scene) -> Iterator[Path]:
    """The last checkpoint is kept on a second disk, which is small."""
    second = scene.data / "second"
    second.mkdir()
    with mounted(second, "64k"):
        scene.service.environment = {"VERANTWOORD_KEEP": str(second / "ledger.checkpoint")}
        yield second / "ballast"
        scene.end()


def fill(ballast: Path) -> None:
    """Take what room there is."""
    with ballast.open("ab", buffering=0) as out:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:
                continue


def full(*, kill: bool = False) -> Callable[[Scene, int], None]:
    """The disk is full until a client is told, and then has room again."""

    def play(scene: Scene, number: int) -> None:
        before = scene.clients.mark().failed
        fill(scene.beside)
        if kill:
            scene.kill_postgres()
        until(lambda: scene.clients.mark().failed > before, "a client is told", 180)
        scene.beside.unlink()

    return play


def slow(scene: Scene, milliseconds: int) -> None:
    """Each `fdatasync` of PostgreSQL takes longer, for three commits."""
    pids = scene.processes("verantwoord", "walwriter")
    with injected(pids, "fdatasync", f"delay_exit={milliseconds * 1000}") as calls:
        calls.until_hit(3, 120)


def stuck(scene: Scene, milliseconds: int) -> None:
    """One `fdatasync` of each process takes so long."""
    pids = scene.processes("verantwoord", "walwriter")
    what = f"delay_exit={milliseconds * 1000}:when=1"
    with injected(pids, "fdatasync", what) as calls:
        calls.until_hit(1, 120)
        scene.answered()


FAULTS: Sequence[Fault] = (
    Fault(
        "disk-full",
        KIND,
        "The disk of PostgreSQL is full until a client is told",
        Outcome.BY_ITSELF,
        full(),
        [
            Says("answer", "status 503: the database does not answer"),
            Says("server", "No space left on device"),
        ],
        needs=MOUNT,
        around=small_server,
    ),
    Fault(
        "disk-full-and-killed",
        KIND,
        "The disk of PostgreSQL is full, and PostgreSQL is killed: it cannot recover until there is"
        " room",
        Outcome.BY_ITSELF,
        full(kill=True),
        [Says("answer", "status 503: the database does not answer")],
        needs=MOUNT,
        around=small_server,
    ),
    Fault(
        "second-place-full",
        KIND,
        "The disk of a file in `VERANTWOORD_KEEP` is full until a client is told",
        Outcome.BY_ITSELF,
        full(),
        [Says("answer", "cannot write ledger.checkpoint, which keeps the last .*: No space left")],
        needs=MOUNT,
        around=small_second_place,
    ),
    Fault(
        "disk-slow",
        KIND,
        "`fdatasync` of PostgreSQL's log takes 0.2 and 2 seconds",
        Outcome.GOES_ON,
        slow,
        (),
        (200, 2000),
        ("strace",),
    ),
    Fault(
        "disk-stuck",
        KIND,
        "One `fdatasync` of PostgreSQL's log takes 15 seconds",
        Outcome.GOES_ON,
        stuck,
        (),
        (15_000,),
        ("strace",),
    ),
)


def may_mount() -> bool:
    """Whether a file system can be mounted here."""
    return os.geteuid() == 0 and shutil.which("mount") is not None
