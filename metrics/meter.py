"""How much a poller does, and what that costs its process."""

import time


class Meter:
    """Counts polls, and the CPU time that the whole process spends meanwhile; read every so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begin()

    def _begin(self) -> None:
        self._began_at, self._cpu_at, self._polls = time.monotonic(), time.process_time(), 0

    def count(self, polls: int) -> None:
        self._polls += polls

    def read(self) -> dict[str, float | None]:
        """The figures since the last reading, as fields of a Heartbeat; {} while it is too early for the next one."""
        seconds = time.monotonic() - self._began_at
        if seconds < self._seconds:
            return {}
        cpu_milliseconds = (time.process_time() - self._cpu_at) * 1000
        figures = {
            "polls_a_minute": self._polls * 60 / seconds,
            "cpu_milliseconds_a_poll": cpu_milliseconds / self._polls if self._polls else None,
        }
        self._begin()
        return figures
