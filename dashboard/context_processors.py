"""What every page knows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from activity import verification
from dashboard import access
from metrics import queries, room

LOOK_SECONDS = 5  # after which it is looked again how the pollers and the log fare


def product(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    silence, log_is_broken = cache.get_or_set("how_it_fares", _how_it_fares, LOOK_SECONDS)
    return {
        "is_administrator": access.is_administrator(user),
        "is_auditor": access.is_auditor(user),
        "is_operator": access.is_operator(user),
        "poller_is_silent": silence is not None and silence > queries.SILENT,
        "poller_silence": silence,
        "log_is_broken": log_is_broken,
        "disk_is_full": room.is_short(),
        "refresh_seconds": min(settings.TOMO["poll_seconds"] // 2, 15),
    }


def _how_it_fares() -> tuple[timedelta | None, bool]:
    """How long the pollers are silent, and whether the log is broken."""
    return queries.poller_silence(datetime.now(UTC)), verification.is_broken()
