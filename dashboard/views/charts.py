"""What the pages of a server and of an app do with their charts."""

import csv
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from activity.export import CONTENT_TYPES
from dashboard import drawing, history, ranges
from dashboard.charts import Chart
from dashboard.ranges import Range
from dashboard.requests import Request
from dashboard.server_table import chosen_period
from metrics.periods import LABELS


def chosen(request: Request, at: datetime) -> Range:
    """What the address asks for; what makes no range is left out."""
    zone = history.zone(at)
    return Range(chosen_period(request.GET, at), zone, ranges.free(request.GET, zone))


def context(charts: Sequence[Chart], shown: Range, at: datetime) -> dict[str, Any]:
    """For components/charts.html and components/periods.html."""
    return {
        "charts": charts,
        "figures": history.figures(charts),
        "chart_seconds": shown.span(at, interval=settings.TOMO["poll_seconds"]).step,
        "range": shown,
        "range_fields": shown.fields(at),
        "is_past": shown.is_past(at),
        "periods": LABELS,
        "zone": history.zone_name(at),
        "offset_seconds": int(shown.zone.utcoffset(None).total_seconds()),
    }


def figures(charts: Sequence[Chart], shown: Range, at: datetime) -> HttpResponse:
    """The figures alone, for zooming and the live refresh."""
    found = history.figures(charts)
    for one in found.values():
        one["keys"] = render_to_string("components/legend.html", {"keys": drawing.keys(one["figure"])})
    return JsonResponse({"charts": found, "query": shown.query, "label": shown.label, "is_past": shown.is_past(at)})


def table(request: Request, charts: Sequence[Chart], name: str) -> HttpResponse:
    """The table behind one chart."""
    found = _named(charts, name)
    heading, rows = history.table(found)
    return render(request, "servers/chart_table.html", {"chart": found, "heading": heading, "rows": rows})


def table_csv(charts: Sequence[Chart], name: str, at: datetime) -> HttpResponse:
    """The same as a file for spreadsheets."""
    attachment = f'attachment; filename="{name}-{at:%Y%m%dT%H%M%SZ}.csv"'
    response = HttpResponse(content_type=CONTENT_TYPES["csv"], headers={"Content-Disposition": attachment})
    csv.writer(response).writerows(history.csv_lines(_named(charts, name), history.zone(at)))
    return response


def _named(charts: Sequence[Chart], name: str) -> Chart:
    found = next((one for one in charts if one.name == name), None)
    if found is None:
        raise Http404
    return found
