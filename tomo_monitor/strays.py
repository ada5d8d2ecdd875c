"""Standard error for what does not log, such as the traceback of a forked process: what is written becomes an event."""

import io
import sys
import threading

import structlog

log = structlog.get_logger(__name__)


class Strays(io.TextIOBase):
    """Stands for sys.stderr where every line has to be of one shape; log lines themselves go to sys.__stderr__."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._here = threading.local()

    def write(self, text: str) -> int:
        if getattr(self._here, "is_logging", False):  # logging itself failed: that must be seen, in any shape
            sys.__stderr__.write(text) if sys.__stderr__ else None
            return len(text)
        self._here.is_logging = True
        try:
            if text.strip():
                log.warning("stderr.written", written=text.rstrip())
        finally:
            self._here.is_logging = False
        return len(text)

    def fileno(self) -> int:
        return 2
