"""Periods of history: how long each is, in how wide steps it is answered, and out of which resolution. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

PERIODS = {"1h": 3600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
LABELS = {"1h": "1 h", "24h": "24 h", "7d": "7 d", "30d": "30 d"}
MOST_POINTS = 600
DAY_SECONDS = 86_400
DAYS = (1, 2, 7, 28, 91, 364)
STEPS = (
    *(10, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 14_400, 28_800),
    *(days * DAY_SECONDS for days in DAYS),
)


@dataclass(frozen=True)
class Resolution:
    """How finely history is kept: in buckets of so many seconds, on the clock's own marks; 0 is sample by sample."""

    name: str
    seconds: int
    label: str


RAW = Resolution("", 0, "every sample")
FIVE_MINUTES = Resolution("5m", 300, "5 minutes")
HOUR = Resolution("1h", 3600, "1 hour")
DAY = Resolution("1d", DAY_SECONDS, "1 day")
BUCKETS = (FIVE_MINUTES, HOUR, DAY)
RESOLUTIONS = (RAW, *BUCKETS)

Kept = Mapping[Resolution, int]
"""How many seconds back each resolution reaches; one that is not named reaches back for ever."""


class UnknownPeriod(ValueError):
    """The text names the periods there are."""


class WrongRange(ValueError):
    """The text says what a range has to be."""


@dataclass(frozen=True)
class Part:
    """A stretch of a span and the resolution that it is answered from."""

    resolution: Resolution
    start: int
    end: int


@dataclass(frozen=True)
class Span:
    """A stretch of time in steps: epoch seconds, `end` excluded, both on whole steps. Something can be known `until`
    then, where that is not the end.

    `parts` follow each other without a gap: what is not rolled up yet comes from the finer resolution.
    """

    start: int
    end: int
    step: int
    resolution: Resolution = RAW
    until: float | None = None
    parts: tuple[Part, ...] = ()

    @property
    def points(self) -> int:
        return (self.end - self.start) // self.step

    def answered_from(self, done: Mapping[int, int]) -> "Span":
        """The same with its parts. `done` says up to when each resolution, by its seconds, is rolled up."""
        parts, start = [], self.start
        for resolution in reversed(RESOLUTIONS[: RESOLUTIONS.index(self.resolution) + 1]):
            end = min(done.get(resolution.seconds, 0), self.end) if resolution.seconds else self.end
            if end > start:
                parts.append(Part(resolution, start, end))
                start = end
        return replace(self, parts=tuple(parts))


def span(period: str, now: float, interval: int, kept: Kept, most_points: int = MOST_POINTS) -> Span:
    """The span of a period that ends now. Raises UnknownPeriod."""
    if period not in PERIODS:
        raise UnknownPeriod(f"{period!r} is not a period. Allowed: {', '.join(PERIODS)}.")
    found = _fitting(now - PERIODS[period], now, now, interval, kept, most_points)
    end = (int(now) // found.step + 1) * found.step
    return replace(found, start=end + -PERIODS[period] // found.step * found.step, end=end)


def between(start: float, end: float, now: float, interval: int, kept: Kept, most_points: int = MOST_POINTS) -> Span:
    """The span from one instant to another, with the whole of the steps that they lie in. Raises WrongRange."""
    if start >= now:
        raise WrongRange("It lies in the future, of which nothing is known.")
    if start < 0:
        raise WrongRange("It begins before 1970: begin later; of that time nothing is known.")
    if start >= end:
        raise WrongRange("It begins after it ends: the first instant has to be before the second.")
    return _fitting(start, min(end, now), now, interval, kept, most_points - 1)


def _fitting(start: float, end: float, now: float, interval: int, kept: Kept, most_points: int) -> Span:
    """In the narrowest steps that give at most so many points and for which there is a resolution that reaches back so
    far; never narrower than the interval between polls. Single samples are not merged: their buckets are there."""
    narrowest = next(step for step in STEPS if step >= interval)
    reaching_back = [one for one in RESOLUTIONS if now - kept.get(one, now) <= start] or [RESOLUTIONS[-1]]
    for finest in reaching_back:
        step = next(
            step
            for step in STEPS
            if (step >= max(narrowest, finest.seconds) and (end - start) / step <= most_points) or step == STEPS[-1]
        )
        if finest.seconds or step == narrowest:
            break
    fitting = (one for one in reversed(reaching_back) if one.seconds and step % one.seconds == 0)
    coarsest = next(fitting, finest)
    return Span(int(start // step * step), int(-(-end // step) * step), step, coarsest, end)
