"""Whether the product works: for people, and for a load balancer or an outer watchdog."""

from datetime import UTC, datetime

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from dashboard import access
from dashboard.requests import Request
from metrics import health as healths
from metrics import queries, room
from metrics.models import Server


@access.only(access.is_auditor)
def health(request: Request) -> HttpResponse:
    """What the pollers do, what that costs, and what room is left."""
    context = {"health": healths.health(Server.objects.visible_to(request.user), datetime.now(UTC))}
    return render(request, "health/live.html" if request.htmx else "health/page.html", context)


@login_not_required
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 while the database answers and each site is polled, 503 with what does not work."""
    try:
        silent = queries.poller_silence(datetime.now(UTC))
    except DatabaseError:
        return JsonResponse({"status": "failing", "database": "down"}, status=503, headers={"Retry-After": "10"})
    is_full = room.is_short()
    is_well = not silent and not is_full
    body = {
        "status": "ok" if is_well else "failing",
        "database": "ok",
        "poller": "silent" if silent else "ok",
        "silent_sites": [site or "home" for site in silent],
        "disk": "full" if is_full else "ok",
    }
    return JsonResponse(body, status=200 if is_well else 503)
