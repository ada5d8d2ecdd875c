"""Figures: valid to Plotly, with gaps as gaps and what people must know on them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import plotly.graph_objects as go
import pytest

from dashboard import app_charts, charts
from dashboard.charts import Axis, Mark
from metrics.models import ContainerMetrics, FilesystemMetrics, InterfaceMetrics, ServerMetrics, TemperatureMetrics
from metrics.models.rollups import figures_of
from metrics.periods import Span
from metrics.series import Series

AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SPAN = Span(int(AT.timestamp()), int(AT.timestamp()) + 240, 60)
AXIS = Axis(AT, 60, 4, UTC, [Mark(AT + timedelta(seconds=90), "<b>web</b> & co", is_bad=True)])
VALUES = [10.0, None, 30.12345, 0.0]


def series(model: type, *values: float | None) -> Series:
    """Every figure of a model with the same values."""
    columns = {field.name: list(values or VALUES) for field in figures_of(model)}
    return Series(SPAN, [1, 0, 1, 1], [1.0] * 4, columns, columns, columns)


EMPTY = [None] * 4
FIGURES = {
    "cpu": lambda *v: charts.cpu(AXIS, series(ServerMetrics, *v), shows_band=True),
    "memory": lambda *v: charts.memory(AXIS, series(ServerMetrics, *v)),
    "filesystems": lambda *v: charts.filesystems(AXIS, {"/<a>": series(FilesystemMetrics, *v)}),
    "network": lambda *v: charts.network(
        AXIS,
        series(ServerMetrics, *v),
        {name: series(InterfaceMetrics, *v) for name in ("eth0", "<eth1>")},
        shows_band=True,
    ),
    "disk_io": lambda *v: charts.disk_io(AXIS, series(ServerMetrics, *v), shows_band=True),
    "load": lambda *v: charts.load(AXIS, series(ServerMetrics, *v)),
    "temperatures": lambda *v: charts.temperatures(AXIS, {"<core>": series(TemperatureMetrics, *v)}),
    "pressure": lambda *v: charts.pressure(AXIS, series(ServerMetrics, *v)),
    "cores": lambda *v: charts.heatmap(AXIS, [list(v or VALUES)] * 2, ["core 0", "core 1"]),
    "app_cpu": lambda *v: app_charts.cpu(AXIS, series(ContainerMetrics, *v), shows_band=True),
    "app_cpu_shares": lambda *v: app_charts.cpu_shares(AXIS, series(ContainerMetrics, *v), 4),
    "app_memory": lambda *v: app_charts.memory(AXIS, series(ContainerMetrics, *v), shows_band=True),
    "app_network": lambda *v: app_charts.network(AXIS, series(ContainerMetrics, *v), shows_band=True),
    "app_disk_io": lambda *v: app_charts.disk_io(AXIS, series(ContainerMetrics, *v)),
    "app_restarts": lambda *v: app_charts.restarts(AXIS, series(ContainerMetrics, *v)),
    "app_processes": lambda *v: app_charts.processes(AXIS, series(ContainerMetrics, *v)),
}


def lines(figure: dict[str, Any]) -> dict[str, list[float | None]]:
    return {t["name"]: t["y"] for t in figure["data"] if t.get("mode") == "lines" and t.get("hoverinfo") != "skip"}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("values", [(), tuple(EMPTY), (0.0,) * 4, (1e18,) * 4])
def test_every_figure_is_one_to_plotly(name: str, values: tuple[float | None, ...]) -> None:
    figure = go.Figure(FIGURES[name](*values))
    assert figure.data or not any(values)


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "cores"])
def test_a_gap_stays_a_gap(name: str) -> None:
    figure = FIGURES[name]()
    assert all(values[1] is None and values[0] is not None for values in lines(figure).values())
    assert all(trace["connectgaps"] is False for trace in figure["data"] if trace.get("mode") == "lines")


def test_a_gap_in_the_heatmap_stays_one() -> None:
    assert FIGURES["cores"]()["data"][0]["z"][0][1] is None


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "cores"])
def test_events_are_marked_with_their_text(name: str) -> None:
    figure = FIGURES[name]()
    assert figure["data"][-1]["text"] == ["&lt;b&gt;web&lt;/b&gt; &amp; co"]
    [line] = figure["layout"]["shapes"]
    assert line["x0"] == line["x1"] == "2026-01-31 12:01:30"
    assert line["line"]["color"] == "var(--critical)"


@pytest.mark.parametrize("name", ["filesystems", "network", "temperatures"])
def test_names_from_a_server_are_text(name: str) -> None:
    shown = [trace["name"] for trace in FIGURES[name]()["data"]]
    assert any("&lt;" in text for text in shown)
    assert not any("<" in text for text in shown)


def test_stacked_areas_add_up_and_tell_their_own_values() -> None:
    figure = charts.cpu(AXIS, series(ServerMetrics), shows_band=False)
    shown = lines(figure)
    assert shown["user"][0] == 10
    assert shown["system"][0] == 20
    assert shown["steal"][0] == 40
    own = {trace["name"]: trace["customdata"] for trace in figure["data"] if "customdata" in trace}
    assert own["steal"][0] == 10


def test_percentages_reach_to_a_hundred() -> None:
    for name in ("cpu", "memory", "filesystems"):
        assert FIGURES[name]()["layout"]["yaxis"]["range"] == [0, 100]


@pytest.mark.parametrize("name", ["network", "app_network"])
def test_what_goes_out_is_drawn_below_the_line(name: str) -> None:
    shown = lines(FIGURES[name]())
    assert shown["in"][0] == 10
    assert shown["out"][0] == -10


def test_no_steal_is_not_drawn() -> None:
    quiet = series(ServerMetrics)
    quiet.mean["cpu_steal_percent"] = [0.0] * 4
    assert "steal" not in lines(charts.cpu(AXIS, quiet, shows_band=False))


def test_all_figures_of_a_page_have_one_axis_of_time() -> None:
    ranges = {tuple(FIGURES[name]()["layout"]["xaxis"]["range"]) for name in FIGURES}
    assert ranges == {("2026-01-31 12:00:00", "2026-01-31 12:04:00")}


def test_times_are_in_the_zone_of_the_page() -> None:
    axis = Axis(AT, 60, 4, timezone(timedelta(hours=1)))
    assert charts.load(axis, series(ServerMetrics))["data"][0]["x0"] == "2026-01-31 13:00:00"


# Apps --------------------------------------------------------------------------------------------


def app_series(**figures: list[float | None]) -> Series:
    """Of one app, with these figures and no others."""
    found = series(ContainerMetrics, *EMPTY)
    return Series(SPAN, found.counts, found.expected, found.mean | figures, found.low | figures, found.high | figures)


def test_an_apps_cpu_is_in_cores_below_its_limit() -> None:
    shown = lines(app_charts.cpu(AXIS, app_series(cpu_percent=VALUES, cpu_limit_cores=[2.0] * 4), shows_band=False))
    assert shown == {"used": [0.1, None, 0.3012, 0.0], "limit": [2.0] * 4}


def test_an_app_without_a_limit_has_no_line_for_it() -> None:
    assert set(lines(app_charts.cpu(AXIS, app_series(cpu_percent=VALUES), shows_band=True))) == {"used", "highest"}
    assert set(lines(app_charts.memory(AXIS, app_series(memory_used_bytes=VALUES), shows_band=False))) == {"used"}


def test_a_limit_that_was_set_later_begins_there() -> None:
    limits = [None, None, 1024.0, 1024.0]
    shown = lines(app_charts.memory(AXIS, app_series(memory_limit_bytes=limits), shows_band=False))
    assert shown["limit"] == limits


def test_an_apps_shares_are_percent_of_its_server_and_of_its_limit() -> None:
    shown = lines(app_charts.cpu_shares(AXIS, app_series(cpu_percent=[100.0] * 4, cpu_limit_cores=[0.5] * 4), 4))
    assert (shown["of the server"][0], shown["of its limit"][0]) == (25, 200)
    assert lines(app_charts.cpu_shares(AXIS, app_series(cpu_percent=[100.0] * 4), None)) == {"of the server": EMPTY}


@pytest.mark.parametrize(("highest", "expected"), [(0, {"dtick": 1}), (4, {"dtick": 1}), (5, {"tickformat": "d"})])
def test_what_is_counted_has_an_axis_of_whole_numbers(highest: float, expected: dict[str, Any]) -> None:
    axis = app_charts.restarts(AXIS, app_series(restart_count=[0, None, 0, highest]))["layout"]["yaxis"]
    assert axis.items() >= expected.items()
    assert ("dtick" in axis) != ("tickformat" in axis)
