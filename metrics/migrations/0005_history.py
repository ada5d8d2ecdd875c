"""Roll-ups, the fleet's own series, and the newest figures on rows of their own."""

import django.db.models.deletion
from django.db import migrations, models

from metrics.models.app import StateField
from metrics.models.fields import KibibytesField, ScaledField, SlotKeyField

KINDS = {
    "percent": lambda: ScaledField(null=True, scale=10),
    "hundredths": lambda: ScaledField(null=True, scale=100),
    "kibibytes": lambda: KibibytesField(null=True),
    "whole": lambda: models.BigIntegerField(null=True),
}
SERVER = {
    "cpu_percent": "percent",
    "cpu_user_percent": "percent",
    "cpu_system_percent": "percent",
    "cpu_iowait_percent": "percent",
    "cpu_steal_percent": "percent",
    "memory_total_bytes": "kibibytes",
    "memory_used_bytes": "kibibytes",
    "memory_cache_bytes": "kibibytes",
    "swap_total_bytes": "kibibytes",
    "swap_used_bytes": "kibibytes",
    "disk_total_bytes": "kibibytes",
    "disk_used_bytes": "kibibytes",
    "disk_available_bytes": "kibibytes",
    "disk_read_bytes_per_second": "whole",
    "disk_written_bytes_per_second": "whole",
    "disk_busy_percent": "percent",
    "network_rx_bytes": "counter",
    "network_tx_bytes": "counter",
    "network_rx_bytes_per_second": "whole",
    "network_tx_bytes_per_second": "whole",
    "load_average_1m": "hundredths",
    "load_average_5m": "hundredths",
    "load_average_15m": "hundredths",
    "uptime_seconds": "counter",
    "measured_seconds": "percent",
    "pressure_cpu_avg10_percent": "percent",
    "pressure_cpu_avg60_percent": "percent",
    "pressure_memory_avg10_percent": "percent",
    "pressure_memory_avg60_percent": "percent",
    "pressure_io_avg10_percent": "percent",
    "pressure_io_avg60_percent": "percent",
}
CONTAINER = {
    "cpu_percent": "percent",
    "cpu_limit_cores": "hundredths",
    "memory_used_bytes": "kibibytes",
    "memory_limit_bytes": "kibibytes",
    "pids": "whole",
    "network_rx_bytes": "counter",
    "network_tx_bytes": "counter",
    "network_rx_bytes_per_second": "whole",
    "network_tx_bytes_per_second": "whole",
    "disk_read_bytes_per_second": "whole",
    "disk_written_bytes_per_second": "whole",
    "restart_count": "counter",
}
FLEET = {
    "servers": "whole",
    "cores": "whole",
    "busy_cores": "hundredths",
    "memory_total_bytes": "kibibytes",
    "memory_used_bytes": "kibibytes",
    "disk_capacity_bytes": "kibibytes",
    "disk_used_bytes": "kibibytes",
    "network_rx_bytes_per_second": "whole",
    "network_tx_bytes_per_second": "whole",
}
FIGURES = {
    "ServerMetrics": SERVER,
    "FilesystemMetrics": {
        "total_bytes": "kibibytes",
        "used_bytes": "kibibytes",
        "available_bytes": "kibibytes",
        "inodes_total": "whole",
        "inodes_used": "whole",
    },
    "InterfaceMetrics": {
        "receive_bytes": "counter",
        "transmit_bytes": "counter",
        "receive_bytes_per_second": "whole",
        "transmit_bytes_per_second": "whole",
        "errors": "counter",
        "drops": "counter",
    },
    "TemperatureMetrics": {"celsius": "percent"},
    "ContainerMetrics": CONTAINER,
    "FleetMetrics": FLEET,
}
MORE = {
    "ServerMetrics": lambda: [
        ("cores_percent", models.BinaryField(help_text="Means, as in a sample.", null=True)),
    ],
    "ContainerMetrics": lambda: [("status", StateField(help_text="The last one."))],
}
CORES = "A byte per core in half percents; 255 is unknown."
MEASURED = "What the rates are averaged over."


def _rolled(name, kind):
    """Sum, least, greatest and number of a figure; of a counter the greatest alone."""
    if kind == "counter":
        return [(f"{name}_max", models.BigIntegerField(null=True))]
    value, more = KINDS[kind], {"help_text": MEASURED} if name == "measured_seconds" else {}
    least, greatest = value(), value()
    for field in (least, greatest):
        field.help_text = more.get("help_text", "")
    return [
        (f"{name}_sum", models.BigIntegerField(null=True)),
        (f"{name}_min", least),
        (f"{name}_max", greatest),
        (f"{name}_count", models.SmallIntegerField()),
    ]


def _rollup(model, resolution):
    fields = [
        ("id", SlotKeyField()),
        ("count", models.PositiveIntegerField()),
        ("expected", models.PositiveIntegerField()),
    ]
    for name, kind in FIGURES[model].items():
        fields += _rolled(name, kind)
    fields += MORE.get(model, list)()
    return migrations.CreateModel(name=f"{model}{resolution}", fields=fields, options={"abstract": False})


def _plain(figures):
    return [(name, KINDS["whole" if kind == "counter" else kind]()) for name, kind in figures.items()]


def _server_figures():
    fields = _plain(SERVER)
    fields.insert(5, ("cores_percent", models.BinaryField(help_text=CORES, null=True)))
    for name, field in fields:
        if name == "measured_seconds":
            field.help_text = MEASURED
    return fields


def keep_latest(apps, schema_editor):
    """The sample that was the newest stays it."""
    names = ", ".join(name for name, _field in _server_figures())
    schema_editor.execute(
        f"INSERT INTO metrics_latestservermetrics (server_id, slot, {names})"
        f" SELECT state.server_id, sample.id >> 24, {', '.join(f'sample.{name}' for name, _ in _server_figures())}"
        " FROM metrics_serverstate state JOIN metrics_servermetrics sample ON sample.id = state.latest_id"
    )


class Migration(migrations.Migration):
    dependencies = [("metrics", "0004_backup")]

    operations = [
        migrations.CreateModel(
            name="FleetMetrics",
            fields=[("id", SlotKeyField()), *_plain(FLEET)],
            options={"verbose_name_plural": "fleet metrics"},
        ),
        *(_rollup(model, resolution) for model in FIGURES for resolution in ("5m", "1h", "1d")),
        migrations.CreateModel(
            name="Resolved",
            fields=[
                ("seconds", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("claimed_until", models.BigIntegerField(default=0)),
                ("done_until", models.BigIntegerField(default=0)),
                ("pruned_until", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="LateBucket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seconds", models.PositiveIntegerField()),
                ("start", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="LatestServerMetrics",
            fields=[
                *_server_figures(),
                (
                    "server",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="latest",
                        serialize=False,
                        to="metrics.server",
                    ),
                ),
                ("slot", models.BigIntegerField()),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="LatestContainerMetrics",
            fields=[
                ("status", StateField()),
                *_plain(CONTAINER),
                (
                    "app",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="latest",
                        serialize=False,
                        to="metrics.app",
                    ),
                ),
                ("slot", models.BigIntegerField()),
            ],
            options={"abstract": False},
        ),
        migrations.RunPython(keep_latest, migrations.RunPython.noop),
        migrations.RemoveField(model_name="serverstate", name="latest"),
    ]
