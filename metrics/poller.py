"""The poller: keeps the connections of the servers that it has, and polls those that are due."""

import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import final

import structlog
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, close_old_connections
from django.db.models import F
from django.db.models.functions import Now

from activity.context import Acting, new_request_id
from metrics import backoff, crash_cards, leases, room, store
from metrics.collect import Collected, Wanted
from metrics.connections import Connection, Way, way
from metrics.failures import Failure
from metrics.known import Known
from metrics.meter import Meter
from metrics.models import Heartbeat, Server
from metrics.models.heartbeat import Instant
from metrics.poll import Outcome, Poll, is_lost, run_poll, tell
from metrics.store import Polled

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0  # what is done within it is stored together
RENEW_SECONDS = 3.0
METER_SECONDS = 60.0
AT_ONCE = 50  # polls stored in one transaction
SLOW_SECONDS = 2.0
RECONNECT_SECONDS = 18 * 3600.0
LANES = {"steady": 48, "connecting": 16, "slow": 16}


@final
@dataclass
class _Kept:
    """A connection with the access it was opened for."""

    connection: Connection
    to: Way
    access_revision: int
    is_slow: bool


@dataclass
class Poller:
    """One of a site's pollers. Lives as long as its process and is used by one thread."""

    name: str
    site: str
    interval: timedelta
    process: int = field(default_factory=os.getpid)
    _kept: dict[int, _Kept] = field(default_factory=dict)
    _known: Known = field(default_factory=Known)
    _running: dict[Future[Outcome], Poll] = field(default_factory=dict)
    _renewed_at: float = 0.0
    _late: int = 0
    _is_short: bool = False

    def __post_init__(self) -> None:
        self.holder = f"{socket.gethostname()}:{self.process}:{time.time_ns()}"[-80:]
        self._lanes = _lanes()
        self._meter = Meter(max(self.interval.total_seconds(), METER_SECONDS))

    def run(self, is_over: Callable[[], bool]) -> None:
        """Poll until `is_over` or until the lease is somebody else's."""
        while True:
            try:
                if is_over() or not self._keep_lease():
                    return
                self.tick(datetime.now(UTC))
            except (OperationalError, InterfaceError) as wrong:
                # The database restarts, or its disk is full: go on when it is back.
                log.error("poller.database_failed", error=str(wrong))
                close_old_connections()
                time.sleep(TICK_SECONDS)

    def tick(self, at: datetime) -> None:
        """Start what is due, store together what is done; takes about a second."""
        until = time.monotonic() + TICK_SECONDS
        if self._has_room():
            self._start_due(at)
        self._store_done(wait(self._running, TICK_SECONDS).done)
        time.sleep(max(until - time.monotonic(), 0))

    def renew(self, at: Instant) -> bool:
        """Show that it lives, take and give back servers; False if its name is another process's."""
        if not Heartbeat.objects.hold(self.name, self.holder, at, self.site):
            return False
        self._renewed_at = time.monotonic()
        self._tell()
        mine, surplus = leases.take(self.site, self.holder, at)
        given = set(surplus) - {poll.server.pk for poll in self._running.values()}
        for pk in self._kept.keys() - (mine - given):  # nobody stays signed in at a server that is not its own to poll
            self._kept.pop(pk).connection.close()
        self._known.forget_others(mine - given)
        if given:
            leases.give_back(given, self.holder)
        return True

    def _tell(self) -> None:
        """How much it did, and what that cost."""
        beat = Heartbeat.objects.filter(name=self.name)
        if self._late:
            beat.update(late_polls=F("late_polls") + self._late)
            self._late = 0
        if figures := self._meter.read():
            beat.update(servers_held=len(self._kept), **figures)

    def close(self) -> None:
        """Let go of everything that is held, of what still runs when it is done; the poller may be used again."""
        for future in self._running:
            future.add_done_callback(_let_go)
        self._running.clear()
        for lane in self._lanes.values():
            lane.shutdown(wait=False)
        self._lanes = _lanes()
        for kept in self._kept.values():
            kept.connection.close()
        self._kept.clear()

    def _keep_lease(self) -> bool:
        is_due = time.monotonic() - self._renewed_at >= RENEW_SECONDS
        is_mine = self.renew(Now()) if is_due else Heartbeat.objects.is_held(self.name, self.holder)
        if not is_mine:
            log.info("poller.waiting", poller=self.name)
            self.close()
        return is_mine

    def _has_room(self) -> bool:
        """Whether samples may be stored; told once when it changes."""
        is_short = room.is_short()
        if is_short != self._is_short:
            self._is_short = is_short
            log.error("poller.disk_full" if is_short else "poller.disk_has_room_again", floor_bytes=room.FLOOR_BYTES)
        return not is_short

    def _start_due(self, at: datetime) -> None:
        due = Server.objects.monitored().due(at).held_by(self.holder, self.site).select_related("state")
        running = {poll.server.pk for poll in self._running.values()}
        wanted = crash_cards.wanted(at)
        for server in due.order_by("state__failures"):
            if server.pk not in running:
                self._start(server, server.state.round_at(at), wanted.get(server.pk, {}))

    def _start(self, server: Server, at: datetime, wanted: Wanted) -> None:
        kept = self._usable(server)
        actor = Acting(request_id=server.state.requested_by or new_request_id())
        try:
            to = kept.to if kept else way(server)
        except Failure as failure:
            self._store([Polled(server, at, failure, actor)])
            return
        lane = "slow" if server.state.failures or (kept and kept.is_slow) else "steady" if kept else "connecting"
        poll = Poll(server, at, actor, to, self._known.counters(server), wanted, is_over_kept=bool(kept))
        self._submit(lane, poll, kept.connection if kept else None)

    def _submit(self, lane: str, poll: Poll, connection: Connection | None) -> None:
        self._running[self._lanes[lane].submit(run_poll, poll, connection)] = poll

    def _usable(self, server: Server) -> _Kept | None:
        """The server's connection, unless it is old or was opened for other access."""
        kept = self._kept.pop(server.pk, None)
        if kept is None:
            return None
        is_old = time.monotonic() - kept.connection.opened_at > RECONNECT_SECONDS
        if is_old or kept.access_revision != server.access_revision:
            kept.connection.close()
            return None
        return kept

    def _store_done(self, done: set[Future[Outcome]]) -> None:
        polled = []
        for future in done:
            poll = self._running.pop(future)
            connection, outcome = future.result()
            if poll.is_over_kept and is_lost(outcome):
                self._submit("connecting", replace(poll, is_over_kept=False), None)
                continue
            if connection and isinstance(outcome, Collected):
                is_slow = outcome.seconds > SLOW_SECONDS
                self._kept[poll.server.pk] = _Kept(connection, poll.to, poll.server.access_revision, is_slow)
                phase = backoff.phase(poll.server.pk)
                self._late += backoff.rounds_between(poll.at, outcome.received_at, self.interval, phase)
            polled.append(Polled(poll.server, poll.at, outcome, poll.actor))
        self._meter.count(len(polled))
        for start in range(0, len(polled), AT_ONCE):
            self._store(polled[start : start + AT_ONCE])
            self._keep_lease()  # the first look at many servers takes long, and is no silence

    def _store(self, polled: list[Polled]) -> None:
        """All in one transaction; if one of them cannot be stored, each in its own."""
        try:
            news = self._saved(polled)
        except (IntegrityError, DataError, ValueError) as wrong:
            log.error("poller.not_stored", servers=[one.server.name for one in polled], error=str(wrong))
            if len(polled) > 1:
                for one in polled:
                    self._store([one])
            return
        for one in polled:
            tell(one, is_news=one.server.pk in news)

    def _saved(self, polled: list[Polled]) -> set[int]:
        """What is known after it failed is not what is stored."""
        try:
            return store.save(polled, self.interval, self.holder, self._known)
        except BaseException:
            self._known.forget([one.server.pk for one in polled])
            raise


def _lanes() -> dict[str, ThreadPoolExecutor]:
    """A dead server never keeps a living one waiting: each sort of work has threads of its own."""
    return {name: ThreadPoolExecutor(threads, f"poll-{name}") for name, threads in LANES.items()}


def _let_go(poll: Future[Outcome]) -> None:
    """Close what a poll connected that nobody waits for any more."""
    connection, _ = poll.result()
    if connection:
        connection.close()
