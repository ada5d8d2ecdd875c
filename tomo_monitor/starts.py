"""What the activity log says of the product's own starts and ends."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q, QuerySet
from django.utils.timesince import timesince

from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType, ActorKind, Result
from metrics.models import Heartbeat
from tomo_monitor import __version__

OWN = Q(activity_type__in=(ActivityType.SYSTEM_STARTUP, ActivityType.SYSTEM_SHUTDOWN), actor_kind=ActorKind.SYSTEM)
RESTORED = Q(activity_type=ActivityType.BACKUP_RESTORED, actor_kind=ActorKind.COMMAND)
HOW = {
    "first_start": "for the first time",
    "shutdown": "again after it was stopped",
    "crash": "again after it was killed or crashed",
    "restore": "with a backup that was restored",
    "machine_restart": "again after the machine restarted under it",
}


def record_startup(settings: Mapping[str, Any], at: datetime) -> None:
    """With version, what it came after, how long it was down, and what the settings are; changed ones in a row more."""
    node = settings.get("node", "")
    log = ActivityLog.objects.order_by("-id")
    last = _of(node, log.filter(OWN | RESTORED))
    started = _of(node, log.filter(OWN, activity_type=ActivityType.SYSTEM_STARTUP))
    after = _after(last, at)
    down = at - _last_sign(last) if last and after != "restore" else None  # what was restored knows nothing of it
    now = shown(settings)
    details = {
        "version": __version__,
        "after": after,
        "down_seconds": round(down.total_seconds()) if down is not None else None,
        "settings": now,
        **_named(node),
    }
    message = f"Monitor {__version__}{_on(node)} started {HOW[after]}"
    if down is not None:
        message += f"; it was down for {_length(down, at)}"
    if started and (version := started.detail("version")) != __version__:
        details["previous_version"] = version
        message += f"; before, it was version {version}"
    record(ActivityType.SYSTEM_STARTUP, message, details=details, at=at)
    before = started.detail("settings") if started else None
    if isinstance(before, dict) and before != now:
        _record_settings(before, now, node, at)


def record_shutdown(
    reason: str, started_at: datetime, at: datetime, *, node: str = "", result: Result = Result.SUCCESS
) -> None:
    up = at - started_at
    details = {"version": __version__, "reason": reason, "up_seconds": round(up.total_seconds()), **_named(node)}
    message = f"Monitor {__version__}{_on(node)} stopped by {reason} after {_length(up, at)}"
    record(ActivityType.SYSTEM_SHUTDOWN, message, result=result, details=details, at=at)


def shown(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings as text, without the secrets that some addresses hold."""
    return {name: _without_secrets(value) for name, value in settings.items()}


def _without_secrets(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "on" if value else "off"
        case dict():  # the database, as Django has it
            place = f"{value.get('HOST', '')}:{value.get('PORT', '')}".strip(":")
            return f"{value.get('ENGINE', '').rpartition('.')[2]} {place} {value.get('NAME', '')}".strip()
        case tuple():
            return ":".join(map(str, value))
        case list():
            return ", ".join(map(str, value))
        case str() if "://" in value:
            return f"{urlsplit(value).scheme}://{urlsplit(value).netloc.rpartition('@')[2]}"
    return str(value)


def _of(node: str, rows: QuerySet[ActivityLog]) -> ActivityLog | None:
    """The first that tells of this host; a restore is of all."""
    own = (row for row in rows.iterator() if row.actor_kind == ActorKind.COMMAND or (row.detail("node") or "") == node)
    return next(own, None)


def _named(node: str) -> dict[str, str]:
    return {"node": node} if node else {}


def _on(node: str) -> str:
    return f" on {node}" if node else ""


def _record_settings(before: Mapping[str, str], now: Mapping[str, str], node: str, at: datetime) -> None:
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    details = {
        "before": {name: before.get(name) for name in changed},
        "after": {name: now.get(name) for name in changed},
        **_named(node),
    }
    names = ", ".join(f"TOMO_{name.upper()}" for name in changed)
    record(ActivityType.SETTINGS_CHANGED, f"Settings{_on(node)} changed: {names}", details=details, at=at)


def _after(last: ActivityLog | None, at: datetime) -> str:
    if last is None:
        return "first_start"
    if last.activity_type != ActivityType.SYSTEM_STARTUP:
        return "shutdown" if last.activity_type == ActivityType.SYSTEM_SHUTDOWN else "restore"
    return "machine_restart" if _booted_at(at) > _last_sign(last) else "crash"


def _last_sign(last: ActivityLog | None) -> datetime:
    """When it was last known to run."""
    assert last
    signs = [last.timestamp]
    if last.activity_type == ActivityType.SYSTEM_STARTUP:
        signs += Heartbeat.objects.here().values_list("at", flat=True)
    return max(signs)


def _booted_at(at: datetime) -> datetime:
    """When this machine started, by its own uptime."""
    try:
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        uptime = time.monotonic()
    return at - timedelta(seconds=uptime)


def _length(span: timedelta, at: datetime) -> str:
    return f"{span.total_seconds():.0f} s" if span < timedelta(minutes=1) else timesince(at - span, at)
