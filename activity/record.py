"""record(): the only writer of the activity log."""

from datetime import datetime
from typing import Any, Protocol

import structlog
from django.db import transaction
from django.utils import timezone

from activity import chain, floods
from activity.context import Acting, current
from activity.masking import masked
from activity.models import ActivityLog
from activity.plain import address, text
from activity.types import ActivityType, Result

log = structlog.get_logger(__name__)


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
) -> ActivityLog | None:
    """Write one row, as done by the actor of the current context unless another is given.

    It takes part in the caller's transaction: what did not happen is not recorded. Until that ends nobody else can
    record, so in a transaction it comes after what takes locks. None if a flood of the same source was too much: then
    it is counted, and told in one row later.
    """
    actor, when = actor or current(), at or timezone.now()
    row = ActivityLog(
        timestamp=when.replace(microsecond=when.microsecond // 1000 * 1000),
        activity_type=kind,
        **_who(actor),
        **_about("server", server),
        **_about("app", app),
        result=result,
        message=masked(message)[:500],
        details=masked(details or {}),
    )
    with transaction.atomic():
        source = floods.source_of(row)
        if source and not floods.admits(source, row):
            return None
        chain.append(row)
    log.info(
        "activity.recorded",
        kind=str(kind),
        actor=actor.name,
        server=row.server_name,
        app=row.app_name,
        message=row.message,
    )
    return row


def _who(actor: Acting) -> dict[str, Any]:
    return {
        "actor_kind": actor.kind,
        "actor_name": text(actor.name, 150),
        "user_id": actor.user_id,
        "source_ip": address(actor.source_ip),
        "user_agent": text(actor.user_agent, 300),
        "origin": actor.origin,
        "request_id": actor.request_id,
    }


def _about(what: str, target: Named | None) -> dict[str, Any]:
    """Its number and its name, copied."""
    return {f"{what}_id": target.id, f"{what}_name": text(target.name, 128)} if target else {}
