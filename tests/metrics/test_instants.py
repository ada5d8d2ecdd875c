"""Instants are read as people and programs write them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.instants import WrongInstant, parse_instant

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 7, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-07-31T12:00:00Z", NOON),
        ("2026-07-31T12:00:00.5Z", NOON + timedelta(seconds=0.5)),
        ("2026-07-31T12:00:00+02:00", NOON - timedelta(hours=2)),
        ("2026-07-31T12:00:00", NOON - timedelta(hours=2)),
        ("2026-07-31T12:00", NOON - timedelta(hours=2)),
        ("2026-01-31T12:00", datetime(2026, 1, 31, 11, tzinfo=UTC)),
        ("2026-07-31", datetime(2026, 7, 30, 22, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_of_the_zone(text: str, found: datetime) -> None:
    assert parse_instant(text, BERLIN) == found


@pytest.mark.parametrize("text", ["", "yesterday", "12:00", "2026-13-01", "2026-02-30", "0001-01-01T00:00+14:00", "１"])
def test_what_is_no_time_shows_how_one_is_written(text: str) -> None:
    with pytest.raises(WrongInstant, match=r"is no time\. Write 2026-01-31T12:00:00Z, 2026-01-31T12:00 or 2026-01-31"):
        parse_instant(text, BERLIN)


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?", fullmatch=True))
def test_any_text_is_an_instant_in_utc_or_refused(text: str) -> None:
    with suppress(WrongInstant):
        assert parse_instant(text, BERLIN).tzinfo is UTC
