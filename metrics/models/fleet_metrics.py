"""The figures of all servers together: a row for each minute."""

from django.db import models

from metrics.models.fields import ScaledField, SlotKeyField, kibibytes, whole

FLEET = 1  # the one owner


class FleetMetrics(models.Model):
    """Sums over the servers that were polled in a minute, so that a share of two sums is right over any time."""

    COUNTERS: frozenset[str] = frozenset()

    id = SlotKeyField()
    servers = whole()
    cores = whole()
    busy_cores = ScaledField(scale=100, null=True)
    memory_total_bytes = kibibytes()
    memory_used_bytes = kibibytes()
    disk_capacity_bytes = kibibytes()
    disk_used_bytes = kibibytes()
    network_rx_bytes_per_second = whole()
    network_tx_bytes_per_second = whole()

    class Meta:
        verbose_name_plural = "fleet metrics"

    def __str__(self) -> str:
        return str(self.pk)
