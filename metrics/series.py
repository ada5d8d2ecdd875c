"""History as every face gets it. Pure."""

from dataclasses import dataclass

from metrics.periods import Span


@dataclass(frozen=True)
class Series:
    """Figures by name over a span: a mean, lowest and highest value per step; None is a gap.

    `counts` tells how many samples are in each step, `expected` how many there would be without a gap.
    """

    span: Span
    counts: list[int]
    expected: list[float]
    mean: dict[str, list[float | None]]
    low: dict[str, list[float | None]]
    high: dict[str, list[float | None]]

    @property
    def coverage(self) -> float | None:
        """Which share of the samples is there, from 0 to 1; None before the first interval is over."""
        expected = sum(self.expected)
        return min(sum(self.counts) / expected, 1.0) if expected >= 1 else None
