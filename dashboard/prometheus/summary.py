"""The metrics of the fleet and of the monitor itself."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from activity.models import Verification
from activity.verification import State
from metrics import health as healths
from metrics import queries
from metrics.app_queries import UNKNOWN
from metrics.failures import Reason
from metrics.health import Process, Storage
from metrics.models import Backup, Condition, Server, Status
from metrics.models.server import ServerQuerySet

CONDITIONS = (*Condition.values, UNKNOWN)


def fleet(servers: ServerQuerySet, reasons: Iterable[str], conditions: Iterable[str], at: datetime) -> Iterator[Metric]:
    """These servers together, why some of them cannot be read, and how their apps fare."""
    found = queries.fleet(servers, at)
    failing = dict.fromkeys(Reason, 0) | Counter(reasons)
    apps = dict.fromkeys(CONDITIONS, 0) | Counter(conditions)
    yield _each("tomo_fleet_servers", "Servers by status.", "status", ((one, getattr(found, one)) for one in Status))
    yield _each("tomo_fleet_servers_failing", "Servers that cannot be read, by reason.", "reason", failing.items())
    yield _one("tomo_fleet_servers_current", "Servers with current figures: the ratios are theirs.", found.counted)
    yield _one("tomo_fleet_cpu_used_ratio", "Busy CPU time of all cores.", _by(found.cpu_percent, 100))
    yield _one("tomo_fleet_memory_used_ratio", "Used memory by all memory.", _by(found.memory_percent, 100))
    text = "Used room of all root filesystems by used and available room."
    yield _one("tomo_fleet_disk_used_ratio", text, _by(found.disk_percent, 100))
    text = "Apps by condition; unknown while their server cannot tell."
    yield _each("tomo_fleet_apps", text, "condition", apps.items())


def monitor(at: datetime) -> Iterator[Metric]:
    """Its processes, its room, and what it did last."""
    health = healths.health(Server.objects.none(), at)  # costs are told of each server
    yield InfoMetricFamily("tomo_monitor_build", "Which version runs.", {"version": settings.VERSION})
    interval = queries.interval().total_seconds()
    yield _one("tomo_monitor_poll_interval_seconds", "How often a server is polled.", interval)
    yield from _processes(health.processes, at)
    yield from _storage(health.storage)
    yield from _done(health.backup, health.log_check)


def _processes(processes: list[Process], at: datetime) -> Iterator[Metric]:
    def each(name: str, text: str, values: Mapping[str, float | None], kind: Any = GaugeMetricFamily) -> Metric:
        return _each(f"tomo_monitor_process_{name}", text, "process", values.items(), kind)

    yield each("up", "1 if it gave a sign of life lately, else 0.", {one.name: not one.is_silent for one in processes})
    beats = {one.name: _age(one.seen_at, at) for one in processes}
    yield each("heartbeat_age_seconds", "Since its last sign of life; absent before the first.", beats)
    waiting = {one.name: one.waiting for one in processes}
    yield each("queue_waiting", "Tasks that wait for it.", waiting)
    ages = {one.name: _age(one.waiting_since, at) for one in processes}
    yield each("queue_oldest_age_seconds", "How long the oldest of them waits; absent without any.", ages)
    late = {one.name: one.late_polls for one in processes}
    text = "Polls left out because the one before still ran."
    yield each("late_polls_total", text, late, CounterMetricFamily)
    yield each("servers", "Servers that it is connected to.", {one.name: one.servers_held for one in processes})
    polls = {one.name: _by(one.polls_a_minute, 60) for one in processes}
    yield each("polls_per_second", "Over its last full minute.", polls)
    cpu = {one.name: _by(one.cpu_milliseconds_a_poll, 1000) for one in processes}
    yield each("poll_cpu_seconds", "CPU time that it spends on a poll, over its last full minute.", cpu)


def _storage(storage: Storage) -> Iterator[Metric]:
    for name, text, value in (
        ("database_bytes", "Size of the database.", storage.database_bytes),
        ("queue_database_bytes", "Size of the database of the queue, if it is one of its own.", storage.queue_bytes),
        ("backups_bytes", "Size of the backups.", storage.backups_bytes),
        ("free_bytes", "Room that is left for the data folder.", storage.free_bytes),
        ("oldest_sample_timestamp_seconds", "The oldest sample that is kept.", _instant(storage.oldest_sample_at)),
        ("newest_sample_timestamp_seconds", "The newest sample.", _instant(storage.newest_sample_at)),
    ):
        yield _one(f"tomo_monitor_{name}", text, value)


def _done(backup: Backup | None, check: Verification | None) -> Iterator[Metric]:
    ended, checked = _instant(backup.finished_at if backup else None), _instant(check.at if check else None)
    is_complete = None if backup is None else backup.state == Backup.State.COMPLETE
    is_whole = None if check is None else check.state == State.WHOLE
    yield _one("tomo_monitor_last_backup_timestamp_seconds", "When the last backup ended.", ended)
    yield _one("tomo_monitor_last_backup_complete", "1 if it is complete, 0 if it failed.", is_complete)
    yield _one("tomo_monitor_last_log_check_timestamp_seconds", "The last check of the activity log.", checked)
    yield _one("tomo_monitor_last_log_check_whole", "1 if it was found whole, else 0.", is_whole)


def _one(name: str, text: str, value: float | None) -> Metric:
    """A gauge; nothing where it is not known."""
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family


def _each(
    name: str, text: str, label: str, values: Iterable[tuple[str, float | None]], kind: Any = GaugeMetricFamily
) -> Metric:
    family: Metric = kind(name, text, labels=[label])
    for one, value in values:
        if value is not None:
            family.add_metric([one], value)  # type: ignore[attr-defined]
    return family


def _by(value: float | None, unit: int) -> float | None:
    return None if value is None else value / unit


def _age(since: datetime | None, at: datetime) -> float | None:
    return None if since is None else (at - since).total_seconds()


def _instant(at: datetime | None) -> float | None:
    return at.timestamp() if at else None
