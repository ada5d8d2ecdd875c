"""What an effect leaves behind in this process: threads, descriptors, memory."""

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GRACE_SECONDS = 5.0
POOL = re.compile("resolve_|poll-")  # threads of pools, which stay


@contextmanager
def nothing_left_over() -> Iterator[None]:
    """Fails unless the threads and descriptors made inside are gone, after a short grace."""
    before = _held()
    yield
    until = time.monotonic() + GRACE_SECONDS
    while (left := _held() - before) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left, left


def _held() -> set[str]:
    held = {f"thread {one.ident} {one.name}" for one in threading.enumerate() if not POOL.match(one.name)}
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            held.add(f"descriptor {path.name} {path.readlink()}")
    return {one for one in held if "/proc/" not in one}


class Peak:
    """The most memory that this process took since this was made."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._before = _status("VmRSS")

    @property
    def megabytes(self) -> float:
        return (_status("VmHWM") - self._before) / 1024


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{os.getpid()}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1])
