"""Samples by the bucket: a table for each sort of sample and each resolution, its columns made of the sample's own."""

from typing import Any

from django.db import models

from metrics.models.app import ContainerMetrics, StateField
from metrics.models.fields import SlotKeyField
from metrics.models.fleet_metrics import FleetMetrics
from metrics.models.parts import (
    Filesystem,
    FilesystemMetrics,
    Interface,
    InterfaceMetrics,
    Part,
    Sensor,
    TemperatureMetrics,
)
from metrics.models.server_metrics import ServerMetrics
from metrics.periods import BUCKETS, Resolution

UNSUMMED = ("id", "cores_percent", "status")


class Rollup(models.Model):
    """One bucket of one owner; the key is that of a sample, with the bucket's begin as its slot.

    For each figure there are its sum, least, greatest and how many samples knew it, in the units in which its column
    keeps it; of a counter the greatest alone. `count` of `expected` samples were there.
    """

    id = SlotKeyField()
    count = models.PositiveIntegerField()
    expected = models.PositiveIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)


class Resolved(models.Model):
    """How far a resolution is made: epoch seconds; samples themselves have the row of 0 seconds.

    Buckets before `claimed_until` are not to be made by chance: what comes late into one of them is noted. Those before
    `done_until` are there to be read, but for those before `pruned_until`.
    """

    seconds = models.PositiveIntegerField(primary_key=True)
    claimed_until = models.BigIntegerField(default=0)
    done_until = models.BigIntegerField(default=0)
    pruned_until = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.seconds} s"


class LateBucket(models.Model):
    """A bucket that was made and has to be made again, as a sample of it came afterwards."""

    seconds = models.PositiveIntegerField()
    start = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.seconds} s from {self.start}"


def figures_of(model: type[models.Model]) -> list[Any]:
    """The fields of a sample that are rolled up figure by figure."""
    return [field for field in model._meta.concrete_fields if field.name not in UNSUMMED]


def _rollup_of(model: Any, resolution: Resolution) -> type[Rollup]:
    columns: dict[str, Any] = {}
    for field in figures_of(model):
        if field.name not in model.COUNTERS:
            columns[f"{field.name}_sum"] = models.BigIntegerField(null=True)
            columns[f"{field.name}_min"] = field.clone()
        columns[f"{field.name}_max"] = field.clone()
        if field.name not in model.COUNTERS:
            columns[f"{field.name}_count"] = models.SmallIntegerField()
    if hasattr(model, "cores_percent"):
        columns["cores_percent"] = models.BinaryField(null=True, help_text="Means, as in a sample.")
    if hasattr(model, "status"):
        columns["status"] = StateField(help_text="The last one.")
    return type(f"{model.__name__}{resolution.name}", (Rollup,), {"__module__": __name__, **columns})


SAMPLES: tuple[type[models.Model], ...] = (
    ServerMetrics,
    FilesystemMetrics,
    InterfaceMetrics,
    TemperatureMetrics,
    ContainerMetrics,
    FleetMetrics,
)
SAMPLES_OF: dict[type[Part], type[models.Model]] = {
    Filesystem: FilesystemMetrics,
    Interface: InterfaceMetrics,
    Sensor: TemperatureMetrics,
}
ROLLUPS: dict[type[models.Model], dict[Resolution, type[Rollup]]] = {
    model: {resolution: _rollup_of(model, resolution) for resolution in BUCKETS} for model in SAMPLES
}


def table_of(model: type[models.Model], resolution: Resolution) -> type[models.Model]:
    """Where a sort of sample is kept at a resolution."""
    return ROLLUPS[model][resolution] if resolution.seconds else model
