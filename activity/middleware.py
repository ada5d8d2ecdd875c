"""Says who is acting for the length of a web request, and that it ended."""

import logging
import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from activity.context import Acting, acting, new_request_id
from activity.types import ActorKind, Origin

log = structlog.get_logger(__name__)

UNTOLD = {"/healthz"}  # the supervisor asks it every few seconds


class ActivityContextMiddleware:
    """Binds the request's actor, address and id; the id goes out as X-Request-ID."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        actor = actor_of(request)
        with acting(actor):
            response = self.get_response(request)
            if request.path not in UNTOLD:
                _tell(request, response.status_code, actor, time.monotonic() - began)
        response["X-Request-ID"] = actor.request_id
        return response


def actor_of(request: HttpRequest) -> Acting:
    """The signed-in user of a request, or "anonymous"."""
    return Acting(
        kind=ActorKind.USER,
        origin=Origin.ADMIN if request.path.startswith("/admin/") else Origin.WEB,
        name=request.user.get_username() or "anonymous",
        user_id=request.user.pk,
        source_ip=request.META.get("REMOTE_ADDR") or None,
        user_agent=request.headers.get("User-Agent", ""),
        request_id=request.headers.get("X-Request-ID") or new_request_id(),  # there only if a trusted proxy gave it
    )


def _tell(request: HttpRequest, status: int, actor: Acting, seconds: float) -> None:
    log.log(
        logging.WARNING if status >= 500 else logging.INFO,
        "request.finished",
        method=request.method,
        path=path_of(request),
        status=status,
        seconds=round(seconds, 3),
        user=actor.name,
    )


def path_of(request: HttpRequest) -> str:
    """The path without its query; where a token is part of it, the route."""
    match = request.resolver_match
    return f"/{match.route}" if match and "token" in match.kwargs else request.path
