"""What watching costs: kept with each poll, told of one server and of all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import TYPE_CHECKING

from django.utils.timezone import localdate

from metrics.failures import Failure
from metrics.models import Server, ServerState, Status

if TYPE_CHECKING:
    from metrics.collect import Collected  # with it comes SSH, which who reads needs not


@dataclass(frozen=True)
class Cost:
    """Of one poll: how long the last one took; bytes and CPU as the mean over the `polls` of the newest connection,
    signing in included. Bytes are those of the SSH connection in both directions, CPU is the server's.

    `logins_today` are since midnight in the time zone that the pages show.
    """

    polls: int | None
    milliseconds: float | None
    bytes: float | None
    cpu_milliseconds: float | None
    logins_today: int


def keep(outcome: "Collected | Failure", at: datetime, state: ServerState) -> None:
    """Write what a poll has cost into the state of its server."""
    if outcome.logins:
        state.logins, state.logins_on = _logins_today(state, at) + outcome.logins, localdate(at)
    if not isinstance(outcome, Failure):
        spent_seconds = outcome.reading.watching_seconds
        state.connection_polls, state.connection_bytes = outcome.polls, outcome.moved_bytes
        state.connection_cpu_milliseconds = None if spent_seconds is None else round(spent_seconds * 1000)


def cost(server: Server, at: datetime) -> Cost:
    """What watching a server costs; while it is not online, the logins alone."""
    state = server.state
    logins = _logins_today(state, at)
    if server.status != Status.ONLINE or not state.connection_polls:
        return Cost(None, None, None, None, logins)
    return Cost(
        polls=state.connection_polls,
        milliseconds=state.poll_milliseconds,
        bytes=_each(state.connection_bytes, state.connection_polls),
        cpu_milliseconds=_each(state.connection_cpu_milliseconds, state.connection_polls),
        logins_today=logins,
    )


def together(costs: Sequence[Cost]) -> Cost:
    """Of a poll of any of these servers, and the logins at all of them."""
    return Cost(
        polls=sum(one.polls or 0 for one in costs) or None,
        milliseconds=_mean(one.milliseconds for one in costs),
        bytes=_mean(one.bytes for one in costs),
        cpu_milliseconds=_mean(one.cpu_milliseconds for one in costs),
        logins_today=sum(one.logins_today for one in costs),
    )


def _logins_today(state: ServerState, at: datetime) -> int:
    return state.logins if state.logins_on == localdate(at) else 0


def _each(total: int | None, polls: int) -> float | None:
    return None if total is None else total / polls


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
