"""The activity log: read, exported, and whether it can be trusted."""

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.timezone import localdate
from django.views.decorators.http import require_GET, require_POST

from activity import chain, queries, retention, verification
from activity import export as exports
from activity.queries import ActivityFilter
from dashboard import access
from dashboard.activity_filters import ActivityFilters
from dashboard.requests import Request
from metrics.queue import enqueue

PAGE = 50
MOST_AT_ONCE = 100


def activity(request: Request) -> HttpResponse:
    """The newest that match, or what is older than `before`; for the live list what came after `after`."""
    filters = ActivityFilters(request.GET, request.user)
    context: dict[str, Any] = {
        "filters": filters,
        "verified": verification.latest(),
        "most_searched": queries.MOST_SEARCHED,
        "last_row": chain.head()[0],
        "is_live": not request.GET.get("before") and request.GET.get("live") != "off",
    }
    if filters.is_valid():
        wanted = filters.wanted(access.activity_seen_by(request.user), datetime.now(UTC))
        if after := _id(request.GET.get("after", "")):
            return _newer(request, wanted, after)
        try:
            context["page"] = queries.page(wanted, limit=PAGE, before=_id(request.GET.get("before", "")))
        except queries.UnknownRow as gone:
            messages.warning(request, str(gone))
            return redirect(f"{request.path}?{filters.query()}")
        context["wanted"] = wanted
    return render(request, "activity/filtered.html" if request.htmx else "activity/page.html", context)


def _newer(request: Request, wanted: ActivityFilter, after: int) -> HttpResponse:
    rows = queries.newer(wanted, after, MOST_AT_ONCE)
    if not rows:
        return HttpResponse(status=204)
    if "day" not in request.GET:
        return HttpResponse(headers={"HX-Refresh": "true"})  # there was no list yet
    context = {"rows": rows, "day": _day(request.GET.get("day", "")), "oldest_day": localdate(rows[-1].timestamp)}
    return render(request, "activity/newer.html", context)


@require_GET
def export(request: Request) -> HttpResponseBase:
    """What the same address shows as a page, as a file."""
    filters, form = ActivityFilters(request.GET, request.user), request.GET.get("format", "")
    if form not in exports.CONTENT_TYPES or not filters.is_valid():
        return HttpResponse("format is csv or jsonl; the filters are those of the page.\n", "text/plain", status=400)
    at = datetime.now(UTC)
    wanted = filters.wanted(access.activity_seen_by(request.user), at)
    return exports.download(request, wanted.rows(), form, filters.query(), at)


@access.only(access.is_auditor)
def trust(request: Request) -> HttpResponse:
    """How far the log was verified, what it is kept for and what that costs."""
    at = datetime.now(UTC)
    running = verification.running(at)
    if request.htmx and not running:
        return HttpResponse(headers={"HX-Redirect": request.path})  # it has ended: the banner may be another, too
    context = {"verified": verification.latest(), "running": running}
    if request.htmx:
        return render(request, "activity/verified.html", context)
    return render(request, "activity/trust.html", context | {"keeping": retention.kept(at)})


@require_POST
@access.only(access.is_auditor)
def verify(request: Request) -> HttpResponse:
    """Follow the chain now, in the background."""
    at = datetime.now(UTC)
    if not verification.running(at):
        verification.begin(at)
        enqueue("check_log")
    return redirect("activity_trust")


def _day(text: str) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None


def _id(text: str) -> int | None:
    return int(text) or None if text.isascii() and text.isdigit() and len(text) < 19 else None
