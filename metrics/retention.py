"""How long each resolution is kept, and letting go of what is older, a little at a time."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, models

from metrics import partitions
from metrics.models import App, Container, ContainerMetrics, Resolved, Server, ServerMetrics
from metrics.models.fields import first_key, slot_key
from metrics.models.rollups import SAMPLES, SAMPLES_OF, table_of
from metrics.periods import DAY, FIVE_MINUTES, HOUR, RAW, RESOLUTIONS, Resolution

HOUR_SECONDS, DAY_SECONDS = 3600, 86_400
AT_ONCE = 5000  # rows deleted in one statement, so that nobody waits long


def interval_seconds() -> int:
    """How often a server is polled."""
    return int(settings.TOMO["poll_seconds"])


def kept() -> dict[Resolution, int]:
    """How many seconds each resolution is kept; one that is not named is kept for good."""
    days = settings.TOMO["keep_daily_days"]
    return {
        RAW: settings.TOMO["keep_samples_hours"] * HOUR_SECONDS,
        FIVE_MINUTES: settings.TOMO["keep_5_minutes_days"] * DAY_SECONDS,
        HOUR: settings.TOMO["keep_hourly_days"] * DAY_SECONDS,
    } | ({DAY: days * DAY_SECONDS} if days else {})


def prune(at: datetime, is_over: Callable[[], bool]) -> int:
    """Delete what is older than it is kept, until `is_over`; returns how many rows. On PostgreSQL whole partitions go.

    Nothing goes that is not rolled up yet.
    """
    deleted = 0
    for resolution, seconds in kept().items():
        end = min(int(at.timestamp()) - seconds, _rolled_up(resolution))
        state, _is_new = Resolved.objects.get_or_create(seconds=resolution.seconds)
        if end > state.pruned_until:
            Resolved.objects.filter(pk=state.pk).update(pruned_until=end)
        for model in SAMPLES:
            deleted += _prune(table_of(model, resolution), end, is_over)
    _forget_what_is_gone(at - timedelta(seconds=kept()[HOUR]), at)
    return deleted


def _rolled_up(resolution: Resolution) -> int:
    """Up to when the next coarser resolution has it; for ever where there is none."""
    coarser = RESOLUTIONS[RESOLUTIONS.index(resolution) + 1 :][:1]
    done = Resolved.objects.filter(seconds__in=[one.seconds for one in coarser]).values_list("done_until", flat=True)
    return (done.first() or 0) if coarser else 1 << 40


def _prune(table: Any, end: int, is_over: Callable[[], bool]) -> int:
    """The rows of before `end`, epoch seconds."""
    if connection.vendor == "postgresql":
        partitions.drop(table, end)
        return 0
    deleted, last = 0, first_key(end)
    while not is_over():
        edges = table.objects.filter(pk__lt=last).order_by("pk").values_list("pk", flat=True)[AT_ONCE : AT_ONCE + 1]
        edge = next(iter(edges), last)
        deleted += table.objects.filter(pk__lt=edge)._raw_delete(table.objects.db)
        if edge == last:
            break
    return deleted


def _forget_what_is_gone(before: datetime, at: datetime) -> None:
    """Apps, containers and parts that were not seen since then: only their daily history would be left."""
    Container.objects.filter(replaced_at__lt=before).delete()
    _forget(App.objects.filter(removed_at__lt=before), ContainerMetrics, at)
    for part, samples in SAMPLES_OF.items():
        _forget(part._default_manager.filter(seen_at__lt=before), samples, at)


def _forget(gone: Any, samples: type[models.Model], at: datetime) -> None:
    """These owners and their days."""
    forget_days(samples, dict(gone.values_list("pk", "added_at")), at)
    gone.delete()


def forget_server(server: Server, at: datetime) -> None:
    """The days of a server that is deleted, of its apps and its parts: they would stay for good."""
    forget_days(ServerMetrics, {server.pk: server.added_at}, at)
    forget_days(ContainerMetrics, dict(server.apps.values_list("pk", "added_at")), at)
    for part, samples in SAMPLES_OF.items():
        owners = part._default_manager.filter(server=server).values_list("pk", "added_at")
        forget_days(samples, dict(owners), at)


def forget_days(samples: type[models.Model], owners: Mapping[int, datetime], at: datetime) -> None:
    """The daily history of owners, each known since then."""
    table = table_of(samples, DAY)
    for owner, since in owners.items():
        begins = range(int(since.timestamp()) // DAY_SECONDS * DAY_SECONDS, int(at.timestamp()) + 1, DAY_SECONDS)
        table._default_manager.filter(pk__in=[slot_key(begin, owner) for begin in begins]).delete()
