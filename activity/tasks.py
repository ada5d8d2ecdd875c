"""What django-q2 runs for the log."""

from datetime import UTC, datetime, timedelta

from django.conf import settings

from activity import anchors, floods, pruning, verification
from activity.types import Category

ANCHORED_EVERY = timedelta(minutes=5)


def tend() -> None:
    """Each minute: tell what floods left out, and write the head of the chain down outside the database."""
    at = datetime.now(UTC)
    floods.settle(at)
    last = anchors.last()
    if last is None or at - datetime.fromisoformat(last.at) >= ANCHORED_EVERY:
        anchors.drop(at)


def check() -> None:
    """Each day, or when somebody asks: follow the chain. What does not verify is not pruned."""
    at = datetime.now(UTC)
    if verification.check(at).is_whole:
        pruning.prune({category: settings.TOMO[f"{category}_days"] for category in Category}, at)
        anchors.drop(at)
