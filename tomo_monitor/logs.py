"""One shape of log line for web, queue, poller and supervisor: structlog, on standard error."""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def without_control_characters(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Newlines, escape codes and direction marks of a hostile server never reach a terminal or split a line."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
    return event


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    without_control_characters,
]


def configure(shape: str) -> None:
    """Send structlog's and the standard library's records through one pipeline; shape is auto, json or console."""
    readable = shape == "console" or (shape == "auto" and sys.stderr.isatty())
    render: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in ("django-q", "django.request", "_granian"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # its failures come back as metrics.failures.Failure
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
