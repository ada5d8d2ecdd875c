"""How much a poller does, and what that costs its process."""

import time

LEAST_SECONDS = 60.0  # between two readings, so that single polls do not count for much


class Meter:
    """Counts polls, and the CPU time that the whole process spends meanwhile."""

    def __init__(self, interval_seconds: float) -> None:
        self._seconds = max(interval_seconds, LEAST_SECONDS)
        self._begin()

    def _begin(self) -> None:
        self._began_at, self._cpu_at, self._polls = time.monotonic(), time.process_time(), 0

    def count(self, polls: int) -> None:
        self._polls += polls

    def read(self) -> dict[str, float | None]:
        """The figures since the last reading, as fields of a Heartbeat; {} while that is less than a minute ago."""
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
