"""Signs of life of the background processes."""

from datetime import datetime, timedelta

from django.db import models

LEASE_SECONDS = 20
STOPPED = "stopped"


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def beat(self, name: str, at: datetime) -> None:
        self.update_or_create(name=name, defaults={"at": at})

    def hold(self, name: str, holder: str, at: datetime) -> bool:
        """Take or keep a lease: whether `holder` has it now. One that was not renewed for 20 s is free."""
        self.get_or_create(name=name, defaults={"at": at})
        stale = at - timedelta(seconds=LEASE_SECONDS)
        free = models.Q(holder__in=("", holder)) | models.Q(at__lt=stale)
        return self.filter(free, name=name).exclude(holder=STOPPED).update(holder=holder, at=at) == 1

    def is_held(self, name: str, holder: str) -> bool:
        return self.filter(name=name, holder=holder).exists()

    def release(self, name: str, holder: str = "") -> None:
        """Free a lease, or with STOPPED end it: its holder lays down its work within a second or two."""
        self.filter(name=name).update(holder=holder)


class Heartbeat(models.Model):
    """When a process last did its work; for a poller also which process holds its share of the servers."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()
    holder = models.CharField(max_length=80, blank=True)
    late_polls = models.PositiveBigIntegerField(default=0, help_text="Left out because the one before still ran.")
    servers_held = models.PositiveIntegerField(null=True, help_text="How many a poller is connected to.")
    polls_a_minute = models.FloatField(null=True)
    cpu_milliseconds_a_poll = models.FloatField(null=True, help_text="All that its process spent, over its polls.")

    objects = HeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
