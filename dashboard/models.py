"""Tokens for scripts."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models

from activity.fields import DetailsField
from metrics.models import Tag


class Scope(models.TextChoices):
    """What a token may do."""

    SUMMARY_READ = "summary:read"
    METRICS_READ = "metrics:read"
    ACTIVITY_READ = "activity:read"
    ACTIVITY_WRITE = "activity:write"
    SERVERS_WRITE = "servers:write"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, at: datetime) -> Self:
        """Neither revoked nor expired, and of an owner who is active."""
        unexpired = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=at)
        return self.filter(unexpired, revoked_at__isnull=True, owner__is_active=True)


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
    minute = models.BigIntegerField(default=0, help_text="The minute that `uses` counts, since the epoch.")
    uses = models.PositiveIntegerField(default=0)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name
