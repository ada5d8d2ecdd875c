"""What django-q2 runs."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Max
from django_q.models import OrmQ

from activity import tasks as activity_tasks
from activity.context import current, task
from metrics import crash_cards, partitions, preparation, retention, rollups
from metrics.backups import making
from metrics.backups.errors import BackupError
from metrics.models import Heartbeat
from metrics.poller import Poller

LONGEST_SLICE_SECONDS = 300.0
LONGEST_KEEPING_SECONDS = 45.0
SUCCESSOR_SECONDS = 2.0

_poller: Poller | None = None


@task
def poll() -> None:
    """A slice of polling: goes on until another slice comes into the queue, so that none pile up and none is missing.

    The rounds keep their own clock inside, whatever the scheduler's step; connections outlast the slice.
    """
    name = os.environ.get("Q_CLUSTER_NAME", settings.POLL_CLUSTERS[0])
    over_at = time.monotonic() + LONGEST_SLICE_SECONDS
    newest = _newest_slice(name)  # the slice before may be in the queue still: counting would end this one at once
    looked_at = 0.0

    def is_over() -> bool:
        nonlocal looked_at
        now = time.monotonic()
        if now < over_at and now - looked_at < SUCCESSOR_SECONDS:
            return False
        looked_at = now
        return now >= over_at or _newest_slice(name) > newest

    _this_process(name).run(is_over)


def _newest_slice(name: str) -> int:
    return OrmQ.objects.filter(key=name).aggregate(newest=Max("id"))["newest"] or 0


def _this_process(name: str) -> Poller:
    """The poller of this process; one inherited over a fork is dropped without touching its connections."""
    global _poller  # noqa: PLW0603
    if _poller is None or _poller.process != os.getpid():
        _poller = Poller(
            name=name,
            site=settings.TOMO["site"],
            interval=timedelta(seconds=settings.TOMO["poll_seconds"]),
        )
    return _poller


@task
def beat() -> None:
    """A sign of life of the task cluster, asked for by the supervisor."""
    Heartbeat.objects.beat("tasks", datetime.now(UTC))


@task
def keep_history() -> None:
    """Roll up what is due, let go of what is old or waited for in vain; the next run goes on where this one stops."""
    over_at = time.monotonic() + LONGEST_KEEPING_SECONDS

    def is_over() -> bool:
        return time.monotonic() >= over_at

    at = datetime.now(UTC)
    partitions.make_ahead(int(at.timestamp()))
    rollups.roll(at, is_over)
    retention.prune(at, is_over)
    crash_cards.give_up(at)


@task
def scan(preparation_id: int) -> None:
    """The first half of a preparation."""
    with _ended_if_it_breaks(preparation_id):
        preparation.scan(preparation_id, datetime.now(UTC))


@task
def test(preparation_id: int) -> None:
    """The second half of a preparation."""
    with _ended_if_it_breaks(preparation_id):
        preparation.test(preparation_id, datetime.now(UTC))


@task
def make_backup(*backup_ids: int) -> None:
    """The backup that the page asked for; without an id the daily one."""
    at = datetime.now(UTC)
    with suppress(BackupError):  # the run and the activity log tell it
        making.asked(backup_ids[0], at) if backup_ids else making.daily(at)


@task
def check_log() -> None:
    """The check of the activity log that the page asked for."""
    activity_tasks.check(request_id=current().request_id)


@contextmanager
def _ended_if_it_breaks(preparation_id: int) -> Iterator[None]:
    """Nobody waits for ever for a preparation that met something unforeseen."""
    try:
        yield
    except Exception:
        preparation.abandon(preparation_id, datetime.now(UTC))
        raise
