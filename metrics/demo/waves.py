"""What swings and what comes back, as formulas of time: their totals are exact, so counters and rates agree. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, sin, tau
from random import Random

MINUTE, HOUR, DAY = 60, 3600, 86_400
CHANCE = (
    (6.1 * HOUR, 0.07),
    (2.3 * HOUR, 0.07),
    (2820, 0.06),
    (1140, 0.05),
    (438, 0.08),
    (199, 0.1),
    (137, 0.1),
    (83, 0.12),
)


class Wave:
    """A rate around 1, never below 0, that swings by the day, by the week and as if by chance."""

    def __init__(self, seed: str, busiest_hour: float = 14.0, by_day: float = 0.28) -> None:
        random = Random(seed)  # noqa: S311  # the same machine at each start, no secret
        peak = busiest_hour * HOUR
        swings = [(by_day, DAY, peak), (by_day / 4, DAY / 2, peak), (by_day / 4, 7 * DAY, peak + 5 * DAY)]
        for period, height in CHANCE:
            each = period * random.uniform(0.8, 1.25)
            swings.append((height * random.uniform(0.5, 1), each, random.uniform(0, each)))
        self._swings = tuple((height, tau / period, tau / period * at) for height, period, at in swings)
        self._sums = tuple((height / speed, speed, at) for height, speed, at in self._swings)

    def rate(self, at: float) -> float:
        value = 1.0
        for height, speed, phase in self._swings:
            value += height * cos(speed * at - phase)
        return value

    def total(self, at: float) -> float:
        """The rate added up over the seconds since 1970."""
        value = at
        for share, speed, phase in self._sums:
            value += share * sin(speed * at - phase)
        return value


@dataclass(frozen=True, slots=True)
class Recurring:
    """Something that happens at an instant (epoch seconds) and every so many seconds before and after it."""

    at: float
    every: float

    def last(self, at: float) -> float:
        """The newest one that is not later."""
        return self.at + (at - self.at) // self.every * self.every

    def number(self, at: float) -> int:
        """How many there were since the one it is named for; negative before that."""
        return int((at - self.at) // self.every)

    def within(self, start: float, end: float) -> Iterator[float]:
        found = self.last(start)
        while found < end:
            if found >= start:
                yield found
            found += self.every


@dataclass(frozen=True, slots=True)
class Pulse:
    """A job that comes back and takes a while."""

    begins: Recurring
    seconds: float

    def is_on(self, at: float) -> bool:
        return at - self.begins.last(at) < self.seconds

    def total(self, at: float) -> float:
        """The seconds it ran since the first one that it is named for; negative before that."""
        return self.begins.number(at) * self.seconds + min(at - self.begins.last(at), self.seconds)
