"""What every page knows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from dashboard import access
from metrics import queries, room

SILENT = timedelta(seconds=60)


def product(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    silence = queries.poller_silence(datetime.now(UTC))
    return {
        "is_administrator": access.is_administrator(user),
        "is_operator": access.is_operator(user),
        "poller_is_silent": silence is not None and silence > SILENT,
        "poller_silence": silence,
        "disk_is_full": room.is_short(),
        "time_zone": settings.TIME_ZONE,
        "poll_seconds": settings.TOMO["poll_seconds"],
        "refresh_seconds": min(settings.TOMO["poll_seconds"] // 2, 15),
    }
