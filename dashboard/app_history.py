"""The charts of one app over a period."""

from datetime import UTC, datetime

from activity.queries import ActivityFilter
from dashboard import app_charts, history
from dashboard.charts import Axis, Chart, is_known
from dashboard.history import MOST_MARKS, Drawn
from dashboard.templatetags.units import binary_bytes, byte_rate, load, number, percent
from metrics import app_queries, retention
from metrics.app_queries import AppRow
from metrics.periods import Span

BANDS = "cpu_percent memory_used_bytes network_rx_bytes_per_second network_tx_bytes_per_second".split()


def charts_of(row: AppRow, span: Span, at: datetime) -> Drawn:
    start, end = datetime.fromtimestamp(span.start, UTC), datetime.fromtimestamp(span.end, UTC)
    events = ActivityFilter(app_id=row.app.pk, since=start, until=min(end, at)).rows()[:MOST_MARKS]
    axis = Axis(start, span.step, span.points, history.zone(end), list(history.marks(events)))
    series = app_queries.app_series(row.app, span, extremes=BANDS)
    shows_band = span.step > retention.interval_seconds()
    cores = row.app.server.state.facts.get("cores")
    found = [
        Chart("cpu", "CPU", _cpu(row), "cores", app_charts.cpu(axis, series, shows_band=shows_band)),
        Chart("memory", "Memory", _memory(row), "B", app_charts.memory(axis, series, shows_band=shows_band)),
        Chart("cpu_share", "CPU, share", _shares(row), "%", app_charts.cpu_shares(axis, series, cores)),
    ]
    if is_known(series.mean["network_rx_bytes_per_second"]):
        found.append(
            Chart("network", "Network", _network(row), "B/s", app_charts.network(axis, series, shows_band=shows_band))
        )
    if is_known(series.mean["disk_read_bytes_per_second"]):
        found.append(Chart("disk_io", "Disk I/O", _disk_io(row), "B/s", app_charts.disk_io(axis, series)))
    if is_known(series.mean["restart_count"]):
        restarts = number(row.app.restart_count)
        found.append(Chart("restarts", "Restarts", restarts, "restarts", app_charts.restarts(axis, series)))
    if is_known(series.mean["pids"]):
        pids = number(row.latest.pids) if row.latest else "–"
        found.append(Chart("processes", "Processes", pids, "processes", app_charts.processes(axis, series)))
    return Drawn(found, series.coverage)


def _cpu(row: AppRow) -> str:
    if row.cpu_percent is None or row.latest is None:
        return "–"
    used = f"{load(row.cpu_percent / 100)} cores"
    return f"{used} of {load(row.latest.cpu_limit_cores)}" if row.latest.cpu_limit_cores else used


def _shares(row: AppRow) -> str:
    shares = ((row.cpu_of_host_percent, "of the server"), (row.cpu_of_limit_percent, "of its limit"))
    return " · ".join(f"{percent(value)} {of}" for value, of in shares if value is not None) or "–"


def _memory(row: AppRow) -> str:
    if row.latest is None or row.latest.memory_used_bytes is None:
        return "–"
    used, limit = row.latest.memory_used_bytes, row.latest.memory_limit_bytes
    return f"{binary_bytes(used)} of {binary_bytes(limit)}" if limit else f"{binary_bytes(used)}, no limit"


def _network(row: AppRow) -> str:
    if row.latest is None:
        return "–"
    received, sent = row.latest.network_rx_bytes_per_second, row.latest.network_tx_bytes_per_second
    return f"in {byte_rate(received)} · out {byte_rate(sent)}"


def _disk_io(row: AppRow) -> str:
    if row.latest is None:
        return "–"
    read, written = row.latest.disk_read_bytes_per_second, row.latest.disk_written_bytes_per_second
    return f"read {byte_rate(read)} · write {byte_rate(written)}"
