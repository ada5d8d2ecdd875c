"""A stretch of time is answered in steps that are wide enough for the eye and the interval, out of what is kept."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.periods import (
    BUCKETS,
    DAY,
    DAY_SECONDS,
    FIVE_MINUTES,
    HOUR,
    MOST_POINTS,
    PERIODS,
    RAW,
    STEPS,
    Kept,
    Resolution,
    Span,
    UnknownPeriod,
    WrongRange,
    between,
    span,
)

NOW = 1_769_860_807.5
NOON = 1_769_860_800
KEPT: Kept = {RAW: 2 * DAY_SECONDS, FIVE_MINUTES: 14 * DAY_SECONDS, HOUR: 395 * DAY_SECONDS}
FIVE_YEARS = 5 * 365 * DAY_SECONDS

intervals = st.integers(10, 3600)
days = st.integers(1, 3650)
keeps = st.builds(
    lambda hours, fine, hourly: {RAW: hours * 3600, FIVE_MINUTES: fine * DAY_SECONDS, HOUR: hourly * DAY_SECONDS},
    *(st.integers(2, 8760), days, days),
)
any_of_them = settings(max_examples=60, deadline=None)
lengths = st.floats(60, FIVE_YEARS)
ages = st.floats(0, FIVE_YEARS)


def ago(begin: float, end: float = 0, interval: int = 60, kept: Kept = KEPT) -> Span:
    """The span between two ages."""
    return between(NOW - begin, NOW - end, NOW, interval, kept)


# Any stretch -------------------------------------------------------------------------------------


@any_of_them
@given(lengths, ages, intervals, keeps)
def test_at_most_600_points_none_narrower_than_the_interval(
    length: float, age: float, interval: int, kept: Kept
) -> None:
    found = ago(age + length, age, interval, kept)
    assert 1 <= found.points <= MOST_POINTS
    assert found.step in STEPS
    assert found.step >= interval


@any_of_them
@given(lengths, ages, intervals, keeps)
def test_a_span_holds_all_that_is_asked_on_whole_steps(length: float, age: float, interval: int, kept: Kept) -> None:
    found = ago(age + length, age, interval, kept)
    assert 0 <= NOW - age - length - found.start < found.step
    assert 0 <= found.end - (NOW - age) < found.step
    assert found.start % found.step == found.end % found.step == 0
    assert found.until == NOW - age


@any_of_them
@given(lengths, ages, intervals, keeps)
def test_what_answers_reaches_back_to_the_begin(length: float, age: float, interval: int, kept: Kept) -> None:
    found = ago(age + length, age, interval, kept)
    assert found.resolution is DAY or kept[found.resolution] >= age + length
    assert found.step % (found.resolution.seconds or 1) == 0


@any_of_them
@given(lengths, ages, intervals, keeps, st.tuples(ages, ages, ages))
def test_parts_follow_each_other_without_gap_or_overlap(
    length: float, age: float, interval: int, kept: Kept, lags: tuple[float, float, float]
) -> None:
    done = {one.seconds: int(NOW - lag) // one.seconds * one.seconds for one, lag in zip(BUCKETS, lags, strict=True)}
    found = ago(age + length, age, interval, kept).answered_from(done)
    assert [found.start, *(part.end for part in found.parts)] == [*(part.start for part in found.parts), found.end]
    assert all(part.start < part.end for part in found.parts)
    assert [part.resolution.seconds for part in found.parts] == sorted(
        {part.resolution.seconds for part in found.parts}, reverse=True
    )
    assert all(part.end <= done[part.resolution.seconds] for part in found.parts if part.resolution.seconds)


@any_of_them
@given(lengths, ages, intervals, keeps)
def test_zooming_in_never_makes_it_coarser(length: float, age: float, interval: int, kept: Kept) -> None:
    whole, newer_half = ago(age + length, age, interval, kept), ago(age + length / 2, age, interval, kept)
    assert newer_half.step <= whole.step


# What is shown by default ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "step", "resolution"),
    [("1h", 60, RAW), ("24h", 300, FIVE_MINUTES), ("7d", 1200, FIVE_MINUTES), ("30d", 7200, HOUR)],
)
def test_the_steps_at_the_usual_interval(period: str, step: int, resolution: Resolution) -> None:
    found = span(period, NOW, 60, KEPT)
    assert (found.step, found.resolution) == (step, resolution)


@pytest.mark.parametrize(("period", "step"), [("1h", 10), ("24h", 300), ("7d", 1200), ("30d", 7200)])
def test_the_steps_at_the_shortest_interval(period: str, step: int) -> None:
    assert span(period, NOW, 10, KEPT).step == step


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("interval", [10, 60, 3600])
def test_a_period_ends_with_the_step_that_has_begun(period: str, interval: int) -> None:
    found = span(period, NOW, interval, KEPT)
    assert NOW < found.end <= NOW + found.step
    assert found.end - found.start == PERIODS[period]
    assert found.end % found.step == 0


def test_a_range_of_whole_steps_is_answered_in_just_these() -> None:
    found = between(NOON - 200 * DAY_SECONDS, NOON - 200 * DAY_SECONDS + 3600, NOW, 60, KEPT)
    assert (found.start, found.end, found.step) == (NOON - 200 * DAY_SECONDS, NOON - 200 * DAY_SECONDS + 3600, 3600)


def test_fewer_points_make_wider_steps() -> None:
    assert span("1h", NOW, 10, KEPT, most_points=60).step == 300


@pytest.mark.parametrize("period", ["", "24", "24H", "1d", "1h ", "365d", "-1h", "None"])
def test_an_unknown_period_names_the_allowed_ones(period: str) -> None:
    with pytest.raises(UnknownPeriod, match="Allowed: 1h, 24h, 7d, 30d"):
        span(period, NOW, 10, KEPT)


# Zooming in --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days_ago", "resolution", "step"),
    [(1, RAW, 60), (10, FIVE_MINUTES, 300), (100, HOUR, 3600), (1000, DAY, DAY_SECONDS)],
)
def test_an_hour_is_as_fine_as_it_is_still_kept(days_ago: int, resolution: Resolution, step: int) -> None:
    found = ago(days_ago * DAY_SECONDS, days_ago * DAY_SECONDS - 3600)
    assert (found.resolution, found.step) == (resolution, step)


def test_zooming_in_gives_the_finer_resolution() -> None:
    found = [ago(days * DAY_SECONDS).resolution for days in (365, 30, 7, 0.1)]
    assert found == [DAY, HOUR, FIVE_MINUTES, RAW]


def test_what_is_kept_for_good_answers_any_age() -> None:
    found = ago(50 * 365 * DAY_SECONDS, 49 * 365 * DAY_SECONDS)
    assert (found.resolution, found.points <= MOST_POINTS) == (DAY, True)


# Ranges that make no sense -----------------------------------------------------------------------


@pytest.mark.parametrize(("begin", "end", "told"), [(5, 5, "begins after"), (5, 6, "begins after"), (-5, -9, "future")])
def test_a_wrong_range_says_what_it_has_to_be(begin: float, end: float, told: str) -> None:
    with pytest.raises(WrongRange, match=told):
        ago(begin, end)


@pytest.mark.parametrize("end", [-1, NOW])
def test_before_the_clocks_first_second_nothing_is_looked_for(end: float) -> None:
    with pytest.raises(WrongRange, match="before 1970"):
        between(-62_135_596_800, end, NOW, 60, KEPT)


def test_a_range_into_the_future_ends_now() -> None:
    assert ago(3600, -3600) == ago(3600)
