"""Says who is acting for the length of a web request."""

import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from activity.context import Acting, acting
from activity.types import ActorKind, Origin


class ActivityContextMiddleware:
    """Binds the request's actor, address and id; the id goes out as X-Request-ID."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        actor = actor_of(request)
        with acting(actor):
            response = self.get_response(request)
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
        request_id=uuid.uuid4().hex,
    )
