"""What one poll saw, as frozen values. Unknown is None: `{}` is "saw none", None is "did not see"."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import final


class BadAnswer(ValueError):
    """The server's answer is not one of the probe's. The only error that reading raises."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Clock ticks since boot; guest time is inside user and nice already."""

    user: int
    nice: int
    system: int
    idle: int
    iowait: int
    irq: int
    softirq: int
    steal: int


@final
@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `used` is what cannot be given back; used + cache + free is about the total, for the kernel keeps a
    reserve that it calls free but not available."""

    total_bytes: int
    used_bytes: int
    cache_bytes: int
    free_bytes: int
    is_estimate: bool  # a kernel before 3.14 does not say what is available


@final
@dataclass(frozen=True, slots=True)
class Swap:
    total_bytes: int
    used_bytes: int


@dataclass(frozen=True, slots=True)
class Filesystem:
    """One real mount. Sizes are None where it did not answer in time."""

    mount: str
    device: str
    type: str
    is_read_only: bool
    total_bytes: int | None = None
    used_bytes: int | None = None
    available_bytes: int | None = None
    inodes_total: int | None = None
    inodes_used: int | None = None

    @property
    def used_percent(self) -> float | None:
        """used / (used + available), as df prints it: what is reserved for root counts as neither."""
        return share(self.used_bytes, self.available_bytes)


@dataclass(frozen=True, slots=True)
class DiskCounters:
    """One whole disk since boot."""

    read_bytes: int
    written_bytes: int
    busy_milliseconds: int


@dataclass(frozen=True, slots=True)
class InterfaceCounters:
    """One interface since boot. `is_counted`: part of the server's total."""

    receive_bytes: int
    transmit_bytes: int
    errors: int
    drops: int
    is_counted: bool


@dataclass(frozen=True, slots=True)
class Pressure:
    """Percent of time in which some task waited, as the kernel averages it (pressure stall information)."""

    avg10_percent: float
    avg60_percent: float


class Engine(StrEnum):
    """What runs containers."""

    DOCKER = "docker"
    PODMAN = "podman"


class AppsStatus(StrEnum):
    """How a server answers the question which containers it has. The values are public."""

    OK = "ok"
    NO_CONTAINERS = "no_containers"
    NO_DOCKER = "no_docker"
    NOT_ALLOWED = "not_allowed"
    DAEMON_DOWN = "daemon_down"
    UNREADABLE = "unreadable"


class State(StrEnum):
    """The states of a container, as Docker names them; kept by their place in this order."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    UNKNOWN = "unknown"


class Health(StrEnum):
    """What a container's own health check says; a container without one has none."""

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@final
@dataclass(frozen=True, slots=True)
class Container:
    """What its engine says of a container; of a bare one, which no engine listed, no more is known than that it runs.

    `exit_code` is of its last end, also while it waits to be restarted. `restart_count` counts what its restart policy
    did since it was started by hand.
    """

    id: str
    name: str
    state: State
    engine: Engine | None = None
    image: str = ""
    image_id: str = ""
    project: str = ""
    service: str = ""
    number: str = ""  # of several containers of one service
    health: Health | None = None
    exit_code: int | None = None
    is_out_of_memory: bool | None = None
    restart_count: int | None = None
    restart_policy: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    is_bare: bool = False
    status_text: str = field(default="", compare=False)  # its state and since when, in the engine's changing words


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """One engine's answer; `containers` is None where it did not list them, and `hidden` are ids not worth showing."""

    status: AppsStatus
    way: str = ""
    containers: dict[str, Container] | None = None
    hidden: frozenset[str] = frozenset()
    is_cut: bool = False


@final
@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """What the kernel counts of a container. `cgroup` is the inode of its cgroup: another means a new start.

    `engine` is what the cgroup's name tells. Memory is less the inactive file cache; no limit is None. Network is None
    for one on the server's own network.
    """

    cgroup: int | None
    engine: Engine | None
    cpu_microseconds: int | None
    memory_bytes: int | None
    memory_limit_bytes: int | None
    cpu_limit_cores: float | None
    pids: int | None
    read_bytes: int | None
    written_bytes: int | None
    out_of_memory_kills: int | None
    receive_bytes: int | None
    transmit_bytes: int | None


@dataclass(frozen=True, slots=True)
class Containers:
    """All that is known of a server's containers, by id.

    `answered` are the engines that listed theirs: only of those can be said that one is gone, unless the list was cut.
    `way` is how the list came, or what stood in its way. As long as `revision` stays the same, `by_id` does.
    """

    status: AppsStatus
    by_id: dict[str, Container]
    answered: frozenset[Engine] = frozenset()
    way: str = ""
    revision: str = ""
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What seldom changes; read once a connection."""

    os: str | None
    kernel: str | None
    architecture: str | None
    cpu_model: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One poll's values, as the server's kernel counts them."""

    boot_id: str | None = None
    uptime_seconds: float | None = None
    booted_at: int | None = None  # epoch seconds, by the server's own clock
    cpu: CpuTimes | None = None
    cores: dict[int, CpuTimes] = field(default_factory=dict)
    memory: Memory | None = None
    swap: Swap | None = None
    filesystems: tuple[Filesystem, ...] | None = None
    disks: dict[str, DiskCounters] | None = None
    interfaces: dict[str, InterfaceCounters] | None = None
    load: tuple[float, float, float] | None = None
    temperatures: dict[str, float] | None = None  # degrees Celsius by chip and label
    pressure: dict[str, Pressure] | None = None  # by cpu, memory, io
    usages: dict[str, ContainerUsage] | None = None  # by container id
    engines: dict[Engine, EngineAnswer] | None = None  # None: not asked this time
    containers: Containers | None = None  # both together, with what earlier polls learnt
    facts: Facts | None = None
    watching_seconds: float | None = None  # of CPU that the probe and its SSH session took since they began
    cut: tuple[str, ...] = ()  # what there was too much of


def share(part: int | None, rest: int | None) -> float | None:
    """part / (part + rest) in percent, or None."""
    if part is None or rest is None or part + rest <= 0:
        return None
    return 100 * part / (part + rest)
