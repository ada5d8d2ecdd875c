"""The overview: is all well?"""

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render

from dashboard import access, problems
from dashboard.requests import Request
from dashboard.server_table import server_table
from dashboard.summary import dashboard_summary
from dashboard.tables import chosen_period, spark_span
from metrics import queries
from metrics.models import Server
from metrics.periods import LABELS


def overview(request: Request) -> HttpResponse:
    at = datetime.now(UTC)
    period = chosen_period(request.GET, at)
    servers = Server.objects.visible_to(request.user)
    summary = dashboard_summary(servers, access.activity_seen_by(request.user), at)
    context = {
        "summary": summary,
        "table": server_table(servers, summary.fleet.total, summary.apps_by_server, request.GET.dict(), period, at),
        "history": queries.fleet_sparklines(spark_span(period, at)),
        "problems": problems.of_fleet(servers, summary),
        "period": period,
        "periods": LABELS,
    }
    return render(request, "overview/live.html" if request.htmx else "overview/page.html", context)
