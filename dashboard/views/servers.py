"""Servers: the list, one server, adding, changing, deleting."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from activity.queries import ActivityFilter
from dashboard import access, history
from dashboard.app_table import server_apps
from dashboard.charts import Chart
from dashboard.forms import ServerForm
from dashboard.ranges import Range
from dashboard.requests import Request
from dashboard.server_table import server_table
from dashboard.tables import chosen_period
from dashboard.views.charts import chart_csv, chart_figures, chart_table, shown_range
from metrics import app_access, app_queries, costs, queries, servers
from metrics.models import Server
from metrics.periods import LABELS
from metrics.queries import ServerRow

RECENT = 15


def server_list(request: Request) -> HttpResponse:
    at = datetime.now(UTC)
    visible = Server.objects.visible_to(request.user)
    period, apps = chosen_period(request.GET, at), app_queries.app_counts_by_server(visible, at)
    table = server_table(visible, visible.count(), apps, request.GET.dict(), period, at)
    context = {"table": table, "period": period, "periods": LABELS}
    return render(request, "servers/table.html" if request.htmx else "servers/list.html", context)


def server(request: Request, server_id: int) -> HttpResponse:
    at = datetime.now(UTC)
    row, shown = _row(request, server_id, at), shown_range(request, at)
    context: dict[str, Any] = {
        "row": row,
        "server": row.server,
        "state": row.server.state,
        "range": shown,
        "period": shown.period,
        "periods": LABELS,
        "parts": history.part_rows(row),
        "cost": costs.cost(row.server, at),
        "activities": ActivityFilter(server_id=server_id).rows()[:RECENT],
        "apps": server_apps(row, shown.period or "24h", at),
        "apps_explanation": app_access.explanation(row.server.state.apps_way),
        "helper_lines": app_access.helper_lines(),
        "group_line": app_access.group_line(row.server.username),
        "period_label": LABELS[shown.period or "24h"],
    }
    if request.htmx:
        return render(request, "servers/live.html", context)
    context |= history.charts_context(history.server_charts(row, shown.span, at), shown)
    return render(request, "servers/page.html", context)


def charts(request: Request, server_id: int) -> HttpResponse:
    return chart_figures(*_charts(request, server_id))


def table(request: Request, server_id: int, chart: str) -> HttpResponse:
    found, _ = _charts(request, server_id)
    return chart_table(request, found, chart)


def table_csv(request: Request, server_id: int, chart: str) -> HttpResponse:
    found, shown = _charts(request, server_id)
    return chart_csv(found, chart, shown)


@access.only(access.is_administrator)
@access.confirmed
def add(request: Request) -> HttpResponse:
    form = ServerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at = datetime.now(UTC)
        added = servers.add(form.save(commit=False), form.secret, form.cleaned_data["tags"], at)
        return redirect("server_prepare", added.pk)
    return render(request, "servers/form.html", {"form": form})


@access.only(access.is_administrator)
@access.confirmed
def edit(request: Request, server_id: int) -> HttpResponse:
    found = _server(request, server_id)
    form = ServerForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        servers.change(form.save(commit=False), form.secret, form.cleaned_data["tags"], datetime.now(UTC))
        messages.success(request, f"{found.name} is changed.")
        needs_preparation = found.is_dialled and (form.secret or not found.host_keys.exists())
        return redirect("server_prepare" if needs_preparation else "server", found.pk)
    return render(request, "servers/form.html", {"form": form, "server": found})


@access.only(access.is_administrator)
@access.confirmed
def delete(request: Request, server_id: int) -> HttpResponse:
    found = _server(request, server_id)
    if request.method == "POST":
        servers.delete(found, datetime.now(UTC))
        messages.success(request, f"{found.name} is deleted.")
        return redirect("servers")
    return render(request, "servers/delete.html", {"server": found})


@require_POST
@access.only(access.is_operator)
def poll_now(request: Request, server_id: int) -> HttpResponse:
    found = _server(request, server_id)
    if servers.poll_soon(found, datetime.now(UTC)):
        messages.success(request, f"{found.name} is being polled.")
    else:
        messages.warning(request, f"{found.name} has to be prepared first.")
    return redirect("server", found.pk)


def _server(request: Request, server_id: int) -> Server:
    return get_object_or_404(Server.objects.visible_to(request.user).with_latest(), pk=server_id)


def _row(request: Request, server_id: int, at: datetime) -> ServerRow:
    return queries.server_row(_server(request, server_id), at)


def _charts(request: Request, server_id: int) -> tuple[list[Chart], Range]:
    at = datetime.now(UTC)
    shown = shown_range(request, at)
    return history.server_charts(_row(request, server_id, at), shown.span, at).charts, shown
