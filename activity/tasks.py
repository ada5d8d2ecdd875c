"""What django-q2 runs for the log."""

from datetime import UTC, datetime, timedelta

from activity import anchors, floods, pruning, retention, verification
from activity.context import task

ANCHORED_EVERY = timedelta(minutes=5)


@task
def tend() -> None:
    """Each minute: write the head of the chain down outside the database, and tell what floods left out."""
    at = datetime.now(UTC)
    last = anchors.last()
    if last is None or abs(at - datetime.fromisoformat(last.at)) >= ANCHORED_EVERY:  # the clock may go back
        anchors.drop(at)
    floods.settle(at)


@task
def check() -> None:
    """Each day, or when somebody asks: follow the chain. What does not verify is not pruned."""
    at = datetime.now(UTC)
    if verification.check(at).is_whole:
        pruning.prune(retention.days_kept(), at)
        anchors.drop(at)
