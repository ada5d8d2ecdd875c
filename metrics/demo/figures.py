"""The figures of made-up machines, written in bulk: samples as polls would bring them, and roll-ups of older ones."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from metrics import bulk, partitions, retention
from metrics.demo import rows
from metrics.demo.connection import machine
from metrics.demo.machine import Machine, Moment
from metrics.demo.waves import MINUTE
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
from metrics.periods import FIVE_MINUTES, HOUR, RAW, Resolution
from metrics.probe.reading import State

STEPS = {RAW: MINUTE, FIVE_MINUTES: 300, HOUR: 300}  # seconds over which the figures of a resolution are worked out
AT_ONCE = 3600  # seconds whose rows are written in one transaction

Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Stretch:
    """From when to when (epoch seconds, the end excluded) history is written at a resolution."""

    resolution: Resolution
    start: int
    end: int


class Known:
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


def _stretches(start: int, end: int) -> list[Stretch]:
    """The finer one begins on a whole hour."""
    kept = retention.kept()
    fine, raw = (max((end - kept[one]) // 3600 * 3600, start) for one in (FIVE_MINUTES, RAW))
    return [Stretch(HOUR, start, fine), Stretch(FIVE_MINUTES, fine, raw), Stretch(RAW, raw, end + 1)]


def write(start: int, end: int, names: Sequence[str], tell: Tell) -> None:
    """All figures of these machines, as finely as the product keeps each time, and how far that is rolled up."""
    known = [Known(machine(name, end)) for name in names]
    hourly, fine, raw = _stretches(start, end)
    for one in (hourly, fine, raw):
        for begin in range(one.start, one.end, AT_ONCE):
            tell(f"Figures of {one.resolution.label}", (begin - one.start) / (one.end - one.start))
            partitions.ensure(one.resolution, [begin])
            with transaction.atomic():
                part = Stretch(one.resolution, begin, min(begin + AT_ONCE, one.end))
                write_samples(part, known) if one.resolution is RAW else _write_buckets(part, known)
    _note(RAW, done=0, pruned=raw.start)
    _note(FIVE_MINUTES, done=raw.start, pruned=fine.start)
    _note(HOUR, done=fine.start, pruned=hourly.start)


def _note(resolution: Resolution, done: int, pruned: int) -> None:
    Resolved.objects.update_or_create(
        seconds=resolution.seconds, defaults={"claimed_until": done, "done_until": done, "pruned_until": pruned}
    )


def write_samples(part: Stretch, known: Sequence[Known]) -> None:
    found = defaultdict(list)
    for at in range(part.start, part.end, STEPS[RAW]):
        for model, owner, row in _at(at, STEPS[RAW], known):
            found[model].append((slot_key(at, owner), *bulk.kept(model, row)))
    for model, values in found.items():
        bulk.insert(model, values)


def _write_buckets(part: Stretch, known: Sequence[Known]) -> None:
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


def _at(at: int, step: int, known: Sequence[Known]) -> Iterator[tuple[type[Any], int, rows.Row]]:
    for one in known:
        for model, owned in (one.rows(at, step) or {}).items():
            for owner, row in owned:
                yield model, owner, row


def _rolled(model: Any, some: Sequence[rows.Row], count: int) -> list[Any]:
    """A bucket's columns out of the rows of its steps, as the product rolls up samples."""
    known = [[value for value in column if value is not None] for column in zip(*some, strict=True)]
    low, mean, high = (bulk.kept(model, row) for row in zip(*map(_summary, known), strict=True))
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
