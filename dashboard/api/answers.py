"""What each operation that reads answers, as public JSON."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from activity import queries as activity_queries
from activity.queries import ActivityFilter
from dashboard import explanation, figures, problems, wire
from dashboard.api.callers import Caller
from dashboard.api.envelope import ApiError, wrong_range
from dashboard.api.parameters import Given
from dashboard.figures import Figures
from dashboard.models import ApiToken
from dashboard.summary import dashboard_summary
from metrics import app_access, app_queries, periods, queries, samples
from metrics import health as healths
from metrics.models import Filesystem, Interface
from metrics.models.parts import Part
from metrics.periods import Span

MOST_ROWS = 1000

Data = dict[str, Any]


def summary(caller: Caller, _given: Given) -> Data:
    return wire.summary(dashboard_summary(caller.servers, caller.activity, caller.at))


def problem_list(caller: Caller, _given: Given) -> Data:
    of_monitor = [wire.problem(one) for one in problems.of_monitor(caller.at)]
    summary = dashboard_summary(caller.servers, caller.activity, caller.at)
    of_fleet = problems.of_fleet(caller.servers, summary)
    told = [*of_monitor, *(wire.problem(one) for one in of_fleet.listed)]
    return {"problems": told, "count": len(told), "total": len(of_monitor) + of_fleet.total}


def health(caller: Caller, _given: Given) -> Data:
    return wire.health(healths.health(caller.servers, caller.at))


# Servers -----------------------------------------------------------------------------------------


def servers(caller: Caller, given: Given) -> Data:
    wanted = caller.servers.matching(given.get("q", ""), given.get("tag", ""), given.get("status", ""))
    rows = queries.server_rows(_page(wanted, given, ("name", "pk")).prefetch_related("tags"), caller.at)
    told = [wire.server(row, caller.at) for row in rows]
    return _listed("servers", told, wanted.count(), given) | {"next_after": _next_after(told, given)}


def server(caller: Caller, _given: Given, server_id: str) -> Data:
    return wire.server(queries.server_row(caller.server(server_id), caller.at), caller.at)


def preparation(caller: Caller, _given: Given, server_id: str) -> Data:
    found = caller.server(server_id)
    return wire.preparation(found, found.preparations.first())


def server_metrics(caller: Caller, given: Given, server_id: str) -> Data:
    found = caller.server(server_id)
    names, (period, span) = _names(given, figures.SERVER), _span(caller, given)
    series = queries.server_series(found.pk, span, *_fields(figures.SERVER, names))
    return {"server_id": found.pk, **wire.history(period, series, wire.samples(found.pk, series, names))}


def explain_server(caller: Caller, given: Given, server_id: str) -> Data:
    found, minutes = caller.server(server_id), given["minutes"]
    around = given.get("at") or caller.at - timedelta(minutes=minutes)
    try:
        return wire.explanation(explanation.explanation(found, caller.activity, around, minutes, caller.at))
    except periods.WrongRange as wrong:
        raise wrong_range("at", str(wrong)) from None


def filesystems(caller: Caller, _given: Given, server_id: str) -> Data:
    return _parts_now(caller, server_id, Filesystem, wire.filesystem)


def interfaces(caller: Caller, _given: Given, server_id: str) -> Data:
    return _parts_now(caller, server_id, Interface, wire.interface)


def _parts_now(caller: Caller, server_id: str, model: type[Part], told: Callable[..., Data]) -> Data:
    """The parts that the newest sample saw; their figures are null unless they are current."""
    row = queries.server_row(caller.server(server_id), caller.at)
    parts = queries.parts_now(row.server, [model])[model]
    found = [told(part, newest if row.is_fresh else None) for part, newest in parts]
    return {"server_id": row.server.pk, f"{model._meta.model_name}s": found, "count": len(found)}


def filesystem_metrics(caller: Caller, given: Given, server_id: str, filesystem_id: str) -> Data:
    return _part_metrics(caller, given, caller.part(Filesystem, server_id, filesystem_id), figures.FILESYSTEM)


def interface_metrics(caller: Caller, given: Given, server_id: str, interface_id: str) -> Data:
    return _part_metrics(caller, given, caller.part(Interface, server_id, interface_id), figures.INTERFACE)


def _part_metrics(caller: Caller, given: Given, part: Part, known: Figures) -> Data:
    names, (period, span) = _names(given, known), _span(caller, given)
    series = queries.parts_series(part.server_id, [part], span, *_fields(known, names)[:1])[part]
    owner = {"server_id": part.server_id, f"{part._meta.model_name}_id": part.pk}
    return {**owner, **wire.history(period, series, wire.part_samples(part, series, known, names))}


# Apps --------------------------------------------------------------------------------------------


def apps(caller: Caller, given: Given) -> Data:
    servers = caller.servers.filter(pk=given["server_id"]) if "server_id" in given else caller.servers
    wanted = app_queries.apps_of(servers, caller.at).present()
    told = [wire.app(row) for row in app_queries.app_rows(_page(wanted, given, ("server__name", "name", "pk")))]
    return _listed("apps", told, wanted.count(), given) | {"next_after": _next_after(told, given)}


def server_apps(caller: Caller, _given: Given, server_id: str) -> Data:
    found = caller.server(server_id)
    here = app_queries.apps_of(caller.servers.filter(pk=found.pk), caller.at).present().order_by("name", "pk")
    told = [wire.app(row) for row in app_queries.app_rows(here)]
    return {
        "server_id": found.pk,
        "apps": told,
        "count": len(told),
        "total": len(told),
        "status": found.state.apps_status or None,
        "explanation": app_access.explanation(found.state.apps_way) or None,
    }


def app(caller: Caller, _given: Given, server_id: str, app_id: str) -> Data:
    found = caller.app(server_id, app_id)
    [row] = app_queries.app_rows(app_queries.apps_of(caller.servers, caller.at).filter(pk=found.pk))
    return wire.app(row)


def app_metrics(caller: Caller, given: Given, server_id: str, app_id: str) -> Data:
    found = caller.app(server_id, app_id)
    names, (period, span) = _names(given, figures.APP), _span(caller, given)
    history = app_queries.app_history(found, span, *_fields(figures.APP, names))
    metrics = wire.app_samples(history, names)
    return {"server_id": found.server_id, "app_id": found.pk, **wire.history(period, history.series, metrics)}


# Activity and tokens -----------------------------------------------------------------------------


def activity(caller: Caller, given: Given) -> Data:
    limit, offset, before = given["limit"], given["offset"], given.get("before")
    try:
        page = activity_queries.page(_activity_filter(caller, given), limit=limit, offset=offset, before=before)
    except activity_queries.UnknownRow as unknown:
        raise ApiError(404, "NOT_FOUND", f"before: {unknown}") from None
    logs = [wire.activity(row) for row in page.rows]
    return _listed("logs", logs, page.total, given) | {"next_before": page.before}


def tokens(caller: Caller, _given: Given) -> Data:
    """A session's own tokens; a token is told of itself alone."""
    own = ApiToken.objects.filter(owner_id=caller.actor.user_id).select_related("tag", "owner")
    if caller.token:
        own = own.filter(pk=caller.token.pk)
    told = [wire.token(one, caller.at) for one in own]
    return {"tokens": told, "count": len(told)}


# What they share ---------------------------------------------------------------------------------


def _listed(name: str, told: Sequence[Data], total: int, given: Given) -> Data:
    return {name: told, "count": len(told), "total": total, "limit": given["limit"], "offset": given["offset"]}


def _page(wanted: Any, given: Given, order: Collection[str]) -> Any:
    """The rows that are asked for: in this order or, with `after`, in that of their ids."""
    after, first = given.get("after"), given["offset"]
    rows = wanted.order_by(*order) if after is None else wanted.filter(pk__gt=after).order_by("pk")
    return rows[first : first + given["limit"]]


def _next_after(told: Sequence[Data], given: Given) -> int | None:
    """Where the next page begins; None on the last one, and where the order is another."""
    return told[-1]["id"] if "after" in given and told and len(told) == given["limit"] else None


def _names(given: Given, known: Figures) -> Collection[str]:
    return given.get("series") or list(known)


def _fields(known: Figures, names: Collection[str]) -> tuple[list[str], list[str]]:
    """The stored fields that these figures are made of, and those of which the highest is told."""
    return figures.fields_of(known, names), figures.peaks_of(known, names)


def _span(caller: Caller, given: Given) -> tuple[str | None, Span]:
    """The period that is asked for, or None for a free range, and its span."""
    since, until, width = given.get("from"), given.get("to"), (given["points"], given.get("resolution", 0))
    if since is None and until is None:
        period = given.get("period", "24h")
        return period, samples.period_span(period, caller.at, *width)
    if "period" in given:
        raise wrong_range("period", "Give either a period or from and to.")
    if since is None:
        raise wrong_range("from", "It is wanted beside to: when the range begins, such as 2026-01-31T12:00:00Z.")
    try:
        return None, samples.range_span(since, until or caller.at, caller.at, *width)
    except periods.WrongRange as wrong:
        raise wrong_range("from", str(wrong)) from None


def _activity_filter(caller: Caller, given: Given) -> ActivityFilter:
    names = "activity_types user_id actor server_id app_id source_ip result since until".split()
    asked = {name: given[name] for name in names if name in given}
    return replace(caller.activity, text=given.get("q", ""), **asked)
