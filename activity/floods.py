"""What comes in floods is counted instead of listed: at most ten rows a minute of one source."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from activity import chain, plain
from activity.models import ActivityLog, Flood
from activity.types import FLOODING, ActivityType, ActorKind, traits

MOST_A_MINUTE = 10  # the last of them says how many were left out in the minute before
MOST_COUNTED = 50  # names or kinds, each with a count of its own
MINUTE = 60
REFUSALS = (ActivityType.USER_LOGIN_FAILED, ActivityType.PERMISSION_DENIED)
COPIED = (
    "activity_type actor_kind actor_name user_id source_ip user_agent origin server_id server_name app_id app_name"
    " result request_id"
).split()


def source_of(row: ActivityLog) -> str:
    """Who or what floods: the address of whoever is refused, the server and app that is observed; "" if neither."""
    if row.activity_type not in FLOODING or row.actor_kind == ActorKind.COMMAND:
        return ""
    if row.activity_type in REFUSALS:
        return refused_from(row.activity_type, row.source_ip, row.actor_name)
    return f"server {row.server_id} app {row.app_id}" if row.actor_kind == ActorKind.SYSTEM else ""


def refused_from(kind: str, source_ip: str | None, actor_name: str = "") -> str:
    return f"{kind} from {plain.neighbourhood(source_ip) if source_ip else actor_name}"


def admits(source: str, row: ActivityLog) -> bool:
    """Whether this row may still be written in its minute; counts it either way."""
    chain.lock()
    minute = int(row.timestamp.timestamp()) // MINUTE
    flood = Flood.objects.filter(pk=source).first() or Flood(source=source, minute=minute)
    if flood.minute != minute:
        _tell(flood, row.timestamp)
        flood = Flood(source=source, minute=minute)
    is_admitted = flood.written < MOST_A_MINUTE - 1
    if is_admitted:
        flood.written += 1
    else:
        flood.left_out += 1
        flood.last = {name: getattr(row, name) for name in COPIED} | {
            "message": row.message,
            "counts": _counted(flood.last["counts"] if _is_ours(flood.last) else {}, row),
        }
    flood.save()
    return is_admitted


def settle(at: datetime) -> None:
    """Tell what was left out in minutes that are over."""
    over = int(at.timestamp()) // MINUTE
    for source in Flood.objects.filter(minute__lt=over).values_list("pk", flat=True):
        with transaction.atomic():
            chain.lock()
            for flood in Flood.objects.filter(pk=source, minute__lt=over):
                _tell(flood, at)
                flood.delete()


def left_out(source: str, since: datetime, name: str = "") -> int:
    """How much of this source was left out since then and is not told yet; of one name if given."""
    recent = Flood.objects.filter(pk=source, minute__gte=int(since.timestamp()) // MINUTE)
    return sum(flood.last.get("counts", {}).get(name, 0) if name else flood.left_out for flood in recent)


def _counted(counts: dict[str, int], row: ActivityLog) -> dict[str, int]:
    """One more: of whoever was refused by name, of all else by kind."""
    key = row.actor_name if row.activity_type in REFUSALS else str(row.activity_type)
    return counts | {key: counts.get(key, 0) + 1} if key in counts or len(counts) < MOST_COUNTED else counts


def _tell(flood: Flood, at: datetime) -> None:
    if not flood.left_out or not _is_ours(flood.last):
        return
    last, minute = dict(flood.last), datetime.fromtimestamp(flood.minute * MINUTE, UTC)
    label = traits(last["activity_type"]).label
    details: Any = {
        "left_out": flood.left_out,
        "counts": last.pop("counts"),
        "from": minute.isoformat(),
        "to": (minute + timedelta(seconds=MINUTE)).isoformat(),
        "last": last.pop("message"),
    }
    message = f"{label}: {flood.left_out} more in the minute of {minute:%H:%M} UTC, not listed one by one"
    chain.append(ActivityLog(timestamp=at, message=message, details=details, **last))


def _is_ours(last: Any) -> bool:
    """Whether it is what admits() keeps: nothing else becomes a row, and nothing made up stops the others."""
    is_full = isinstance(last, dict) and last.keys() == {*COPIED, "message", "counts"}
    return is_full and last["activity_type"] in FLOODING and isinstance(last["counts"], dict)
