"""Apps: all of them, and one."""

from datetime import UTC, datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render

from activity.queries import ActivityFilter
from dashboard import app_history, history
from dashboard.app_table import app_table
from dashboard.charts import Chart
from dashboard.ranges import Range
from dashboard.requests import Request
from dashboard.tables import chosen_period
from dashboard.views.charts import chart_csv, chart_figures, chart_table, shown_range
from metrics import app_queries
from metrics.app_queries import AppRow
from metrics.models import Condition, Server
from metrics.periods import LABELS

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
    shown = shown_range(request, at)
    cards = list(row.app.crash_cards.all()[:MOST_CARDS])
    context: dict[str, Any] = {
        "row": row,
        "app": row.app,
        "server": row.app.server,
        "state": row.app.server.state,
        "range": shown,
        "period": shown.period,
        "periods": LABELS,
        "cards": cards,
        "newest": cards[0] if cards and row.condition == Condition.ERROR else None,
        "siblings": _siblings(request, row, at),
        "activities": ActivityFilter(app_id=app_id).rows()[:RECENT],
    }
    if request.htmx:
        return render(request, "apps/live.html", context)
    context |= history.charts_context(app_history.charts_of(row, shown.span, at), shown)
    return render(request, "apps/page.html", context)


def charts(request: Request, server_id: int, app_id: int) -> HttpResponse:
    return chart_figures(*_charts(request, server_id, app_id))


def table(request: Request, server_id: int, app_id: int, chart: str) -> HttpResponse:
    found, _ = _charts(request, server_id, app_id)
    return chart_table(request, found, chart)


def table_csv(request: Request, server_id: int, app_id: int, chart: str) -> HttpResponse:
    found, shown = _charts(request, server_id, app_id)
    return chart_csv(found, chart, shown)


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


def _charts(request: Request, server_id: int, app_id: int) -> tuple[list[Chart], Range]:
    at = datetime.now(UTC)
    shown = shown_range(request, at)
    return app_history.charts_of(_row(request, server_id, app_id, at), shown.span, at).charts, shown
