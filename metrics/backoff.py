"""When a server is polled next: at the next round, or by how and for how long it has failed. Pure."""

from datetime import UTC, datetime, timedelta

from metrics.failures import IS_REFUSED_SIGN_IN, STAYS_UNTIL_MENDED, Reason

EPOCH = datetime.fromtimestamp(0, UTC)
GOLDEN = 0.618033988749895  # its multiples leave no gap anywhere, however many there are
AUTH_TRIES = 3
AUTH_WAIT = timedelta(minutes=5)
# Unreachable for less than this: try again after that.
STEPS = (
    (timedelta(seconds=45), timedelta(seconds=15)),
    (timedelta(minutes=10), timedelta(seconds=60)),
    (timedelta.max, timedelta(minutes=5)),
)


def phase(server_id: int) -> float:
    """Where in the interval a server's rounds are, from 0 to 1: always the same, and evenly spread over all servers."""
    return server_id * GOLDEN % 1


def next_round(at: datetime, interval: timedelta, phase: float) -> datetime:
    """The first round after that; those of one server are whole intervals apart."""
    return EPOCH + interval * phase + interval * (_number(at, interval, phase) + 1)


def rounds_between(since: datetime, until: datetime, interval: timedelta, phase: float) -> int:
    """How many rounds came after `since`, up to `until`."""
    return _number(until, interval, phase) - _number(since, interval, phase)


def _number(at: datetime, interval: timedelta, phase: float) -> int:
    return (at - EPOCH - interval * phase) // interval


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
