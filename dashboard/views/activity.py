"""The activity log."""

from dataclasses import replace
from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render

from activity import queries
from activity.types import TRAITS, ActivityType
from dashboard import access
from dashboard.requests import Request
from metrics.models import App, Server

PAGE = 50
LONGEST_TEXT = 200


def activity(request: Request) -> HttpResponse:
    asked = request.GET
    wanted = replace(
        access.activity_seen_by(request.user),
        activity_types=[kind for kind in asked.getlist("kind") if kind in {str(known) for known in ActivityType}],
        server_id=_id(asked.get("server", "")),
        app_id=_id(asked.get("app", "")),
        result=asked.get("result", "") if asked.get("result") in ("success", "failure") else "",
        text=asked.get("q", "").replace("\0", "")[:LONGEST_TEXT],
    )
    page = queries.page(wanted, limit=PAGE, before=_id(asked.get("before", "")))
    older = asked.copy()
    older["before"] = str(page.before or "")
    context = {
        "page": page,
        "older": older.urlencode(),
        "is_first": "before" not in asked,
        "wanted": wanted,
        "kinds": [(kind, traits.label) for kind, traits in TRAITS.items()],
        "servers": Server.objects.visible_to(request.user).values_list("pk", "name"),
        "app_name": _app_name(request, wanted.app_id) if wanted.app_id else "",
        "at": datetime.now(UTC),
    }
    return render(request, "activity/rows.html" if request.htmx else "activity/page.html", context)


def _app_name(request: Request, app_id: int) -> str:
    """What the app is called; the log knows those that are gone."""
    told = replace(access.activity_seen_by(request.user), app_id=app_id).rows().first()
    if told:
        return f"{told.app_name} on {told.server_name}"
    found = App.objects.of(Server.objects.visible_to(request.user)).filter(pk=app_id).select_related("server").first()
    return f"{found.name} on {found.server.name}" if found else f"app {app_id}"


def _id(text: str) -> int | None:
    return int(text) or None if text.isascii() and text.isdigit() and len(text) < 19 else None
