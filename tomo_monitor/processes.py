"""No orphans: every process of the product ends when the one that started it does."""

import ctypes
import os
import signal
from pathlib import Path

PR_SET_PDEATHSIG = 1
SUPERVISED = "_TOMO_SUPERVISED"  # set by the supervisor for its children: the name of the part
KEPT = "_TOMO_KEPT"  # set by `make run` for the supervisor


def die_with_parent(by: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process that signal as soon as its parent dies."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, by)


def die_with_supervisor() -> None:
    """In a supervised process: bind it, and every process it forks from now on, to its parent's life."""
    if os.environ.get(SUPERVISED):
        die_with_parent()
        os.register_at_fork(after_in_child=die_with_parent)


def children(pid: int) -> set[int]:
    """The processes that its main thread forked; none if it is gone or the kernel does not tell."""
    try:
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except OSError:
        return set()
