"""Figures as people read them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.templatetags import figures, units


@pytest.mark.parametrize("unit", ["percent", "number", "binary_bytes", "byte_rate", "load", "duration", "ago"])
def test_what_is_unknown_is_a_dash(unit: str) -> None:
    assert getattr(units, unit)(None) == "–"


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        ("percent", 0, "0%"),
        ("percent", 0.4, "0.4%"),
        ("percent", 37.4, "37%"),
        ("percent", 100, "100%"),
        ("number", 1.44, "1.4"),
        ("number", 12.4, "12"),
        ("number", 0, "0"),
        ("binary_bytes", 0, "0 B"),
        ("binary_bytes", 1023, "1023 B"),
        ("binary_bytes", 1024, "1.0 KiB"),
        ("binary_bytes", 1.5 * 2**30, "1.5 GiB"),
        ("binary_bytes", 2**40 - 1, "1.0 TiB"),
        ("binary_bytes", 2**60, "1024 PiB"),
        ("byte_rate", 4_100_000, "4.1 MB/s"),
        ("byte_rate", 999_999, "1.0 MB/s"),
        ("byte_rate", 512, "512 B/s"),
        ("load", 0, "0.00"),
        ("load", 1.239, "1.24"),
        ("duration", 0, "0 s"),
        ("duration", 59.9, "59 s"),
        ("duration", 300, "5 min"),
        ("duration", 3 * 3600 + 12 * 60, "3 h 12 min"),
        ("duration", timedelta(days=9, hours=3), "9 d 3 h"),
        ("duration", timedelta(days=41, hours=3), "41 d"),
        ("severity", None, "unknown"),
        ("severity", 74.9, "normal"),
        ("severity", 75, "warning"),
        ("severity", 90, "critical"),
    ],
)
def test_a_figure_is_shown_with_its_unit(unit: str, value: Any, shown: Any) -> None:
    assert getattr(units, unit)(value) == shown


def test_a_future_instant_is_now() -> None:
    assert units.ago(datetime.now(UTC) + timedelta(hours=1)) == "0 s"


def test_a_sparkline_has_a_gap_where_nothing_is_known() -> None:
    drawn = figures.sparkline([0, 100, None, 50, None, None])
    assert re.findall(r'<polyline points="([^"]+)"', drawn) == ["0,24 1,2", "3,13 3,13"]
    assert drawn.count("<polygon") == 2


def test_a_sparkline_of_nothing_says_so() -> None:
    for values in ([], [None], [None, None]):
        assert figures.sparkline(values) == '<span class="quiet small">no history yet</span>'


def test_a_sparkline_stays_in_its_frame() -> None:
    points = re.findall(r'<polyline points="([^"]+)"', figures.sparkline([500, -0.0, 20], top=None))[0]
    heights = [int(point.split(",")[1]) for point in points.split()]
    assert (min(heights), max(heights)) == (2, 24)


@pytest.mark.parametrize(("value", "width"), [(250, 100), (-3, 0), (37.4, 37), (0, 0)])
def test_a_meter_is_as_wide_as_its_percentage(value: float, width: int) -> None:
    assert f'class="bar" width="{width}"' in figures.meter(value)


def test_a_meter_of_nothing_is_a_dash_without_a_bar() -> None:
    assert figures.meter(None) == '<span class="meter unknown"><span class="value">–</span></span>'


def test_pictures_show_text_as_text() -> None:
    assert "<b>" not in figures.status("<b>", "<b>") + figures.sparkline([1.0], kind='"><b>')
