"""How long each category of activity is kept, and how much room that takes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Avg, F, TextField
from django.db.models.functions import Cast, Length

from activity.models import ActivityLog
from activity.types import Category, kinds_of

FIXED_BYTES = 520  # of a row: its times, names, macs, and its places in the indexes (measured on SQLite)
LOOKED_AT = 1000  # of the newest rows, for the length of their texts
RATE_DAYS = 30


@dataclass(frozen=True)
class Kept:
    """One category: `rows` now, of which `rows_a_day` come in (mean of the last 30 days)."""

    category: Category
    days: int
    rows: int
    rows_a_day: float
    row_bytes: float

    @property
    def setting(self) -> str:
        return f"TOMO_{self.category.upper()}_DAYS"

    @property
    def bytes_now(self) -> float:
        return self.rows * self.row_bytes

    @property
    def bytes_in_the_end(self) -> float:
        """When as much is deleted each day as is written."""
        return self.rows_a_day * self.days * self.row_bytes


def days_kept() -> dict[Category, int]:
    return {category: settings.TOMO[f"{category}_days"] for category in Category}


def kept(at: datetime) -> list[Kept]:
    """What each category's setting means for this log."""
    first = ActivityLog.objects.order_by("timestamp", "id").values_list("timestamp", flat=True).first() or at
    since = max(at - timedelta(days=RATE_DAYS), first)
    days = max((at - since) / timedelta(days=1), 1.0)
    row_bytes = _row_bytes()
    return [_kept(category, limit, since, days, row_bytes) for category, limit in days_kept().items()]


def _kept(category: Category, limit: int, since: datetime, days: float, row_bytes: float) -> Kept:
    rows = ActivityLog.objects.filter(activity_type__in=kinds_of(category))
    return Kept(category, limit, rows.count(), rows.filter(timestamp__gte=since).count() / days, row_bytes)


def _row_bytes() -> float:
    """The mean of the newest rows."""
    newest = ActivityLog.objects.order_by("-id").annotate(
        length=Length("message") + Length(Cast(F("details"), TextField())) + Length("user_agent")
    )
    found = newest.values("length")[:LOOKED_AT].aggregate(mean=Avg("length"))["mean"]
    return FIXED_BYTES + float(found or 0)
