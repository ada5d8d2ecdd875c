"""When a failing server is tried again."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from metrics.backoff import next_round, next_try, phase, rounds_between
from metrics.failures import IS_REFUSED_SIGN_IN, REMEDIES, STAYS_UNTIL_MENDED, Failure, Reason
from tests.conftest import AT

INTERVAL = timedelta(seconds=10)


def wait(
    reason: Reason, *, failures: int = 1, failing_seconds: float = 0, jitter: float = 0, interval: timedelta = INTERVAL
) -> float | None:
    since = AT - timedelta(seconds=failing_seconds)
    tried = next_try(reason, failures=failures, failing_since=since, at=AT, interval=interval, jitter=jitter)
    return tried and (tried - AT).total_seconds()


@pytest.mark.parametrize(
    ("failing_seconds", "seconds"),
    [(0, 15), (44, 15), (45, 60), (599, 60), (600, 300), (86_400, 300), (10 * 365 * 86_400, 300)],
)
def test_the_longer_it_is_unreachable_the_longer_is_the_wait(failing_seconds: float, seconds: float) -> None:
    assert wait(Reason.REFUSED, failing_seconds=failing_seconds) == seconds


@pytest.mark.parametrize("reason", sorted(IS_REFUSED_SIGN_IN))
@pytest.mark.parametrize(("failures", "seconds"), [(1, 60), (2, 60), (3, 300), (4, 300), (1000, 300)])
def test_after_three_refused_sign_ins_there_is_one_try_in_five_minutes(
    reason: Reason, failures: int, seconds: float
) -> None:
    assert wait(reason, failures=failures) == seconds


def test_a_refused_sign_in_is_not_tried_sooner_than_the_interval() -> None:
    assert wait(Reason.AUTH_FAILED, interval=timedelta(minutes=3)) == 180


def test_a_changed_host_key_waits_to_be_mended() -> None:
    assert wait(Reason.HOST_KEY_CHANGED) is None


@pytest.mark.parametrize("reason", sorted(set(Reason) - STAYS_UNTIL_MENDED))
@pytest.mark.parametrize("jitter", [0, 0.5, 1])
def test_jitter_lengthens_a_wait_by_a_tenth_at_most(reason: Reason, jitter: float) -> None:
    shortest, found = wait(reason), wait(reason, jitter=jitter)
    assert shortest is not None
    assert found is not None
    assert shortest * (1 + jitter / 10) == pytest.approx(found)


@pytest.mark.parametrize(("second", "next_second"), [(0, 10), (0.001, 10), (9.999, 10), (10, 20), (14, 20)])
def test_rounds_are_whole_multiples_of_the_interval(at: datetime, second: float, next_second: float) -> None:
    assert next_round(at + timedelta(seconds=second), INTERVAL, 0) == at + timedelta(seconds=next_second)


@given(
    since=some.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    seconds=some.integers(10, 3600),
    server=some.integers(1, 2**24),
)
def test_the_next_round_is_less_than_an_interval_away_and_a_whole_one_before_the_one_after(
    since: datetime, seconds: int, server: int
) -> None:
    at, interval = since.replace(tzinfo=UTC), timedelta(seconds=seconds)
    following = next_round(at, interval, phase(server))
    assert timedelta(0) < following - at <= interval
    assert next_round(following, interval, phase(server)) - following == interval
    assert rounds_between(at, following, interval, phase(server)) == 1
    assert rounds_between(at, following - timedelta(microseconds=1), interval, phase(server)) == 0
    assert rounds_between(following, following + 3 * interval, interval, phase(server)) == 3


@given(first=some.integers(1, 2**23), count=some.integers(1, 3000))
def test_whichever_servers_there_are_their_rounds_are_evenly_spread(first: int, count: int) -> None:
    offsets = sorted(phase(server) for server in range(first, first + count))
    assert 0 <= offsets[0] <= offsets[-1] < 1
    assert max(later - sooner for sooner, later in pairwise([*offsets, offsets[0] + 1])) < 3 / count


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_a_remedy_that_says_where(reason: Reason) -> None:
    assert "192.0.2.1:22" in Failure(reason, "192.0.2.1:22").explanation
    assert set(REMEDIES) == set(Reason)
