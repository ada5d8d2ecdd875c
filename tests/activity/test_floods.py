"""Floods: what comes too often from one source is counted, and what somebody does never is."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from activity import floods, queries, tasks, verification
from activity.context import NOBODY, Acting
from activity.floods import MOST_A_MINUTE
from activity.models import ActivityLog, Flood
from activity.record import record
from activity.types import FLOODING, ActivityType, ActorKind, Origin, Result
from tests.activity.logs import ADA, AT, Log, Web

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
STRANGER = Acting(ActorKind.USER, Origin.WEB, "root", None, "198.51.100.66", "curl")


class Shop:
    """An app."""

    id, name = 9, "shop"


def guess(at: datetime, name: str = "root", address: str = "198.51.100.66") -> None:
    actor = Acting(ActorKind.USER, Origin.WEB, name, None, address)
    record(ActivityType.USER_LOGIN_FAILED, f"Sign-in as {name!r} failed", result=Result.FAILURE, actor=actor, at=at)


def flap(at: datetime, kind: ActivityType = ActivityType.APP_CRASHED, app: Any = Shop) -> None:
    record(kind, f"shop {kind}", server=Web(), app=app(), result=Result.FAILURE, at=at)


def by_minute() -> Counter[datetime]:
    """How many rows each minute has."""
    return Counter(
        at.replace(second=0, microsecond=0) for at in ActivityLog.objects.values_list("timestamp", flat=True)
    )


def told() -> list[ActivityLog]:
    """The rows that say how many were left out."""
    return [row for row in ActivityLog.objects.order_by("id") if "left_out" in row.details]


def summed() -> int:
    """All that happened: what is listed, and what was left out."""
    return ActivityLog.objects.count() - len(told()) + sum(row.details["left_out"] for row in told())


def test_no_minute_has_more_than_ten_rows_and_none_is_lost(log: Log) -> None:
    for second in range(200):
        guess(AT + second * SECOND)
    floods.settle(AT + 4 * MINUTE)
    assert max(by_minute().values()) == MOST_A_MINUTE
    assert [row.details["left_out"] for row in told()] == [51, 51, 51, 11]
    assert (summed(), Flood.objects.count()) == (200, 0)
    assert verification.verify().is_whole


def flooded_from_all_sides(log: Log) -> tuple[int, int]:
    """Four threads guess twenty times each within a minute; how many guesses there were, and rows."""
    threads = [log.beside(lambda: [guess(AT + n * SECOND) for n in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.join()
    floods.settle(AT + MINUTE)
    assert verification.verify().is_whole
    return summed(), ActivityLog.objects.count()


def test_a_flood_from_all_sides_is_counted_once_each(log: Log) -> None:
    assert flooded_from_all_sides(log) == (80, MOST_A_MINUTE)


def test_ten_in_a_minute_are_nine_and_a_count(log: Log) -> None:
    for second in range(10):
        flap(AT + second * SECOND)
    floods.settle(AT + MINUTE)
    assert ActivityLog.objects.count() == MOST_A_MINUTE
    assert [row.details["left_out"] for row in told()] == [1]


def test_nine_in_a_minute_are_all_listed(log: Log) -> None:
    for second in range(9):
        flap(AT + second * SECOND)
    floods.settle(AT + MINUTE)
    assert (ActivityLog.objects.count(), told()) == (9, [])


def test_what_was_left_out_is_told_with_its_source_and_its_counts(log: Log) -> None:
    for second in range(30):
        flap(AT + second * SECOND, ActivityType.APP_STARTED if second % 3 else ActivityType.APP_CRASHED)
    floods.settle(AT + MINUTE)
    [row] = told()
    assert (row.server_id, row.server_name, row.app_id, row.app_name) == (5, "web-01", 9, "shop")
    assert row.details["counts"] == {"app_crashed": 7, "app_started": 14}
    assert (row.details["from"], row.details["to"]) == (AT.isoformat(), (AT + MINUTE).isoformat())
    assert row.message == "App started: 21 more in the minute of 12:00 UTC, not listed one by one"
    assert row.details["last"] == "shop app_started"


def test_guesses_are_counted_by_name_and_keep_their_address(log: Log) -> None:
    for second in range(30):
        guess(AT + second * SECOND, "root" if second % 2 else "admin")
    floods.settle(AT + MINUTE)
    [row] = told()
    assert (row.source_ip, row.result, row.activity_type) == ("198.51.100.66", "failure", "user_login_failed")
    assert row.details["counts"] == {"admin": 10, "root": 11}


def test_a_thousand_names_are_counted_though_not_one_by_one(log: Log) -> None:
    for number in range(1000):
        guess(AT + number * timedelta(milliseconds=50), f"user-{number}")
    floods.settle(AT + MINUTE)
    [row] = told()
    assert (row.details["left_out"], len(row.details["counts"])) == (991, floods.MOST_COUNTED)


@pytest.mark.parametrize(
    "other",
    [
        lambda at: guess(at, address="198.51.100.67"),
        lambda at: record(ActivityType.PERMISSION_DENIED, "refused", actor=STRANGER, at=at),
        lambda at: flap(at),
        lambda at: record(ActivityType.SERVER_DISCONNECTED, "web-01 lost", server=Web(), at=at),
    ],
    ids=["another address", "another refusal", "an app", "a server"],
)
def test_a_flood_keeps_no_other_source_from_being_listed(log: Log, other: Any) -> None:
    for second in range(40):
        guess(AT + second * SECOND)
    before = ActivityLog.objects.count()
    for second in range(9):
        other(AT + second * SECOND)
    assert ActivityLog.objects.count() == before + 9


DELIBERATE = {
    "an administrator": ADA,
    "a token": Acting(ActorKind.TOKEN, Origin.API, "script", None, "198.51.100.7"),
    "a command": Acting(ActorKind.COMMAND, Origin.COMMAND, "root"),
}


@pytest.mark.parametrize("name", DELIBERATE)
@pytest.mark.parametrize("kind", [ActivityType.SERVER_CONNECTED, ActivityType.APP_CRASHED, ActivityType.SERVER_UPDATED])
def test_what_somebody_does_is_always_listed(log: Log, name: str, kind: ActivityType) -> None:
    for second in range(30):
        assert record(kind, "done", server=Web(), actor=DELIBERATE[name], at=AT + second * SECOND)
    assert (ActivityLog.objects.count(), Flood.objects.count()) == (30, 0)


def test_guessing_at_the_terminal_is_always_listed(log: Log) -> None:
    for second in range(30):
        actor = DELIBERATE["a command"]
        assert record(ActivityType.PERMISSION_DENIED, "refused", actor=actor, at=AT + second * SECOND)


@pytest.mark.parametrize("kind", sorted(set(ActivityType) - FLOODING))
def test_no_other_kind_is_ever_left_out(log: Log, kind: ActivityType) -> None:
    for second in range(12):
        assert record(kind, "done", server=Web(), actor=NOBODY, at=AT + second * SECOND)


def test_what_is_taken_back_is_not_counted(log: Log) -> None:
    for second in range(12):
        flap(AT + second * SECOND)
    with transaction.atomic():
        flap(AT + 13 * SECOND)
        transaction.set_rollback(True)
    assert Flood.objects.get().left_out == 3


def test_a_flood_that_ended_is_told_by_the_minutely_task(log: Log) -> None:
    for number in range(15):
        flap(datetime.now(UTC) - MINUTE * 2 + number * timedelta(milliseconds=1))
    tasks.tend()
    left_out = sum(row.details["left_out"] for row in told())
    assert (summed(), Flood.objects.count(), left_out > 0) == (15, 0, True)


def test_a_flood_of_this_minute_is_not_told_yet(log: Log) -> None:
    for second in range(15):
        flap(AT + second * SECOND)
    floods.settle(AT + 59 * SECOND)
    assert (told(), Flood.objects.get().left_out) == ([], 6)


def test_guesses_left_out_count_as_failures_whether_told_or_not(log: Log) -> None:
    for second in range(30):
        guess(AT + second * SECOND, "root" if second % 2 else "admin")
    for is_told in (False, True):
        if is_told:
            floods.settle(AT + MINUTE)
        failures = [
            queries.recent_failures("user_login_failed", AT, "198.51.100.66", name) for name in ("", "root", "admin")
        ]
        assert failures == [30 + is_told, 15 + is_told, 15]


def test_a_failure_whose_details_somebody_changed_counts_once(log: Log) -> None:
    for changed in (["no object"], {"left_out": "no number", "counts": "none"}):
        details: Any = changed
        record(ActivityType.USER_LOGIN_FAILED, "Sign-in failed", details=details, actor=ADA, at=AT)
    assert ADA.source_ip
    assert [queries.recent_failures("user_login_failed", AT, ADA.source_ip, name) for name in ("", "ada")] == [2, 2]
