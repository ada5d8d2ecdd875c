"""The charts of one server over a period."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from html import unescape
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

from activity import export
from activity import queries as activity_queries
from activity.models import ActivityLog
from activity.types import ActivityType, Level
from dashboard import charts, wire
from dashboard.charts import Axis, Chart, Mark
from dashboard.ranges import Range
from dashboard.templatetags.units import binary_bytes, byte_rate, load, number, percent
from metrics import queries, retention
from metrics.models import Filesystem, Interface, LatestServerMetrics, Sensor
from metrics.models.server_metrics import share_of
from metrics.periods import Span
from metrics.queries import ServerRow
from metrics.series import Series

MOST_MARKS = 40
BANDS = "cpu_percent network_rx_bytes_per_second network_tx_bytes_per_second disk_written_bytes_per_second".split()
DRAWN = (
    *BANDS,
    *"cpu_user_percent cpu_system_percent cpu_iowait_percent cpu_steal_percent".split(),
    *"memory_total_bytes memory_used_bytes memory_cache_bytes swap_total_bytes swap_used_bytes".split(),
    *"disk_read_bytes_per_second load_average_1m load_average_5m load_average_15m".split(),
    *"pressure_cpu_avg60_percent pressure_memory_avg60_percent pressure_io_avg60_percent".split(),
)
DRAWN_OF_PARTS = "used_bytes available_bytes receive_bytes_per_second transmit_bytes_per_second celsius".split()
WORDS = {"B/s": byte_rate, "B": binary_bytes, "": load, "cores": load, "restarts": number, "processes": number}
UNMARKED = {ActivityType.PREPARATION_STARTED}


class Drawn(NamedTuple):
    """Every chart that there is something to draw for, and which share of the samples is there, from 0 to 1."""

    charts: list[Chart]
    coverage: float | None


def server_charts(row: ServerRow, span: Span, at: datetime) -> Drawn:
    start, end = datetime.fromtimestamp(span.start, UTC), datetime.fromtimestamp(span.end, UTC)
    events = activity_queries.between(row.server.pk, start, min(end, at), MOST_MARKS)
    axis = Axis(start, span.step, span.points, zone(end), list(marks(events)))
    series = queries.server_series(row.server.pk, span, DRAWN, BANDS)
    histories = {
        model: {
            str(part): one for part, one in queries.parts_series(row.server.pk, parts, span, DRAWN_OF_PARTS).items()
        }
        for model, parts in queries.parts_of(row.server, span).items()
    }
    shows_band = span.step > retention.interval_seconds()
    latest = row.latest if row.is_fresh else None
    found = [
        Chart(
            "cpu",
            "CPU",
            percent(latest.cpu_percent if latest else None),
            "%",
            charts.cpu(axis, series, shows_band=shows_band),
        ),
        Chart("memory", _memory_title(row), _memory(latest), "%", charts.memory(axis, series)),
        Chart("disk", "Filesystems", _disk(latest), "%", charts.filesystems(axis, histories[Filesystem])),
        Chart(
            "network",
            "Network",
            _network(latest),
            "B/s",
            charts.network(axis, series, histories[Interface], shows_band=shows_band),
        ),
        Chart("disk_io", "Disk I/O", _disk_io(latest), "B/s", charts.disk_io(axis, series, shows_band=shows_band)),
        Chart("load", "Load", _load(latest), "", charts.load(axis, series)),
    ]
    cores = queries.core_series(row.server.pk, span)
    if len(cores) > 1:
        names = [f"core {n}" for n in range(len(cores))]
        found.append(Chart("cores", "CPU by core", f"{len(cores)} cores", "%", charts.heatmap(axis, cores, names)))
    if _has_pressure(series):
        found.append(Chart("pressure", "Pressure", _pressure(latest), "%", charts.pressure(axis, series)))
    if histories[Sensor]:
        hottest = _hottest(histories[Sensor].values()) if latest else "–"
        found.append(Chart("temperatures", "Temperatures", hottest, "°C", charts.temperatures(axis, histories[Sensor])))
    return Drawn(found, series.coverage)


def table(chart: Chart) -> tuple[list[str], list[list[str]]]:
    """The figures behind a chart: the heading and a row per step in which anything is known, newest first."""
    names, rows = _known(chart)
    shown = [[f"{at:%Y-%m-%d %H:%M:%S}", *(number_of(value, chart.unit) for value in values)] for at, values in rows]
    return ["Time", *names] if names else [], shown[::-1]


def csv_lines(chart: Chart, zone: timezone) -> Iterator[list[Any]]:
    """The same for spreadsheets: plain numbers with their units in the heading, oldest first. `zone` is the chart's."""
    names, rows = _known(chart)
    yield ["time", *(export.defused(f"{name} ({chart.unit})" if chart.unit else name) for name in names)]
    for at, values in rows:
        yield [wire.timestamp(at.replace(tzinfo=zone)), *(_unsigned(value, chart.unit) for value in values)]


def _known(chart: Chart) -> tuple[list[str], list[tuple[datetime, tuple[float | None, ...]]]]:
    """The names of a chart's figures, and those of each step in which anything is known, at the time of the axis."""
    traces = [trace for trace in chart.figure["data"] if "dx" in trace and trace.get("hoverinfo") != "skip"]
    columns = {unescape(trace["name"]): trace.get("customdata", trace["y"]) for trace in traces if "name" in trace}
    if chart.figure["layout"]["showlegend"] and chart.figure["layout"]["legend"]["traceorder"] == "reversed":
        columns = dict(reversed(columns.items()))
    for heatmap in (trace for trace in traces if "z" in trace):
        columns = dict(zip(heatmap["y"], heatmap["z"], strict=True))
    if not columns:
        return [], []
    start, step = datetime.fromisoformat(traces[0]["x0"]), timedelta(milliseconds=traces[0]["dx"])
    rows = ((start + index * step, values) for index, values in enumerate(zip(*columns.values(), strict=True)))
    return list(columns), [row for row in rows if any(value is not None for value in row[1])]


def number_of(value: float | None, unit: str) -> str:
    """A chart's value in words."""
    if value is None:
        return "–"
    return WORDS[unit](_unsigned(value, unit)) if unit in WORDS else f"{value:.1f} {unit}"


def _unsigned(value: float | None, unit: str) -> float | None:
    """What goes out is drawn below the line, and is told without its sign."""
    return abs(value) if value is not None and unit in WORDS else value


def zone(at: datetime) -> timezone:
    """The offset of the pages' time zone at the end of a chart, for all of it: an axis does not jump in between."""
    offset = at.astimezone(ZoneInfo(settings.TIME_ZONE)).utcoffset()
    return timezone(offset or timedelta())


def zone_name(at: datetime) -> str:
    """The time zone with its present offset, such as "Europe/Berlin (UTC+01:00)"."""
    offset = str(zone(at))
    return settings.TIME_ZONE if offset == settings.TIME_ZONE else f"{settings.TIME_ZONE} ({offset})"


def charts_context(drawn: Drawn, shown: Range) -> dict[str, Any]:
    """What the template of a page with charts takes."""
    offset = zone(shown.end).utcoffset(None)
    return {
        "charts": drawn.charts,
        "figures": figures(drawn.charts),
        "coverage_percent": None if drawn.coverage is None else 100 * drawn.coverage,
        "chart_seconds": shown.span.step,
        "zone": zone_name(shown.end),
        "offset_seconds": int(offset.total_seconds()),
    }


def figures(found: Iterable[Chart]) -> dict[str, dict[str, Any]]:
    """What the browser draws, by the charts' names."""
    return {chart.name: {"figure": chart.figure, "now": chart.now} for chart in found}


def marks(events: Iterable[ActivityLog]) -> Iterable[Mark]:
    """The events as marks on the axis of time."""
    for event in events:
        if event.activity_type not in UNMARKED:
            yield Mark(event.timestamp, event.message, event.level == Level.CRITICAL)


def _memory_title(row: ServerRow) -> str:
    """A kernel before 3.14 does not say what is available."""
    return "Memory (estimated)" if row.server.state.facts.get("memory_is_estimate") else "Memory"


def _memory(latest: LatestServerMetrics | None) -> str:
    if not latest or latest.memory_total_bytes is None:
        return "–"
    return f"{binary_bytes(latest.memory_used_bytes)} of {binary_bytes(latest.memory_total_bytes)}"


def _disk(latest: LatestServerMetrics | None) -> str:
    if not latest or latest.disk_total_bytes is None:
        return "–"
    return f"{percent(latest.disk_percent)} of {binary_bytes(latest.disk_total_bytes)} on /"


def _network(latest: LatestServerMetrics | None) -> str:
    if not latest:
        return "–"
    received, sent = latest.network_rx_bytes_per_second, latest.network_tx_bytes_per_second
    return f"in {byte_rate(received)} · out {byte_rate(sent)}"


def _disk_io(latest: LatestServerMetrics | None) -> str:
    if not latest:
        return "–"
    read, written = latest.disk_read_bytes_per_second, latest.disk_written_bytes_per_second
    return f"read {byte_rate(read)} · write {byte_rate(written)}"


def _load(latest: LatestServerMetrics | None) -> str:
    if not latest:
        return "–"
    cores = len(latest.cores_percent or b"")
    figures = (latest.load_average_1m, latest.load_average_5m, latest.load_average_15m)
    return " · ".join(load(value) for value in figures) + (f" ({cores} cores)" if cores else "")


def _pressure(latest: LatestServerMetrics | None) -> str:
    if not latest:
        return "–"
    return f"CPU {number(latest.pressure_cpu_avg60_percent)}% · I/O {number(latest.pressure_io_avg60_percent)}%"


def _has_pressure(series: Series) -> bool:
    return charts.is_known(*(series.mean[f"pressure_{name}_avg60_percent"] for name in ("cpu", "memory", "io")))


def _hottest(series: Iterable[Series]) -> str:
    newest = [next((v for v in reversed(one.mean["celsius"]) if v is not None), None) for one in series]
    known = [value for value in newest if value is not None]
    return f"hottest {max(known):.0f} °C" if known else "–"


def part_rows(row: ServerRow) -> dict[str, list[dict[str, Any]]]:
    """The filesystems and interfaces that the newest sample saw, for tables."""
    found = queries.parts_now(row.server)
    filesystems = [
        {
            "part": part,
            "figures": figures,
            "percent": share_of(figures.used_bytes, (figures.used_bytes or 0) + (figures.available_bytes or 0)),
            "inodes_percent": share_of(figures.inodes_used, figures.inodes_total),
        }
        for part, figures in found[Filesystem]
    ]
    interfaces = [{"part": part, "figures": figures} for part, figures in found[Interface]]
    interfaces.sort(key=lambda one: (not one["part"].is_counted, one["part"].name))
    return {"filesystems": filesystems, "interfaces": interfaces}
