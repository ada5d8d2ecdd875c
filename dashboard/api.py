"""The JSON API: one table of operations, by session or bearer token."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import csrf_exempt

from activity import queries as activity_queries
from activity.context import Acting, acting, current
from activity.queries import ActivityFilter
from activity.types import ActivityType
from dashboard import access, tokens, wire
from dashboard.models import ApiToken, Scope
from dashboard.summary import dashboard_summary
from metrics import app_access, app_queries, periods, queries
from metrics.models import App, Server
from metrics.models.server import ServerQuerySet
from metrics.periods import Span

log = structlog.get_logger(__name__)

WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
MOST_ROWS = 1000
MOST_CHARACTERS = 1000


class ApiError(Exception):
    """An answer that is an error: `code` is stable, `message` names what is allowed."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}
        super().__init__(message)


@dataclass(frozen=True)
class Caller:
    """Who asks, and what they may see."""

    servers: ServerQuerySet
    activity: ActivityFilter
    at: datetime

    def server(self, text: str) -> Server:
        """One of the caller's servers; any other does not exist for them."""
        found = self.servers.with_latest().filter(pk=int(text)).first() if WHOLE.fullmatch(text) else None
        if found is None:
            raise ApiError(404, "NOT_FOUND", "There is no such server.")
        return found

    def app(self, server_id: str, app_id: str) -> App:
        """An app of one of the caller's servers, also one that was removed."""
        server = self.server(server_id)
        found = server.apps.filter(pk=int(app_id)).first() if WHOLE.fullmatch(app_id) else None
        if found is None:
            raise ApiError(404, "NOT_FOUND", "There is no such app on this server.")
        return found


@dataclass(frozen=True)
class Operation:
    """One address: its method and scope, its parameters, and what answers."""

    route: str
    scope: Scope
    answer: Callable[..., dict[str, Any]]
    parameters: tuple[str, ...] = ()
    method: str = "GET"


def summary(caller: Caller, _given: Mapping[str, str]) -> dict[str, Any]:
    return wire.summary(dashboard_summary(caller.servers, caller.activity, caller.at))


def servers(caller: Caller, given: Mapping[str, str]) -> dict[str, Any]:
    limit, offset = _whole(given, "limit", MOST_ROWS, MOST_ROWS), _whole(given, "offset", 0)
    wanted = caller.servers.order_by("name", "pk")
    rows = queries.server_rows(wanted[offset : offset + limit], caller.at)
    return {
        "servers": [wire.server(row) for row in rows],
        "count": len(rows),
        "total": wanted.count(),
        "limit": limit,
        "offset": offset,
    }


def server(caller: Caller, _given: Mapping[str, str], server_id: str) -> dict[str, Any]:
    return wire.server(queries.server_row(caller.server(server_id), caller.at))


def server_metrics(caller: Caller, given: Mapping[str, str], server_id: str) -> dict[str, Any]:
    found = caller.server(server_id)
    period, span = _span(caller, given)
    metrics = wire.samples(found.pk, queries.server_series(found.pk, span))
    return {
        "server_id": found.pk,
        "period": period,
        **_span_told(span),
        "metrics": metrics,
        "count": len(metrics),
    }


def apps(caller: Caller, given: Mapping[str, str]) -> dict[str, Any]:
    limit, offset = _whole(given, "limit", MOST_ROWS, MOST_ROWS), _whole(given, "offset", 0)
    wanted = app_queries.apps_of(caller.servers, caller.at).present().order_by("server__name", "name", "pk")
    rows = app_queries.app_rows(wanted[offset : offset + limit])
    return {
        "apps": [wire.app(row) for row in rows],
        "count": len(rows),
        "total": wanted.count(),
        "limit": limit,
        "offset": offset,
    }


def server_apps(caller: Caller, _given: Mapping[str, str], server_id: str) -> dict[str, Any]:
    found = caller.server(server_id)
    here = app_queries.apps_of(caller.servers.filter(pk=found.pk), caller.at).present().order_by("name", "pk")
    rows = app_queries.app_rows(here)
    return {
        "server_id": found.pk,
        "apps": [wire.app(row) for row in rows],
        "count": len(rows),
        "total": len(rows),
        "status": found.state.apps_status or None,
        "explanation": app_access.explanation(found.state.apps_way) or None,
    }


def app_metrics(caller: Caller, given: Mapping[str, str], server_id: str, app_id: str) -> dict[str, Any]:
    app = caller.app(server_id, app_id)
    period, span = _span(caller, given)
    metrics = wire.app_samples(app_queries.app_history(app, span))
    return {
        "server_id": app.server_id,
        "app_id": app.pk,
        "period": period,
        **_span_told(span),
        "metrics": metrics,
        "count": len(metrics),
    }


def activity(caller: Caller, given: Mapping[str, str]) -> dict[str, Any]:
    limit, offset = _whole(given, "limit", 50, MOST_ROWS), _whole(given, "offset", 0)
    page = activity_queries.page(
        _activity_filter(caller, given), limit=limit, offset=offset, before=_whole(given, "before", 0) or None
    )
    logs = [wire.activity(row) for row in page.rows]
    return {
        "logs": logs,
        "count": len(logs),
        "total": page.total,
        "limit": limit,
        "offset": offset,
        "next_before": page.before,
    }


def _span(caller: Caller, given: Mapping[str, str]) -> tuple[str, Span]:
    period = given.get("period", "24h")
    try:
        return period, periods.span(period, caller.at.timestamp(), interval=int(queries.interval().total_seconds()))
    except periods.UnknownPeriod as wrong:
        raise ApiError(400, "UNKNOWN_PERIOD", f"period: {wrong}") from None


def _span_told(span: Span) -> dict[str, Any]:
    return {
        "step_seconds": span.step,
        "from": wire.timestamp(datetime.fromtimestamp(span.start, UTC)),
        "to": wire.timestamp(datetime.fromtimestamp(span.end, UTC)),
    }


def _activity_filter(caller: Caller, given: Mapping[str, str]) -> ActivityFilter:
    kinds = sorted({kind for kind in given.get("activity_types", "").split(",") if kind})
    unknown = [kind for kind in kinds if kind not in {str(known) for known in ActivityType}]
    if unknown:
        raise _bad("activity_types", f"{unknown[0]!r} is not a kind. Allowed: {', '.join(ActivityType)}.")
    return replace(
        caller.activity,
        activity_types=kinds,
        user_id=_whole(given, "user_id", 0) or None,
        server_id=_whole(given, "server_id", 0) or None,
        app_id=_whole(given, "app_id", 0) or None,
        since=_instant(given, "since"),
        until=_instant(given, "until"),
        text=given.get("q", ""),
    )


OPERATIONS = (
    Operation("summary", Scope.SUMMARY_READ, summary),
    Operation("servers", Scope.METRICS_READ, servers, ("limit", "offset")),
    Operation("servers/<str:server_id>", Scope.METRICS_READ, server),
    Operation("servers/<str:server_id>/metrics", Scope.METRICS_READ, server_metrics, ("period",)),
    Operation("apps", Scope.METRICS_READ, apps, ("limit", "offset")),
    Operation("servers/<str:server_id>/apps", Scope.METRICS_READ, server_apps),
    Operation("servers/<str:server_id>/apps/<str:app_id>/metrics", Scope.METRICS_READ, app_metrics, ("period",)),
    Operation(
        "activity",
        Scope.ACTIVITY_READ,
        activity,
        ("activity_types", "user_id", "server_id", "app_id", "since", "until", "q", "limit", "offset", "before"),
    ),
)


@csrf_exempt
@login_not_required
def handle(request: HttpRequest, *, operation: Operation | None = None, **place: str) -> HttpResponse:
    """The rim of the API: every answer is the envelope, every error has its status and code."""
    try:
        if operation is None:
            raise ApiError(404, "NOT_FOUND", "There is no such address.")
        if request.method not in (operation.method, "HEAD"):
            raise ApiError(405, "METHOD_NOT_ALLOWED", f"Allowed: {operation.method}.", {"Allow": operation.method})
        caller, actor = _caller(request, operation.scope)
        with acting(actor):
            data = operation.answer(caller, _given(request, operation.parameters), **place)
    except ApiError as error:
        return _json({"success": False, "message": error.message, "error": error.code}, error.status, error.headers)
    except Http404:
        return _json({"success": False, "message": "There is no such thing.", "error": "NOT_FOUND"}, 404)
    except SuspiciousOperation:
        return _json({"success": False, "message": "The request makes no sense.", "error": "BAD_REQUEST"}, 400)
    except Exception:  # a failure is an error in the envelope, never an empty answer
        log.exception("api.failed", path=request.path)
        message = "The answer could not be made; the log has the reason."
        return _json({"success": False, "message": message, "error": "INTERNAL"}, 500)
    return _json({"success": True, "data": data, "message": "OK"})


def _caller(request: HttpRequest, scope: Scope) -> tuple[Caller, Acting]:
    header = request.headers.get("Authorization", "")
    at = datetime.now(UTC)
    if header:
        return _token_caller(header, request, scope, at)
    if not request.user.is_authenticated:
        raise _unauthorized("Sign in, or send a token as `Authorization: Bearer …`.")
    seen = Server.objects.visible_to(request.user)
    return Caller(seen, access.activity_seen_by(request.user), at), current()


def _token_caller(header: str, request: HttpRequest, scope: Scope, at: datetime) -> tuple[Caller, Acting]:
    kind, _, text = header.partition(" ")
    address = request.META.get("REMOTE_ADDR", "")
    if kind.lower() != "bearer":
        raise _unauthorized("Send the token as `Authorization: Bearer …`.")
    try:
        token = tokens.check(text.strip(), address, at)
    except tokens.Refused as refused:
        raise _unauthorized(str(refused)) from None
    except tokens.TooOften as often:
        raise ApiError(429, "TOO_MANY_REQUESTS", str(often), {"Retry-After": str(often.seconds)}) from None
    if scope not in token.scopes:
        challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        raise ApiError(403, "SCOPE_MISSING", f"The token lacks the scope {scope}.", challenge)
    return _seen_with(token, at), tokens.actor(token)


def _seen_with(token: ApiToken, at: datetime) -> Caller:
    """What its owner may see; with a tag only its servers, and of the activity only theirs."""
    servers, seen = Server.objects.visible_to(token.owner), access.activity_seen_by(token.owner)
    if Scope.ACTIVITY_READ not in token.scopes:
        seen = replace(seen, only_servers=True)  # the summary tells what happened last
    if token.tag:
        servers = servers.filter(tags=token.tag)
        seen = replace(seen, servers=servers.values_list("pk", flat=True))
    return Caller(servers, seen, at)


def _given(request: HttpRequest, allowed: tuple[str, ...]) -> dict[str, str]:
    """The query's parameters, each known and given once."""
    for name, values in request.GET.lists():
        if name not in allowed:
            raise _bad(name, f"There is no such parameter. Allowed: {', '.join(allowed) or 'no parameters'}.")
        if len(values) > 1:
            raise _bad(name, "Give it once.")
        if "\0" in values[0]:
            raise _bad(name, "It has a NUL character.")
        if len(values[0]) > MOST_CHARACTERS:
            raise _bad(name, f"Allowed: at most {MOST_CHARACTERS} characters.")
    return request.GET.dict()


def _whole(given: Mapping[str, str], name: str, default: int, most: int = 10**15) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not WHOLE.fullmatch(text) or int(text) > most:
        raise _bad(name, f"Allowed: a whole number from 0 to {most}.")
    return int(text)


def _instant(given: Mapping[str, str], name: str) -> datetime | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        found = parse_datetime(text.replace(" ", "+"))
        if found and found.tzinfo:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _bad(name, "Allowed: a time with its zone, such as 2026-01-31T12:00:00Z.")


def _bad(name: str, message: str) -> ApiError:
    return ApiError(400, "BAD_PARAMETER", f"{name}: {message}"[:500])


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, "UNAUTHORIZED", message, {"WWW-Authenticate": 'Bearer realm="Tomo Monitor"'})


def _json(body: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    response = JsonResponse(body, status=status, headers=headers, json_dumps_params={"allow_nan": False})
    response["Cache-Control"] = "no-store"
    return response


urlpatterns = [
    *(path(operation.route, handle, {"operation": operation}) for operation in OPERATIONS),
    path("", handle),
    path("<path:anything>", handle),
]
