"""Series into Plotly figures, as plain dictionaries. Pure: plotly.js draws them, the tests validate them.

Colours are the names of the style sheet's custom properties, so that light and dark are one figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from html import escape
from typing import Any

from metrics.series import Series

Values = Sequence[float | None]
Figure = dict[str, Any]

MOST_LINES = 16
LEAST = 10  # bytes (a second), below which an axis shows nothing but its foot
DAY = 86_400
TICK_SECONDS = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 28_800)
TICK_DAYS = (1, 2, 4, 7, 14, 30, 60, 120, 365)
MOST_TICKS = 6  # as many labels as there is room for on a phone
PALETTE = tuple(f"var(--line-{number})" for number in range(1, 9))


@dataclass(frozen=True)
class Mark:
    """An event on the time axis."""

    at: datetime
    text: str
    is_bad: bool


@dataclass(frozen=True)
class Axis:
    """What the figures of one page share: the steps of time, their zone, and what happened."""

    start: datetime
    step_seconds: int
    points: int
    zone: timezone
    marks: Sequence[Mark] = ()

    def local(self, at: datetime) -> str:
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    @property
    def range(self) -> list[str]:
        end = datetime.fromtimestamp(self.start.timestamp() + self.points * self.step_seconds, self.zone)
        return [self.local(self.start), self.local(end)]

    @property
    def ticks(self) -> dict[str, list[str]]:
        """Round times of the zone, each day named where it begins. Not Plotly's own, which hang on the width."""
        seconds = self.points * self.step_seconds
        choices = (*TICK_SECONDS, *(days * DAY for days in TICK_DAYS))
        step = next((one for one in choices if seconds / one <= MOST_TICKS), choices[-1])
        first = self.start.astimezone(self.zone).replace(tzinfo=UTC)
        epoch = -(-first.timestamp() // step) * step
        times = [datetime.fromtimestamp(epoch, UTC) + n * timedelta(seconds=step) for n in range(MOST_TICKS + 1)]
        shown = [at for at in times if at <= first + timedelta(seconds=seconds)]
        near, far = ("%-d %b", "%Y") if step >= DAY else ("%H:%M:%S" if step < 60 else "%H:%M", "%-d %b")
        context = [f"{at:{far}}" for at in shown]
        fresh = [n == 0 or context[n] != context[n - 1] for n in range(len(shown))]
        texts = [f"{at:{near}}" + f"<br>{name}" * new for at, name, new in zip(shown, context, fresh, strict=True)]
        return {"tickvals": [f"{at:%Y-%m-%d %H:%M:%S}" for at in shown], "ticktext": texts}

    @property
    def layout(self) -> Figure:
        return {"type": "date", "range": self.range, **self.ticks}


@dataclass(frozen=True)
class Chart:
    """A figure with its name, its title, the newest value in words, and the sort of its values."""

    name: str
    title: str
    now: str
    unit: str
    figure: Figure


def line(axis: Axis, name: str, values: Values, color: str, **more: Any) -> Figure:
    """A line with gaps where nothing is known; `name` may come from a server."""
    drawn = {
        "type": "scatter",
        "mode": "lines",
        "name": escape(name, quote=False),
        "x0": axis.local(axis.start),
        "dx": axis.step_seconds * 1000,
        "y": _rounded(values),
        "connectgaps": False,
        "line": {"color": color, "width": 1.5},
    }
    return drawn | more


def band(axis: Axis, name: str, low: Values, high: Values, color: str) -> list[Figure]:
    """The lowest to the highest value of each step, behind the average, the line of that name."""
    filled = {"fill": "tonexty", "fillcolor": f"{color[:-1]}-band)"}
    return [_edge(axis, name, low, color), _edge(axis, name, high, color) | filled]


def stacked(axis: Axis, parts: Sequence[tuple[str, Values, str]]) -> list[Figure]:
    """Areas on top of each other: each is drawn from zero, the highest first, and hides what is below it.

    (Plotly's own stacks draw lines of zeros over gaps.) `customdata` has each part's own values.
    """
    areas: list[Figure] = []
    lines: list[Figure] = []
    sums: list[float | None] = [0.0] * axis.points
    for name, values, color in parts:
        sums = [None if v is None or s is None else s + v for s, v in zip(sums, values, strict=True)]
        areas.insert(0, _edge(axis, name, sums, color) | {"fill": "tozeroy", "fillcolor": f"{color[:-1]}-area)"})
        own = {"customdata": _rounded(values), "hovertemplate": "%{customdata:.1f}%"}
        lines.insert(0, line(axis, name, sums, color, **own))  # a part of nothing hides behind the one below it
    return areas + lines


def _edge(axis: Axis, name: str, values: Values, color: str) -> Figure:
    """One edge of a line's area, unseen. Plotly fills across gaps, so a gap is a place where the area has no height."""
    unseen = {"hoverinfo": "skip", "showlegend": False, "legendgroup": name, "line": {"width": 0, "color": color}}
    return line(axis, "edge", [value or 0 for value in values], color, **unseen)


def figure(
    axis: Axis, traces: Sequence[Figure], *, top: float | None = None, suffix: str = "", si: bool = False
) -> Figure:
    """Traces with the page's axis and marks. `top` fixes the upper edge; `si` writes 1200000 as 1.2M."""
    y: dict[str, Any] = {"rangemode": "tozero", "ticksuffix": suffix, "fixedrange": True, "nticks": 5}
    y |= {"range": [0, top]} if top else {}
    y |= {"tickformat": "~s", "hoverformat": ".3~s"} if si else {"hoverformat": ".1f"}
    if si and all(abs(value or 0) < LEAST for trace in traces for value in trace["y"]):
        y |= {"range": [0, LEAST]}  # else Plotly writes thousandths of a byte
    marks = list(axis.marks)
    return {
        "data": [*traces, *([_mark_trace(axis, marks)] if marks else [])],
        "layout": {
            "xaxis": axis.layout,
            "yaxis": y,
            "yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
            "shapes": [_mark_line(axis, mark) for mark in marks],
            "showlegend": sum(trace.get("showlegend", True) for trace in traces) > 1,
            "legend": {"traceorder": "reversed" if any("customdata" in trace for trace in traces) else "normal"},
        },
    }


def heatmap(axis: Axis, rows: Sequence[Values], names: Sequence[str]) -> Figure:
    """A row of colours per name, 0 to 100 percent."""
    trace = {
        "type": "heatmap",
        "x0": axis.local(axis.start),
        "dx": axis.step_seconds * 1000,
        "y": list(names),
        "z": [_rounded(row) for row in rows],
        "zmin": 0,
        "zmax": 100,
        "colorscale": [[0, "var(--heat-0)"], [0.5, "var(--heat-1)"], [1, "var(--heat-2)"]],
        "showscale": False,
        "hovertemplate": "%{y}: %{z:.0f}%<extra></extra>",
    }
    layout = {
        "xaxis": axis.layout,
        "yaxis": {"type": "category", "fixedrange": True, "nticks": 8},
        "showlegend": False,
        "hovermode": "closest",
        "shapes": [_mark_line(axis, mark) for mark in axis.marks],
    }
    return {"data": [trace], "layout": layout}


def cpu(axis: Axis, series: Series, *, shows_band: bool) -> Figure:
    parts = [
        ("user", series.mean["cpu_user_percent"], "var(--cpu-1)"),
        ("system", series.mean["cpu_system_percent"], "var(--cpu-2)"),
        ("I/O wait", series.mean["cpu_iowait_percent"], "var(--cpu-3)"),
        ("steal", series.mean["cpu_steal_percent"], "var(--cpu-4)"),
    ]
    traces = stacked(axis, [part for part in parts if part[0] != "steal" or any(part[1])])
    if shows_band:
        thin = {"line": {"width": 1, "dash": "dot", "color": "var(--cpu-peak)"}}
        traces.append(line(axis, "highest", series.high["cpu_percent"], "var(--cpu-peak)", **thin))
    return figure(axis, traces, top=100, suffix="%")


def memory(axis: Axis, series: Series) -> Figure:
    total = series.mean["memory_total_bytes"]
    traces = stacked(
        axis,
        [
            ("used", _shares(series.mean["memory_used_bytes"], total), "var(--memory-1)"),
            ("cache", _shares(series.mean["memory_cache_bytes"], total), "var(--memory-2)"),
        ],
    )
    swap = _shares(series.mean["swap_used_bytes"], series.mean["swap_total_bytes"])
    if any(value is not None for value in swap):
        traces.append(line(axis, "swap", swap, "var(--swap)"))
    return figure(axis, traces, top=100, suffix="%")


def filesystems(axis: Axis, series: Mapping[str, Series]) -> Figure:
    traces = []
    for (name, one), color in zip(series.items(), _colors("disk"), strict=False):
        used, available = one.mean["used_bytes"], one.mean["available_bytes"]
        both = [None if u is None or a is None else u + a for u, a in zip(used, available, strict=True)]
        traces.append(line(axis, name, _shares(used, both), color))
    return figure(axis, traces, top=100, suffix="%")


def network(axis: Axis, total: Series, interfaces: Mapping[str, Series], *, shows_band: bool) -> Figure:
    """In above the line, out below it; single interfaces can be switched on."""
    received, sent = total.mean["network_rx_bytes_per_second"], total.mean["network_tx_bytes_per_second"]
    traces = []
    if shows_band:
        traces += band(
            axis,
            "in",
            total.low["network_rx_bytes_per_second"],
            total.high["network_rx_bytes_per_second"],
            "var(--network-1)",
        )
        traces += band(
            axis,
            "out",
            negative(total.high["network_tx_bytes_per_second"]),
            negative(total.low["network_tx_bytes_per_second"]),
            "var(--network-2)",
        )
    traces += [line(axis, "in", received, "var(--network-1)"), line(axis, "out", negative(sent), "var(--network-2)")]
    if len(interfaces) > 1:
        for (name, one), color in zip(list(interfaces.items())[: MOST_LINES // 2], _colors("line"), strict=False):
            hidden = {"visible": "legendonly", "legendgroup": escape(name, quote=False)}
            traces.append(line(axis, f"{name} in", one.mean["receive_bytes_per_second"], color, **hidden))
            out = line(axis, f"{name} out", negative(one.mean["transmit_bytes_per_second"]), color, **hidden)
            traces.append(out | {"showlegend": False})
    return figure(axis, traces, suffix="B/s", si=True)


def disk_io(axis: Axis, series: Series, *, shows_band: bool) -> Figure:
    read, written = "disk_read_bytes_per_second", "disk_written_bytes_per_second"
    traces = band(axis, "write", series.low[written], series.high[written], "var(--disk-1)") if shows_band else []
    traces += [
        line(axis, "read", series.mean[read], "var(--disk-3)"),
        line(axis, "write", series.mean[written], "var(--disk-1)"),
    ]
    return figure(axis, traces, suffix="B/s", si=True)


def load(axis: Axis, series: Series) -> Figure:
    colors = {"1": "var(--load-1)", "5": "var(--load-5)", "15": "var(--load-15)"}
    traces = [line(axis, f"{m} min", series.mean[f"load_average_{m}m"], color) for m, color in colors.items()]
    return figure(axis, traces)


def temperatures(axis: Axis, series: Mapping[str, Series]) -> Figure:
    pairs = zip(series.items(), _colors("line"), strict=False)
    return figure(axis, [line(axis, name, one.mean["celsius"], color) for (name, one), color in pairs], suffix=" °C")


def pressure(axis: Axis, series: Series) -> Figure:
    colors = {"cpu": "var(--cpu-1)", "memory": "var(--memory-1)", "io": "var(--disk-1)"}
    traces = [line(axis, name, series.mean[f"pressure_{name}_avg60_percent"], color) for name, color in colors.items()]
    return figure(axis, traces, suffix="%")


def is_known(*values: Values) -> bool:
    return any(value is not None for column in values for value in column)


def _mark_line(axis: Axis, mark: Mark) -> Figure:
    at = axis.local(mark.at)
    color = "var(--critical)" if mark.is_bad else "var(--mark)"
    return {
        "type": "line",
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": color, "width": 1, "dash": "dash"},
    }


def _mark_trace(axis: Axis, marks: Sequence[Mark]) -> Figure:
    """Points at the upper edge that carry the events' texts, for hovering."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "events",
        "showlegend": False,
        "yaxis": "y2",
        "x": [axis.local(mark.at) for mark in marks],
        "y": [1] * len(marks),
        "text": [escape(mark.text, quote=False) for mark in marks],
        "hovertemplate": "%{text}<extra></extra>",
        "cliponaxis": False,
        "marker": {
            "size": 7,
            "symbol": "triangle-down",
            "color": ["var(--critical)" if mark.is_bad else "var(--mark)" for mark in marks],
        },
    }


def _colors(family: str) -> Sequence[str]:
    return (("var(--disk-1)", "var(--disk-2)") if family == "disk" else ()) + PALETTE + PALETTE


def _shares(parts: Values, totals: Values) -> Values:
    return [
        None if part is None or not total else 100 * part / total for part, total in zip(parts, totals, strict=True)
    ]


def negative(values: Values) -> Values:
    return [None if value is None else -value for value in values]


def _rounded(values: Values) -> Values:
    return [None if value is None else float(f"{value:.4g}") for value in values]
