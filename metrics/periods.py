"""Periods of history: how long each is, and in how wide steps it is answered. Pure."""

from dataclasses import dataclass

PERIODS = {"1h": 3600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
LABELS = {"1h": "1 h", "24h": "24 h", "7d": "7 d", "30d": "30 d"}
MOST_POINTS = 600
STEPS = (10, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400)


class UnknownPeriod(ValueError):
    """The text names the periods there are."""


@dataclass(frozen=True)
class Span:
    """A stretch of time in steps: epoch seconds, `end` excluded, both on whole steps."""

    start: int
    end: int
    step: int

    @property
    def points(self) -> int:
        return (self.end - self.start) // self.step


def span(period: str, now: float, *, interval: int, most_points: int = MOST_POINTS) -> Span:
    """The span of a period that ends now, in the narrowest steps that give at most so many points.

    A step is never narrower than the interval between polls. Raises UnknownPeriod.
    """
    if period not in PERIODS:
        raise UnknownPeriod(f"{period!r} is not a period. Allowed: {', '.join(PERIODS)}.")
    seconds = PERIODS[period]
    step = next(step for step in STEPS if step >= interval and seconds / step <= most_points)
    end = (int(now) // step + 1) * step
    return Span(end - -(-seconds // step) * step, end, step)
