"""Writers of the log, all at once: `python -m tests.activity.writers PROCESSES THREADS ROWS`, with real settings.

Each thread of each process tries so many rows, and takes every fourth back. Prints the processes' ids in a line.
"""

import logging
import os
import signal
import sys
import threading
from contextlib import suppress

import django

django.setup()
logging.disable(logging.CRITICAL)

from django.db import connection, transaction  # noqa: E402

from activity.record import record  # noqa: E402
from activity.types import ActivityType  # noqa: E402
from tomo_monitor.processes import die_with_parent  # noqa: E402

TAKEN_BACK = 4


class TakenBack(Exception):
    """On second thoughts."""


def write(name: str, rows: int) -> None:
    for number in range(1, rows + 1):
        with suppress(TakenBack), transaction.atomic():
            record(ActivityType.REPORTED, f"{number} of {name}", details={"number": number})
            if number % TAKEN_BACK == 0:
                raise TakenBack
    connection.close()


def start(threads: int, rows: int) -> int:
    """A process of writers; its id."""
    if process := os.fork():
        return process
    die_with_parent(signal.SIGKILL)
    failed = []
    threading.excepthook = lambda given: failed.append(given)
    started = [threading.Thread(target=write, args=(f"{os.getpid()}.{n}", rows)) for n in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    os._exit(len(failed))


if __name__ == "__main__":
    processes, threads, rows = map(int, sys.argv[1:])
    ids = [start(threads, rows) for _ in range(processes)]
    print(*ids, flush=True)
    sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) for one in ids))
