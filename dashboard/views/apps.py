"""Apps: all of them, and one."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render

from activity.queries import ActivityFilter
from dashboard import app_history, history
from dashboard.app_table import app_table
from dashboard.charts import Chart
from dashboard.requests import Request
from dashboard.server_table import chosen_period
from metrics import app_queries, periods
from metrics.app_queries import AppRow
from metrics.models import Condition, Server
from metrics.periods import LABELS, UnknownPeriod

RECENT = 15
MOST_CARDS = 5


def app_list(request: Request) -> HttpResponse:
    at = datetime.now(UTC)
    period = chosen_period(request.GET, at)
    table = app_table(Server.objects.visible_to(request.user), request.GET.dict(), period, at)
    context = {"table": table, "period": period, "periods": LABELS}
    return render(request, "apps/table.html" if request.htmx else "apps/list.html", context)


def app(request: Request, server_id: int, app_id: int) -> HttpResponse:
    at = datetime.now(UTC)
    row = _row(request, server_id, app_id, at)
    period = chosen_period(request.GET, at)
    cards = list(row.app.crash_cards.all()[:MOST_CARDS])
    context: dict[str, Any] = {
        "row": row,
        "app": row.app,
        "server": row.app.server,
        "state": row.app.server.state,
        "period": period,
        "periods": LABELS,
        "cards": cards,
        "newest": cards[0] if cards and row.condition == Condition.ERROR else None,
        "siblings": _siblings(request, row, at),
        "activities": ActivityFilter(app_id=app_id).rows()[:RECENT],
    }
    if request.htmx:
        return render(request, "apps/live.html", context)
    found = app_history.charts_of(row, period, at)
    step = periods.span(period, at.timestamp(), interval=settings.TOMO["poll_seconds"]).step
    context |= {"chart_seconds": step, "charts": found, "figures": history.figures(found)}
    context["zone"] = history.zone_name(at)
    return render(request, "apps/page.html", context)


def charts(request: Request, server_id: int, app_id: int) -> HttpResponse:
    """The figures alone, for the live refresh."""
    return JsonResponse({"charts": history.figures(_charts(request, server_id, app_id))})


def table(request: Request, server_id: int, app_id: int, chart: str) -> HttpResponse:
    """The table behind one chart."""
    found = next((one for one in _charts(request, server_id, app_id) if one.name == chart), None)
    if found is None:
        raise Http404
    heading, rows = history.table(found)
    return render(request, "servers/chart_table.html", {"chart": found, "heading": heading, "rows": rows})


def _row(request: Request, server_id: int, app_id: int, at: datetime) -> AppRow:
    apps = app_queries.apps_of(Server.objects.visible_to(request.user), at)
    rows = app_queries.app_rows(apps.filter(pk=app_id, server__pk=server_id))
    if not rows:
        raise Http404
    return rows[0]


def _siblings(request: Request, row: AppRow, at: datetime) -> list[AppRow]:
    """The other apps of its compose project."""
    if not row.app.project:
        return []
    apps = app_queries.apps_of(Server.objects.visible_to(request.user), at).present()
    return app_queries.app_rows(
        apps.filter(server=row.app.server_id, project=row.app.project).exclude(pk=row.app.pk).order_by("name")
    )


def _charts(request: Request, server_id: int, app_id: int) -> list[Chart]:
    at = datetime.now(UTC)
    try:
        return app_history.charts_of(_row(request, server_id, app_id, at), chosen_period(request.GET, at), at)
    except UnknownPeriod as wrong:
        raise Http404 from wrong
