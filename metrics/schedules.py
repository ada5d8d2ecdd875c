"""The schedules of django-q2, kept in step with the settings at each start."""

from datetime import UTC, datetime

from django.conf import settings
from django_q.models import Schedule


def sync() -> None:
    """One schedule per poller: a slice a minute. Schedules of pollers that are gone go, too."""
    names = [f"poll by {cluster}" for cluster in settings.POLL_CLUSTERS]
    for name, cluster in zip(names, settings.POLL_CLUSTERS, strict=True):
        Schedule.objects.update_or_create(
            name=name,
            defaults={
                "func": "metrics.tasks.poll",
                "cluster": cluster,
                "schedule_type": Schedule.MINUTES,
                "minutes": 1,
                "repeats": -1,
                "next_run": datetime.now(UTC),
                "kwargs": "q_options={'save': False}",
            },
        )
    Schedule.objects.filter(name__startswith="poll by ").exclude(name__in=names).delete()
