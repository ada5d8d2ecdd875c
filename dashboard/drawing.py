"""Figures as the shapes and labels of an SVG that looks as Plotly will draw them. Pure.

Shapes are in steps of time and thousandths of the height, to be stretched over whatever box there is; labels are at
percents of it. Colours stay the style sheet's names.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from itertools import groupby, pairwise
from math import ceil, floor, log10

from dashboard.charts import Figure

HEIGHT = 1000
PADDING = 0.05  # of the height, between the furthest value and the edge
PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
DASHES = {"dash": "9 9", "dot": "3 3"}
SHADES = 10


@dataclass(frozen=True)
class Shape:
    """A path, either filled or drawn."""

    path: str
    fill: str = "none"
    stroke: str = "none"
    width: float = 0
    dash: str = "none"


@dataclass(frozen=True)
class Label:
    """One or two lines of text, so far from the left or from the top."""

    at: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Key:
    """An entry of the legend: what it shows or hides, and whether that is shown at first."""

    name: str
    group: str
    line: Shape
    is_shown: bool


@dataclass(frozen=True)
class Mark:
    """An event, so far from the left."""

    at: str
    color: str
    text: str


@dataclass(frozen=True)
class Drawing:
    """`steps` is how wide the shapes are before they are stretched."""

    steps: float
    shapes: Sequence[Shape]
    times: Sequence[Label]
    values: Sequence[Label]
    marks: Sequence[Mark]
    is_heatmap: bool
    is_wide: bool


def drawing(figure: Figure) -> Drawing:
    """Of a figure by charts.py or app_charts.py; what else Plotly can draw is left out."""
    traces, layout = figure["data"], figure["layout"]
    time = _Time(layout["xaxis"]["range"])
    lines = [trace for trace in traces if trace.get("mode") == "lines" and trace.get("visible") != "legendonly"]
    heatmap = next((trace for trace in traces if trace["type"] == "heatmap"), None)
    edges = _edges(layout["yaxis"], lines)
    texts = next((trace["text"] for trace in traces if "text" in trace), [""] * len(layout["shapes"]))
    return Drawing(
        steps=next((time.seconds * 1000 / trace["dx"] for trace in traces if "dx" in trace), 1),
        shapes=list(_cells(heatmap) if heatmap else _shapes(lines, *edges)),
        times=[
            Label(time.percent(at), text.split("<br>"))
            for at, text in zip(layout["xaxis"]["tickvals"], layout["xaxis"]["ticktext"], strict=True)
        ],
        values=list(_rows(heatmap["y"], layout["yaxis"]) if heatmap else _values(layout["yaxis"], *edges)),
        marks=[
            Mark(time.percent(shape["x0"]), shape["line"]["color"], unescape(text))
            for shape, text in zip(layout["shapes"], texts, strict=True)
        ],
        is_heatmap=heatmap is not None,
        is_wide=heatmap is not None or "tickformat" in layout["yaxis"],
    )


def keys(figure: Figure) -> list[Key]:
    """The legend; none where there is one line only."""
    if not figure["layout"]["showlegend"]:
        return []
    found = [
        Key(unescape(trace["name"]), _group(trace), _stroke(trace["line"], "M0 5h24"), trace.get("visible") is None)
        for trace in figure["data"]
        if trace.get("showlegend", True)
    ]
    return found[::-1] if figure["layout"]["legend"]["traceorder"] == "reversed" else found


def _group(trace: Figure) -> str:
    return str(trace.get("legendgroup", trace["name"]))


class _Time:
    """The axis of time."""

    def __init__(self, edges: Sequence[str]) -> None:
        self.start = datetime.fromisoformat(edges[0])
        self.seconds = (datetime.fromisoformat(edges[1]) - self.start).total_seconds()

    def percent(self, at: str) -> str:
        return f"{100 * (datetime.fromisoformat(at) - self.start).total_seconds() / self.seconds:.2f}%"


def _edges(axis: Figure, lines: Sequence[Figure]) -> tuple[float, float]:
    """The lowest and the highest value that there is room for; zero always is at an edge or between."""
    if "range" in axis:
        return axis["range"][0], axis["range"][1]
    known = [value for line in lines for value in line["y"] if value is not None]
    low, high = min(known, default=0), max(known, default=0)
    low, high = min(low, 0), max(high, 0)
    if low == high:
        return 0, 1
    room = (high - low) * PADDING / (1 - PADDING * ((low < 0) + (high > 0)))
    return low - room * (low < 0), high + room * (high > 0)


# Shapes ------------------------------------------------------------------------------------------


def _shapes(lines: Sequence[Figure], low: float, high: float) -> Iterator[Shape]:
    scale = HEIGHT / (high - low)
    below: list[str] = []
    for line in lines:
        points = ["" if v is None else f"{x} {(high - v) * scale:.0f}" for x, v in enumerate(line["y"])]
        if fill := line.get("fill"):
            foot = below if fill == "tonexty" else [f"{x} {high * scale:.0f}" for x in (0, len(points) - 1)]
            yield Shape(f"M{'L'.join(points)}L{'L'.join(reversed(foot))}Z", fill=line["fillcolor"])
        if line["line"]["width"]:
            yield _stroke(line["line"], _path(points, line["line"].get("shape") == "hv"))
        below = points


def _path(points: Sequence[str], is_stepped: bool) -> str:
    """Through all points in a row, anew after each gap."""
    runs = [list(run) for is_known, run in groupby(points, bool) if is_known]
    if is_stepped:
        return "".join(f"M{run[0]}" + "".join("H{}V{}".format(*point.split()) for point in run[1:]) for run in runs)
    return "".join(f"M{'L'.join(run)}" for run in runs)


def _stroke(line: Figure, path: str) -> Shape:
    return Shape(path, stroke=line["color"], width=line["width"], dash=DASHES.get(line.get("dash", ""), "none"))


def _cells(heatmap: Figure) -> Iterator[Shape]:
    """One shape per shade, of all its cells; those in a row are one."""
    rows = heatmap["z"]
    paths = [""] * (SHADES + 1)
    for number, row in enumerate(rows):
        top, height = HEIGHT - (number + 1) * HEIGHT / len(rows), HEIGHT / len(rows)
        x = -0.5
        for shade, run in groupby(row, lambda value: None if value is None else round(value * SHADES / 100)):
            width = len(list(run))
            if shade is not None:
                paths[max(0, min(shade, SHADES))] += f"M{x} {top:.0f}h{width}v{height:.1f}h-{width}z"
            x += width
    for shade, path in enumerate(paths):
        if path:
            yield Shape(path, fill=_mixed(heatmap["colorscale"], shade / SHADES))


def _mixed(scale: Sequence[tuple[float, str]], at: float) -> str:
    (low, cold), (high, warm) = next(pair for pair in pairwise(scale) if at <= pair[1][0])
    return f"color-mix(in srgb, {warm} {100 * (at - low) / (high - low):.0f}%, {cold})"


# Labels ------------------------------------------------------------------------------------------


def _values(axis: Figure, low: float, high: float) -> Iterator[Label]:
    """At round values: a 2, 5 or 10 and noughts apart, as Plotly chooses them."""
    rough = (high - low) / axis["nticks"]
    power = 10 ** floor(log10(rough))
    step = axis.get("dtick") or next(one * power for one in (2, 5, 10) if one * power > rough * 1.001)
    for number in range(ceil(low / step - 0.001), floor(high / step + 0.001) + 1):
        value = number * step
        text = _si(value) if axis.get("tickformat") == "~s" else f"{value:.10g}"
        yield Label(
            f"{100 * (high - value) / (high - low):.2f}%", [text.replace("-", "−") + axis.get("ticksuffix", "")]
        )


def _si(value: float) -> str:
    """1200000 as 1.2M."""
    thousands = max(0, min(floor(log10(abs(value)) / 3 + 1e-9), len(PREFIXES) - 1)) if value else 0
    return f"{value / 1000**thousands:.10g}{PREFIXES[thousands]}"


def _rows(names: Sequence[str], axis: Figure) -> Iterator[Label]:
    """The names of a heatmap's rows, or every so many of them."""
    for number in range(0, len(names), ceil(len(names) / axis["nticks"])):
        yield Label(f"{100 - 100 * (number + 0.5) / len(names):.2f}%", [names[number]])
