"""Logs: one JSON object a line on stderr, with neither payloads nor the values of variables.

A trace names files and lines; what was in the variables could be anybody's data.
"""

from __future__ import annotations

import sys

import structlog


def configure() -> None:
    """Log as this program does, until the process ends."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
