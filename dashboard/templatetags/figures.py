"""Small pictures in tables: a meter, a sparkline, a status. Written by functions, as there are thousands on a page."""

from collections.abc import Sequence

from django.template import Library
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dashboard import drawing
from dashboard.templatetags.units import percent, severity

register = Library()
register.filter("drawing", drawing.drawing)
register.filter("keys", drawing.keys)

SPARK_HEIGHT = 26
EDGE = 2  # so that the line is not cut


@register.simple_tag
def status(name: str, label: str = "") -> SafeString:
    """A status by its shape, its colour and its word."""
    return format_html(
        '<span class="status {}"><span class="shape" aria-hidden="true"></span>{}</span>',
        name,
        label or name.capitalize(),
    )


@register.simple_tag
def meter(value: float | None) -> SafeString:
    """A percentage with a bar."""
    if value is None:
        return format_html('<span class="meter unknown"><span class="value">{}</span></span>', percent(value))
    return format_html(
        '<span class="meter {}"><span class="value">{}</span><svg viewBox="0 0 100 8" preserveAspectRatio="none"'
        ' aria-hidden="true"><rect class="track" width="100" height="8" rx="4"/><rect class="bar" width="{}" height="8"'
        ' rx="4"/></svg></span>',
        severity(value),
        percent(value),
        round(min(max(value, 0), 100)),
    )


@register.simple_tag
def sparkline(values: Sequence[float | None], kind: str = "cpu", top: float | None = 100) -> SafeString:
    """A line with its area, gaps as gaps. `top` is the value at the upper edge; None fits the values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return format_html('<span class="quiet small">{}</span>', "no history yet")
    highest = max(top or max(known), 1e-9)
    runs: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            y = SPARK_HEIGHT - EDGE - min(value / highest, 1) * (SPARK_HEIGHT - 2 * EDGE)
            runs[-1].append(f"{index},{y:.0f}")
    drawn = [_run(points) for points in runs if points]
    return format_html(
        '<svg class="spark {}" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        kind,
        max(len(values) - 1, 1),
        SPARK_HEIGHT,
        format_html_join("", '<polygon points="{}"/><polyline points="{}"/>', drawn),
    )


def _run(points: list[str]) -> tuple[str, str]:
    """The corners of the area below a run of known values, and its line."""
    first, last = points[0].partition(",")[0], points[-1].partition(",")[0]
    line = " ".join(points if len(points) > 1 else points * 2)
    return f"{first},{SPARK_HEIGHT} {line} {last},{SPARK_HEIGHT}", line
