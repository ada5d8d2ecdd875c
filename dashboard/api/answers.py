"""What each operation of the API answers, as public JSON."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from activity import queries as activity_queries
from activity.queries import ActivityFilter
from dashboard import figures, reports, wire
from dashboard.api import parameters
from dashboard.api.bodies import Posted
from dashboard.api.callers import Caller
from dashboard.api.envelope import Answer, ApiError, bad
from dashboard.summary import dashboard_summary
from metrics import app_access, app_queries, periods, queries, samples
from metrics import health as healths
from metrics.periods import Span
from metrics.series import Series

MOST_ROWS = 1000
REPLAYED = "Idempotent-Replayed"


def summary(caller: Caller, _given: Mapping[str, str]) -> dict[str, Any]:
    return wire.summary(dashboard_summary(caller.servers, caller.activity, caller.at))


def health(caller: Caller, _given: Mapping[str, str]) -> dict[str, Any]:
    return wire.health(healths.health(caller.servers, caller.at))


def servers(caller: Caller, given: Mapping[str, str]) -> dict[str, Any]:
    limit, offset = _limits(given, MOST_ROWS)
    wanted = caller.servers.order_by("name", "pk").prefetch_related("tags")
    rows = queries.server_rows(wanted[offset : offset + limit], caller.at)
    return _listed("servers", [wire.server(row, caller.at) for row in rows], wanted.count(), limit, offset)


def server(caller: Caller, _given: Mapping[str, str], server_id: str) -> dict[str, Any]:
    return wire.server(queries.server_row(caller.server(server_id), caller.at), caller.at)


def server_metrics(caller: Caller, given: Mapping[str, str], server_id: str) -> dict[str, Any]:
    found = caller.server(server_id)
    period, span = _span(caller, given)
    series = queries.server_series(found.pk, span, extremes=figures.peaks_of(figures.SERVER, figures.SERVER))
    metrics = wire.samples(found.pk, series)
    return {
        "server_id": found.pk,
        "period": period,
        **_span_told(span, series),
        "metrics": metrics,
        "count": len(metrics),
    }


def apps(caller: Caller, given: Mapping[str, str]) -> dict[str, Any]:
    limit, offset = _limits(given, MOST_ROWS)
    wanted = app_queries.apps_of(caller.servers, caller.at).present().order_by("server__name", "name", "pk")
    rows = app_queries.app_rows(wanted[offset : offset + limit])
    return _listed("apps", [wire.app(row) for row in rows], wanted.count(), limit, offset)


def server_apps(caller: Caller, _given: Mapping[str, str], server_id: str) -> dict[str, Any]:
    found = caller.server(server_id)
    here = app_queries.apps_of(caller.servers.filter(pk=found.pk), caller.at).present().order_by("name", "pk")
    rows = app_queries.app_rows(here)
    return {
        "server_id": found.pk,
        "apps": [wire.app(row) for row in rows],
        "count": len(rows),
        "total": len(rows),
        "status": found.state.apps_status or None,
        "explanation": app_access.explanation(found.state.apps_way) or None,
    }


def app_metrics(caller: Caller, given: Mapping[str, str], server_id: str, app_id: str) -> dict[str, Any]:
    app = caller.app(server_id, app_id)
    period, span = _span(caller, given)
    history = app_queries.app_history(app, span, figures.peaks_of(figures.APP, figures.APP))
    metrics = wire.app_samples(history)
    return {
        "server_id": app.server_id,
        "app_id": app.pk,
        "period": period,
        **_span_told(span, history.series),
        "metrics": metrics,
        "count": len(metrics),
    }


def activity(caller: Caller, given: Mapping[str, str]) -> dict[str, Any]:
    limit, offset = _limits(given, 50)
    wanted, before = _activity_filter(caller, given), parameters.number(given, "before")
    try:
        page = activity_queries.page(wanted, limit=limit, offset=offset, before=before)
    except activity_queries.UnknownRow as unknown:
        raise bad("before", str(unknown)) from None
    logs = [wire.activity(row) for row in page.rows]
    return _listed("logs", logs, page.total, limit, offset) | {"next_before": page.before}


def report(caller: Caller, posted: Posted) -> Answer:
    """Record what another program tells, once for each idempotency key."""
    assert caller.token, "only a token writes"
    reporter = reports.Reporter(f"token {caller.token.pk}", caller.servers, bool(caller.token.tag))
    try:
        row, is_new = reports.record_once(reports.report(posted.fields), reporter, posted.idempotency_key, caller.at)
    except reports.WrongReport as wrong:
        raise ApiError(400, "BAD_PARAMETER", str(wrong)) from None
    except reports.Conflict as conflict:
        raise ApiError(409, "IDEMPOTENCY_CONFLICT", str(conflict)) from None
    return Answer(wire.activity(row), 201) if is_new else Answer(wire.activity(row), headers={REPLAYED: "true"})


def _limits(given: Mapping[str, str], usual: int) -> tuple[int, int]:
    """How many rows are asked for, and how many before them are not."""
    return parameters.whole(given, "limit", usual, MOST_ROWS), parameters.whole(given, "offset", 0)


def _listed(name: str, told: list[dict[str, Any]], total: int, limit: int, offset: int) -> dict[str, Any]:
    return {name: told, "count": len(told), "total": total, "limit": limit, "offset": offset}


def _span(caller: Caller, given: Mapping[str, str]) -> tuple[str | None, Span]:
    """The period that is asked for, or None for a free range, and its span."""
    since, until = parameters.instant(given, "from"), parameters.instant(given, "to")
    if since is None and until is None:
        period = given.get("period", "24h")
        try:
            return period, samples.period_span(period, caller.at)
        except periods.UnknownPeriod as wrong:
            raise ApiError(400, "UNKNOWN_PERIOD", f"period: {wrong}") from None
    if "period" in given:
        raise bad("period", "Give either a period or from and to.")
    if since is None:
        raise bad("from", "It is wanted beside to: when the range begins, such as 2026-01-31T12:00:00Z.")
    try:
        return None, samples.range_span(since, until or caller.at, caller.at)
    except periods.WrongRange as wrong:
        raise bad("from", str(wrong)) from None


def _span_told(span: Span, series: Series) -> dict[str, Any]:
    return {
        "step_seconds": span.step,
        "resolution_seconds": span.resolution.seconds or int(queries.interval().total_seconds()),
        "coverage_percent": None if series.coverage is None else round(100 * series.coverage, 1),
        "from": wire.timestamp(datetime.fromtimestamp(span.start, UTC)),
        "to": wire.timestamp(datetime.fromtimestamp(span.end, UTC)),
    }


def _activity_filter(caller: Caller, given: Mapping[str, str]) -> ActivityFilter:
    return replace(
        caller.activity,
        activity_types=parameters.kinds(given, "activity_types"),
        user_id=parameters.number(given, "user_id"),
        actor=parameters.name(given, "actor"),
        server_id=parameters.number(given, "server_id"),
        app_id=parameters.number(given, "app_id"),
        source_ip=parameters.address(given, "source_ip"),
        result=parameters.result(given, "result"),
        since=parameters.instant(given, "since"),
        until=parameters.instant(given, "until"),
        text=given.get("q", ""),
    )
