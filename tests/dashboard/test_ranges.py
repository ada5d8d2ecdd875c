"""Free ranges of time: as addresses and people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from dashboard import ranges
from dashboard.ranges import Range
from metrics.periods import PERIODS

ZONE = timezone(timedelta(hours=1))
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("start", ["2026-01-31T13:00", "2026-01-31T12:00:00Z", "2026-01-31T14:00:00 02:00"])
def test_an_edge_has_its_zone_or_that_of_the_pages(start: str) -> None:
    assert ranges.free({"from": start, "to": "2026-01-31T14:00"}, ZONE) == (NOON, NOON + HOUR)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("", ""),
        ("2026-01-31T13:00", ""),
        ("yesterday", "2026-01-31T14:00"),
        ("2026-01-31T14:00", "2026-01-31T13:00"),
        ("2026-01-31T14:00:00", "2026-01-31T14:00:59"),
        ("0001-01-01T00:00", "2026-01-31T13:00"),
        ("2026-01-31T14:00", "9999-12-31T23:59:59-23:00"),
    ],
)
def test_what_is_no_range_is_none(start: str, end: str) -> None:
    assert ranges.free({"from": start, "to": end}, ZONE) is None


def test_a_range_is_at_most_as_long_as_a_chart_has_days() -> None:
    found = ranges.free({"from": "2001-01-01T00:00", "to": "2026-01-31T13:00"}, ZONE)
    assert found
    assert Range("24h", ZONE, found).span(NOON, interval=60).points <= 601


@pytest.mark.parametrize(
    "length", [timedelta(minutes=1), timedelta(minutes=95), timedelta(days=3), timedelta(days=400)]
)
def test_a_range_is_answered_whole_in_the_narrowest_steps(length: timedelta) -> None:
    start = NOON + timedelta(seconds=7)
    span = Range("24h", ZONE, (start, start + length)).span(NOON, interval=60)
    assert span.start <= start.timestamp()
    assert span.end >= (start + length).timestamp()
    assert span.points <= 602
    assert span.start % span.step == span.end % span.step == 0


def test_an_address_leads_to_the_same_range_again() -> None:
    shown = Range("24h", ZONE, (NOON, NOON + HOUR))
    assert shown.query == "from=2026-01-31T12:00:00Z&to=2026-01-31T13:00:00Z"
    assert ranges.free(dict(part.split("=") for part in shown.query.split("&")), ZONE) == shown.edges
    assert Range("7d", ZONE).query == "period=7d"


@pytest.mark.parametrize(
    ("length", "label"),
    [
        (HOUR, "31 Jan 13:00 – 14:00"),
        (12 * HOUR, "31 Jan 13:00 – 1 Feb 01:00"),
        (365 * 24 * HOUR, "31 Jan 2026 13:00 – 31 Jan 2027 13:00"),
    ],
)
def test_a_range_is_told_in_the_zone_of_the_pages(length: timedelta, label: str) -> None:
    assert Range("24h", ZONE, (NOON, NOON + length)).label == label


def test_only_a_range_that_ended_is_past() -> None:
    assert Range("24h", ZONE, (NOON - HOUR, NOON)).is_past(NOON + HOUR)
    assert not Range("24h", ZONE, (NOON - HOUR, NOON + HOUR)).is_past(NOON)
    assert not any(Range(period, ZONE).is_past(NOON) for period in PERIODS)


def test_the_form_begins_with_what_is_shown() -> None:
    assert Range("1h", ZONE).fields(NOON) == ("2026-01-31T12:00", "2026-01-31T13:00")
    assert Range("24h", ZONE, (NOON, NOON + HOUR)).fields(NOON) == ("2026-01-31T13:00", "2026-01-31T14:00")
