"""Answers as public JSON. The contract's names and units live only here."""

from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from activity.models import ActivityLog
from dashboard.summary import DashboardSummary
from metrics import app_access, costs
from metrics.app_queries import AppHistory, AppRow
from metrics.app_transitions import signal_name
from metrics.costs import Cost
from metrics.health import Health, Process
from metrics.models import LatestServerMetrics
from metrics.models.server_metrics import share_of
from metrics.queries import ServerRow
from metrics.series import Series

MIB, GIB = 2**20, 2**30


def timestamp(at: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def instant(text: str) -> datetime | None:
    """The other way; None if it is no time with its zone."""
    try:
        found = parse_datetime(text)
        return found.astimezone(UTC) if found and found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def summary(answer: DashboardSummary) -> dict[str, Any]:
    fleet = answer.fleet
    return {
        "total_servers": fleet.total,
        "online_servers": fleet.online,
        "offline_servers": fleet.offline,
        "pending_servers": fleet.pending,
        "paused_servers": fleet.paused,
        "total_apps": answer.apps.total,
        "running_apps": answer.apps.running,
        "stopped_apps": answer.apps.stopped,
        "error_apps": answer.apps.error,
        "unknown_apps": answer.apps.unknown,
        "avg_cpu_percent": _tenths(fleet.mean_cpu_percent),
        "avg_memory_percent": _tenths(fleet.mean_memory_percent),
        "avg_disk_percent": _tenths(fleet.mean_disk_percent),
        "cpu_percent": _tenths(fleet.cpu_percent),
        "memory_percent": _tenths(fleet.memory_percent),
        "disk_percent": _tenths(fleet.disk_percent),
        "averaged_over": fleet.counted,
        "recent_activities": [activity(row) for row in answer.recent],
        "timestamp": timestamp(answer.at),
    }


def health(answer: Health) -> dict[str, Any]:
    storage, backup, check = answer.storage, answer.backup, answer.log_check
    return {
        "processes": [_process(one) for one in answer.processes],
        "polls_per_minute": _tenths(answer.polls_a_minute),
        "poller_cpu_ms_per_poll": _hundredths(answer.cpu_milliseconds_a_poll),
        "cost": _cost(answer.cost),
        "most_expensive": [
            {"server_id": server.pk, "server_name": server.name, **_cost(cost)} for server, cost in answer.dearest
        ],
        "database_bytes": storage.database_bytes,
        "queue_bytes": storage.queue_bytes,
        "backups_bytes": storage.backups_bytes,
        "free_bytes": storage.free_bytes,
        "history": [
            {
                "resolution_seconds": one.resolution.seconds or None,
                "setting": one.setting,
                "kept_seconds": one.kept_seconds,
                "rows_per_day": one.rows_a_day,
                "bytes": one.bytes,
            }
            for one in answer.rooms
        ],
        "oldest_sample_at": timestamp(storage.oldest_sample_at),
        "newest_sample_at": timestamp(storage.newest_sample_at),
        "last_backup": {"state": backup.state, "at": timestamp(backup.finished_at)} if backup else None,
        "last_log_check": {"state": check.state, "at": timestamp(check.at)} if check else None,
        "timestamp": timestamp(answer.at),
    }


def server(row: ServerRow, at: datetime) -> dict[str, Any]:
    """A server with its newest figures; they are null unless they are current."""
    state = row.server.state
    figures = row.latest if row.is_fresh else None
    return {
        "id": row.server.pk,
        "name": row.name,
        "hostname": row.server.hostname,
        "port": row.server.port,
        "username": row.server.username,
        "site": row.server.site or None,
        "tags": list(row.tags),
        "status": str(row.status),
        "reason": state.reason or None,
        "explanation": state.explanation or None,
        "since": timestamp(state.since),
        "polled_at": timestamp(state.polled_at),
        "is_stale": not row.is_fresh,
        "facts": state.facts,
        "apps_status": state.apps_status or None,
        "apps_explanation": app_access.explanation(state.apps_way) or None,
        "clock_skew_seconds": state.clock_skew_seconds,
        "cost": _cost(costs.cost(row.server, at)),
        **_latest(figures),
    }


def samples(server_id: int, series: Series) -> list[dict[str, Any]]:
    """A server's samples, oldest first; a step without a sample is left out."""
    return [_sample(server_id, series, step) for step, count in enumerate(series.counts) if count]


def app(row: AppRow) -> dict[str, Any]:
    """An app with its newest figures; they are null unless they are current."""
    found, latest = row.app, row.latest
    return {
        "id": found.pk,
        "server_id": found.server_id,
        "server_name": found.server.name,
        "name": found.name,
        "container_id": found.container_id,
        "container_name": found.container_name,
        "project": found.project or None,
        "service": found.service or None,
        "engine": found.engine or None,
        "image": found.image or None,
        "image_id": found.image_id or None,
        "status": found.state,
        "condition": row.condition,
        "is_stale": not row.is_current,
        "health": found.health or None,
        "exit_code": found.exit_code,
        "signal": signal_name(found.exit_code) or None,
        "out_of_memory": found.is_out_of_memory,
        "restart_count": found.restart_count,
        "restart_policy": found.restart_policy or None,
        "created_at": timestamp(found.created_at),
        "started_at": timestamp(found.started_at),
        "finished_at": timestamp(found.finished_at),
        **_app_figures({name: getattr(latest, name) if latest else None for name in APP_FIGURES}),
        "cpu_of_host_percent": _tenths(row.cpu_of_host_percent),
        "cpu_of_limit_percent": _tenths(row.cpu_of_limit_percent),
        "memory_percent": _tenths(row.memory_percent),
        "timestamp": timestamp(latest.timestamp) if latest else None,
    }


def app_samples(history: AppHistory) -> list[dict[str, Any]]:
    """An app's samples, oldest first; a step without a sample is left out."""
    series = history.series
    return [
        {
            "server_id": history.app.server_id,
            "app_id": history.app.pk,
            "container_id": container.container_id if (container := history.instances[step]) else None,
            "container_name": container.name if container else None,
            "image": container.image or None if container else None,
            "status": history.states[step],
            **_app_figures(
                {name: (series.high if name in APP_COUNTERS else series.mean)[name][step] for name in APP_FIGURES}
            ),
            "timestamp": timestamp(datetime.fromtimestamp(series.span.start + step * series.span.step, UTC)),
            "samples": count,
            "cpu_percent_max": _tenths(series.high["cpu_percent"][step]),
            "memory_used_bytes_max": _whole(series.high["memory_used_bytes"][step]),
        }
        for step, count in enumerate(series.counts)
        if count
    ]


def activity(row: ActivityLog) -> dict[str, Any]:
    return {
        "id": row.pk,
        "activity_type": row.activity_type,
        "user_id": row.user_id,
        "server_id": row.server_id,
        "app_id": row.app_id,
        "message": row.message,
        "details": row.details,
        "timestamp": timestamp(row.timestamp),
        "actor_kind": row.actor_kind,
        "actor_name": row.actor_name,
        "server_name": row.server_name or None,
        "app_name": row.app_name or None,
        "source_ip": row.source_ip,
        "user_agent": row.user_agent or None,
        "origin": row.origin,
        "result": row.result,
        "request_id": row.request_id or None,
    }


# The figures of a sample: public name, and the field and unit it comes from.
PERCENTS = (
    "cpu_percent cpu_user_percent cpu_system_percent cpu_iowait_percent cpu_steal_percent disk_busy_percent"
    " pressure_cpu_avg10_percent pressure_cpu_avg60_percent pressure_memory_avg10_percent"
    " pressure_memory_avg60_percent pressure_io_avg10_percent pressure_io_avg60_percent"
).split()
HUNDREDTHS = ("load_average_1m", "load_average_5m", "load_average_15m", "measured_seconds")
SIZES = (
    "memory_total_bytes memory_used_bytes memory_cache_bytes swap_total_bytes swap_used_bytes disk_total_bytes"
    " disk_used_bytes disk_available_bytes disk_read_bytes_per_second disk_written_bytes_per_second"
    " network_rx_bytes_per_second network_tx_bytes_per_second"
).split()
PEAKS = ("cpu_percent",)  # whose highest is told beside the mean
APP_PEAKS = ("cpu_percent", "memory_used_bytes")
APP_COUNTERS = ("network_rx_bytes", "network_tx_bytes", "restart_count")
APP_FIGURES = (
    "cpu_percent cpu_limit_cores memory_used_bytes memory_limit_bytes pids network_rx_bytes network_tx_bytes"
    " network_rx_bytes_per_second network_tx_bytes_per_second disk_read_bytes_per_second disk_written_bytes_per_second"
    " restart_count"
).split()
COUNTERS = ("network_rx_bytes", "network_tx_bytes", "uptime_seconds")  # of several in one step, the last


def _latest(row: LatestServerMetrics | None) -> dict[str, Any]:
    names = (*PERCENTS, *HUNDREDTHS, *SIZES, *COUNTERS)
    return _public({name: getattr(row, name) if row else None for name in names}) | {
        "timestamp": timestamp(row.timestamp) if row else None
    }


def _sample(server_id: int, series: Series, step: int) -> dict[str, Any]:
    figures = {name: series.mean[name][step] for name in (*PERCENTS, *HUNDREDTHS, *SIZES)}
    figures |= {name: series.high[name][step] for name in COUNTERS}
    at = datetime.fromtimestamp(series.span.start + step * series.span.step, UTC)
    return {"server_id": server_id, **_public(figures), "timestamp": timestamp(at), "samples": series.counts[step]} | (
        {"cpu_percent_max": _tenths(series.high["cpu_percent"][step])}
    )


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "polls": cost.polls,
        "poll_ms": _whole(cost.milliseconds),
        "bytes_per_poll": _whole(cost.bytes),
        "server_cpu_ms_per_poll": _hundredths(cost.cpu_milliseconds),
        "logins_today": cost.logins_today,
    }


def _process(one: Process) -> dict[str, Any]:
    return {
        "name": one.name,
        "seen_at": timestamp(one.seen_at),
        "is_silent": one.is_silent,
        "waiting": one.waiting,
        "waiting_since": timestamp(one.waiting_since),
        "late_polls": one.late_polls,
        "servers_held": one.servers_held,
        "polls_per_minute": _tenths(one.polls_a_minute),
        "cpu_ms_per_poll": _hundredths(one.cpu_milliseconds_a_poll),
    }


def _public(figures: dict[str, float | None]) -> dict[str, Any]:
    used, available = figures["disk_used_bytes"], figures["disk_available_bytes"]
    disk = None if used is None or available is None else share_of(used, used + available)
    return {
        **{name: _tenths(figures[name]) for name in PERCENTS},
        **{name: _hundredths(figures[name]) for name in HUNDREDTHS},
        **{name: _whole(figures[name]) for name in (*SIZES, *COUNTERS)},
        "memory_percent": _tenths(share_of(figures["memory_used_bytes"], figures["memory_total_bytes"])),
        "memory_used_mb": _whole(figures["memory_used_bytes"], MIB),
        "memory_total_mb": _whole(figures["memory_total_bytes"], MIB),
        "swap_percent": _tenths(share_of(figures["swap_used_bytes"], figures["swap_total_bytes"])),
        "disk_percent": _tenths(disk),
        "disk_used_gb": _whole(used, GIB),
        "disk_total_gb": _whole(figures["disk_total_bytes"], GIB),
    }


def _app_figures(figures: dict[str, float | None]) -> dict[str, Any]:
    return {
        **{name: _whole(value) for name, value in figures.items()},
        "cpu_percent": _tenths(figures["cpu_percent"]),
        "cpu_limit_cores": _hundredths(figures["cpu_limit_cores"]),
        "memory_usage_mb": _whole(figures["memory_used_bytes"], MIB),
        "memory_limit_mb": _whole(figures["memory_limit_bytes"], MIB),
    }


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _hundredths(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _whole(value: float | None, unit: int = 1) -> int | None:
    return None if value is None else int(value / unit)
