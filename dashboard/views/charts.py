"""What the pages with charts share."""

import csv
from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from activity.export import CONTENT_TYPES
from dashboard import drawing, history, ranges
from dashboard.charts import Chart
from dashboard.ranges import Range
from metrics.periods import WrongRange


def shown_range(request: HttpRequest, at: datetime) -> Range:
    """The range of the address; one that makes no sense is refused with the reason."""
    try:
        return ranges.chosen(request.GET.dict(), at)
    except WrongRange as wrong:
        raise BadRequest(str(wrong)) from wrong


def chart_figures(charts: Iterable[Chart], shown: Range) -> HttpResponse:
    """The figures alone, each with its legend, for the live refresh and for zooming."""
    found = history.figures(charts)
    for one in found.values():
        one["keys"] = render_to_string("components/legend.html", {"keys": drawing.keys(one["figure"])})
    return JsonResponse({"charts": found, "query": shown.query, "label": shown.label, "is_live": shown.is_live})


def chart_table(request: HttpRequest, charts: Iterable[Chart], name: str) -> HttpResponse:
    """The table behind the chart of this name."""
    found = _named(charts, name)
    heading, rows = history.table(found)
    return render(request, "servers/chart_table.html", {"chart": found, "heading": heading, "rows": rows})


def chart_csv(charts: Iterable[Chart], name: str, shown: Range) -> HttpResponse:
    """The same as a file for spreadsheets."""
    attachment = f'attachment; filename="{name}-{shown.end:%Y%m%dT%H%M%SZ}.csv"'
    response = HttpResponse(content_type=CONTENT_TYPES["csv"], headers={"Content-Disposition": attachment})
    csv.writer(response).writerows(history.csv_lines(_named(charts, name), history.zone(shown.end)))
    return response


def _named(charts: Iterable[Chart], name: str) -> Chart:
    found = next((one for one in charts if one.name == name), None)
    if found is None:
        raise Http404
    return found
