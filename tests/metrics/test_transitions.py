"""What a poll changes about a server, and what of it is told."""

from datetime import timedelta

import pytest

from activity.types import ActivityType, Result
from metrics.failures import Reason
from metrics.transitions import OFFLINE, ONLINE, PENDING, Change, Reachability, failed, rebooted, succeeded
from tests.conftest import AT

LATER = AT + timedelta(seconds=90)
NEW = Reachability(PENDING, AT)
UP = Reachability(ONLINE, AT)


def down(reason: Reason = Reason.REFUSED) -> Reachability:
    return failed(UP, "web-01", reason, "why", AT)[0]


def kinds(changes: list[Change]) -> list[ActivityType]:
    return [change.kind for change in changes]


def test_the_first_poll_that_works_connects() -> None:
    after, changes = succeeded(NEW, "web-01", LATER)
    assert after == Reachability(ONLINE, LATER)
    assert changes == [Change(ActivityType.SERVER_CONNECTED, "web-01 connected", {})]


def test_a_poll_that_works_as_before_tells_nothing() -> None:
    assert succeeded(UP, "web-01", LATER) == (UP, [])


def test_a_server_that_comes_back_tells_how_long_it_was_away() -> None:
    after, changes = succeeded(down(), "web-01", LATER)
    assert after == Reachability(ONLINE, LATER)
    assert changes[0].details == {"reason": "refused", "offline_seconds": 90}


@pytest.mark.parametrize("before", [NEW, UP])
def test_the_first_failure_disconnects_with_its_reason(before: Reachability) -> None:
    after, [change] = failed(before, "web-01", Reason.TIMEOUT, "It did not answer.", LATER)
    assert (after.status, after.since, after.reason, after.explanation) == (
        OFFLINE,
        LATER,
        "timeout",
        "It did not answer.",
    )
    assert (after.failures, after.failing_since) == (1, LATER)
    assert (change.kind, change.message) == (ActivityType.SERVER_DISCONNECTED, "web-01 disconnected: timeout")
    assert change.details == {"reason": "timeout", "explanation": "It did not answer."}
    assert change.result is Result.FAILURE


def test_more_failures_are_counted_and_not_told() -> None:
    after, changes = failed(down(), "web-01", Reason.REFUSED, "why", LATER)
    assert (after.since, after.failing_since, after.failures) == (AT, AT, 2)
    assert changes == []


def test_another_reason_is_kept_and_not_told_as_another_loss() -> None:
    after, changes = failed(down(), "web-01", Reason.AUTH_FAILED, "other", LATER)
    assert (after.reason, after.explanation, after.since) == ("auth_failed", "other", AT)
    assert changes == []


def test_a_changed_host_key_is_told_beside_the_loss() -> None:
    _, changes = failed(UP, "web-01", Reason.HOST_KEY_CHANGED, "why", LATER)
    assert kinds(changes) == [ActivityType.SERVER_DISCONNECTED, ActivityType.HOST_KEY_CHANGED]


def test_a_changed_host_key_of_a_server_that_was_away_is_told_once() -> None:
    after, changes = failed(down(), "web-01", Reason.HOST_KEY_CHANGED, "why", LATER)
    assert kinds(changes) == [ActivityType.HOST_KEY_CHANGED]
    assert failed(after, "web-01", Reason.HOST_KEY_CHANGED, "why", LATER)[1] == []


def test_failures_are_forgotten_after_a_poll_that_works() -> None:
    after, _ = succeeded(down(), "web-01", LATER)
    assert (after.failures, after.failing_since, after.reason, after.explanation) == (0, None, "", "")


def test_a_changed_boot_id_is_a_reboot() -> None:
    [change] = rebooted("web-01", "a", "b", 12.5)
    assert change.kind == ActivityType.SERVER_REBOOTED
    assert change.details == {"boot_id": {"before": "a", "after": "b"}, "uptime_seconds": 12.5}


@pytest.mark.parametrize(("before", "now"), [("", "a"), ("a", "a"), ("a", None), ("a", ""), ("", None)])
def test_a_boot_id_that_is_the_same_or_not_known_is_no_reboot(before: str, now: str | None) -> None:
    assert rebooted("web-01", before, now, 1.0) == []
