"""The only writer of samples, of what servers are made of, and of their state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction

from activity.context import Acting, acting, current
from activity.queries import ActivityFilter
from activity.record import record
from activity.types import ActivityType
from metrics import app_transitions, backoff, bulk, costs, crash_cards, partitions, rollups, sample_rows, transitions
from metrics.collect import Collected
from metrics.failures import Failure
from metrics.known import Known
from metrics.known_apps import AppChange, Followed
from metrics.models import (
    App,
    ContainerMetrics,
    Filesystem,
    FilesystemMetrics,
    Interface,
    InterfaceMetrics,
    LatestContainerMetrics,
    LatestServerMetrics,
    Sensor,
    Server,
    ServerMetrics,
    ServerState,
    TemperatureMetrics,
)
from metrics.models.fields import slot_at, slot_key
from metrics.periods import RAW
from metrics.probe import deltas
from metrics.probe.deltas import Counters, Sample
from metrics.probe.reading import Containers, Reading
from metrics.transitions import Change, Reachability

CAME_AND_WENT = (ActivityType.APP_INSTALLED, ActivityType.APP_UNINSTALLED)
HAPPENED = tuple(kind for kind in ActivityType if kind.startswith("app_") and kind not in CAME_AND_WENT)
MOST_TOLD_AN_HOUR = 600  # rows of each of these two sorts about one server
SAMPLES = (ServerMetrics, FilesystemMetrics, InterfaceMetrics, TemperatureMetrics, ContainerMetrics)
LATEST = (LatestServerMetrics, LatestContainerMetrics)
STATE_FIELDS = (
    "status since reason explanation failures failing_since next_poll_at polled_at poll_milliseconds boot_id"
    " clock_skew_seconds facts counters apps_status apps_way apps_answered apps_baseline apps_cut apps_revision"
    " connection_polls connection_bytes connection_cpu_milliseconds logins logins_on"
).split()


@dataclass(frozen=True)
class Polled:
    """A poll's end: what it collected, or why it failed. `server` is as it was when the poll began.

    `actor` is who what it changed is recorded of; None for who is acting.
    """

    server: Server
    at: datetime
    outcome: Collected | Failure
    actor: Acting | None = None


@dataclass
class _Rows:
    """What one transaction inserts, and the parts and apps that are known of its servers."""

    known: Known
    slots: set[int] = field(default_factory=set)
    samples: dict[type[models.Model], list[tuple[Any, ...]]] = field(default_factory=lambda: {m: [] for m in SAMPLES})
    latest: dict[type[models.Model], list[tuple[Any, ...]]] = field(default_factory=lambda: {m: [] for m in LATEST})
    changes: list[tuple[Polled, Change]] = field(default_factory=list)
    app_changes: list[tuple[Polled, str, AppChange]] = field(default_factory=list)
    states: list[ServerState] = field(default_factory=list)
    counters: dict[int, Counters] = field(default_factory=dict)

    def state_of(self, server: Server) -> ServerState:
        """The server's state to be changed and stored; what the poll was given stays, should it be stored again."""
        state = ServerState.__new__(ServerState)
        vars(state).update(vars(server.state))
        self.states.append(state)
        return state


def save(
    polls: Sequence[Polled], interval: timedelta, holder: str | None = None, known: Known | None = None
) -> set[int]:
    """Store polls, all of them or none: samples, states, and what they changed. Returns the ids of the servers that
    went online or offline, or are offline for another reason.

    A poll of a server that was deleted, paused or given other access meanwhile is dropped, and so is that of a poller
    process, `holder`, that has the server no more. Samples are unique per server and slot: the first one stands.
    `known` is what whoever polls these servers again and again knows of them.
    """
    partitions.ensure(RAW, [slot_at(poll.at) for poll in polls])
    with transaction.atomic():
        held = ServerState.objects.held([poll.server.pk for poll in polls], holder)
        revisions = dict(Server.objects.monitored().filter(pk__in=held).values_list("pk", "access_revision"))
        stored = [poll for poll in polls if revisions.get(poll.server.pk) == poll.server.access_revision]
        rows = _Rows(known or Known())
        rows.known.look_up([poll.server for poll in stored])
        for poll in stored:
            if isinstance(poll.outcome, Failure):
                _fail(poll, poll.outcome, interval, rows)
            else:
                _succeed(poll, poll.outcome, interval, rows)
        rollups.note_late(sorted(rows.slots))
        for model, values in rows.samples.items():
            bulk.insert(model, values)
        for model, values in rows.latest.items():
            bulk.upsert(model, values)
        written = _write_counters(stored, rows)
        bulk.update(ServerState, "server_id", _changes(stored, rows.states))
        _answer(stored)
        for poll, change in rows.changes:
            _record(poll, change)
        for poll, way, one in rows.app_changes:
            _record(poll, one.change, one.app)
            if one.change.kind == ActivityType.APP_CRASHED or "restarts" in one.change.details:
                crash_cards.make(one.app, way, poll.at)
    for server, counters in rows.counters.items():
        rows.known.count(server, counters)
    for server in written:
        rows.known.wrote(server, stored[0].at)
    before = [(poll.server.state.status, poll.server.state.reason) for poll in stored]
    return {now.pk for was, now in zip(before, rows.states, strict=True) if was != (now.status, now.reason)}


def _write_counters(polls: Sequence[Polled], rows: _Rows) -> list[int]:
    """Every few minutes, and where something is told, which must not be told again by whoever compares with them."""
    told = {poll.server.pk for poll, _change in rows.changes} | {poll.server.pk for poll, *_ in rows.app_changes}
    written = []
    for poll, state in zip(polls, rows.states, strict=True):
        pk = poll.server.pk
        if pk in rows.counters and (pk in told or rows.known.is_to_be_written(pk, poll.at)):
            state.counters = deltas.dumped(rows.counters[pk])
            written.append(pk)
    return written


def _changes(polls: Sequence[Polled], states: Sequence[ServerState]) -> Iterable[tuple[int, dict[str, Any]]]:
    """What is other than it was, of each state."""
    for poll, state in zip(polls, states, strict=True):
        before, now = vars(poll.server.state), vars(state)
        yield state.pk, {name: now[name] for name in STATE_FIELDS if now[name] != before[name]}


def _answer(polls: Sequence[Polled]) -> None:
    """Who asked for a poll has had it; who asked while it ran gets the next one at once."""
    states = ServerState.objects.filter(server__in=[poll.server for poll in polls])
    for poll in polls:
        if asked := poll.server.state.requested_by:
            states.filter(server=poll.server, requested_by=asked).update(requested_by="")
    if polls:
        states.filter(next_poll_at__isnull=False).exclude(requested_by="").update(next_poll_at=polls[0].at)


def reachability(state: ServerState) -> Reachability:
    return Reachability(state.status, state.since, state.reason, state.explanation, state.failures, state.failing_since)


def _succeed(poll: Polled, collected: Collected, interval: timedelta, rows: _Rows) -> None:
    server, state, reading = poll.server, rows.state_of(poll.server), collected.reading
    costs.keep(collected, poll.at, state)
    after, changes = transitions.succeeded(reachability(state), server.name, poll.at)
    changes += transitions.rebooted(server.name, state.boot_id, reading.boot_id, reading.uptime_seconds)
    if reading.containers:
        _add_apps(poll, collected, reading.containers, state, rows)
        crash_cards.keep(server, collected.logs)
    slot = slot_at(poll.at)
    figures = bulk.kept(ServerMetrics, sample_rows.server(collected.sample))
    rows.slots.add(slot)
    rows.samples[ServerMetrics].append((slot_key(slot, server.pk), *figures))
    rows.latest[LatestServerMetrics].append((server.pk, *figures, slot))
    _add_parts(server, poll.at, slot, collected.sample, rows)
    rows.changes += [(poll, change) for change in changes]
    _set(state, after)
    state.next_poll_at = backoff.next_round(collected.received_at, interval, backoff.phase(server.pk))
    state.polled_at = collected.received_at
    state.poll_milliseconds = round(collected.seconds * 1000)
    state.boot_id = reading.boot_id or state.boot_id
    state.clock_skew_seconds = clock_skew(reading, collected.received_at)
    rows.counters[server.pk] = deltas.counters(reading)
    if reading.facts:
        state.facts = facts(reading)


def _fail(poll: Polled, failure: Failure, interval: timedelta, rows: _Rows) -> None:
    state = rows.state_of(poll.server)
    costs.keep(failure, poll.at, state)
    after, changes = transitions.failed(
        reachability(state), poll.server.name, failure.reason, failure.explanation[:500], poll.at
    )
    rows.changes += [(poll, change) for change in changes]
    _set(state, after)
    state.next_poll_at = backoff.next_try(
        failure.reason,
        failures=after.failures,
        failing_since=after.failing_since or poll.at,
        at=poll.at,
        interval=interval,
        jitter=backoff.phase(poll.server.pk),
    )


def _set(state: ServerState, after: Reachability) -> None:
    for name, value in vars(after).items():
        setattr(state, name, value)


def facts(reading: Reading) -> dict[str, Any]:
    """What seldom changes, as it is kept on the server's state."""
    known = reading.facts
    return {
        "os": known and known.os,
        "kernel": known and known.kernel,
        "architecture": known and known.architecture,
        "cpu_model": known and known.cpu_model,
        "cores": len(reading.cores) or None,
        "cut": list(reading.cut),
        "memory_is_estimate": bool(reading.memory and reading.memory.is_estimate),
    }


def clock_skew(reading: Reading, received_at: datetime) -> int | None:
    """How many seconds the server's clock is ahead of ours (boot time + uptime, against our receive time)."""
    if reading.booted_at is None or reading.uptime_seconds is None:
        return None
    skew = reading.booted_at + reading.uptime_seconds - received_at.timestamp()
    return round(skew) if abs(skew) < 2**31 else None


def _add_parts(server: Server, at: datetime, slot: int, sample: Sample, rows: _Rows) -> None:
    """The rows of the parts that a sample saw."""
    filesystems = {one.mount: one for one in sample.filesystems or ()}
    traits: dict[str, dict[str, Any]] = {
        mount: {"device": one.device, "type": one.type, "is_read_only": one.is_read_only}
        for mount, one in filesystems.items()
    }
    for name, part in rows.known.parts.ids(Filesystem, server, at, traits).items():
        one = filesystems[name]
        sizes = (one.total_bytes, one.used_bytes, one.available_bytes, one.inodes_total, one.inodes_used)
        rows.samples[FilesystemMetrics].append((slot_key(slot, part), *bulk.kept(FilesystemMetrics, sizes)))
    traits = {name: {"is_counted": one.is_counted} for name, one in sample.interfaces.items()}
    for name, part in rows.known.parts.ids(Interface, server, at, traits).items():
        counted, rate = sample.interfaces[name], sample.interface_rates.get(name)
        counters = (counted.receive_bytes, counted.transmit_bytes)
        rates = (rate.receive_bytes_per_second, rate.transmit_bytes_per_second) if rate else (None, None)
        figures = (*counters, *rates, counted.errors, counted.drops)
        rows.samples[InterfaceMetrics].append((slot_key(slot, part), *bulk.kept(InterfaceMetrics, figures)))
    temperatures = sample.temperatures or {}
    for name, part in rows.known.parts.ids(Sensor, server, at, {name: {} for name in temperatures}).items():
        celsius = bulk.kept(TemperatureMetrics, [temperatures[name]])
        rows.samples[TemperatureMetrics].append((slot_key(slot, part), *celsius))


def _add_apps(poll: Polled, collected: Collected, seen: Containers, state: ServerState, rows: _Rows) -> None:
    """What a poll saw of a server's containers: their apps followed, a row for each, and whether they can be listed."""
    server, figures = poll.server, collected.sample.containers
    rows.changes += [
        (poll, change) for change in app_transitions.status_changed(server.name, state.apps_status, seen.status)
    ]
    slot = slot_at(poll.at)
    followed = _followed(poll, seen, collected, state, rows)
    rows.app_changes += [(poll, seen.way, change) for change in _told(poll, followed.changes, rows)]
    for container_id, app_id in followed.ids.items():
        if one := seen.by_id.get(container_id):
            row = bulk.kept(ContainerMetrics, sample_rows.container(one, figures.get(container_id)))
            rows.samples[ContainerMetrics].append((slot_key(slot, app_id), *row))
            rows.latest[LatestContainerMetrics].append((app_id, *row, slot))
    state.apps_status, state.apps_way, state.apps_revision = str(seen.status), seen.way, seen.revision
    state.apps_answered, state.apps_cut = _joined(seen.answered), seen.is_cut
    state.apps_baseline = _joined(_baseline(state) | seen.answered)


def _joined(engines: Iterable[str]) -> str:
    return ",".join(sorted(engines))


def _baseline(state: ServerState) -> frozenset[str]:
    """The engines that listed their containers once."""
    return frozenset(filter(None, state.apps_baseline.split(",")))


def _followed(poll: Polled, seen: Containers, collected: Collected, state: ServerState, rows: _Rows) -> Followed:
    """Nothing is looked at twice: the same list as at the poll before has the same apps."""
    figures = collected.sample.containers
    if seen.revision == state.apps_revision and not any(one.out_of_memory_kills for one in figures.values()):
        return rows.known.apps.unchanged(poll.server)
    boots = (state.boot_id, collected.reading.boot_id)
    return rows.known.apps.follow(
        poll.server,
        poll.at,
        seen,
        figures,
        announced=_baseline(state) | ({""} if state.apps_status else set()),
        has_rebooted=all(boots) and boots[0] != boots[1],
        booted_at=collected.reading.booted_at if _joined(seen.answered) != state.apps_answered else None,
    )


def _told(poll: Polled, changes: list[AppChange], rows: _Rows) -> list[AppChange]:
    """As many as may be told of a server in an hour; that there are more is told in one line.

    Made-up names use up no room of what happens to apps that are known.
    """
    told: list[AppChange] = []
    for kinds in (CAME_AND_WENT, HAPPENED):
        some = [one for one in changes if one.change.kind in kinds]
        if some:
            lately = ActivityFilter(server_id=poll.server.pk, activity_types=kinds, since=poll.at - timedelta(hours=1))
            told += some[: max(MOST_TOLD_AN_HOUR - lately.rows().count(), 0)]
    if left := len(changes) - len(told):
        message = f"{left} more changes of apps on {poll.server.name} are not told one by one"
        rows.changes.append((poll, Change(ActivityType.APPS_CHANGED, message, {"changes": len(changes)})))
    return told


def _record(poll: Polled, change: Change, app: App | None = None) -> None:
    with acting(poll.actor or current()):
        record(
            change.kind,
            change.message,
            server=poll.server,
            app=app,
            result=change.result,
            details=change.details,
            at=poll.at,
        )
