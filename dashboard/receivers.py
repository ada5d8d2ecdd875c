"""Records what Django does to tokens by itself, which no code of ours would see otherwise."""

from typing import Any

from django.db.models.signals import post_delete
from django.dispatch import receiver

from activity.record import record
from activity.types import ActivityType
from dashboard.models import ApiToken


@receiver(post_delete, sender=ApiToken)
def token_deleted(instance: ApiToken, **_kwargs: Any) -> None:
    """Those of a user go with the user."""
    if not instance.revoked_at:
        details = {"name": instance.name, "owner": str(instance.owner)}
        record(ActivityType.TOKEN_REVOKED, f"Token {instance.name} ended with its owner", details=details)
