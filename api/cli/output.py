"""Writing for people (rich, on a terminal) and for machines (JSON on stdout).

What people see of progress goes to stderr, so that stdout holds the answer and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from projections.civil import local_minute

console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


class Format(StrEnum):
    """How an answer is written."""

    TEXT = "text"
    JSON = "json"


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def local(moment: datetime | str) -> str:
    """An instant in Dutch civil time, to the minute."""
    instant = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return local_minute(instant)


@contextmanager
def parts_done(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress on stderr of work that says itself how much it is."""
    with _bar() as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show progress on stderr; the block is given a function to tell how far it is."""
    with _bar() as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=errors, transient=False)
