"""The JSON API: one table of operations, by session or bearer token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from activity.context import acting
from dashboard import answers, callers, envelope, parameters, posts
from dashboard.envelope import Answer, ApiError
from dashboard.models import Scope

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked: its address and method, its scope, its parameters, and what answers."""

    route: str
    scope: Scope
    answer: Callable[..., dict[str, Any] | Answer]
    parameters: tuple[str, ...] = ()
    method: str = "GET"


RANGE = ("period", "from", "to")
OPERATIONS = (
    Operation("summary", Scope.SUMMARY_READ, answers.summary),
    Operation("health", Scope.SUMMARY_READ, answers.health),
    Operation("servers", Scope.METRICS_READ, answers.servers, ("limit", "offset")),
    Operation("servers/<str:server_id>", Scope.METRICS_READ, answers.server),
    Operation("servers/<str:server_id>/metrics", Scope.METRICS_READ, answers.server_metrics, RANGE),
    Operation("apps", Scope.METRICS_READ, answers.apps, ("limit", "offset")),
    Operation("servers/<str:server_id>/apps", Scope.METRICS_READ, answers.server_apps),
    Operation(
        "servers/<str:server_id>/apps/<str:app_id>/metrics",
        Scope.METRICS_READ,
        answers.app_metrics,
        ("period", "from", "to"),
    ),
    Operation(
        "activity",
        Scope.ACTIVITY_READ,
        answers.activity,
        (
            *("activity_types", "user_id", "actor", "server_id", "app_id", "source_ip", "result"),
            *("since", "until", "q", "limit", "offset", "before"),
        ),
    ),
    Operation("activity", Scope.ACTIVITY_WRITE, answers.report, method="POST"),
)
READ: dict[str, Callable[..., Any]] = {"GET": parameters.given, "POST": posts.posted}


@csrf_exempt
@login_not_required
def handle(request: HttpRequest, *, methods: Mapping[str, Operation] | None = None, **place: str) -> HttpResponse:
    """The rim of the API: every answer is the envelope, every error has its status and code."""
    try:
        operation = _operation(request, methods)
        caller = callers.caller(request, operation.scope, datetime.now(UTC))
        with acting(caller.actor):
            answer = operation.answer(caller, READ[operation.method](request, operation.parameters), **place)
    except ApiError as error:
        return envelope.refused(error)
    except Http404:
        return envelope.refused(ApiError(404, "NOT_FOUND", "There is no such thing."))
    except SuspiciousOperation:
        return envelope.refused(ApiError(400, "BAD_REQUEST", "The request makes no sense."))
    except (OperationalError, InterfaceError):  # views/errors.py says so
        raise
    except Exception:  # a failure is an error in the envelope, never an empty answer
        log.exception("api.failed", path=request.path)
        message = "The answer could not be made; the log has the reason."
        return envelope.refused(ApiError(500, "INTERNAL", message))
    return envelope.told(answer if isinstance(answer, Answer) else Answer(answer))


def _operation(request: HttpRequest, methods: Mapping[str, Operation] | None) -> Operation:
    if methods is None:
        raise ApiError(404, "NOT_FOUND", "There is no such address.")
    operation = methods.get("GET" if request.method == "HEAD" else str(request.method))
    if operation is None:
        allowed = ", ".join(methods)
        raise ApiError(405, "METHOD_NOT_ALLOWED", f"Allowed: {allowed}.", {"Allow": allowed})
    return operation


def _addresses() -> dict[str, dict[str, Operation]]:
    """The operations of each address, by their methods."""
    found: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        found.setdefault(operation.route, {})[operation.method] = operation
    return found


urlpatterns = [
    *(path(route, handle, {"methods": methods}) for route, methods in _addresses().items()),
    path("", handle),
    path("<path:anything>", handle),
]
