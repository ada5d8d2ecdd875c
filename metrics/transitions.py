"""What a poll changes about a server: the state after it, and what is worth recording. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from activity.types import ActivityType, Result
from metrics.failures import Reason

PENDING, ONLINE, OFFLINE = "pending", "online", "offline"


@dataclass(frozen=True)
class Reachability:
    """Whether a server can be read, since when and, if not, why."""

    status: str
    since: datetime
    reason: str = ""
    explanation: str = ""
    failures: int = 0
    failing_since: datetime | None = None


@dataclass(frozen=True)
class Change:
    """Something to record about one server."""

    kind: ActivityType
    message: str
    details: dict[str, object]
    result: Result = Result.SUCCESS


def succeeded(before: Reachability, name: str, at: datetime) -> tuple[Reachability, list[Change]]:
    """After a poll that worked."""
    if before.status == ONLINE:
        return replace(before, failures=0, failing_since=None), []
    details: dict[str, object] = {}
    if before.status == OFFLINE:
        details = {"reason": before.reason, "offline_seconds": round((at - before.since).total_seconds())}
    return Reachability(ONLINE, at), [Change(ActivityType.SERVER_CONNECTED, f"{name} connected", details)]


def failed(
    before: Reachability, name: str, reason: Reason, explanation: str, at: datetime
) -> tuple[Reachability, list[Change]]:
    """After a poll that did not: offline is told once, a changed host key of its own; the reason is the latest one."""
    after = Reachability(
        status=OFFLINE,
        since=before.since if before.status == OFFLINE else at,
        reason=reason,
        explanation=explanation,
        failures=before.failures + 1,
        failing_since=before.failing_since or at,
    )
    changes = []
    if before.status != OFFLINE:
        changes.append(_loss(ActivityType.SERVER_DISCONNECTED, f"{name} disconnected: {reason}", explanation, reason))
    if reason is Reason.HOST_KEY_CHANGED and before.reason != reason:
        changes.append(_loss(ActivityType.HOST_KEY_CHANGED, f"{name} shows another host key", explanation, reason))
    return after, changes


def rebooted(name: str, boot_id_before: str, boot_id: str | None, uptime_seconds: float | None) -> list[Change]:
    """A changed boot id, and nothing else, is a reboot."""
    if not boot_id_before or not boot_id or boot_id == boot_id_before:
        return []
    details: dict[str, object] = {
        "boot_id": {"before": boot_id_before, "after": boot_id},
        "uptime_seconds": uptime_seconds,
    }
    return [Change(ActivityType.SERVER_REBOOTED, f"{name} rebooted", details)]


def _loss(kind: ActivityType, message: str, explanation: str, reason: Reason) -> Change:
    return Change(kind, message, {"reason": str(reason), "explanation": explanation}, Result.FAILURE)
