"""Drawings: what is seen of a figure before Plotly has loaded, and where there are no scripts."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.template.loader import render_to_string

from dashboard import charts
from dashboard.charts import Axis, Figure, Values
from dashboard.drawing import Drawing, drawing, keys
from tests.dashboard.test_charts import AT, AXIS, EMPTY, FIGURES

HOSTILE = "</svg><script>&\"'"


def load(*lines: Values, **more: object) -> Drawing:
    return drawing(
        charts.figure(AXIS, [charts.line(AXIS, "1 min", values, "var(--load-1)") for values in lines], **more)
    )


def texts(drawn: Drawing) -> list[str]:
    return [label.lines[0] for label in drawn.values]


def times(seconds: int, zone: timezone = UTC, start: datetime = AT) -> list[str]:
    """The labels of an axis that is that long."""
    return Axis(start, 60, seconds // 60, zone).ticks["ticktext"]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("values", [(), tuple(EMPTY), (0.0,) * 4, (1e18,) * 4, (-3.0, 1e-9, None, 7.0)])
def test_every_figure_can_be_drawn(name: str, values: tuple[float | None, ...]) -> None:
    drawn = drawing(FIGURES[name](*values))
    assert len(drawn.values) > 1
    assert "nan" not in str(drawn)
    assert render_to_string("components/drawing.html", {"drawing": drawn}).count("<text") >= 3


def test_a_line_runs_from_edge_to_edge_and_leaves_gaps() -> None:
    [shape] = load([0.0, 50.0, None, 100.0, 100.0], top=100).shapes
    assert shape.path == "M0 1000L1 500M3 0L4 0"
    assert (shape.stroke, shape.fill) == ("var(--load-1)", "none")


def test_an_area_reaches_down_to_zero_and_a_band_to_its_other_edge() -> None:
    [area, _] = drawing(charts.figure(AXIS, charts.stacked(AXIS, [("a", [50.0] * 4, "var(--cpu-1)")]), top=100)).shapes
    assert area.path == "M0 500L1 500L2 500L3 500L3 1000L0 1000Z"
    assert area.fill == "var(--cpu-1-area)"
    [band] = drawing(charts.figure(AXIS, charts.band(AXIS, "in", [0.0] * 4, [100.0] * 4, "var(--x)"), top=100)).shapes
    assert band.path == "M0 0L1 0L2 0L3 0L3 1000L2 1000L1 1000L0 1000Z"


def test_what_is_counted_goes_in_steps() -> None:
    [shape] = drawing(FIGURES["app_restarts"](0.0, 1.0, None, 1.0)).shapes
    assert shape.path == "M0 1000H1V50M3 50"


def test_equal_cells_of_a_heatmap_are_one_and_its_gaps_are_none() -> None:
    drawn = drawing(charts.heatmap(AXIS, [[0.0, 0.0, None, 100.0], EMPTY], ["core 0", "core 1"]))
    assert [shape.path for shape in drawn.shapes] == ["M-0.5 500h2v500.0h-2z", "M2.5 500h1v500.0h-1z"]
    assert drawn.shapes[1].fill == "color-mix(in srgb, var(--heat-2) 100%, var(--heat-1))"
    assert [label.at for label in drawn.values] == ["75.00%", "25.00%"]


def test_many_rows_are_named_now_and_then() -> None:
    drawn = drawing(charts.heatmap(AXIS, [EMPTY] * 64, [f"core {n}" for n in range(64)]))
    assert texts(drawn) == [f"core {n}" for n in range(0, 64, 8)]


@pytest.mark.parametrize(
    ("highest", "options", "expected"),
    [
        (0, {}, ["0", "0.5", "1"]),
        (1.3, {}, ["0", "0.5", "1"]),
        (50, {"top": 100, "suffix": "%"}, ["0%", "50%", "100%"]),
        (2_500_000, {"si": True, "suffix": "B/s"}, ["0B/s", "1MB/s", "2MB/s"]),
        (999, {"si": True}, ["0", "500", "1k"]),
        (0, {"si": True, "suffix": "B"}, ["0B", "5B", "10B"]),
    ],
)
def test_values_are_marked_at_round_figures(highest: float, options: Figure, expected: list[str]) -> None:
    assert texts(load([0.0, highest, None, 0.0], **options)) == expected


def test_what_is_below_zero_has_room_and_a_minus() -> None:
    assert texts(load([-3e6, 3e6, None, 0.0], si=True)) == ["−2M", "0", "2M"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (240, ["12:00<br>31 Jan", "12:01", "12:02", "12:03", "12:04"]),
        (3600, ["12:00<br>31 Jan", "12:10", "12:20", "12:30", "12:40", "12:50", "13:00"]),
        (86_400, ["12:00<br>31 Jan", "16:00", "20:00", "00:00<br>1 Feb", "04:00", "08:00", "12:00"]),
        (4 * 86_400, ["1 Feb<br>2026", "2 Feb", "3 Feb", "4 Feb"]),
    ],
)
def test_time_is_marked_at_round_times_and_new_days(seconds: int, expected: list[str]) -> None:
    assert times(seconds) == expected


def test_days_begin_in_the_zone_of_the_page() -> None:
    assert times(4 * 86_400, timezone(timedelta(hours=13))) == ["2 Feb<br>2026", "3 Feb", "4 Feb", "5 Feb"]


def test_a_year_has_few_labels() -> None:
    assert 2 <= len(Axis(AT, 86_400, 600, UTC).ticks["tickvals"]) <= 7


def test_the_legend_names_what_can_be_hidden_and_what_can_be_shown() -> None:
    found = keys(FIGURES["network"]())
    assert [(key.name, key.is_shown) for key in found] == [
        ("in", True),
        ("out", True),
        ("eth0 in", False),
        ("<eth1> in", False),
    ]
    assert keys(FIGURES["filesystems"]()) == []


def test_names_from_a_server_are_text() -> None:
    for name, figure in {
        "legend": charts.filesystems(AXIS, {}) | {"data": [charts.line(AXIS, HOSTILE, EMPTY, "var(--x)")] * 2},
        "drawing": charts.figure(Axis(AT, 60, 4, UTC, [charts.Mark(AT, HOSTILE, is_bad=True)]), []),
    }.items():
        figure["layout"]["showlegend"] = True
        shown = render_to_string(f"components/{name}.html", {"drawing": drawing(figure), "keys": keys(figure)})
        assert "&lt;/svg&gt;&lt;script&gt;&amp;&quot;&#x27;" in shown
        assert "<script" not in shown
