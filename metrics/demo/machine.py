"""A machine that is a formula: what its kernel and its engine would count at an instant. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import sin, tau
from typing import NamedTuple
from uuid import UUID

from metrics.demo.fleet import MIB, NIGHT, AppPlan, Disk, Plan
from metrics.demo.waves import DAY, HOUR, Wave
from metrics.probe.reading import Health, State

BLOCK = 4096
FLAP_SECONDS = 240  # a flapping container lives so long,
DEAD_SECONDS = 95  # of which it waits so long to be restarted
KILLED = 137
TURN, SWING = 900, 3.7 * HOUR  # of cores and of memory
JOB = 0.22  # of all cores are busy with a job that comes back
COUNTED = 2**20  # what a cgroup counts at its start


@dataclass(frozen=True, slots=True)
class Life:
    """How an app's container fares."""

    created_at: float
    started_at: float
    state: State = State.RUNNING
    health: Health | None = None
    exit_code: int | None = None
    is_out_of_memory: bool = False
    restarts: int = 0
    finished_at: float | None = None

    @property
    def is_up(self) -> bool:
        return self.state is State.RUNNING


@dataclass(frozen=True, slots=True)
class AppMoment:
    """An app's container at an instant; counters are since its start."""

    plan: AppPlan
    life: Life
    container_id: str
    image: str
    cgroup: int
    cpu_microseconds: int
    memory_bytes: int
    pids: int
    read_bytes: int
    written_bytes: int
    receive_bytes: int
    transmit_bytes: int


@dataclass(frozen=True, slots=True)
class DiskMoment:
    plan: Disk
    blocks: int
    free: int
    available: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A machine at an instant; counters are since its boot, sizes in KiB as /proc has them."""

    at: float
    boot_id: str
    booted_at: float
    busy: float  # core seconds
    iowait: float
    core_busy: tuple[float, ...]
    memory_used: int
    memory_cache: int
    swap_used: int
    disks: tuple[DiskMoment, ...]
    read_bytes: int
    written_bytes: int
    busy_milliseconds: int
    traffic: dict[str, tuple[int, int]]  # bytes received and sent, by interface
    load: tuple[float, float, float]
    celsius: tuple[float, ...]
    pressure: tuple[float, float, float, float]  # cpu over 10 and 60 s, io over 10 and 60 s
    apps: tuple[AppMoment, ...]

    @property
    def uptime(self) -> float:
        return self.at - self.booted_at


class _Counted(NamedTuple):
    """What only grows: core seconds busy and waiting, then seconds at the usual rate, nights and jobs."""

    busy: float
    iowait: float
    disk: float
    network: float
    night: float
    cpu: float
    job: float


class Machine:
    """Made once of a plan, then asked for any instant."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._cpu, self._disk, self._network = (Wave(f"{plan.name}/{what}") for what in ("cpu", "disk", "network"))
        self._waves = [Wave(f"{plan.name}/{app.container_name}") for app in plan.apps]
        cores = plan.shape.cores
        self._busy = cores * plan.use + sum(app.cores for app in plan.apps)
        uneven = [1 + 0.12 * sin(n * 2.4 + len(plan.name)) for n in range(cores)]
        self._shares = [one / sum(uneven) for one in uneven]
        self._boots: dict[float, _Counted] = {}
        self._at_start: dict[tuple[int, float], float] = {}
        self._names: dict[tuple[int, int], tuple[str, str]] = {}

    def is_down(self, at: float) -> bool:
        return self.plan.outage is not None and self.plan.outage.is_on(at)

    def at(self, at: float) -> Moment:
        plan, booted = self.plan, self.plan.boots.last(at)
        totals = [wave.total(at) for wave in self._waves]
        ever = self._ever(at, totals)
        counted = _Counted(*(now - then for now, then in zip(ever, self._at_boot(booted), strict=True)))
        load = (self._load(at, ever, 60), self._load(at, ever, 300), self._load(at, ever, 900))
        apps = tuple(self._app(n, total, at, booted) for n, total in enumerate(totals))
        is_night = NIGHT.is_on(at)
        used, cache, swap = self._memory(at, sum(app.memory_bytes for app in apps) // 1024, is_night=is_night)
        return Moment(
            at=at,
            boot_id=str(UUID(bytes=sha256(f"{plan.name} {booted}".encode()).digest()[:16])),
            booted_at=booted,
            busy=counted.busy,
            iowait=counted.iowait,
            core_busy=self._cores(at, counted.busy, at - booted),
            memory_used=used,
            memory_cache=cache,
            swap_used=swap,
            disks=tuple(_disk(one, at) for one in plan.disks),
            read_bytes=round(self._busy * 190_000 * counted.disk + 6 * MIB * counted.night),
            written_bytes=round(self._busy * 420_000 * counted.disk + MIB * counted.night),
            busy_milliseconds=round(28 * counted.disk + 380 * counted.night),
            traffic=self._traffic(counted),
            load=load,
            celsius=self._celsius(at, load[0], is_night=is_night),
            pressure=self._pressure(load, is_night=is_night),
            apps=apps,
        )

    def _ever(self, at: float, apps: Sequence[float]) -> _Counted:
        """Everything that is counted, since 1970. `apps` are the totals of their waves."""
        cpu, disk, network = self._cpu.total(at), self._disk.total(at), self._network.total(at)
        night, job, cores = NIGHT.total(at), self.plan.job.total(at), self.plan.shape.cores
        busy = cores * (self.plan.use * cpu + 0.11 * night + JOB * job)
        busy += sum(app.cores * total for app, total in zip(self.plan.apps, apps, strict=True))
        return _Counted(busy, cores * (0.004 * disk + 0.07 * night), disk, network, night, cpu, job)

    def _at_boot(self, booted: float) -> _Counted:
        if booted not in self._boots:
            self._boots[booted] = self._ever(booted, [wave.total(booted) for wave in self._waves])
        return self._boots[booted]

    def _load(self, at: float, ever: _Counted, seconds: float) -> float:
        then = at - seconds
        rate = (ever.cpu - self._cpu.total(then)) / seconds
        nights = (ever.night - NIGHT.total(then)) / seconds
        jobs = (ever.job - self.plan.job.total(then)) / seconds
        return 1.06 * self._busy * rate + self.plan.shape.cores * (0.3 * nights + 1.3 * JOB * jobs)

    def _cores(self, at: float, busy: float, seconds: float) -> tuple[float, ...]:
        """Some cores do more than others, and all take turns."""
        cores = self.plan.shape.cores
        turn = 0.03 * busy / max(seconds, 1) / cores * TURN / tau
        return tuple(
            busy * share + turn * (1 + sin(tau * at / TURN + tau * n / cores)) for n, share in enumerate(self._shares)
        )

    def _memory(self, at: float, apps: int, *, is_night: bool) -> tuple[int, int, int]:
        """Used, cache and used swap."""
        total, swap, swing = self.plan.shape.memory_bytes // 1024, self.plan.shape.swap_bytes // 1024, tau * at / SWING
        own = total * (self.plan.memory + 0.012 * _of_day(at) + 0.006 * sin(swing))
        used = min(round(own) + apps, round(total * 0.97))
        cache = (total - used) * (0.62 + 0.05 * sin(swing / 5) + (0.06 if is_night else 0))
        return used, round(cache), round(swap * (0.14 + 0.05 * sin(swing / 9)))

    def _celsius(self, at: float, load: float, *, is_night: bool) -> tuple[float, ...]:
        warmth = 24 * min(load / self.plan.shape.cores, 1) + 1.6 * _of_day(at) + (3.6 if is_night else 0)
        return tuple(coolest + warmth for _chip, _label, coolest in self.plan.shape.sensors)

    def _pressure(self, load: tuple[float, ...], *, is_night: bool) -> tuple[float, float, float, float]:
        now, lately = (min(40 * (one / self.plan.shape.cores) ** 1.7, 90.0) for one in load[:2])
        waits = min(0.4 + 9 * (load[0] / self.plan.shape.cores) ** 2 + (5.4 if is_night else 0), 80.0)
        return now, lately, waits * 1.1, waits

    def _traffic(self, counted: _Counted) -> dict[str, tuple[int, int]]:
        rate, network, own = self.plan.network, counted.network, counted.cpu
        found = {"eth0": (round(rate * network), round(rate * (1.7 * own + 3.5 * counted.night)))}
        if self.plan.apps:
            found["docker0"] = (round(rate * 0.6 * own), round(rate * 0.5 * network))
        if self.plan.name.startswith("vpn"):
            found["wg0"] = (round(rate * 0.4 * network), round(rate * 0.3 * network))
        return found

    def _app(self, number: int, total: float, at: float, booted: float) -> AppMoment:
        app = self.plan.apps[number]
        life = _life(app, at, booted)
        container_id, image = self._name(number, at)
        start = (number, life.started_at)
        if start not in self._at_start:
            self._at_start[start] = self._waves[number].total(life.started_at)
        done = total - self._at_start[start] if life.is_up else 0.0
        return AppMoment(
            plan=app,
            life=life,
            container_id=container_id,
            image=image,
            cgroup=int(life.started_at) % 2**31 + len(app.container_name),
            cpu_microseconds=round(app.cores * done * 1_000_000),
            memory_bytes=_app_memory(app, life, at) if life.is_up else 0,
            pids=3 + len(app.image) % 17 + round(app.cores * 20),
            read_bytes=round(COUNTED + app.cores * 60_000 * done),
            written_bytes=round(COUNTED + app.cores * 210_000 * done),
            receive_bytes=round(app.network * done),
            transmit_bytes=round(app.network * 1.4 * done),
        )

    def _name(self, number: int, at: float) -> tuple[str, str]:
        """The container's id and image: both are new with each version."""
        app = self.plan.apps[number]
        version = app.deployed.number(at) + 20
        if (number, version) not in self._names:
            text = f"{self.plan.name}/{app.container_name}/{version}"
            self._names[number, version] = sha256(text.encode()).hexdigest(), f"{app.image}.{version}"
        return self._names[number, version]


def _disk(disk: Disk, at: float) -> DiskMoment:
    filled = (at - disk.cleaned.last(at)) / disk.cleaned.every
    used = disk.low + (disk.high - disk.low) * filled + 0.002 * sin(tau * at / DAY)
    blocks = disk.total_bytes // BLOCK
    free = round(blocks * (1 - used))
    reserved = blocks // 20 if disk.type == "ext4" else 0
    inodes = 0 if disk.type in ("btrfs", "vfat") else blocks // 4
    return DiskMoment(disk, blocks, free, max(free - reserved, 0), inodes, round(inodes * (1 - used / 5)))


def _of_day(at: float) -> float:
    """From -1 before dawn to 1 in the afternoon."""
    return sin(tau * at / DAY - 1.9)


def _life(app: AppPlan, at: float, booted: float) -> Life:
    deployed = app.deployed.last(at)
    started = max(deployed, booted)
    healthy = Health.HEALTHY if app.has_health else None
    trouble = app.trouble
    if trouble is None:
        return Life(deployed, started, health=healthy)
    return LIVES[trouble.kind](app, at, deployed, started, at - trouble.begins.last(at))


def _leaks(app: AppPlan, at: float, deployed: float, started: float, since: float) -> Life:
    """Killed for want of memory, it stays down until somebody starts it."""
    assert app.trouble
    crashed, seconds = at - since, app.trouble.seconds
    if since < seconds and crashed > started:
        before = max(started, crashed - app.trouble.begins.every + seconds)
        return Life(deployed, before, State.EXITED, None, KILLED, is_out_of_memory=True, finished_at=crashed)
    return Life(deployed, max(started, crashed + seconds), health=Health.HEALTHY if app.has_health else None)


def _flaps(app: AppPlan, at: float, deployed: float, started: float, since: float) -> Life:
    """It ends with an error a few minutes after each start, until a quiet time."""
    assert app.trouble
    begun, seconds = at - since, app.trouble.seconds
    if begun < started:
        return Life(deployed, started)
    times, rest = divmod(min(since, seconds), FLAP_SECONDS)
    ended = begun + times * FLAP_SECONDS
    restarts = int(times) + 1
    if since < seconds and rest < DEAD_SECONDS:
        return Life(deployed, max(started, ended - FLAP_SECONDS + DEAD_SECONDS) if times else started,
                    State.RESTARTING, None, 1, restarts=restarts, finished_at=ended)  # fmt: skip
    return Life(deployed, ended + DEAD_SECONDS, restarts=restarts, finished_at=ended)


def _is_sick(app: AppPlan, at: float, deployed: float, started: float, since: float) -> Life:
    assert app.trouble
    return Life(deployed, started, health=Health.UNHEALTHY if since < app.trouble.seconds else Health.HEALTHY)


LIVES = {"leak": _leaks, "flap": _flaps, "sick": _is_sick}


def _app_memory(app: AppPlan, life: Life, at: float) -> int:
    """It fills up a little after a start and then breathes; one that leaks climbs to its limit."""
    breath = 1 + 0.05 * sin(tau * at / (2.9 * HOUR) + app.cores * 50) + 0.03 * sin(tau * at / DAY - 2)
    warm = 1 - 0.35 / (1 + (at - life.started_at) / (2 * HOUR))
    used = app.memory_bytes * breath * warm
    if app.trouble and app.trouble.kind == "leak" and app.limit_bytes:
        full = app.limit_bytes * 0.985
        used += max(full - used, 0) * min((at - app.trouble.begins.last(at)) / app.trouble.begins.every, 1) ** 1.4
    return round(min(used, app.limit_bytes * 0.99 if app.limit_bytes else used)) // BLOCK * BLOCK
