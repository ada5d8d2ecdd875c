"""What happened to made-up machines, polled and stored as the poller would have."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from metrics import crash_cards, retention, store
from metrics.collect import Collected, Wanted, collect
from metrics.demo import fleet
from metrics.demo.connection import DemoConnection, MadeUp
from metrics.demo.fleet import AppPlan, Plan
from metrics.demo.waves import MINUTE
from metrics.failures import Failure
from metrics.models import Server
from metrics.probe import deltas
from metrics.store import Polled

BEFORE_A_CRASH = 15 * MINUTE


def live_through(due: Mapping[int, Sequence[str]], begun_at: int, tell: Callable[[float], None]) -> None:
    """Poll the machines that are due at each instant, as the poller would have."""
    connections: dict[str, DemoConnection] = {}
    for number, at in enumerate(sorted(due)):
        tell(number / len(due))
        when = datetime.fromtimestamp(at, UTC)
        wanted = crash_cards.wanted(when)
        watched = Server.objects.filter(name__in=due[at]).select_related("state")
        polls = [Polled(one, when, _poll(one, when, begun_at, connections, wanted.get(one.pk, {}))) for one in watched]
        store.save(polls, timedelta(seconds=retention.interval_seconds()))


def eventful(names: Sequence[str], start: int, end: int) -> dict[int, list[str]]:
    """Which machines to poll when: each at the first minute, at the last two, and whenever something happens to it."""
    due = defaultdict(list)
    for name in names:
        for at in {start, end - MINUTE, end, *_minutes(fleet.plan(name, end), start, end)}:
            due[at].append(name)
    return due


def _minutes(plan: Plan, start: int, end: int) -> Iterator[int]:
    """The minutes in which a poll sees something new; before a crash those that its card tells of."""
    instants = [*plan.boots.within(start, end)]
    if plan.outage:
        waits = (-2 * MINUTE, 0, plan.outage.seconds)  # the first is when it was seen last
        instants += [at + wait for at in plan.outage.begins.within(start, end) for wait in waits]
    for app in plan.apps:
        instants += [*app.deployed.within(start, end), *_troubled(app, start, end)]
    for at in instants:
        minute = -(-int(at + 1) // MINUTE) * MINUTE
        if start < minute < end:
            yield minute


def _troubled(app: AppPlan, start: int, end: int) -> Iterator[float]:
    if app.trouble is None:
        return
    for at in app.trouble.begins.within(start, end):
        if app.trouble.kind == "sick":
            yield from (at, at + app.trouble.seconds)
        else:
            minutes = range(-BEFORE_A_CRASH, int(app.trouble.seconds) + 3 * MINUTE, MINUTE)
            yield from (at + wait for wait in minutes)


def _poll(
    server: Server, at: datetime, begun_at: int, connections: dict[str, DemoConnection], wanted: Wanted
) -> Collected | Failure:
    """What a poll at that instant would have brought."""
    to, clock = MadeUp(server.name, begun_at, server.address), at.timestamp
    try:
        if server.name not in connections:
            connections[server.name] = DemoConnection(to, clock)
        connection = connections[server.name]
        connection.tell_time(clock)
        return replace(collect(connection.probe, deltas.loaded(server.state.counters), wanted), received_at=at)
    except Failure as failure:
        was_kept = connections.pop(server.name, None)
        return _poll(server, at, begun_at, connections, wanted) if was_kept else failure
