"""Who asks the API, by session or bearer token, and what they may see; a refusal of either is recorded."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.encoding import escape_uri_path

from activity.context import Acting, current
from activity.queries import ActivityFilter
from activity.record import record
from activity.types import ActivityType, Origin, Result
from dashboard import access, tokens
from dashboard.api.envelope import ApiError
from dashboard.api.parameters import WHOLE
from dashboard.models import ApiToken, Scope
from metrics.models import App, Server
from metrics.models.parts import Part
from metrics.models.server import ServerQuerySet

Role = Callable[[Any], bool]


@dataclass(frozen=True)
class Caller:
    """Who asks, and what they may see. Only a session has no token."""

    servers: ServerQuerySet
    activity: ActivityFilter
    at: datetime
    actor: Acting
    token: ApiToken | None = None

    def server(self, text: str) -> Server:
        """One of the caller's servers; any other does not exist for them."""
        found = self.servers.with_latest().filter(pk=int(text)).first() if WHOLE.fullmatch(text) else None
        if found is None:
            raise ApiError(404, "NOT_FOUND", "There is no such server.")
        return found

    def part(self, model: type[Part], server_id: str, part_id: str) -> Part:
        """A filesystem or an interface of one of the caller's servers."""
        server = self.server(server_id)
        wanted = model._default_manager.filter(server=server)
        found = wanted.filter(pk=int(part_id)).first() if WHOLE.fullmatch(part_id) else None
        if found is None:
            raise ApiError(404, "NOT_FOUND", f"There is no such {model._meta.model_name} on this server.")
        return found

    def app(self, server_id: str, app_id: str) -> App:
        """An app of one of the caller's servers, also one that was removed."""
        server = self.server(server_id)
        found = server.apps.filter(pk=int(app_id)).first() if WHOLE.fullmatch(app_id) else None
        if found is None:
            raise ApiError(404, "NOT_FOUND", "There is no such app on this server.")
        return found


def caller(request: HttpRequest, scope: Scope | None, at: datetime, role: Role | None = None) -> Caller:
    """Who sent this request, if they may: with this scope (None is any) and this role, a token's owner's.

    A session reads; only a token writes, as it is not sent unasked.
    """
    if "Authorization" in request.headers:
        token = bearer(request, at)
        _check_scope(request, token, scope)
        _check_role(request, token.owner, tokens.actor(token), role)
        return of_token(token, at)
    if not request.user.is_authenticated:
        raise _unauthorized("Sign in, or send a token as `Authorization: Bearer …`.")
    if request.method not in ("GET", "HEAD"):
        _record_refusal(request, "session", current())
        wanted = f"a token with the scope {scope}" if scope else "a token"
        message = f"A session may only read here: send {wanted} as `Authorization: Bearer …`."
        raise ApiError(403, "TOKEN_NEEDED", message)
    _check_role(request, request.user, current(), role)
    return Caller(Server.objects.visible_to(request.user), access.activity_seen_by(request.user), at, current())


def bearer(request: HttpRequest, at: datetime) -> ApiToken:
    """The token that came with this request, counted as used. Raises ApiError."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise _unauthorized("Send the token as `Authorization: Bearer …`.")
    try:
        token = tokens.check(text.strip(), request.META.get("REMOTE_ADDR", ""), at)
    except tokens.Refused as refused:
        _record_refusal(request, refused.reason, tokens.actor(refused.token) if refused.token else current())
        raise _unauthorized(str(refused)) from None
    except tokens.TooOften as often:
        if often.is_first:
            _record_refusal(request, "too_often", tokens.actor(often.token))
        raise ApiError(429, "TOO_MANY_REQUESTS", str(often), {"Retry-After": str(often.seconds)}) from None
    return token


def _check_scope(request: HttpRequest, token: ApiToken, scope: Scope | None) -> None:
    """Raises ApiError if the token lacks the scope."""
    if scope and scope not in token.scopes:
        _record_refusal(request, "scope_missing", tokens.actor(token))
        challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        raise ApiError(403, "SCOPE_MISSING", f"The token lacks the scope {scope}.", challenge)


def _check_role(request: HttpRequest, user: Any, actor: Acting, role: Role | None) -> None:
    if role and not role(user):
        _record_refusal(request, "role_missing", actor)
        raise ApiError(403, "ROLE_MISSING", f"{user} may not do this: ask an administrator.")


def of_token(token: ApiToken, at: datetime) -> Caller:
    """What its owner may see; with a tag only its servers, and of the activity only theirs."""
    servers, seen = Server.objects.visible_to(token.owner), access.activity_seen_by(token.owner)
    if Scope.ACTIVITY_READ not in token.scopes:
        seen = replace(seen, only_servers=True)  # the summary tells what happened last
    if token.tag:
        servers = servers.filter(tags=token.tag)
        seen = replace(seen, servers=servers.values_list("pk", flat=True))
    return Caller(servers, seen, at, tokens.actor(token), token)


def _record_refusal(request: HttpRequest, reason: str, actor: Acting) -> None:
    path = escape_uri_path(request.path)[:300]
    record(
        ActivityType.PERMISSION_DENIED,
        f"{actor.name} was refused {request.method} {path}",
        result=Result.FAILURE,
        details={"reason": reason, "method": request.method, "path": path},
        actor=replace(actor, origin=Origin.API),
    )


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, "UNAUTHORIZED", message, {"WWW-Authenticate": 'Bearer realm="Tomo Monitor"'})
