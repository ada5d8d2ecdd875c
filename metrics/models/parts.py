"""The parts of a server that have a history of their own: filesystems, interfaces, temperature sensors."""

from django.db import models

from metrics.models.fields import ScaledField, SlotKeyField, kibibytes, whole
from metrics.models.server import Server


class Part(models.Model):
    """A named part of one server; its id is the owner in its samples' keys."""

    server = models.ForeignKey(Server, models.CASCADE, related_name="%(class)ss")
    name = models.CharField(max_length=128)
    added_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True, help_text="When it was last seen, to the day.")

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint("server", "name", name="one_%(class)s_of_a_name")]

    def __str__(self) -> str:
        return self.name


class Filesystem(Part):
    """A mount point; `name` is the path."""

    device = models.CharField(max_length=128)
    type = models.CharField(max_length=32)
    is_read_only = models.BooleanField(default=False)


class Interface(Part):
    is_counted = models.BooleanField(default=False, help_text="Whether it is part of the server's total.")


class Sensor(Part):
    """A temperature sensor, by chip and label."""


class FilesystemMetrics(models.Model):
    COUNTERS: frozenset[str] = frozenset()

    id = SlotKeyField()
    total_bytes = kibibytes()
    used_bytes = kibibytes()
    available_bytes = kibibytes()
    inodes_total = whole()
    inodes_used = whole()

    def __str__(self) -> str:
        return str(self.pk)


class InterfaceMetrics(models.Model):
    COUNTERS = frozenset({"receive_bytes", "transmit_bytes", "errors", "drops"})

    id = SlotKeyField()
    receive_bytes = whole()
    transmit_bytes = whole()
    receive_bytes_per_second = whole()
    transmit_bytes_per_second = whole()
    errors = whole()
    drops = whole()

    def __str__(self) -> str:
        return str(self.pk)


class TemperatureMetrics(models.Model):
    COUNTERS: frozenset[str] = frozenset()

    id = SlotKeyField()
    celsius = ScaledField(scale=10, null=True)

    def __str__(self) -> str:
        return str(self.pk)
