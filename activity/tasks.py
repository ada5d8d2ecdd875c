"""What django-q2 runs for the log."""

from datetime import UTC, datetime, timedelta

import structlog

from activity import anchors, floods, pruning, retention, verification
from activity.context import task

log = structlog.get_logger(__name__)

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
    """Each day, or when somebody asks: follow the chain. What does not verify is not pruned, nor by a wrong clock."""
    at = datetime.now(UTC)
    if verification.check(at).is_whole:
        if verification.is_steady():
            pruning.prune(retention.days_kept(), at)
        else:
            log.warning("activity.not_pruned", why="The clock leapt by weeks: nothing is pruned until a week is over.")
        anchors.drop(at)
