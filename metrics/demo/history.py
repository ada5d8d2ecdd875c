"""A demo's past: what happened is polled, recorded and stored by the product itself; figures are written in bulk."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from activity.context import Acting, acting
from activity.types import ActorKind, Origin
from metrics import bulk, crash_cards, partitions, retention, rollups, servers, store
from metrics.collect import Collected, collect
from metrics.demo import fleet, rows
from metrics.demo.connection import DemoConnection, MadeUp, machine
from metrics.demo.fleet import AppPlan, Plan
from metrics.demo.machine import Machine, Moment
from metrics.demo.waves import DAY, MINUTE
from metrics.failures import Failure
from metrics.models import (
    App,
    ContainerMetrics,
    Filesystem,
    FilesystemMetrics,
    FleetMetrics,
    Interface,
    InterfaceMetrics,
    Resolved,
    Sensor,
    Server,
    ServerMetrics,
    TemperatureMetrics,
)
from metrics.models.fields import slot_key
from metrics.models.fleet_metrics import FLEET
from metrics.models.rollups import ROLLUPS, SAMPLES, UNSUMMED, figures_of
from metrics.models.server import Transport
from metrics.periods import FIVE_MINUTES, HOUR, RAW, Resolution
from metrics.probe import deltas
from metrics.probe.reading import State
from metrics.store import Polled

DEMO = Acting(kind=ActorKind.COMMAND, origin=Origin.COMMAND, name="demo")
STEPS = {RAW: MINUTE, FIVE_MINUTES: 300, HOUR: 300}  # seconds over which the figures of a resolution are worked out
BEFORE_A_CRASH = 15 * MINUTE
AT_ONCE = 3600  # seconds whose rows are written in one transaction

Tell = Callable[[str, float], None]
"""Told of each stage and its share from 0 to 1."""


@dataclass(frozen=True)
class _Stretch:
    """From when to when (epoch seconds, the end excluded) history is written at a resolution."""

    resolution: Resolution
    start: int
    end: int


def fill(names: Sequence[str], end: datetime, days: int, tell: Tell) -> None:
    """The machines of these names, as if they had been watched for so many days until `end`, a whole minute."""
    now = int(end.timestamp())
    start = (now - days * DAY) // 3600 * 3600
    with acting(DEMO):
        for name in names:
            _add(fleet.plan(name, now), datetime.fromtimestamp(start, UTC))
    _live_through(_eventful(names, start, now), now, lambda share: tell("What happened", share))
    for model in SAMPLES:
        model._default_manager.all().delete()
    _write(_stretches(start, now), [_Known(machine(name, now)) for name in names], tell)
    _roll(end, tell)


def catch_up(names: Sequence[str], begun_at: datetime, end: datetime, tell: Tell) -> None:
    """Every minute since the past was begun: filling it took a while."""
    begun = int(begun_at.timestamp())
    due = dict.fromkeys(range(begun + MINUTE, int(end.timestamp()), MINUTE), names)
    _live_through(due, begun, lambda share: tell("The last minutes", share))


def _add(plan: Plan, at: datetime) -> None:
    server = Server(name=plan.name, hostname=plan.hostname, transport=Transport.DEMO)
    servers.add(server, None, plan.tags, at)
    Server.objects.filter(pk=server.pk).update(added_at=at)


# What happened ----------------------------------------------------------------------------------


def _live_through(due: Mapping[int, Sequence[str]], begun_at: int, tell: Callable[[float], None]) -> None:
    """Poll the machines that are due at each instant, as the poller would have."""
    connections: dict[str, DemoConnection] = {}
    for number, at in enumerate(sorted(due)):
        tell(number / len(due))
        when = datetime.fromtimestamp(at, UTC)
        wanted = crash_cards.wanted(when)
        watched = Server.objects.filter(name__in=due[at]).select_related("state")
        polls = [Polled(one, when, _poll(one, when, begun_at, connections, wanted.get(one.pk, {}))) for one in watched]
        store.save(polls, timedelta(seconds=retention.interval_seconds()))


def _eventful(names: Sequence[str], start: int, end: int) -> dict[int, list[str]]:
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
    server: Server, at: datetime, begun_at: int, connections: dict[str, DemoConnection], wanted: Any
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
        return (
            failure if connections.pop(server.name, None) is None else _poll(server, at, begun_at, connections, wanted)
        )


# The figures ------------------------------------------------------------------------------------


class _Known:
    """A machine with the ids of all that has figures of its own."""

    def __init__(self, made_up: Machine) -> None:
        self.machine, plan = made_up, made_up.plan
        server = Server.objects.get(name=plan.name)
        self.server_id = server.pk
        parts: dict[type[Any], dict[str, int]] = {
            model: dict(model._default_manager.filter(server=server).values_list("name", "pk"))
            for model in (Filesystem, Interface, Sensor)
        }
        apps = dict(App.objects.filter(server=server).values_list("container_name", "pk"))
        self._filesystems = [parts[Filesystem][disk.mount] for disk in plan.disks]
        self._interfaces = parts[Interface]
        self._sensors = [parts[Sensor][f"{chip} {label}"] for chip, label, _ in plan.shape.sensors]
        self._apps = [apps[app.container_name] for app in plan.apps]
        self._before: Moment | None = None

    def rows(self, at: int, step: int) -> dict[type[Any], list[tuple[int, rows.Row]]] | None:
        """The figures of the step that ends then, by owner; None while it is down."""
        made_up = self.machine
        before = self._before if self._before and self._before.at == at - step else made_up.at(at - step)
        now = self._before = made_up.at(at)
        if made_up.is_down(at):
            return None
        interfaces = [self._interfaces[name] for name in now.traffic]
        return {
            ServerMetrics: [(self.server_id, rows.server(made_up.plan, now, before))],
            FilesystemMetrics: _owned(self._filesystems, rows.filesystems(now)),
            InterfaceMetrics: _owned(interfaces, rows.interfaces(now, before)),
            TemperatureMetrics: _owned(self._sensors, rows.temperatures(now)),
            ContainerMetrics: _owned(self._apps, rows.containers(now, before)),
        }


def _owned(owners: Sequence[int], figures: Sequence[rows.Row]) -> list[tuple[int, rows.Row]]:
    return list(zip(owners, figures, strict=True))


def _stretches(start: int, end: int) -> list[_Stretch]:
    """As finely as the product keeps each time; the finer one begins on a whole hour."""
    kept = retention.kept()
    fine, raw = (max((end - kept[one]) // 3600 * 3600, start) for one in (FIVE_MINUTES, RAW))
    return [_Stretch(HOUR, start, fine), _Stretch(FIVE_MINUTES, fine, raw), _Stretch(RAW, raw, end + 1)]


def _write(stretches: Sequence[_Stretch], known: Sequence[_Known], tell: Tell) -> None:
    for one in stretches:
        for begin in range(one.start, one.end, AT_ONCE):
            tell(f"Figures of {one.resolution.label}", (begin - one.start) / (one.end - one.start))
            partitions.ensure(one.resolution, [begin])
            with transaction.atomic():
                part = _Stretch(one.resolution, begin, min(begin + AT_ONCE, one.end))
                _write_samples(part, known) if one.resolution is RAW else _write_buckets(part, known)
    hourly, fine, raw = stretches
    _note(RAW, done=0, pruned=raw.start)
    _note(FIVE_MINUTES, done=raw.start, pruned=fine.start)
    _note(HOUR, done=fine.start, pruned=hourly.start)


def _note(resolution: Resolution, done: int, pruned: int) -> None:
    Resolved.objects.update_or_create(
        seconds=resolution.seconds, defaults={"claimed_until": done, "done_until": done, "pruned_until": pruned}
    )


def _write_samples(part: _Stretch, known: Sequence[_Known]) -> None:
    found = defaultdict(list)
    for at in range(part.start, part.end, STEPS[RAW]):
        for model, owner, row in _at(at, STEPS[RAW], known):
            found[model].append((slot_key(at, owner), *row))
    for model, values in found.items():
        bulk.insert(model, values)


def _write_buckets(part: _Stretch, known: Sequence[_Known]) -> None:
    """Roll-ups as they would be, made of steps of five minutes instead of every sample."""
    width, step = part.resolution.seconds, STEPS[part.resolution]
    samples, steps = width // retention.interval_seconds(), width // step
    found = defaultdict(list)
    for start in range(part.start, part.end, width):
        gathered = defaultdict(list)
        for at in range(start, start + width, step):
            together = []
            for model, owner, row in _at(at + step, step, known):
                gathered[model, owner].append(row)
                if model is ServerMetrics:
                    together.append(row)
            gathered[FleetMetrics, FLEET].append(_fleet(together))
        for (model, owner), some in gathered.items():
            count = max(round(samples * len(some) / steps), 1)
            found[model].append((slot_key(start, owner), count, samples, *_rolled(model, some, count)))
    for model, values in found.items():
        bulk.upsert(ROLLUPS[model][part.resolution], values)


def _at(at: int, step: int, known: Sequence[_Known]) -> Iterator[tuple[type[Any], int, rows.Row]]:
    for one in known:
        for model, owned in (one.rows(at, step) or {}).items():
            for owner, row in owned:
                yield model, owner, row


def _rolled(model: Any, some: Sequence[rows.Row], count: int) -> list[Any]:
    """A bucket's columns out of the rows of its steps, as the product rolls up samples."""
    known = [[value for value in column if value is not None] for column in zip(*some, strict=True)]
    low, mean, high = bulk.stored(model, zip(*map(_summary, known), strict=True))
    found: list[Any] = []
    for number, is_counter in _FIGURES[model]:
        if is_counter:
            found.append(high[number])
        else:
            n = -(-count * len(known[number]) // len(some))
            found += (None if mean[number] is None else mean[number] * n, low[number], high[number], n)
    return found + [high[number] for number in _WHOLE[model]]


def _summary(values: list[Any]) -> tuple[Any, Any, Any]:
    """Least, mean and greatest; of each core the mean, of states the last one."""
    if len(values) < 2:
        return (values[0],) * 3 if values else (None,) * 3
    if isinstance(values[0], bytes):
        return (bytes(round(sum(one) / len(one)) for one in zip(*values, strict=True)),) * 3
    if isinstance(values[0], State):
        return (values[-1],) * 3
    return min(values), sum(values) / len(values), max(values)


def _places(model: Any) -> dict[str, int]:
    return {field.name: number for number, field in enumerate(bulk.columns_of(model)[1:])}


_FIGURES = {model: [(_places(model)[f.name], f.name in model.COUNTERS) for f in figures_of(model)] for model in SAMPLES}  # type: ignore[attr-defined]
_WHOLE = {model: [n for name, n in _places(model).items() if name in UNSUMMED] for model in SAMPLES}
SUMMED = (
    "cpu_percent cores_percent memory_total_bytes memory_used_bytes disk_used_bytes disk_available_bytes"
    " network_rx_bytes_per_second network_tx_bytes_per_second"
).split()
_PLACES = [_places(ServerMetrics)[name] for name in SUMMED]


def _fleet(some: Iterable[rows.Row]) -> rows.Row:
    """FleetMetrics of one step, as fleet_series sums it up out of samples."""
    sums = [0.0] * 9
    for row in some:
        figures: list[Any] = [row[number] or 0 for number in _PLACES]
        cpu, halves, memory, used, disk, free, received, sent = figures
        cores = len(halves) if halves else 0
        each = (1, cores, cores * cpu / 100, memory, used, disk + free, disk, received, sent)
        sums = [one + more for one, more in zip(sums, each, strict=True)]
    return tuple(round(value) if number != 2 else value for number, value in enumerate(sums))


def _roll(end: datetime, tell: Tell) -> None:
    """The roll-ups of what is kept sample by sample, and the coarser ones of all, made by the product."""
    made, wanted = 0, retention.kept()[RAW] / FIVE_MINUTES.seconds + retention.kept()[FIVE_MINUTES] / HOUR.seconds

    def is_over() -> bool:
        nonlocal made
        made += 1
        tell("Rolling up", made / wanted)
        return False

    rollups.roll(end, is_over)
