"""The apps on the servers: what runs in containers, under a name that outlasts each of them."""

from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.urls import reverse

from activity.fields import DetailsField
from metrics.app_transitions import signal_name
from metrics.models.fields import OWNER_BITS, ScaledField, SlotKeyField, kibibytes, percent, time_of_key, whole
from metrics.models.server import Server
from metrics.probe.reading import Container as Seen
from metrics.probe.reading import Engine, Health, State

STATES = tuple(State)
PLACES = {state: place for place, state in enumerate(STATES)}
STATUS_BITS = 4  # enough for the place of any of them


class Condition(models.TextChoices):
    """What the summary counts an app as; exactly one of them."""

    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"
    ERROR = "error", "Error"


class AppQuerySet(models.QuerySet["App"]):
    def present(self) -> "AppQuerySet":
        """Those that are there, as far as is known."""
        return self.filter(removed_at__isnull=True)

    def of(self, servers: models.QuerySet[Server]) -> "AppQuerySet":
        return self.filter(server__in=servers)


class App(models.Model):
    """What an administrator runs, with the last that was seen of its container."""

    server = models.ForeignKey(Server, models.CASCADE, related_name="apps")
    key = models.CharField(max_length=300, editable=False, help_text="Compose project and service, else its name.")
    name = models.CharField(max_length=128)
    project = models.CharField(max_length=128, blank=True, help_text="The compose project.")
    service = models.CharField(max_length=128, blank=True)
    engine = models.CharField(max_length=6, blank=True, choices=[(str(one), one.capitalize()) for one in Engine])
    container_id = models.CharField(max_length=64, db_index=True)
    container_name = models.CharField(max_length=128)
    image = models.CharField(max_length=255, blank=True)
    image_id = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=[(str(one), one.capitalize()) for one in State])
    condition = models.CharField(max_length=7, choices=Condition.choices)
    health = models.CharField(max_length=9, blank=True, choices=[(str(one), one.capitalize()) for one in Health])
    unhealthy_since = models.DateTimeField(null=True, help_text="Told to be unhealthy then, and not recovered since.")
    exit_code = models.PositiveSmallIntegerField(null=True, help_text="Of its last end.")
    is_out_of_memory = models.BooleanField(null=True)
    restart_count = models.PositiveIntegerField(null=True)
    restart_policy = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    is_bare = models.BooleanField(default=False, help_text="Known by its cgroup alone: no engine may be asked.")
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, db_index=True)

    objects = AppQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint("server", "key", name="one_app_of_a_key")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("app", args=[self.server_id, self.pk])

    @property
    def ending(self) -> str:
        """Its state in words, such as "exited with code 137 (SIGKILL), out of memory"."""
        if self.state == State.RUNNING:
            return str(self.health or self.state)
        code = "" if self.exit_code is None else f" with code {self.exit_code}"
        signal = signal_name(self.exit_code)
        memory = ", out of memory" if self.is_out_of_memory else ""
        return f"{self.state}{code}{f' ({signal})' if signal else ''}{memory}"

    def seen(self) -> Seen:
        """The container as it was seen last."""
        return Seen(
            id=self.container_id,
            name=self.container_name,
            state=State(self.state),
            engine=Engine(self.engine) if self.engine else None,
            image=self.image,
            image_id=self.image_id,
            project=self.project,
            service=self.service,
            health=Health(self.health) if self.health else None,
            exit_code=self.exit_code,
            is_out_of_memory=self.is_out_of_memory,
            restart_count=self.restart_count,
            restart_policy=self.restart_policy,
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            is_bare=self.is_bare,
        )


class Container(models.Model):
    """One instance of an app: samples before it was created anew are of the one before."""

    app = models.ForeignKey(App, models.CASCADE, related_name="containers")
    container_id = models.CharField(max_length=64)
    name = models.CharField(max_length=128)
    image = models.CharField(max_length=255, blank=True)
    image_id = models.CharField(max_length=64, blank=True)
    first_seen_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering = ("first_seen_at", "id")

    def __str__(self) -> str:
        return f"{self.name} {self.container_id[:12]}"


class StateField(models.PositiveSmallIntegerField):  # type: ignore[type-arg]
    """A container's state, kept as its place among the states: running and created take no byte at all."""

    def from_db_value(self, value: int | None, *_args: Any) -> State | None:
        return None if value is None else STATES[value]

    stored = PLACES.__getitem__

    def get_prep_value(self, value: State | str | None) -> int | None:
        return None if value is None else PLACES[State(value)]


class ContainerFigures(models.Model):
    """What one poll told of one app's container; what was not seen is None."""

    status = StateField()
    cpu_percent = percent()
    cpu_limit_cores = ScaledField(scale=100, null=True)
    memory_used_bytes = kibibytes()
    memory_limit_bytes = kibibytes()
    pids = whole()
    network_rx_bytes = whole()
    network_tx_bytes = whole()
    network_rx_bytes_per_second = whole()
    network_tx_bytes_per_second = whole()
    disk_read_bytes_per_second = whole()
    disk_written_bytes_per_second = whole()
    restart_count = whole()

    class Meta:
        abstract = True


class ContainerMetrics(ContainerFigures):
    """A sample of one app; the owner in the key is the app."""

    COUNTERS = frozenset({"network_rx_bytes", "network_tx_bytes", "restart_count"})

    id = SlotKeyField()

    class Meta:
        verbose_name_plural = "container metrics"

    def __str__(self) -> str:
        return f"{self.app_id} at {self.timestamp:%Y-%m-%d %H:%M:%S}"

    @property
    def app_id(self) -> int:
        return int(self.pk) & ((1 << OWNER_BITS) - 1)

    @property
    def timestamp(self) -> datetime:
        return time_of_key(self.pk)


class LatestContainerMetrics(ContainerFigures):
    """The newest sample of an app."""

    app = models.OneToOneField(App, models.CASCADE, primary_key=True, related_name="latest")
    slot = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.app_id} at {self.timestamp:%Y-%m-%d %H:%M:%S}"

    @property
    def timestamp(self) -> datetime:
        return datetime.fromtimestamp(self.slot, UTC)


class CrashCard(models.Model):
    """What is known of one crash: how it ended, its last words, and how it and its server fared before."""

    class Log(models.TextChoices):
        """How far the fetching of its last lines came."""

        WANTED = "wanted", "Fetched by the next poll"
        KEPT = "kept", "Kept"
        EMPTY = "empty", "There are no lines: it wrote nothing, is gone, or its log may not be read"
        CLOSED = "closed", "Logs cannot be read with these rights"

    app = models.ForeignKey(App, models.CASCADE, related_name="crash_cards")
    at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1, help_text="Crashes within minutes of each other share a card.")
    container_id = models.CharField(max_length=64)
    image = models.CharField(max_length=255, blank=True)
    exit_code = models.PositiveSmallIntegerField(null=True)
    signal = models.CharField(max_length=12, blank=True)
    is_out_of_memory = models.BooleanField(null=True)
    restart_count = models.PositiveIntegerField(null=True)
    before = DetailsField(default=list, help_text="The minutes before: [{timestamp, cpu_percent, …}], oldest first.")
    log_state = models.CharField(max_length=6, choices=Log.choices)
    log = models.TextField(blank=True)

    class Meta:
        ordering = ("-at", "-id")
        indexes = [
            models.Index("app", condition=models.Q(log_state="wanted"), name="crash_cards_that_want_logs"),
        ]

    def __str__(self) -> str:
        return f"{self.app} at {self.at:%Y-%m-%d %H:%M:%S}"

    @property
    def samples(self) -> list[dict[str, Any]]:
        """The minutes before, each with its instant."""
        return [{**one, "at": datetime.fromisoformat(one["timestamp"])} for one in self.before]
