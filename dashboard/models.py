"""Tokens for scripts, and the keys under which what they send counts once."""

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from activity.fields import DetailsField
from metrics.models import Tag


class Scope(models.TextChoices):
    """What a token may do, with what that is in words."""

    SUMMARY_READ = "summary:read", "Read the totals of all servers and apps, and how the product fares."
    METRICS_READ = "metrics:read", "Read servers and apps with their figures and their history."
    ACTIVITY_READ = "activity:read", "Read the activity log, as far as its owner may."
    ACTIVITY_WRITE = "activity:write", "Report to the activity log what other programs do."
    SERVERS_WRITE = "servers:write", "Add, change and delete servers."


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: Any) -> Self:
        """Everybody's own; all of them for an administrator."""
        return self if user.is_active and user.is_superuser else self.filter(owner=user.pk)

    def valid(self, at: datetime) -> Self:
        """Neither revoked nor expired."""
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at), revoked_at__isnull=True)


class ApiToken(models.Model):
    """A bearer token. Only its SHA-256 is kept: it is shown once, when it is made."""

    name = models.CharField(max_length=64)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    digest = models.CharField(max_length=64, editable=False)
    scopes = DetailsField(default=list)
    tag = models.ForeignKey(Tag, models.PROTECT, null=True, blank=True, help_text="Only servers with this tag.")
    network = models.CharField(max_length=50, blank=True, help_text="Only from this network, such as 10.0.0.0/8.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.GenericIPAddressField(null=True)
    minute = models.BigIntegerField(default=0, help_text="The minute that `uses` counts, since the epoch.")
    uses = models.PositiveIntegerField(default=0)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name

    def ended(self, at: datetime) -> str:
        """Why nobody may use it any more, in one word; "" while it is valid."""
        if self.revoked_at:
            return "revoked"
        if self.expires_at and self.expires_at <= at:
            return "expired"
        return "" if self.owner.is_active else "owner_inactive"


class IdempotencyKey(models.Model):
    """What a sender gave a report, so that sending it again records nothing new."""

    sender = models.CharField(max_length=160, help_text="The token or the command's user.")
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, help_text="HMAC-SHA256 of the report.")
    activity_id = models.BigIntegerField(
        null=True, help_text="The row that it made; null inside that transaction alone."
    )
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sender", "key"], name="one_report_of_a_key")]

    def __str__(self) -> str:
        return f"{self.sender}: {self.key}"
