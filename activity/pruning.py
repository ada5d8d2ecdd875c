"""Deletes what was kept long enough, and leaves a signed record so that the rest still verifies."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from activity import chain, triggers
from activity.models import ActivityLog, PrunedSegment
from activity.record import record
from activity.types import ActivityType, Category, kinds_of
from activity.walk import Broken, Walk

AT_ONCE = 5000


def prune(days: Mapping[Category, int], at: datetime) -> int:
    """Delete the rows of each category that are older than its days; returns how many. The last row of all stays."""
    cutoffs = {category: at - timedelta(days=days[category]) for category in Category}
    due = Q()
    for category, cutoff in cutoffs.items():
        due |= Q(activity_type__in=kinds_of(category), timestamp__lt=cutoff)
    gone: Counter[str] = Counter()
    with suppress(Broken):  # somebody changed it since it was verified: it stays, and the next check tells
        for first, last in [*_known_stretches(due), *_new_stretches(max(cutoffs.values()))]:
            gone += _prune_stretch(first, last, due, at)
    if gone:
        details = {
            "rows": {str(one): sum(gone[kind] for kind in kinds_of(one)) for one in Category},
            "older_than": {str(one): chain.instant(cutoff) for one, cutoff in cutoffs.items()},
        }
        record(ActivityType.LOG_PRUNED, f"{gone.total()} old rows of the activity log deleted", details=details, at=at)
    return gone.total()


def _known_stretches(due: Q) -> Iterator[tuple[int, int]]:
    """What was pruned already and has rows whose longer time is over now."""
    newest = {one.first_id: one for one in PrunedSegment.objects.order_by("id")}
    for one in newest.values():
        if one.kept and ActivityLog.objects.filter(due, id__range=(one.first_id, one.last_id)).exists():
            yield one.first_id, one.last_id


def _new_stretches(before: datetime) -> Iterator[tuple[int, int]]:
    """What is old enough for the shortest retention and was never pruned, in handy pieces."""
    begun = (PrunedSegment.objects.order_by("-last_id").values_list("last_id", flat=True).first() or 0) + 1
    newer = ActivityLog.objects.filter(timestamp__gte=before).order_by("timestamp", "id").first()
    end = newer.pk if newer else chain.head()[0]
    for first in range(begun, end, AT_ONCE):
        yield first, min(first + AT_ONCE, end) - 1


def _prune_stretch(first: int, last: int, due: Q, at: datetime) -> Counter[str]:
    """Sign what stays and delete what goes, in one transaction; which kinds went how often. Raises Broken."""
    with transaction.atomic():
        chain.lock()
        with triggers.deletion_allowed():
            before = PrunedSegment.objects.filter(first_id=first).order_by("-id").first()
            if before and before.last_id != last:  # another process was here meanwhile
                return Counter()
            _check(first, last, before)
            rows = ActivityLog.objects.filter(id__range=(first, last))
            gone = Counter(rows.filter(due).values_list("activity_type", flat=True))
            macs = list(rows.exclude(due).order_by("id").values_list("mac", flat=True))
            segment = PrunedSegment(
                pk=(PrunedSegment.objects.order_by("-id").values_list("id", flat=True).first() or 0) + 1,
                first_id=first,
                last_id=last,
                previous=before.previous if before else rows.get(pk=first).previous,
                mac=before.mac if before else rows.get(pk=last).mac,
                kept=len(macs),
                kept_digest=hashlib.sha256("".join(macs).encode()).hexdigest(),
                pruned_at=at,
            )
            segment.signature = chain.signature(segment)
            segment.save(force_insert=True)
            rows.filter(due)._raw_delete("default")
    return gone


def _check(first: int, last: int, before: PrunedSegment | None) -> None:
    """What is signed must be whole now: since the log was verified, somebody may have taken a row out of it."""
    walk = Walk((), lambda rows, last_id: None, [before] if before else [])
    walk.begin_at(first, "default")
    walk.follow("default", up_to=last)
    if walk.last_id != last:
        raise Broken(walk.last_id + 1, f"row {walk.last_id + 1} is missing")
