"""record(): the only writer of the activity log."""

import re
from datetime import datetime
from typing import Any, Protocol

import structlog
from django.utils import timezone

from activity.context import Acting, current
from activity.models import ActivityLog
from activity.types import ActivityType, Result

log = structlog.get_logger(__name__)

SECRET_NAME = re.compile(r"pass(word|phrase)?|secret|token|private|api_?key|authorization|cookie", re.IGNORECASE)
MASK = "••••••"


class Named(Protocol):
    """What an activity is about: anything with an id and a name."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...


def record(
    kind: ActivityType,
    message: str,
    *,
    server: Named | None = None,
    app: Named | None = None,
    result: Result = Result.SUCCESS,
    details: dict[str, Any] | None = None,
    actor: Acting | None = None,
    at: datetime | None = None,
) -> ActivityLog:
    """Write one row, as done by the actor of the current context unless another is given.

    It takes part in the caller's transaction: what did not happen is not recorded.
    """
    actor = actor or current()
    row = ActivityLog.objects.create(
        timestamp=at or timezone.now(),
        activity_type=kind,
        actor_kind=actor.kind,
        actor_name=actor.name[:150],
        user_id=actor.user_id,
        source_ip=actor.source_ip,
        user_agent=actor.user_agent[:300],
        origin=actor.origin,
        server_id=server.id if server else None,
        server_name=server.name[:128] if server else "",
        app_id=app.id if app else None,
        app_name=app.name[:128] if app else "",
        result=result,
        message=message[:500],
        details=masked(details or {}),
        request_id=actor.request_id,
    )
    log.info(
        "activity.recorded",
        kind=str(kind),
        actor=actor.name,
        server=row.server_name,
        app=row.app_name,
        message=row.message,
    )
    return row


def masked(details: Any, name: str = "") -> Any:
    """The details, with everything under a name that sounds like a secret replaced."""
    if details and SECRET_NAME.search(name):
        return MASK
    match details:
        case dict():
            return {key: masked(value, str(key)) for key, value in details.items()}
        case list() | tuple():
            return [masked(value) for value in details]
        case _:
            return details
