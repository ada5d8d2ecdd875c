"""History as every face gets it. Pure."""

from dataclasses import dataclass

from metrics.periods import Span


@dataclass(frozen=True)
class Series:
    """Figures by name over a span: a mean, lowest and highest value per step; None is a gap.

    `counts` tells how many samples are in each step.
    """

    span: Span
    counts: list[int]
    mean: dict[str, list[float | None]]
    low: dict[str, list[float | None]]
    high: dict[str, list[float | None]]
