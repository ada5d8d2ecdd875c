"""One shape of log line for web, queue, poller and supervisor: structlog, on standard error."""

import logging
import os
import sys
import threading
import warnings
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from tomo_monitor.log_values import clean
from tomo_monitor.processes import SUPERVISED
from tomo_monitor.strays import Strays

log = structlog.get_logger(__name__)

PART = os.environ.get(SUPERVISED) or ("serve" if sys.argv[1:2] == ["serve"] else "command")


def without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Nor newlines, escape codes and direction marks of a hostile server."""
    of_structlog = {name: event.pop(name) for name in ("_record", "_from_structlog") if name in event}
    return {**clean(event), **of_structlog}


def in_part(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Which part of the product says it, by the name that the supervisor gave it."""
    event["part"] = PART
    return event


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.format_exc_info,
    without_secrets,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    in_part,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(shape: str) -> None:
    """Send all that this process says through one pipeline; shape is auto, json or console."""
    readable = shape == "console" or (shape == "auto" and sys.stderr.isatty())
    plain = structlog.dev.plain_traceback  # a rich one shows local variables
    render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    is_served = PART != "command"
    handler = logging.StreamHandler(sys.__stderr__ if is_served else None)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                render if readable else structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in ("django-q", "_granian"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("django.request").addFilter(_is_crash)  # request.finished tells the others
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # its failures come back as metrics.failures.Failure
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if is_served and not readable:
        sys.stderr = Strays()
    sys.excepthook = _crashed
    threading.excepthook = lambda wrong: _crashed(wrong.exc_type, wrong.exc_value, wrong.exc_traceback)
    warnings.showwarning = _warned


def configure_without_settings() -> logging.Handler:
    """For what happens before there are settings, and in granian's own processes, which read granian.json instead."""
    configure(os.environ.get("TOMO_LOG_FORMAT", "auto"))
    return logging.getLogger().handlers[0]


def _is_crash(record: logging.LogRecord) -> bool:
    return bool(record.exc_info)


def _crashed(kind: type[BaseException], wrong: BaseException | None, where: TracebackType | None) -> None:
    """What nobody caught; one who stops the process by Ctrl-C need not be told."""
    if not issubclass(kind, KeyboardInterrupt | SystemExit):
        log.critical("process.crashed", exc_info=(kind, wrong, where))


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    where = f"{filename}:{lineno}"
    log.warning("python.warned", message=str(message), category=category.__name__, where=where)
