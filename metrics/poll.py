"""One poll under way: the part of it that runs in a thread, and the line that it leaves in the log."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import final

import structlog

from activity.context import Acting, acting, current
from metrics.collect import Collected, Wanted, collect, connect_and_collect
from metrics.connections import Connection, Way
from metrics.failures import Failure, Reason
from metrics.models import Server
from metrics.probe.deltas import Counters
from metrics.store import Polled

log = structlog.get_logger(__name__)

Outcome = tuple[Connection | None, Collected | Failure]


@final
@dataclass(frozen=True)
class Poll:
    """A poll under way: of a server as it was when it began, over a kept connection or a new one."""

    server: Server
    at: datetime
    actor: Acting
    to: Way
    before: Counters
    wanted: Wanted
    is_over_kept: bool


def is_lost(outcome: Collected | Failure) -> bool:
    """Whether a kept connection broke: then one over a new connection is tried at once, so that a restarted sshd
    costs no poll. A server that is too slow is not asked twice."""
    return isinstance(outcome, Failure) and outcome.reason is not Reason.TOO_SLOW


def tell(poll: Polled, *, is_news: bool) -> None:
    """One line; it is there to be seen if somebody asked for the poll, or if it changed whether the server is read."""
    is_asked_for = bool(poll.server.state.requested_by)
    seconds = round((datetime.now(UTC) - poll.at).total_seconds(), 2)
    about = {"server": poll.server.name, "server_id": poll.server.pk, "seconds": seconds}
    with acting(poll.actor or current()):
        if isinstance(poll.outcome, Failure):
            level = logging.WARNING if is_asked_for or is_news else logging.DEBUG
            log.log(level, "poll.failed", **about, reason=str(poll.outcome.reason))
        else:
            log.log(logging.INFO if is_asked_for else logging.DEBUG, "poll.finished", **about)


def run_poll(poll: Poll, connection: Connection | None) -> Outcome:
    """The part of a poll that runs in a thread: no database, nothing shared."""
    with acting(poll.actor):
        return _outcome(poll, connection)


def _outcome(poll: Poll, connection: Connection | None) -> Outcome:
    try:
        if connection is None:
            connection, collected = connect_and_collect(poll.to, poll.before, poll.wanted)
        else:
            collected = collect(connection.probe, poll.before, poll.wanted)
        if not connection.probe.is_lost:
            return connection, collected
        outcome: Collected | Failure = collected
    except Failure as failure:
        outcome = failure
    except Exception as wrong:  # the rim of the thread: one server's surprise stays its own
        log.exception("poll.crashed", server=poll.server.name, server_id=poll.server.pk)
        outcome = Failure(Reason.BAD_ANSWER, poll.to.where if poll.to else "this machine", type(wrong).__name__)
    if connection:
        connection.close()
    return None, outcome
