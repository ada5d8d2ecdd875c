"""Sessions end after two idle hours, and after twelve hours whatever happens; signed-in pages are never stored."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers

TOUCH_SECONDS = 60


class SessionLimitsMiddleware:
    """A page that refreshes itself does not count as use."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        now = datetime.now(UTC).timestamp()
        was_signed_in = request.user.is_authenticated
        if was_signed_in:
            self._limit(request, now)
        response = self.get_response(request)
        if request.user.is_authenticated:
            request.session.setdefault("signed_in_at", now)
        if was_signed_in or request.user.is_authenticated:
            add_never_cache_headers(response)
        return response

    def _limit(self, request: HttpRequest, now: float) -> None:
        session = request.session
        if now - session.get("signed_in_at", now) > settings.SESSION_ABSOLUTE_SECONDS:
            logout(request)
        elif now - session.get("seen_at", 0) > TOUCH_SECONDS and "X-Refresh" not in request.headers:
            session["seen_at"] = now
