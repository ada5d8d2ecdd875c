"""A period is answered in steps that are wide enough for the eye and the interval."""

import pytest

from metrics.periods import PERIODS, STEPS, UnknownPeriod, span

NOW = 1_769_860_807.5


@pytest.mark.parametrize("period", ["", "24", "24H", "1d", "1h ", "365d", "-1h", "None"])
def test_an_unknown_period_names_the_allowed_ones(period: str) -> None:
    with pytest.raises(UnknownPeriod, match="Allowed: 1h, 24h, 7d, 30d"):
        span(period, NOW, interval=10)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("interval", [10, 15, 30, 60, 300, 3600])
def test_there_are_at_most_600_points_none_narrower_than_the_interval(period: str, interval: int) -> None:
    found = span(period, NOW, interval=interval)
    assert 1 <= found.points <= 600
    assert found.step >= interval


@pytest.mark.parametrize("period", PERIODS)
def test_the_narrowest_step_is_taken(period: str) -> None:
    found = span(period, NOW, interval=10)
    narrower = [step for step in STEPS if step < found.step]
    assert all(PERIODS[period] / step > 600 for step in narrower)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("interval", [10, 60, 3600])
def test_a_span_covers_its_period_up_to_now_on_whole_steps(period: str, interval: int) -> None:
    found = span(period, NOW, interval=interval)
    assert found.start <= NOW - PERIODS[period] + found.step
    assert NOW < found.end <= NOW + found.step
    assert found.start % found.step == found.end % found.step == 0
    assert found.end - found.start >= PERIODS[period]


@pytest.mark.parametrize(("period", "step"), [("1h", 10), ("24h", 180), ("7d", 1200), ("30d", 7200)])
def test_the_steps_at_the_shortest_interval(period: str, step: int) -> None:
    assert span(period, NOW, interval=10).step == step


def test_fewer_points_make_wider_steps() -> None:
    assert span("1h", NOW, interval=10, most_points=60).step == 60
