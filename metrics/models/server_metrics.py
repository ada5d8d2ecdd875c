"""The figures of a whole server: a row for each poll, and the newest ones once more, as they are asked for most."""

from datetime import UTC, datetime

from django.db import models

from metrics.models.fields import OWNER_BITS, ScaledField, SlotKeyField, kibibytes, percent, time_of_key, whole


class ServerFigures(models.Model):
    """What one poll told of a whole server; what was not seen is None."""

    cpu_percent = percent()
    cpu_user_percent = percent()
    cpu_system_percent = percent()
    cpu_iowait_percent = percent()
    cpu_steal_percent = percent()
    cores_percent = models.BinaryField(null=True, help_text="A byte per core in half percents; 255 is unknown.")
    memory_total_bytes = kibibytes()
    memory_used_bytes = kibibytes()
    memory_cache_bytes = kibibytes()
    swap_total_bytes = kibibytes()
    swap_used_bytes = kibibytes()
    disk_total_bytes = kibibytes()
    disk_used_bytes = kibibytes()
    disk_available_bytes = kibibytes()
    disk_read_bytes_per_second = whole()
    disk_written_bytes_per_second = whole()
    disk_busy_percent = percent()
    network_rx_bytes = whole()
    network_tx_bytes = whole()
    network_rx_bytes_per_second = whole()
    network_tx_bytes_per_second = whole()
    load_average_1m = ScaledField(scale=100, null=True)
    load_average_5m = ScaledField(scale=100, null=True)
    load_average_15m = ScaledField(scale=100, null=True)
    uptime_seconds = whole()
    measured_seconds = ScaledField(scale=10, null=True, help_text="What the rates are averaged over.")
    pressure_cpu_avg10_percent = percent()
    pressure_cpu_avg60_percent = percent()
    pressure_memory_avg10_percent = percent()
    pressure_memory_avg60_percent = percent()
    pressure_io_avg10_percent = percent()
    pressure_io_avg60_percent = percent()

    class Meta:
        abstract = True

    @property
    def memory_percent(self) -> float | None:
        return share_of(self.memory_used_bytes, self.memory_total_bytes)

    @property
    def swap_percent(self) -> float | None:
        return share_of(self.swap_used_bytes, self.swap_total_bytes)

    @property
    def disk_percent(self) -> float | None:
        """used / (used + available) of the root filesystem, as df prints it."""
        if self.disk_used_bytes is None or self.disk_available_bytes is None:
            return None
        return share_of(self.disk_used_bytes, self.disk_used_bytes + self.disk_available_bytes)

    @property
    def core_percents(self) -> list[float | None]:
        return [None if half == 255 else half / 2 for half in self.cores_percent or b""]


class ServerMetrics(ServerFigures):
    """A sample of one server. docs/architecture.md says how the key is made."""

    COUNTERS = frozenset({"network_rx_bytes", "network_tx_bytes", "uptime_seconds"})

    id = SlotKeyField()

    class Meta:
        verbose_name_plural = "server metrics"

    def __str__(self) -> str:
        return f"{self.server_id} at {self.timestamp:%Y-%m-%d %H:%M:%S}"

    @property
    def server_id(self) -> int:
        return int(self.pk) & ((1 << OWNER_BITS) - 1)

    @property
    def timestamp(self) -> datetime:
        return time_of_key(self.pk)


class LatestServerMetrics(ServerFigures):
    """The newest sample of a server: one row each, whatever became of its history."""

    server = models.OneToOneField("Server", models.CASCADE, primary_key=True, related_name="latest")
    slot = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.server_id} at {self.timestamp:%Y-%m-%d %H:%M:%S}"

    @property
    def timestamp(self) -> datetime:
        return datetime.fromtimestamp(self.slot, UTC)


def share_of(part: float | None, total: float | None) -> float | None:
    """part of total in percent, or None."""
    return None if part is None or not total else 100 * part / total
