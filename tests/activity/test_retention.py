"""What each category's setting means: how many rows, how many more a day, and how much room."""

from datetime import UTC, datetime, timedelta

import pytest

from activity import retention
from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType, Category
from tests.activity.bulk import bulk

pytestmark = pytest.mark.django_db
AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def kept(at: datetime = AT) -> dict[Category, retention.Kept]:
    return {one.category: one for one in retention.kept(at)}


def test_each_category_has_its_setting_and_its_days() -> None:
    assert {one.category: (one.setting, one.days) for one in retention.kept(AT)} == {
        Category.SECURITY: ("TOMO_SECURITY_DAYS", 1095),
        Category.CHANGES: ("TOMO_CHANGES_DAYS", 1095),
        Category.EVENTS: ("TOMO_EVENTS_DAYS", 365),
    }


def test_an_empty_log_takes_no_room() -> None:
    for one in retention.kept(AT):
        assert (one.rows, one.rows_a_day, one.bytes_now, one.bytes_in_the_end) == (0, 0, 0, 0)


def test_every_row_is_counted_in_its_category_and_in_no_other() -> None:
    for number, kind in enumerate(ActivityType):
        record(kind, "once", at=AT - timedelta(minutes=number))
    assert sum(one.rows for one in retention.kept(AT)) == len(ActivityType)
    assert kept()[Category.CHANGES].rows == 14


def test_a_day_is_the_mean_of_the_last_thirty() -> None:
    bulk(600, AT - timedelta(days=31), message="long ago")
    bulk(60, AT - timedelta(days=29))
    bulk(30, AT)
    changes = kept()[Category.CHANGES]
    assert (changes.rows, changes.rows_a_day) == (690, 3.0)
    assert changes.bytes_in_the_end == pytest.approx(3.0 * 1095 * changes.row_bytes)
    assert changes.bytes_now == pytest.approx(690 * changes.row_bytes)


def test_a_young_log_counts_the_days_that_it_has() -> None:
    bulk(40, AT - timedelta(days=4))
    assert kept()[Category.CHANGES].rows_a_day == pytest.approx(10.0)
    assert kept(AT - timedelta(days=4))[Category.CHANGES].rows_a_day == 40.0


def test_a_row_takes_the_more_the_more_it_says() -> None:
    bulk(10, AT, message="m" * 100)
    little = kept()[Category.CHANGES].row_bytes
    bulk(10, AT, message="m" * 500)
    assert kept()[Category.CHANGES].row_bytes == pytest.approx(little + 200)
    assert ActivityLog.objects.count() == 20
