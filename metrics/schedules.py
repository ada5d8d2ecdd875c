"""The schedules of django-q2, kept in step with the settings at each start."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django_q.models import Schedule

from metrics.models import Heartbeat

DAILY_BACKUP = "daily backup"
LATEST = timedelta(days=2)  # what is due later than that was put there by a clock that was wrong


@dataclass(frozen=True)
class Wanted:
    """One schedule: every minute, or once a day at this time of the time zone that the pages show."""

    name: str
    task: str
    cluster: str = "tasks"
    daily_at: time | None = None

    def keep(self, now: datetime) -> None:
        """What runs every minute begins now; what runs daily stays due when it was, whenever the product starts."""
        rules = {
            "func": self.task,
            "cluster": self.cluster,
            "schedule_type": Schedule.DAILY if self.daily_at else Schedule.MINUTES,
            "minutes": 1,
            "repeats": -1,
            "kwargs": "q_options={'save': False}",
        }
        due = {"next_run": _next(self.daily_at, now) if self.daily_at else now}
        schedule, _is_new = Schedule.objects.update_or_create(
            name=self.name, defaults=rules if self.daily_at else rules | due, create_defaults=rules | due
        )
        if schedule.next_run and schedule.next_run > now + LATEST:
            Schedule.objects.filter(pk=schedule.pk).update(**due)


def wanted() -> list[Wanted]:
    """What the clusters of this host do."""
    backup = Wanted(DAILY_BACKUP, "metrics.tasks.make_backup", daily_at=time(3, 15))
    every = [
        *(Wanted(f"poll by {cluster}", "metrics.tasks.poll", cluster) for cluster in settings.POLL_CLUSTERS),
        Wanted("keep history", "metrics.tasks.keep_history"),
        Wanted("tend the activity log", "activity.tasks.tend"),
        Wanted("check the activity log", "activity.tasks.check", daily_at=time(3, 0)),
        *([backup] if settings.TOMO["backups_kept"] else []),
    ]
    return [schedule for schedule in every if schedule.cluster in settings.CLUSTERS]


def sync() -> None:
    """Have the schedules that are wanted, and no other but those of other hosts."""
    now = datetime.now(UTC)
    for schedule in wanted():
        schedule.keep(now)
    elsewhere = Heartbeat.objects.elsewhere().values_list("name", flat=True)
    unwanted = Schedule.objects.exclude(name__in=[schedule.name for schedule in wanted()])
    unwanted.exclude(cluster__in=list(elsewhere)).delete()


def next_backup_at() -> datetime | None:
    """When the next daily backup is due; None if there is none."""
    return Schedule.objects.filter(name=DAILY_BACKUP).values_list("next_run", flat=True).first()


def _next(at: time, now: datetime) -> datetime:
    """The next time that the clock on the wall says so."""
    here = now.astimezone(ZoneInfo(settings.TIME_ZONE))
    today = datetime.combine(here.date(), at, here.tzinfo)
    return (today if today > here else today + timedelta(days=1)).astimezone(UTC)
