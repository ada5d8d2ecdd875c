"""The activity log's one table."""

from typing import Any, Self

from django.db import models

from activity.fields import DetailsField
from activity.types import ActivityType, ActorKind, Level, Origin, Result, Traits, traits


def _choices(values: type[ActivityType] | type[ActorKind] | type[Origin] | type[Result]) -> list[tuple[str, str]]:
    return [(value.value, value.value.replace("_", " ").capitalize()) for value in values]


class AppendOnly(TypeError):
    """Somebody tried to change or delete a row of the activity log."""


class ActivityLogQuerySet(models.QuerySet["ActivityLog"]):
    def newest_first(self) -> Self:
        return self.order_by("-id")

    def update(self, **_values: Any) -> int:
        raise AppendOnly("The activity log is append-only: rows are never changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("The activity log is append-only: rows are never deleted.")


class ActivityLog(models.Model):
    """One thing that happened. Names are copied and there are no foreign keys, so it outlives what it speaks of."""

    timestamp = models.DateTimeField(help_text="When it happened, UTC.")
    activity_type = models.CharField(max_length=40, choices=_choices(ActivityType))
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
    details = DetailsField(default=dict)
    request_id = models.CharField(max_length=40, blank=True)

    objects = ActivityLogQuerySet.as_manager()

    class Meta:
        verbose_name = "activity"
        verbose_name_plural = "activity log"
        indexes = [
            models.Index(fields=["activity_type", "-id"], name="activity_by_type"),
            models.Index(fields=["server_id", "-id"], name="activity_by_server"),
            models.Index(fields=["user_id", "-id"], name="activity_by_user"),
            models.Index(fields=["timestamp"], name="activity_by_time"),
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
    def changes(self) -> list[str]:
        """What a change changed, as "name: before → after"."""
        before, after = self.details.get("before"), self.details.get("after")
        if not isinstance(before, dict) or not isinstance(after, dict):
            return []
        return [f"{name}: {before.get(name, '')} → {after[name]}" for name in after]
