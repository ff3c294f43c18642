"""Logs: one line for each on stderr, JSON or for people, with nothing that somebody else wrote.

What an error says may repeat what was sent to it: a value that a database could not take, the text
that a parser stumbled over. So a line has the kinds of errors and where they were met, file and
line; the message is only that of errors of ours, which repeat no value (`ledger/errors.py`). What
libraries log goes the same way. `tests/test_log_lines.py` sends secrets and reads every line.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import structlog
from structlog.types import EventDict, Processor

from ledger.errors import ConfigurationError, told

log = structlog.get_logger(__name__)

FORMAT = "VERANTWOORD_LOG_FORMAT"
"""The variable that says how a line is written: `json`, which is so without it, or `text`."""

FRAMES = 30
"""Of a trace, the innermost."""


def configure() -> None:
    """Log as this program does, until the process ends. Raises ConfigurationError."""
    written = os.environ.get(FORMAT, "json")
    if written not in ("json", "text"):
        raise ConfigurationError(f"{FORMAT} is {written!r}: it is json or text")
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_messages,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if written == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _first_words, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    threading.excepthook = _thread_ended


def _without_messages(logger: Any, name: str, line: EventDict) -> EventDict:
    """Put in place of an exception what may be said of it."""
    given = line.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if given is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        line["trace"] = [*_chain(error)]
    return line


def _first_words(logger: Any, name: str, line: EventDict) -> EventDict:
    """Of what a library logs, the first line; of asyncio's, without the values it shows."""
    line["event"] = str(line["event"]).partition("\n")[0]
    if line.get("logger") == "asyncio":
        line["event"] = re.split(r"[(<{]", line["event"], maxsplit=1)[0].rstrip()
    return line


def _thread_ended(of: threading.ExceptHookArgs) -> None:
    log.error("a thread ended", thread=of.thread and of.thread.name, exc_info=of.exc_value)


def _chain(error: BaseException | None) -> Iterator[dict[str, Any]]:
    """An error, and those it came from."""
    met = set[int]()
    while error is not None and id(error) not in met:
        met.add(id(error))
        yield {"error": told(error), "at": _places(error.__traceback__)}
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _places(trace: TracebackType | None) -> list[str]:
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(trace)[-FRAMES:]
    ]
