"""When a server is polled next: at the next round, or by how and for how long it has failed. Pure."""

from datetime import UTC, datetime, timedelta

from metrics.failures import IS_REFUSED_SIGN_IN, STAYS_UNTIL_MENDED, Reason

AUTH_TRIES = 3
AUTH_WAIT = timedelta(minutes=5)
# Unreachable for less than this: try again after that.
STEPS = (
    (timedelta(seconds=45), timedelta(seconds=15)),
    (timedelta(minutes=10), timedelta(seconds=60)),
    (timedelta.max, timedelta(minutes=5)),
)


def next_round(at: datetime, interval: timedelta) -> datetime:
    """The next whole multiple of the interval, so that all servers are polled together."""
    seconds = interval.total_seconds()
    return datetime.fromtimestamp((at.timestamp() // seconds + 1) * seconds, UTC)


def next_try(
    reason: Reason, *, failures: int, failing_since: datetime, at: datetime, interval: timedelta, jitter: float
) -> datetime | None:
    """When to try a failing server again; None is "not before somebody mends it". `jitter` is from 0 to 1."""
    if reason in STAYS_UNTIL_MENDED:
        return None
    if reason in IS_REFUSED_SIGN_IN:
        wait = AUTH_WAIT if failures >= AUTH_TRIES else max(interval, timedelta(seconds=60))
    else:
        wait = next(wait for limit, wait in STEPS if at - failing_since < limit)
    return at + wait * (1 + jitter / 10)
