"""How long a session lasts, that signed-in pages are never stored, and Django admin behind the password."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers

from dashboard import access

TOUCH_SECONDS = 60


class SessionLimitsMiddleware:
    """Ends a session after two idle hours, and after twelve in any case. A page's own refresh does not count as use."""

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
        if "HX-Request" in request.headers and not request.user.is_authenticated:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})  # the whole page asks to sign in
        return response

    def _limit(self, request: HttpRequest, now: float) -> None:
        session = request.session
        if now - session.get("signed_in_at", now) > settings.SESSION_ABSOLUTE_SECONDS:
            logout(request)
        elif now - session.get("seen_at", 0) > TOUCH_SECONDS and "X-Refresh" not in request.headers:
            session["seen_at"] = now


class AdminConfirmationMiddleware:
    """Asks for the password before anything is changed in Django admin, as the product's own pages do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        changes = request.method == "POST" and request.path.startswith("/admin/")
        if changes and request.user.is_authenticated and not access.is_confirmed(request):
            return access.ask_for_password(request, back_to=request.get_full_path())
        return self.get_response(request)
