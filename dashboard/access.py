"""Who may do what. Everybody who is signed in may look; roles come on top."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from activity.queries import ActivityFilter
from activity.record import record
from activity.types import ActivityType, Result
from dashboard.models import Scope
from dashboard.requests import Request

OPERATORS, AUDITORS = "operators", "auditors"
CONFIRMED_SECONDS = 600

P = ParamSpec("P")
View = Callable[Concatenate[Request, P], HttpResponseBase]


def is_administrator(user: Any) -> bool:
    return bool(user.is_active and user.is_superuser)


def is_operator(user: Any) -> bool:
    """May acknowledge and poll now."""
    return is_administrator(user) or _is_in(user, OPERATORS)


def is_auditor(user: Any) -> bool:
    """May read the whole activity log, not only what is about servers."""
    return is_administrator(user) or _is_in(user, AUDITORS)


def activity_seen_by(user: Any) -> ActivityFilter:
    """What of the activity log this user may look at."""
    return ActivityFilter(only_servers=not is_auditor(user))


ROLE_OF_SCOPE: Mapping[str, Callable[[Any], bool]] = {
    Scope.ACTIVITY_WRITE: is_operator,
    Scope.SERVERS_WRITE: is_administrator,
}


def may_use(user: Any, scope: str) -> bool:
    """Whether this user's tokens may have the scope: to read as much as the user sees, to write as the role is."""
    return scope not in ROLE_OF_SCOPE or ROLE_OF_SCOPE[scope](user)


def only(allowed: Callable[[Any], bool]) -> Callable[[View[P]], View[P]]:
    """A view for those only; a refusal is recorded."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not allowed(request.user):
                record(
                    ActivityType.PERMISSION_DENIED,
                    f"{request.user} was refused {request.method} {request.path}",
                    result=Result.FAILURE,
                )
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def confirmed(view: View[P]) -> View[P]:
    """A view for which the password was entered within the last ten minutes; else it is asked for first."""

    @wraps(view)
    def guarded(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if is_confirmed(request):
            return view(request, *args, **kwargs)
        return ask_for_password(request, back_to=request.get_full_path())

    return guarded


def is_confirmed(request: HttpRequest) -> bool:
    return bool(datetime.now(UTC).timestamp() - request.session.get("confirmed_at", 0) <= CONFIRMED_SECONDS)


def ask_for_password(request: HttpRequest, back_to: str) -> HttpResponse:
    """Away to the password, and back to an address that can be opened."""
    return redirect(f"{reverse('confirm')}?{urlencode({'next': back_to})}")


def remember_confirmation(request: HttpRequest, **_kwargs: Any) -> None:
    """The password was entered just now; also the receiver of a sign-in."""
    request.session["confirmed_at"] = datetime.now(UTC).timestamp()


def _is_in(user: Any, group: str) -> bool:
    return bool(user.is_active and user.groups.filter(name=group).exists())
