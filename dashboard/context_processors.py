"""What every page knows."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from activity import verification
from dashboard import access
from metrics import queries, room


def product(request: HttpRequest) -> dict[str, Any]:
    known = {"is_demo": settings.DEMO_BEGUN_AT is not None}
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return known
    silence = queries.poller_silence(datetime.now(UTC))
    return known | {
        "is_administrator": access.is_administrator(user),
        "is_auditor": access.is_auditor(user),
        "is_operator": access.is_operator(user),
        "poller_is_silent": silence is not None and silence > queries.SILENT,
        "poller_silence": silence,
        "log_is_broken": verification.is_broken(),
        "disk_is_full": room.is_short(),
        "refresh_seconds": min(settings.TOMO["poll_seconds"] // 2, 15),
    }
