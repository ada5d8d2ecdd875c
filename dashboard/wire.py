"""Answers as public JSON. The contract's names and units live only here."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from activity.models import ActivityLog
from dashboard import figures
from dashboard.explanation import NAMES as EXPLAINED
from dashboard.explanation import Explanation
from dashboard.figures import Figures
from dashboard.models import ApiToken
from dashboard.problems import Problem
from dashboard.summary import DashboardSummary
from metrics import app_access, authorized_keys, costs, queries
from metrics.app_queries import AppHistory, AppRow
from metrics.app_transitions import signal_name
from metrics.costs import Cost
from metrics.health import Health, Process
from metrics.models import CrashCard, Filesystem, FilesystemMetrics, Interface, InterfaceMetrics, Preparation, Server
from metrics.models.parts import Part
from metrics.queries import ServerRow
from metrics.series import Series

MOST_LOG_CHARACTERS = 2000


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
    newest = row.latest if row.is_fresh else None
    return {
        "id": row.server.pk,
        "name": row.name,
        "hostname": row.server.hostname,
        "port": row.server.port,
        "username": row.server.username,
        "site": row.server.site or None,
        "tags": list(row.tags),
        "notes": row.server.notes,
        "status": str(row.status),
        "reason": state.reason or None,
        "explanation": state.explanation or None,
        "since": timestamp(state.since),
        "polled_at": timestamp(state.polled_at),
        "is_stale": not row.is_fresh,
        "facts": state.facts,
        "apps_status": state.apps_status or None,
        "apps_explanation": app_access.explanation(state.apps_way) or None,
        "clock_skew_seconds": state.clock_skew_seconds if newest else None,
        "cost": _cost(costs.cost(row.server, at)),
        **_now(figures.SERVER, newest),
        "timestamp": timestamp(newest.timestamp) if newest else None,
    }


def samples(server_id: int, series: Series, names: Collection[str] = figures.SERVER) -> list[dict[str, Any]]:
    """A server's samples with these figures, oldest first; a step without a sample is left out."""
    return _samples({"server_id": server_id}, series, figures.SERVER, names)


def preparation(server: Server, newest: Preparation | None) -> dict[str, Any]:
    """How far the preparation of a server is, with what to put on it."""
    credential, run = getattr(server, "credential", None), newest or Preparation()
    return {
        "server_id": server.pk,
        "state": str(run.state) if newest else "none",
        "started_at": timestamp(run.started_at),
        "finished_at": timestamp(run.finished_at),
        "authorized_keys": authorized_keys.restricted(credential.public_key) or None if credential else None,
        "host_keys": [{"type": key["type"], "fingerprint": key["fingerprint"]} for key in run.host_keys],
        "pinned": [key.fingerprint for key in server.host_keys.all()],
        "report": run.report,
        "reason": run.reason or None,
        "explanation": run.explanation or None,
    }


def problem(one: Problem) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "name": one.name,
        "server_id": one.server.pk if one.server else None,
        "server_name": one.server.name if one.server else None,
        "app_id": one.app.pk if one.app else None,
        "app_name": one.app.name if one.app else None,
        "message": one.message,
        "since": timestamp(one.since),
    }


def explanation(answer: Explanation) -> dict[str, Any]:
    """What changed on a server around a time."""
    server, span = answer.server, answer.series.span
    return {
        "server_id": server.pk,
        "server_name": server.name,
        "status": str(server.status),
        "explanation": server.state.explanation or None,
        "at": timestamp(answer.at),
        "from": timestamp(datetime.fromtimestamp(span.start, UTC)),
        "to": timestamp(datetime.fromtimestamp(span.end, UTC)),
        "step_seconds": span.step,
        "coverage_percent": _coverage(answer.series),
        "changes": [
            {"name": one.name, "before": one.before, "after": one.after, "peak_after": one.peak_after}
            for one in answer.changes
        ],
        "events": [activity(row) for row in answer.events],
        "events_total": answer.events_total,
        "crashes": [_crash(card) for card in answer.crashes],
        "metrics": samples(server.pk, answer.series, EXPLAINED),
    }


def token(one: ApiToken, at: datetime) -> dict[str, Any]:
    return {
        "id": one.pk,
        "name": one.name,
        "scopes": list(one.scopes),
        "tag": one.tag.name if one.tag else None,
        "network": one.network or None,
        "created_at": timestamp(one.created_at),
        "expires_at": timestamp(one.expires_at),
        "revoked_at": timestamp(one.revoked_at),
        "last_used_at": timestamp(one.last_used_at),
        "is_valid": not one.ended(at),
    }


def history(period: str | None, series: Series, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """A stretch of history with its samples; the period is None for a free range."""
    span = series.span
    return {
        "period": period,
        "step_seconds": span.step,
        "resolution_seconds": span.resolution.seconds or int(queries.interval().total_seconds()),
        "coverage_percent": _coverage(series),
        "from": timestamp(datetime.fromtimestamp(span.start, UTC)),
        "to": timestamp(datetime.fromtimestamp(span.end, UTC)),
        "metrics": metrics,
        "count": len(metrics),
    }


def _coverage(series: Series) -> float | None:
    """Polls that are there, of those that should be, in percent."""
    return None if series.coverage is None else round(100 * series.coverage, 1)


def filesystem(part: Filesystem, newest: FilesystemMetrics | None) -> dict[str, Any]:
    """A filesystem with its newest figures."""
    return {
        "id": part.pk,
        "server_id": part.server_id,
        "mount": part.name,
        "device": part.device,
        "type": part.type,
        "is_read_only": part.is_read_only,
        **_now(figures.FILESYSTEM, newest),
    }


def interface(part: Interface, newest: InterfaceMetrics | None) -> dict[str, Any]:
    """A network interface with its newest figures."""
    return {
        "id": part.pk,
        "server_id": part.server_id,
        "name": part.name,
        "is_counted": part.is_counted,
        **_now(figures.INTERFACE, newest),
    }


def part_samples(part: Part, series: Series, known: Figures, names: Collection[str]) -> list[dict[str, Any]]:
    """The samples of a filesystem or an interface, oldest first."""
    owner = {"server_id": part.server_id, f"{part._meta.model_name}_id": part.pk}
    return _samples(owner, series, known, names)


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
        **_now(figures.APP, latest),
        "cpu_of_host_percent": _tenths(row.cpu_of_host_percent),
        "cpu_of_limit_percent": _tenths(row.cpu_of_limit_percent),
        "memory_percent": _tenths(row.memory_percent),
        "timestamp": timestamp(latest.timestamp) if latest else None,
    }


def app_samples(history: AppHistory, names: Collection[str] = figures.APP) -> list[dict[str, Any]]:
    """An app's samples with these figures, oldest first; each with the container that the app had then."""
    owner = {"server_id": history.app.server_id, "app_id": history.app.pk}

    def container(step: int) -> dict[str, Any]:
        found = history.instances[step]
        return {
            "container_id": found.container_id if found else None,
            "container_name": found.name if found else None,
            "image": found.image or None if found else None,
            "status": history.states[step],
        }

    return _samples(owner, history.series, figures.APP, names, container)


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


def _now(known: Figures, newest: Any) -> dict[str, float | None]:
    """The figures of a stored row; all null without one."""
    return {
        name: one.of(*(getattr(newest, field) for field in one.fields)) if newest else None
        for name, one in known.items()
    }


def _samples(
    owner: dict[str, Any],
    series: Series,
    known: Figures,
    names: Collection[str],
    besides: Callable[[int], dict[str, Any]] = lambda _step: {},
) -> list[dict[str, Any]]:
    """One for each step in which there was a sample: means, counters as the last was, and the peaks."""
    chosen = {name: one for name, one in known.items() if name in names}
    columns = {name: one.column(series.high if one.is_counter else series.mean) for name, one in chosen.items()}
    columns |= {f"{name}_max": one.column(series.high) for name, one in chosen.items() if one.has_peak}
    return [
        {
            **owner,
            **besides(step),
            **{name: column[step] for name, column in columns.items()},
            "timestamp": timestamp(datetime.fromtimestamp(series.span.start + step * series.span.step, UTC)),
            "samples": count,
        }
        for step, count in enumerate(series.counts)
        if count
    ]


def _crash(card: CrashCard) -> dict[str, Any]:
    return {
        "server_id": card.app.server_id,
        "app_id": card.app_id,
        "app_name": card.app.name,
        "at": timestamp(card.at),
        "times": card.times,
        "image": card.image or None,
        "exit_code": card.exit_code,
        "signal": card.signal or None,
        "out_of_memory": card.is_out_of_memory,
        "log": card.log[-MOST_LOG_CHARACTERS:],
    }


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


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _hundredths(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
