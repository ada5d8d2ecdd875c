"""What the pages with charts share."""

from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard import history, ranges
from dashboard.charts import Chart
from dashboard.ranges import Range
from metrics.periods import WrongRange


def shown_range(request: HttpRequest, at: datetime) -> Range:
    """The range of the address; one that makes no sense is refused with the reason."""
    try:
        return ranges.chosen(request.GET.dict(), at)
    except WrongRange as wrong:
        raise BadRequest(str(wrong)) from wrong


def chart_table(request: HttpRequest, charts: Iterable[Chart], name: str) -> HttpResponse:
    """The table behind the chart of this name."""
    found = next((one for one in charts if one.name == name), None)
    if found is None:
        raise Http404
    heading, rows = history.table(found)
    return render(request, "servers/chart_table.html", {"chart": found, "heading": heading, "rows": rows})
