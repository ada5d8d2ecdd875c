"""The activity log's table, and what is kept about it: segments that were pruned, floods, verifications."""

import json
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.utils.timezone import get_current_timezone

from activity.fields import DetailsField, DetailsTextField
from activity.types import ActivityType, ActorKind, Level, Origin, Result, Traits, traits

MAC_CHARACTERS = 64
MOST_PERIODS = 400
MOST_INDENTED = 10_000  # characters of details that another program reported
MOST_CHANGES = 50


def activity_types() -> list[tuple[str, str]]:
    return [(kind.value, traits(kind).label) for kind in ActivityType]


def _choices(values: type[ActorKind] | type[Origin] | type[Result]) -> list[tuple[str, str]]:
    return [(value.value, value.value.replace("_", " ").capitalize()) for value in values]


class AppendOnly(TypeError):
    """Somebody tried to change or delete a row of the activity log."""


class ActivityLogQuerySet(models.QuerySet["ActivityLog"]):
    def newest_first(self) -> Self:
        return self.order_by("-timestamp", "-id")

    def before(self, row: "ActivityLog") -> Self:
        """Those that come after this row when the newest come first."""
        return self.filter(timestamp__lte=row.timestamp).exclude(timestamp=row.timestamp, id__gte=row.pk)

    def datetimes(self, field_name: str, kind: str, order: str = "ASC", tzinfo: Any = None) -> Any:
        """The years, months or days that have rows, each found through the index instead of by reading every row."""
        if kind not in ("year", "month", "day"):
            return super().datetimes(field_name, kind, order, tzinfo)  # type: ignore[arg-type]
        zone = tzinfo or get_current_timezone()
        found: list[datetime] = []
        at = self.order_by(field_name).values_list(field_name, flat=True).first()
        while at and len(found) < MOST_PERIODS:
            begin, end = _period(at.astimezone(zone), kind)
            found.append(begin)
            rest = self.model._default_manager.filter(**{f"{field_name}__gte": end})
            later = rest & self  # in this order: of two lower bounds SQLite seeks by the first
            at = later.order_by(field_name).values_list(field_name, flat=True).first()
        return found if order == "ASC" else found[::-1]

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Each figure by a query of its own: SQLite finds the least or the greatest by an index, not both at once."""
        if args or len(kwargs) < 2:
            return super().aggregate(*args, **kwargs)
        return {name: super(ActivityLogQuerySet, self).aggregate(**{name: of})[name] for name, of in kwargs.items()}

    def update(self, **_values: Any) -> int:
        raise AppendOnly("The activity log is append-only: rows are never changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("The activity log is append-only: rows are never deleted.")


def _period(at: datetime, kind: str) -> tuple[datetime, datetime]:
    """When the year, month or day of `at` begins, and the next one does."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "day":
        return day, day.replace(hour=12) + timedelta(days=1, hours=-12)
    first = day.replace(day=1) if kind == "month" else day.replace(month=1, day=1)
    later = first + timedelta(days=32 if kind == "month" else 366)
    return first, later.replace(day=1) if kind == "month" else later.replace(month=1, day=1)


class ActivityLog(models.Model):
    """One thing that happened. Names are copied and there are no foreign keys, so it outlives what it speaks of."""

    timestamp = models.DateTimeField(help_text="When it happened, UTC.")
    activity_type = models.CharField(max_length=40, choices=activity_types)
    actor_kind = models.CharField(max_length=10, choices=_choices(ActorKind))
    actor_name = models.CharField(max_length=150)
    user_id = models.BigIntegerField(null=True)
    source_ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    origin = models.CharField(max_length=10, choices=_choices(Origin))
    server_id = models.BigIntegerField(null=True)
    server_name = models.CharField(max_length=128, blank=True)
    app_id = models.BigIntegerField(null=True)
    app_name = models.CharField(max_length=128, blank=True)
    result = models.CharField(max_length=10, choices=_choices(Result))
    message = models.CharField(max_length=500)
    details = DetailsTextField(default=dict)
    request_id = models.CharField(max_length=40, blank=True)
    previous = models.CharField(max_length=MAC_CHARACTERS, default="", help_text="The mac of the row before.")
    mac = models.CharField(
        max_length=MAC_CHARACTERS, default="", help_text="HMAC-SHA256 of the row, `previous` included."
    )

    objects = ActivityLogQuerySet.as_manager()

    class Meta:
        verbose_name = "activity"
        verbose_name_plural = "activity log"
        indexes = [
            models.Index(fields=["-timestamp", "-id"], name="activity_by_time"),
            models.Index(fields=["activity_type", "-timestamp", "-id"], name="activity_by_type"),
            models.Index(fields=["actor_name", "-timestamp", "-id"], name="activity_by_actor"),
            models.Index(fields=["origin", "-timestamp", "-id"], name="activity_by_origin"),
            *(
                models.Index(
                    fields=[field, "-timestamp", "-id"],
                    name=f"activity_by_{name}",
                    condition=models.Q(**{f"{field}__isnull": False}),
                )
                for name, field in {
                    "server": "server_id",
                    "app": "app_id",
                    "user": "user_id",
                    "address": "source_ip",
                }.items()
            ),
            models.Index(
                fields=["-timestamp", "-id"], name="activity_failures", condition=models.Q(result=Result.FAILURE)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.timestamp:%Y-%m-%d %H:%M:%S} {self.message}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("The activity log is append-only: rows are never changed.")
        super().save(*args, **kwargs | {"force_insert": True})  # a row made with a number that is taken changes nothing

    def delete(self, *_args: Any, **_kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly("The activity log is append-only: rows are never deleted.")

    @property
    def traits(self) -> Traits:
        return traits(self.activity_type)

    @property
    def level(self) -> Level:
        return self.traits.level

    @property
    def pretty_details(self) -> str:
        """The details as JSON, indented unless that is too much for a page; "" if there are none."""
        plain = json.dumps(self.details, ensure_ascii=False, sort_keys=True) if self.details else ""
        is_short = len(plain) <= MOST_INDENTED
        return json.dumps(self.details, indent=2, ensure_ascii=False, sort_keys=True) if plain and is_short else plain

    @property
    def changes(self) -> list[str]:
        """What a change changed, as "name: before → after"."""
        before, after = self.detail("before"), self.detail("after")
        if not isinstance(before, dict) or not isinstance(after, dict):
            return []
        shown = [f"{name}: {_said(before.get(name))} → {_said(after[name])}" for name in list(after)[:MOST_CHANGES]]
        return [*shown, f"{len(after) - MOST_CHANGES} more"] if len(after) > MOST_CHANGES else shown

    @property
    def more(self) -> list[str]:
        """What a reader of the message will ask next: why, and what changed; of what others report also the kind."""
        told = [self.traits.label] if self.origin == Origin.API else []
        explanation = self.detail("explanation")
        return [*told, *([explanation] if isinstance(explanation, str) else []), *self.changes]

    def detail(self, name: str) -> Any:
        """None where there is none, or where somebody changed the details behind our back."""
        return self.details.get(name) if isinstance(self.details, dict) else None


def _said(value: Any) -> str:
    """A value in words."""
    return ", ".join(map(str, value)) if isinstance(value, list) else "–" if value in (None, "") else str(value)


class PrunedSegment(models.Model):
    """What a stretch of the log that was pruned has left: so much of it as the rest needs to be verified.

    Rows that are kept longer stay inside the stretch; `kept` of them, whose macs one after the other have the digest
    `kept_digest`. When some of those go later, a newer segment of the same stretch says what is left.
    """

    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    previous = models.CharField(max_length=MAC_CHARACTERS, help_text="The mac of the row before the stretch.")
    mac = models.CharField(max_length=MAC_CHARACTERS, help_text="The mac of the last row of the stretch.")
    kept = models.BigIntegerField()
    kept_digest = models.CharField(max_length=64)
    pruned_at = models.DateTimeField()
    signature = models.CharField(max_length=MAC_CHARACTERS)

    class Meta:
        indexes = [models.Index(fields=["first_id"], name="segment_by_first")]

    def __str__(self) -> str:
        return f"rows {self.first_id} to {self.last_id}, {self.kept} kept"


class Flood(models.Model):
    """How much one source did in a minute, so that what is too much is counted instead of listed."""

    source = models.CharField(max_length=255, primary_key=True)
    minute = models.BigIntegerField(help_text="Since the epoch.")
    written = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0)
    last = DetailsField(default=dict, help_text="What was left out last, as record() was given it.")

    def __str__(self) -> str:
        return f"{self.source}: {self.written}, and {self.left_out} left out"


class Verification(models.Model):
    """One time that the chain was followed, from its first row to its last."""

    at = models.DateTimeField()
    state = models.CharField(max_length=20)
    rows = models.BigIntegerField(help_text="How many rows were found whole.")
    last_id = models.BigIntegerField(help_text="Up to which row.")
    explanation = models.CharField(max_length=500, blank=True)
    seconds = models.FloatField()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.state}"
