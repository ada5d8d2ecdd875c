"""Whether the product itself works, and what it costs: one answer for every face."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Min
from django_q.models import OrmQ

from activity import verification
from activity.models import Verification
from metrics import costs, room_for_history
from metrics.backups import vendors
from metrics.costs import Cost
from metrics.models import Backup, Heartbeat, Server, ServerMetrics
from metrics.models.server import ServerQuerySet
from metrics.queries import SILENT
from metrics.room_for_history import Room

DEAREST = 10
RECENTLY = timedelta(days=1)  # processes of hosts that are gone are told of for so long
TASKS = "tasks"
OF_STATE = "status poll_milliseconds connection_polls connection_bytes connection_cpu_milliseconds logins logins_on"


@dataclass(frozen=True)
class Process:
    """A background process: its last sign of life, and how many tasks wait for it, the oldest of them since when.

    The rest is a poller's: over its last full minute, unknown before the first one and while it is silent.
    """

    name: str
    waiting: int
    waiting_since: datetime | None
    seen_at: datetime | None = None
    late_polls: int | None = None
    servers_held: int | None = None
    polls_a_minute: float | None = None
    cpu_milliseconds_a_poll: float | None = None
    is_silent: bool = True


@dataclass(frozen=True)
class Storage:
    """Bytes on disk, None where there are none to be seen, and the room that is left for the data folder."""

    database_bytes: int
    queue_bytes: int | None
    backups_bytes: int | None
    free_bytes: int
    oldest_sample_at: datetime | None
    newest_sample_at: datetime | None


@dataclass(frozen=True)
class Health:
    """`cost` is of a poll of any server, with the logins at all of them; `dearest` are those whose polls take most CPU,
    then bytes; `cpu_milliseconds_a_poll` is what the pollers themselves spend."""

    at: datetime
    processes: list[Process]
    polls_a_minute: float | None
    cpu_milliseconds_a_poll: float | None
    cost: Cost
    dearest: list[tuple[Server, Cost]]
    storage: Storage
    rooms: list[Room]
    backup: Backup | None
    log_check: Verification | None


def health(servers: ServerQuerySet, at: datetime) -> Health:
    """Of the whole product, with the costs of these servers: as many queries, however many they are."""
    processes = _processes(at)
    polls = sum(one.polls_a_minute or 0 for one in processes)
    spent = sum((one.polls_a_minute or 0) * (one.cpu_milliseconds_a_poll or 0) for one in processes)
    fields = ("name", "paused", *(f"state__{name}" for name in OF_STATE.split()))
    found = [(one, costs.cost(one, at)) for one in servers.select_related("state").only(*fields)]
    return Health(
        at=at,
        processes=processes,
        polls_a_minute=polls or None,
        cpu_milliseconds_a_poll=spent / polls if polls else None,
        cost=costs.together([cost for _, cost in found]),
        dearest=sorted((one for one in found if one[1].polls), key=_dearness, reverse=True)[:DEAREST],
        storage=_storage(),
        rooms=room_for_history.rooms(at),
        backup=Backup.objects.exclude(finished_at=None).first(),
        log_check=verification.latest(),
    )


def _dearness(one: tuple[Server, Cost]) -> tuple[float, float]:
    return one[1].cpu_milliseconds or 0, one[1].bytes or 0


def _processes(at: datetime) -> list[Process]:
    beats = {beat.name: beat for beat in Heartbeat.objects.filter(at__gte=at - RECENTLY)}
    names = dict.fromkeys([*settings.POLL_CLUSTERS, *sorted(beats.keys() - {TASKS}), TASKS])
    waiting = OrmQ.objects.filter(lock__lte=at).values_list("key").annotate(Count("id"), Min("lock"))
    queues = {key: (count, since) for key, count, since in waiting}
    return [_process(name, beats.get(name), *queues.get(name, (0, None)), at) for name in names]


def _process(name: str, beat: Heartbeat | None, waiting: int, since: datetime | None, at: datetime) -> Process:
    if beat is None:
        return Process(name, waiting, since)
    late = None if name == TASKS else beat.late_polls
    if at - beat.at > SILENT:
        return Process(name, waiting, since, beat.at, late_polls=late)
    figures = (beat.servers_held, beat.polls_a_minute, beat.cpu_milliseconds_a_poll)
    return Process(name, waiting, since, beat.at, late, *figures, is_silent=False)


def _storage() -> Storage:
    samples = ServerMetrics.objects.order_by("pk")
    oldest, newest = (one.timestamp if one else None for one in (samples.first(), samples.last()))
    queue = Path(settings.DATABASES[settings.QUEUE_DATABASE]["NAME"])
    return Storage(
        database_bytes=vendors.own().size_bytes(),
        queue_bytes=None if settings.QUEUE_DATABASE == "default" else _bytes(queue.parent, f"{queue.name}*"),
        backups_bytes=_bytes(Path(settings.BACKUP_DIR), "*.tomo"),
        free_bytes=shutil.disk_usage(settings.DATA_DIR).free,
        oldest_sample_at=oldest,
        newest_sample_at=newest,
    )


def _bytes(folder: Path, pattern: str) -> int | None:
    try:
        return sum(path.stat().st_size for path in folder.glob(pattern)) or None
    except OSError:  # one that goes while it is looked at
        return None
