"""What one asks the log: in which order, page by page, since when, and which days have rows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Max, Min, QuerySet
from django.test import override_settings

from activity import queries
from activity.context import Acting
from activity.models import ActivityLog
from activity.queries import MOST_SEARCHED, ActivityFilter
from activity.record import record
from activity.types import ActivityType
from tests.activity.bulk import bulk

pytestmark = pytest.mark.django_db
AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SECONDS = [3, 1, 2, 2, 2, 0, 3, 2, 1, 2, 2, 5, 2]  # when each row happened, in the order in which they were written


def happened(at: datetime, message: str = "moved", **actor: Any) -> ActivityLog:
    row = record(ActivityType.REPORTED, message, at=at, actor=Acting(**actor))
    assert row
    return row


@pytest.fixture
def rows() -> list[ActivityLog]:
    """Some of the same instant, some late; in the order that a reader expects: newest first."""
    made = [happened(AT + timedelta(seconds=seconds)) for seconds in SECONDS]
    return sorted(made, key=lambda row: (row.timestamp, row.pk), reverse=True)


# Page by page ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 5, 12, 13, 14])
def test_pages_of_any_size_have_each_row_once(rows: list[ActivityLog], limit: int) -> None:
    found, before = [], None
    while True:
        page = queries.page(ActivityFilter(), limit=limit, before=before)
        found += page.rows
        assert page.total == len(rows)
        if (before := page.before) is None:
            break
    assert found == rows


def test_what_is_skipped_is_skipped_from_where_the_page_starts(rows: list[ActivityLog]) -> None:
    assert queries.page(ActivityFilter(), limit=3, offset=2, before=rows[4].pk).rows == rows[7:10]


def test_a_row_that_the_filter_leaves_out_may_begin_a_page(rows: list[ActivityLog]) -> None:
    other = record(ActivityType.SERVER_ADDED, "added", at=AT + timedelta(seconds=2))
    assert other
    wanted = ActivityFilter(activity_types=["reported"])
    assert (
        queries.page(wanted, limit=3, before=other.pk).rows
        == [row for row in rows if row.timestamp <= other.timestamp][:3]
    )


def test_a_page_after_a_row_that_is_gone_is_refused_in_words(rows: list[ActivityLog]) -> None:
    with pytest.raises(queries.UnknownRow, match=r"There is no row 9999 \(any more\)"):
        queries.page(ActivityFilter(), limit=3, before=9999)


# What is new -------------------------------------------------------------------------------------


def test_what_was_written_next_comes_in_the_order_of_writing_however_late_it_happened(rows: list[ActivityLog]) -> None:
    written = sorted(rows, key=lambda row: row.pk)
    assert queries.newer(ActivityFilter(), written[2].pk, limit=100) == written[:2:-1]
    assert queries.newer(ActivityFilter(), written[2].pk, limit=4) == written[6:2:-1]
    assert queries.newer(ActivityFilter(), written[-1].pk, limit=4) == []


# Text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["192.0.2.7", " 192.0.2.7 "])
def test_an_address_is_found_as_where_it_came_from_and_in_words(text: str) -> None:
    came = happened(AT, source_ip="192.0.2.7")
    happened(AT, "192.0.2.70 answers")
    happened(AT, "nothing", source_ip="192.0.2.70")
    found = list(ActivityFilter(text=text).rows())
    assert came in found
    assert all("192.0.2.7" in f"{row.message} {row.source_ip}" for row in found)
    assert "nothing" not in {row.message for row in found}


def test_an_address_is_found_in_any_of_its_spellings() -> None:
    came = happened(AT, source_ip="2001:DB8:0:0::7")
    for text in ("2001:db8::7", "2001:0DB8:0:0:0:0:0:7"):
        assert list(ActivityFilter(text=text).rows()) == [came]


def test_without_a_beginning_only_the_newest_rows_are_searched() -> None:
    for number in (1, 2, 1 + MOST_SEARCHED):
        bulk(1, AT + timedelta(seconds=number), message="needle", first_id=number)
    by_text, by_request = ActivityFilter(text="needle"), ActivityFilter(request_id="r-1")
    for wanted in (by_text, by_request):
        assert wanted.is_searched_lately
        assert [row.pk for row in wanted.rows()] == [1 + MOST_SEARCHED, 2]
    assert [row.pk for row in ActivityFilter(text="needle", since=AT).rows()] == [1 + MOST_SEARCHED, 2, 1]
    assert [row.pk for row in ActivityFilter().rows()] == [1 + MOST_SEARCHED, 2, 1]


# Which days have rows ----------------------------------------------------------------------------

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Apia",
]
INSTANTS = [
    *("2019-12-31T23:59:59.999Z", "2020-01-01T00:00Z", "2020-02-29T12:00Z", "2020-12-31T12:00Z", "2021-01-31T00:00Z"),
    # the clocks of Berlin, Havana (where midnight comes twice) and Beirut (where it is skipped), Apia without a day
    *("2024-03-31T00:59:59Z", "2024-03-31T01:00Z", "2024-10-27T00:30Z", "2024-10-27T01:30Z", "2024-10-27T22:59Z"),
    *("2024-11-03T03:59Z", "2024-11-03T04:00Z", "2024-11-03T04:30Z", "2024-11-03T05:30Z", "2024-11-04T04:59Z"),
    *("2024-03-30T21:59Z", "2024-03-30T22:00Z", "2024-03-31T20:59Z", "2024-03-31T21:00Z", "2011-12-30T09:59Z"),
    *("2011-12-30T10:00Z", "2011-12-31T09:59Z", "2011-12-31T10:00Z", "2026-01-31T12:00Z", "2026-01-31T12:00Z"),
]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_years_months_and_days_are_those_that_django_finds_by_reading_every_row(zone: str) -> None:
    for instant in INSTANTS:
        happened(datetime.fromisoformat(instant))
    plain: QuerySet[ActivityLog] = QuerySet(ActivityLog)
    some = {"timestamp__gte": datetime(2020, 6, 1, tzinfo=UTC), "timestamp__lt": datetime(2024, 11, 3, 5, tzinfo=UTC)}
    with override_settings(TIME_ZONE=zone):
        for kind in ("year", "month", "day"):
            for order in ("ASC", "DESC"):
                for found, right in (
                    (ActivityLog.objects.all(), plain),
                    (ActivityLog.objects.filter(**some), plain.filter(**some)),
                ):
                    assert found.datetimes("timestamp", kind, order) == list(right.datetimes("timestamp", kind, order))


def test_a_zone_of_ones_own_counts_and_nothing_has_no_days() -> None:
    assert ActivityLog.objects.datetimes("timestamp", "day") == []
    happened(datetime(2026, 1, 31, 23, tzinfo=UTC))
    tokyo = ZoneInfo("Asia/Tokyo")
    assert ActivityLog.objects.datetimes("timestamp", "day", tzinfo=tokyo) == [datetime(2026, 2, 1, tzinfo=tokyo)]


def test_first_and_last_are_those_that_django_finds(rows: list[ActivityLog]) -> None:
    asked = {"first": Min("timestamp"), "last": Max("timestamp")}
    for found in (ActivityLog.objects.all(), ActivityLog.objects.none(), ActivityLog.objects.filter(result="failure")):
        right = QuerySet(ActivityLog).filter(pk__in=[row.pk for row in found])
        assert found.aggregate(**asked) == right.aggregate(**asked)
