"""How much room each resolution takes on the disk in the end, with this fleet and these settings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, models

from metrics import retention
from metrics.known_parts import SEEN_STEP
from metrics.models import (
    App,
    ContainerMetrics,
    FilesystemMetrics,
    FleetMetrics,
    InterfaceMetrics,
    Server,
    ServerMetrics,
    TemperatureMetrics,
)
from metrics.models.rollups import SAMPLES_OF
from metrics.periods import DAY, FIVE_MINUTES, HOUR, RAW, RESOLUTIONS, Resolution

DAY_SECONDS = 86_400
YEAR_DAYS = 365
SETTINGS = {
    RAW: "TOMO_KEEP_SAMPLES_HOURS",
    FIVE_MINUTES: "TOMO_KEEP_5_MINUTES_DAYS",
    HOUR: "TOMO_KEEP_HOURLY_DAYS",
    DAY: "TOMO_KEEP_DAILY_DAYS",
}

# Measured: bytes of a sample and of a roll-up, indexes and page heads included.
ROW_BYTES: dict[str, dict[type[models.Model], tuple[int, int]]] = {
    "sqlite": {
        ServerMetrics: (98, 318),
        FilesystemMetrics: (38, 106),
        InterfaceMetrics: (26, 42),
        TemperatureMetrics: (14, 24),
        ContainerMetrics: (51, 115),
        FleetMetrics: (53, 158),
    },
    "postgresql": {
        ServerMetrics: (261, 868),
        FilesystemMetrics: (103, 250),
        InterfaceMetrics: (108, 173),
        TemperatureMetrics: (75, 95),
        ContainerMetrics: (157, 365),
        FleetMetrics: (242, 473),
    },
}


@dataclass(frozen=True)
class Room:
    """What one resolution takes once it is as old as it is kept; of what is kept for good, each year."""

    resolution: Resolution
    setting: str
    kept_seconds: int | None
    rows_a_day: int
    bytes: int


def rooms(at: datetime) -> list[Room]:
    """The finest first. Rows and bytes are estimates: so many owners, each with every sample."""
    owners, kept = _owners(at), retention.kept()
    return [_room(resolution, kept.get(resolution), owners) for resolution in RESOLUTIONS]


def _room(resolution: Resolution, seconds: int | None, owners: dict[type[models.Model], int]) -> Room:
    rows: dict[Any, float] = {
        model: number * DAY_SECONDS / (resolution.seconds or _interval(model)) for model, number in owners.items()
    }
    a_day = sum(
        number * ROW_BYTES[connection.vendor][model][bool(resolution.seconds)] for model, number in rows.items()
    )
    days = YEAR_DAYS if seconds is None else seconds / DAY_SECONDS
    return Room(resolution, SETTINGS[resolution], seconds, round(sum(rows.values())), round(a_day * days))


def _interval(model: type[models.Model]) -> int:
    return 60 if model is FleetMetrics else retention.interval_seconds()


def _owners(at: datetime) -> dict[type[models.Model], int]:
    """How many there are now that get samples."""
    seen: dict[type[models.Model], int] = {
        samples: part._default_manager.filter(seen_at__gte=at - 2 * SEEN_STEP, server__paused=False).count()
        for part, samples in SAMPLES_OF.items()
    }
    apps = App.objects.present().filter(server__paused=False).count()
    return {ServerMetrics: Server.objects.monitored().count(), ContainerMetrics: apps, FleetMetrics: 1} | seen
