"""What every page knows."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from activity import verification
from dashboard import access
from metrics import queries, room

LOOK_SECONDS = 5  # after which it is looked again whether the pollers live and the log is whole


def product(request: HttpRequest) -> dict[str, Any]:
    known = {"is_demo": settings.DEMO_BEGUN_AT is not None}
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return known
    return known | {
        **(cache.get_or_set("how_it_fares", _how_it_fares, LOOK_SECONDS) or {}),
        "is_administrator": access.is_administrator(user),
        "is_auditor": access.is_auditor(user),
        "is_operator": access.is_operator(user),
        "disk_is_full": room.is_short(),
        "refresh_seconds": min(settings.TOMO["poll_seconds"] // 2, 15),
    }


def _how_it_fares() -> dict[str, Any]:
    """As any cache can keep it: lengths in seconds."""
    silence = queries.poller_silence(datetime.now(UTC))
    return {
        "poller_silence": {site: length and length.total_seconds() for site, length in silence.items()},
        "log_is_broken": verification.is_broken(),
    }
