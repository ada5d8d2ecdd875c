"""Series of one app into Plotly figures. Pure."""

from dashboard.charts import Axis, Figure, Values, band, figure, line, negative
from metrics.series import Series


def cpu(axis: Axis, series: Series, *, shows_band: bool) -> Figure:
    """Busy cores, with its limit as a line."""
    traces = [line(axis, "used", _cores(series.mean["cpu_percent"]), "var(--cpu-1)")]
    if shows_band:
        thin = {"line": {"width": 1, "dash": "dot", "color": "var(--cpu-peak)"}}
        traces.append(line(axis, "highest", _cores(series.high["cpu_percent"]), "var(--cpu-peak)", **thin))
    return figure(axis, traces + _limit(axis, series.mean["cpu_limit_cores"]))


def cpu_shares(axis: Axis, series: Series, cores: int | None) -> Figure:
    """What that is of its limit and of the whole server."""
    limits = series.mean["cpu_limit_cores"]
    of_limit = [
        None if cpu is None or not limit else cpu / limit
        for cpu, limit in zip(series.mean["cpu_percent"], limits, strict=True)
    ]
    of_host = [None if cpu is None or not cores else cpu / cores for cpu in series.mean["cpu_percent"]]
    traces = [line(axis, "of the server", of_host, "var(--cpu-2)")]
    if any(value is not None for value in of_limit):
        traces.append(line(axis, "of its limit", of_limit, "var(--cpu-3)"))
    return figure(axis, traces, suffix="%")


def memory(axis: Axis, series: Series, *, shows_band: bool) -> Figure:
    """Bytes without the inactive file cache, with its limit as a line."""
    used, peak = series.mean["memory_used_bytes"], series.high["memory_used_bytes"]
    traces = [line(axis, "used", used, "var(--memory-1)")]
    if shows_band:
        thin = {"line": {"width": 1, "dash": "dot", "color": "var(--memory-1)"}}
        traces.append(line(axis, "highest", peak, "var(--memory-1)", **thin))
    return figure(axis, traces + _limit(axis, series.mean["memory_limit_bytes"]), suffix="B", si=True)


def network(axis: Axis, series: Series, *, shows_band: bool) -> Figure:
    """In above the line, out below it."""
    received, sent = "network_rx_bytes_per_second", "network_tx_bytes_per_second"
    traces = []
    if shows_band:
        traces += band(axis, "in", series.low[received], series.high[received], "var(--network-1)")
        traces += band(axis, "out", negative(series.high[sent]), negative(series.low[sent]), "var(--network-2)")
    traces += [
        line(axis, "in", series.mean[received], "var(--network-1)"),
        line(axis, "out", negative(series.mean[sent]), "var(--network-2)"),
    ]
    return figure(axis, traces, suffix="B/s", si=True)


def disk_io(axis: Axis, series: Series) -> Figure:
    traces = [
        line(axis, "read", series.mean["disk_read_bytes_per_second"], "var(--disk-3)"),
        line(axis, "write", series.mean["disk_written_bytes_per_second"], "var(--disk-1)"),
    ]
    return figure(axis, traces, suffix="B/s", si=True)


def restarts(axis: Axis, series: Series) -> Figure:
    """How often its restart policy started it since it was last started by hand."""
    counted = line(axis, "restarts", series.high["restart_count"], "var(--line-7)")
    return _whole_numbers(figure(axis, [counted | {"line": {"color": "var(--line-7)", "width": 1.5, "shape": "hv"}}]))


def processes(axis: Axis, series: Series) -> Figure:
    return _whole_numbers(figure(axis, [line(axis, "processes", series.mean["pids"], "var(--line-5)")]))


def _whole_numbers(drawn: Figure) -> Figure:
    """With an axis of whole numbers."""
    highest = max((value or 0 for trace in drawn["data"] for value in trace["y"]), default=0)
    drawn["layout"]["yaxis"] |= {"dtick": 1} if highest < 5 else {"tickformat": "d"}
    return drawn


def _limit(axis: Axis, values: Values) -> list[Figure]:
    """A limit, where there is one."""
    dashed = {"line": {"width": 1.5, "dash": "dash", "color": "var(--critical)"}}
    return [line(axis, "limit", values, "var(--critical)", **dashed)] if any(values) else []


def _cores(percents: Values) -> Values:
    return [None if percent is None else percent / 100 for percent in percents]
