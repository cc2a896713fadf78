"""What API and worker log: lines for people in a terminal, else JSON; tracebacks without the values of variables."""

from __future__ import annotations

import sys

import structlog


def write_logs() -> None:
    """Configure logging of this process, to standard error."""
    renderer: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderer,
        ],
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )
