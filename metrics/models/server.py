"""Servers as administrators know them, and the state that the poller keeps of each."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

from activity.fields import DetailsField
from metrics import app_access, sites
from metrics.addresses import check_hostname

PUNCTUAL = timedelta(seconds=10)


class Tag(models.Model):
    name = models.CharField(
        max_length=40,
        unique=True,
        validators=[
            RegexValidator(r"\A[\w.:-]+\Z", "A tag is made of letters, digits, dots, colons, dashes and underscores.")
        ],
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Transport(models.TextChoices):
    """How a server is reached."""

    SSH = "ssh", "SSH"
    LOCAL = "local", "Local shell"
    DEMO = "demo", "Made up"  # only in a demo


class Status(models.TextChoices):
    PENDING = "pending", "Pending"
    ONLINE = "online", "Online"
    OFFLINE = "offline", "Offline"
    PAUSED = "paused", "Paused"


class ServerQuerySet(models.QuerySet["Server"]):
    def visible_to(self, user: Any) -> Self:
        """The servers this user may see: all of them for anybody who is signed in."""
        return self if user.is_authenticated and user.is_active else self.none()

    def monitored(self) -> Self:
        return self.filter(paused=False)

    def matching(self, text: str = "", tag: str = "", status: str = "") -> Self:
        """Those with each of these words in their name, address, operating system or tags, with this tag and status."""
        found = self
        for word in text.split():
            tagged = Server.tags.through._default_manager.filter(tag__name__icontains=word).values("server_id")
            found = found.filter(
                Q(name__icontains=word)
                | Q(hostname__icontains=word)
                | Q(state__facts__os__icontains=word)
                | Q(pk__in=tagged)
            )
        if tag:
            found = found.filter(tags__name=tag)
        if status == Status.PAUSED:
            return found.filter(paused=True)
        return found.filter(paused=False, state__status=status) if status else found

    def due(self, at: datetime) -> Self:
        """Those whose next poll has come; a server that was never prepared, or waits to be mended, has none."""
        return self.filter(state__next_poll_at__lte=at)

    def held_by(self, holder: str, site: str) -> Self:
        """Those of the site that this poller process has."""
        return self.filter(site=site, state__holder=holder)

    def with_latest(self) -> Self:
        return self.select_related("state", "latest")


class Server(models.Model):
    """A monitored machine."""

    name = models.CharField(
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[\w][\w .:@-]*\Z", "A name starts with a letter or digit; then spaces and . : @ _ - may follow."
            )
        ],
        help_text="How it is called everywhere, such as web-01.",
        error_messages={"unique": "There is a server of this name already: choose another name."},
    )
    transport = models.CharField(max_length=5, choices=Transport.choices, default=Transport.SSH, editable=False)
    hostname = models.CharField(
        max_length=253, validators=[check_hostname], help_text="A host name or an IP address, without a user or a port."
    )
    port = models.PositiveIntegerField(
        default=22,
        validators=[
            MinValueValidator(1, "A port is a whole number from 1 to 65535."),
            MaxValueValidator(65535, "A port is a whole number from 1 to 65535."),
        ],
    )
    username = models.CharField(
        "user",
        max_length=64,
        default="tomo",
        validators=[
            RegexValidator(
                r"\A[A-Za-z_][A-Za-z0-9_.@\\-]*\$?\Z",
                "A user name starts with a letter or underscore; letters, digits and . _ - @ may follow.",
            )
        ],
        help_text="The account to sign in with. It needs no rights beyond an ordinary user's.",
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="servers")
    site = models.CharField(
        max_length=sites.LONGEST,
        blank=True,
        validators=[RegexValidator(sites.SLUG, f"A site is made of {sites.RULE}.")],
        help_text="Whose pollers reach it, such as frankfurt; nothing for the home site.",
    )
    notes = models.TextField(blank=True, max_length=10_000)
    paused = models.BooleanField(default=False, help_text="A paused server keeps its history and is not polled.")
    access_revision = models.PositiveIntegerField(
        default=0, editable=False, help_text="Counts the changes of address, credential and host key."
    )
    added_at = models.DateTimeField(auto_now_add=True)

    objects = ServerQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("server", args=[self.pk])

    @property
    def address(self) -> str:
        """user@host:port, for reading."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        here = "this machine" if self.hostname == sites.local_name("") else f"the host {self.hostname}"
        return here if self.is_local else f"{self.username}@{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        return self.transport == Transport.LOCAL

    @property
    def is_dialled(self) -> bool:
        """Whether it has an address, a credential and a host key that matter."""
        return self.transport == Transport.SSH

    @property
    def status(self) -> Status:
        return Status.PAUSED if self.paused else Status(self.state.status)


APPS_STATUSES = [(str(status), label) for status, label in app_access.LABELS.items()]


class ServerStateQuerySet(models.QuerySet["ServerState"]):
    def held(self, servers: Iterable[int], holder: str | None) -> list[int]:
        """Those of these servers that this poller process has, or of anybody, locked until the transaction ends."""
        held = self.filter(pk__in=servers) if holder is None else self.filter(pk__in=servers, holder=holder)
        return list(held.order_by("pk").select_for_update().values_list("pk", flat=True))


class ServerState(models.Model):
    """What the poller last knew of a server."""

    server = models.OneToOneField(Server, models.CASCADE, primary_key=True, related_name="state")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    since = models.DateTimeField(help_text="Since when it has this status.")
    reason = models.CharField(max_length=20, blank=True, help_text="Why it is not online, in one word.")
    explanation = models.CharField(max_length=500, blank=True, help_text="The same with the remedy.")
    failures = models.PositiveIntegerField(default=0, help_text="Failed polls in a row.")
    failing_since = models.DateTimeField(null=True)
    holder = models.CharField(max_length=80, blank=True, help_text="The poller process that has it, living or dead.")
    next_poll_at = models.DateTimeField(null=True, db_index=True, help_text="None: not before somebody mends it.")
    requested_by = models.CharField(
        max_length=40, blank=True, help_text="Id of the request that asked for the next poll."
    )
    polled_at = models.DateTimeField(null=True, help_text="The last poll that was stored.")
    poll_milliseconds = models.PositiveIntegerField(null=True)
    boot_id = models.CharField(max_length=36, blank=True)
    clock_skew_seconds = models.IntegerField(null=True)
    facts = DetailsField(default=dict)
    counters = models.TextField(blank=True, help_text="What the next reading is compared with.")
    apps_status = models.CharField(
        max_length=13, blank=True, choices=APPS_STATUSES, help_text="How it answers which containers it has."
    )
    apps_way = models.CharField(max_length=8, blank=True, help_text="How the list comes, or what stands in its way.")
    apps_answered = models.CharField(max_length=20, blank=True, help_text="The engines whose list is whole.")
    apps_baseline = models.CharField(max_length=20, blank=True, help_text="The engines that listed once.")
    apps_cut = models.BooleanField(default=False, help_text="Whether there are more containers than are listed.")
    apps_revision = models.CharField(max_length=40, blank=True, help_text="Of the list that was stored last.")
    connection_polls = models.PositiveIntegerField(null=True, help_text="Over the newest connection.")
    connection_bytes = models.BigIntegerField(null=True, help_text="Over it in both directions, signing in included.")
    connection_cpu_milliseconds = models.BigIntegerField(null=True, help_text="Spent on the server for it.")
    logins = models.PositiveIntegerField(default=0, help_text="By SSH, on the day `logins_on`.")
    logins_on = models.DateField(null=True)

    objects = ServerStateQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.server_id} {self.status}"

    def round_at(self, at: datetime) -> datetime:
        """When the poll that begins now was due, so that its sample is of its round; now, if that is long ago."""
        return self.next_poll_at if self.next_poll_at and at - self.next_poll_at < PUNCTUAL else at

    def is_fresh(self, at: datetime, interval: timedelta) -> bool:
        """Whether its last sample may be shown as current: no older than two intervals."""
        return self.polled_at is not None and at - self.polled_at <= 2 * interval
