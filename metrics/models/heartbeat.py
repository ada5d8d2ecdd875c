"""Signs of life of the background processes, and which host and process works under each name."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

Instant = datetime | Now
"""Hosts whose clocks differ agree on the database's."""

LEASE = timedelta(seconds=20)
STOPPED = "stopped"


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def beat(self, name: str, at: datetime) -> None:
        self.update_or_create(name=name, defaults={"at": at})

    def here(self) -> Self:
        """Those of this host's processes."""
        return self.filter(host__in=("", settings.THIS_HOST))

    def elsewhere(self) -> Self:
        return self.exclude(host__in=("", settings.THIS_HOST))

    def pollers(self) -> Self:
        return self.filter(name__startswith="poll")

    def living(self, at: Instant) -> Self:
        """The pollers whose lease runs."""
        return self.pollers().exclude(_quiet(at) | models.Q(holder__in=("", STOPPED)))

    def claim(self, name: str, at: Instant, site: str = "") -> bool:
        """Have a name for this host, unless another host under that name gave a sign of life in the last 20 s."""
        self.get_or_create(name=name, defaults={"at": at, "host": settings.THIS_HOST, "site": site})
        named = self.filter(name=name)
        named.filter(host="").update(host=settings.THIS_HOST)
        named.filter(_quiet(at)).exclude(host=settings.THIS_HOST).update(host=settings.THIS_HOST, holder="", at=at)
        return named.filter(host=settings.THIS_HOST).exists()

    def leave(self, names: Iterable[str]) -> None:
        """Let another host have these names at once."""
        self.filter(name__in=names, host=settings.THIS_HOST).update(host="")

    def hold(self, name: str, holder: str, at: Instant, site: str = "") -> bool:
        """Take or keep a lease: whether `holder` has it now. One that was not renewed for 20 s is free."""
        free = self.filter(_quiet(at) | models.Q(holder__in=("", holder)), name=name, host=settings.THIS_HOST)

        def is_taken() -> bool:
            return free.exclude(holder=STOPPED).update(site=site, holder=holder, at=at) == 1

        return is_taken() or (self.claim(name, at, site) and is_taken())

    def is_held(self, name: str, holder: str) -> bool:
        return self.filter(name=name, holder=holder).exists()

    def release(self, name: str, holder: str = "") -> None:
        """Free this host's lease, or with STOPPED end it: its holder lays down its work within a second or two."""
        self.filter(name=name, host=settings.THIS_HOST).update(holder=holder)


def _quiet(at: Instant) -> models.Q:
    """No sign of life in the last 20 s; one from the future is of a clock that was ahead."""
    return ~models.Q(at__range=(at - LEASE, at + LEASE))


class Heartbeat(models.Model):
    """When a process last did its work; for a poller also whose servers it polls, and which process it is."""

    name = models.CharField(max_length=64, primary_key=True)
    site = models.CharField(max_length=24, blank=True)
    host = models.CharField(max_length=120, blank=True, help_text="The one whose processes go by this name.")
    at = models.DateTimeField()
    holder = models.CharField(max_length=80, blank=True)
    late_polls = models.PositiveBigIntegerField(default=0, help_text="Left out because the one before still ran.")
    servers_held = models.PositiveIntegerField(null=True, help_text="How many a poller is connected to.")
    polls_a_minute = models.FloatField(null=True)
    cpu_milliseconds_a_poll = models.FloatField(null=True, help_text="All that its process spent, over its polls.")

    objects = HeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
