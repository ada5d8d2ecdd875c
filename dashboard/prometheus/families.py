"""The metrics of servers, of their parts and of their apps, in tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.prometheus.tables import Family, Table, described, figure, named, one_of, quotient, share
from metrics.models import Condition, Filesystem, Interface, Sensor, Status
from metrics.models.parts import Part
from metrics.probe.reading import Health

SERVER = {"server_id": "pk", "server": "name"}
PART = {"server_id": "server_id", "server": "server__name"}
APP = {**PART, "app_id": "pk", "app": "name"}

# The columns that the families are made of.
OF_SERVERS = (
    *"pk name site is_current now reason logins state__since state__polled_at state__facts".split(),
    *"state__clock_skew_seconds state__poll_milliseconds".split(),
    *(f"state__connection_{one}" for one in ("polls", "bytes", "cpu_milliseconds")),
    *(f"latest__cpu_{one}percent" for one in ("", "user_", "system_", "iowait_", "steal_")),
    *(f"latest__memory_{one}_bytes" for one in ("total", "used", "cache")),
    *(f"latest__swap_{one}_bytes" for one in ("total", "used")),
    *(f"latest__disk_{one}_bytes" for one in ("total", "used", "available")),
    *"latest__disk_read_bytes_per_second latest__disk_written_bytes_per_second latest__disk_busy_percent".split(),
    *"latest__network_rx_bytes latest__network_tx_bytes latest__uptime_seconds".split(),
    *(f"latest__load_average_{minutes}m" for minutes in (1, 5, 15)),
    *(f"latest__pressure_{one}_avg{n}_percent" for one in ("cpu", "memory", "io") for n in (10, 60)),
)
OF_TAGS = ("server_id", "server__name", "tag__name")
OF_APPS = (
    *"pk name server_id server__name is_current is_sampled image engine project condition health restart_count".split(),
    *"latest__cpu_percent latest__cpu_limit_cores latest__memory_used_bytes latest__memory_limit_bytes".split(),
    *"latest__pids latest__network_rx_bytes latest__network_tx_bytes".split(),
    *"latest__disk_read_bytes_per_second latest__disk_written_bytes_per_second".split(),
)
FACTS = ("os", "kernel", "architecture")


def _facts(table: Table) -> Mapping[str, Sequence[Any]]:
    facts = {name: [one.get(name) or "" for one in table["state__facts"]] for name in FACTS}
    return {"site": table["site"], **facts}


def _cores(table: Table) -> list[Any]:
    return [facts.get("cores") for facts in table["state__facts"]]


def _is(name: str, wanted: str) -> Any:
    return figure(name, {one: int(one == wanted) for one in Condition.values}.__getitem__)


def _milli(name: str) -> Any:
    return figure(name, lambda milliseconds: milliseconds / 1000)


def _instant(name: str) -> Any:
    return figure(name, lambda at: at.timestamp())


# Of every server.
STATES = (
    Family("tomo_server_up", "1 while it is online and its figures are current, else 0.", figure("is_current", int)),
    Family(
        "tomo_server_status", "1 for the status that it has, 0 for the others.", one_of("status", "now", Status.values)
    ),
    Family("tomo_server_status_changed_timestamp_seconds", "Since when it has this status.", _instant("state__since")),
    Family("tomo_server_polled_timestamp_seconds", "Its last poll that was stored.", _instant("state__polled_at")),
    Family("tomo_server_logins_total", "SSH logins by the monitor; begins anew at midnight.", figure("logins")),
    Family("tomo_server_info", "What it is, as it was last read.", described(_facts)),
)
FAILING = (Family("tomo_server_failing", "1 with the reason why it cannot be read.", named(reason="reason")),)
TAGS = (Family("tomo_server_tag", "1 for each tag that it has.", named(tag="tag__name")),)

# Of those whose newest sample may be shown as current.
FIGURES = (
    Family("tomo_server_cpu_used_ratio", "Busy CPU time of all cores.", share("latest__cpu_percent")),
    Family("tomo_server_cpu_user_ratio", "CPU time in programs.", share("latest__cpu_user_percent")),
    Family("tomo_server_cpu_system_ratio", "CPU time in the kernel.", share("latest__cpu_system_percent")),
    Family("tomo_server_cpu_iowait_ratio", "CPU time waiting for disks.", share("latest__cpu_iowait_percent")),
    Family("tomo_server_cpu_steal_ratio", "CPU time given to other machines.", share("latest__cpu_steal_percent")),
    Family("tomo_server_cpu_cores", "CPU cores.", lambda table: zip(table.labels, _cores(table), strict=True)),
    Family("tomo_server_memory_total_bytes", "Memory.", figure("latest__memory_total_bytes")),
    Family("tomo_server_memory_used_bytes", "Memory that is not available.", figure("latest__memory_used_bytes")),
    Family("tomo_server_memory_cache_bytes", "Memory that caches files.", figure("latest__memory_cache_bytes")),
    Family(
        "tomo_server_memory_used_ratio",
        "Used memory by all memory.",
        quotient("latest__memory_used_bytes", "latest__memory_total_bytes"),
    ),
    Family("tomo_server_swap_total_bytes", "Swap; absent without any.", figure("latest__swap_total_bytes")),
    Family("tomo_server_swap_used_bytes", "Used swap.", figure("latest__swap_used_bytes")),
    Family("tomo_server_disk_total_bytes", "Size of the root filesystem.", figure("latest__disk_total_bytes")),
    Family("tomo_server_disk_used_bytes", "Used room of the root filesystem.", figure("latest__disk_used_bytes")),
    Family(
        "tomo_server_disk_available_bytes",
        "Room that is left to users on the root filesystem.",
        figure("latest__disk_available_bytes"),
    ),
    Family(
        "tomo_server_disk_used_ratio",
        "Used room of the root filesystem by used and available room, as df prints it.",
        quotient("latest__disk_used_bytes", "latest__disk_used_bytes", "latest__disk_available_bytes"),
    ),
    Family(
        "tomo_server_disk_read_bytes_per_second",
        "Read from its disks between the last two polls.",
        figure("latest__disk_read_bytes_per_second"),
    ),
    Family(
        "tomo_server_disk_written_bytes_per_second",
        "Written to its disks between the last two polls.",
        figure("latest__disk_written_bytes_per_second"),
    ),
    Family("tomo_server_disk_busy_ratio", "Time in which its busiest disk worked.", share("latest__disk_busy_percent")),
    Family(
        "tomo_server_network_receive_bytes_total",
        "Received by its counted interfaces since it was started.",
        figure("latest__network_rx_bytes"),
    ),
    Family(
        "tomo_server_network_transmit_bytes_total",
        "Sent by its counted interfaces since it was started.",
        figure("latest__network_tx_bytes"),
    ),
    Family("tomo_server_load1", "Load average of one minute.", figure("latest__load_average_1m")),
    Family("tomo_server_load5", "Load average of five minutes.", figure("latest__load_average_5m")),
    Family("tomo_server_load15", "Load average of fifteen minutes.", figure("latest__load_average_15m")),
    Family("tomo_server_uptime_seconds", "Since it was started.", figure("latest__uptime_seconds")),
    *(
        Family(
            f"tomo_server_pressure_{what}_avg{seconds}_ratio",
            f"Time in which something waited for {words}, over {seconds} seconds.",
            share(f"latest__pressure_{what}_avg{seconds}_percent"),
        )
        for what, words in (("cpu", "CPU"), ("memory", "memory"), ("io", "disks"))
        for seconds in (10, 60)
    ),
    Family(
        "tomo_server_clock_skew_seconds",
        "How far its clock is ahead of the monitor's.",
        figure("state__clock_skew_seconds"),
    ),
)
# Of those of them that were polled over their newest connection.
COSTS = (
    Family("tomo_server_poll_duration_seconds", "How long its last poll took.", _milli("state__poll_milliseconds")),
    Family(
        "tomo_server_poll_bytes",
        "Bytes of a poll in both directions, the mean of the newest connection.",
        quotient("state__connection_bytes", "state__connection_polls"),
    ),
    Family(
        "tomo_server_poll_cpu_seconds",
        "CPU time of a poll on the server, the mean of the newest connection.",
        quotient("state__connection_cpu_milliseconds", "state__connection_polls", scale=1000),
    ),
)

FILESYSTEMS = (
    Family("tomo_filesystem_info", "Which device is mounted there.", named(device="device", fstype="type")),
    Family("tomo_filesystem_read_only", "1 if it is mounted read-only, else 0.", figure("is_read_only", int)),
    Family("tomo_filesystem_total_bytes", "Size.", figure("total_bytes")),
    Family("tomo_filesystem_used_bytes", "Used room.", figure("used_bytes")),
    Family("tomo_filesystem_available_bytes", "Room that is left to users.", figure("available_bytes")),
    Family(
        "tomo_filesystem_used_ratio",
        "Used room by used and available room, as df prints it.",
        quotient("used_bytes", "used_bytes", "available_bytes"),
    ),
    Family("tomo_filesystem_inodes", "Inodes.", figure("inodes_total")),
    Family("tomo_filesystem_inodes_used", "Used inodes.", figure("inodes_used")),
)
INTERFACES = (
    Family("tomo_interface_receive_bytes_total", "Received since it is there.", figure("receive_bytes")),
    Family("tomo_interface_transmit_bytes_total", "Sent since it is there.", figure("transmit_bytes")),
    Family("tomo_interface_errors_total", "Errors in both directions.", figure("errors")),
    Family("tomo_interface_drops_total", "Dropped packets in both directions.", figure("drops")),
)
SENSORS = (Family("tomo_sensor_temperature_celsius", "Temperature.", figure("celsius")),)

# Which label has the name of a part, the columns of the part and of its newest sample, and what is made of them.
PARTS: tuple[tuple[type[Part], str, Sequence[str], Sequence[str], Sequence[Family]], ...] = (
    (
        Filesystem,
        "mountpoint",
        ("device", "type", "is_read_only"),
        ("total_bytes", "used_bytes", "available_bytes", "inodes_total", "inodes_used"),
        FILESYSTEMS,
    ),
    (Interface, "device", (), ("receive_bytes", "transmit_bytes", "errors", "drops"), INTERFACES),
    (Sensor, "sensor", (), ("celsius",), SENSORS),
)

# Of every app that can be told of at present.
APPS = (
    Family("tomo_app_info", "What it runs.", named(image="image", engine="engine", project="project")),
    Family(
        "tomo_app_running",
        "1 if it runs and is not unhealthy, else 0.",
        _is("condition", Condition.RUNNING),
    ),
    Family(
        "tomo_app_error",
        "1 if it crashed, keeps restarting or is unhealthy, else 0.",
        _is("condition", Condition.ERROR),
    ),
    Family(
        "tomo_app_healthy",
        "What its own health check says: 1 healthy, 0 unhealthy; absent without one and while it starts.",
        figure("health", {Health.HEALTHY: 1, Health.UNHEALTHY: 0}.get),  # type: ignore[arg-type]
    ),
    Family("tomo_app_restarts_total", "Restarts of its container by its engine.", figure("restart_count")),
)
# Of those of them that the newest sample of their server has.
CONTAINERS = (
    Family("tomo_container_cpu_used_cores", "Busy cores.", share("latest__cpu_percent")),
    Family("tomo_container_cpu_limit_cores", "Its limit; absent without one.", figure("latest__cpu_limit_cores")),
    Family("tomo_container_memory_used_bytes", "Memory without file cache.", figure("latest__memory_used_bytes")),
    Family("tomo_container_memory_limit_bytes", "Its limit; absent without one.", figure("latest__memory_limit_bytes")),
    Family("tomo_container_processes", "Processes and threads.", figure("latest__pids")),
    Family(
        "tomo_container_network_receive_bytes_total",
        "Received since its start; absent on the server's own network.",
        figure("latest__network_rx_bytes"),
    ),
    Family(
        "tomo_container_network_transmit_bytes_total",
        "Sent since its start; absent on the server's own network.",
        figure("latest__network_tx_bytes"),
    ),
    Family(
        "tomo_container_disk_read_bytes_per_second",
        "Read between the last two polls.",
        figure("latest__disk_read_bytes_per_second"),
    ),
    Family(
        "tomo_container_disk_written_bytes_per_second",
        "Written between the last two polls.",
        figure("latest__disk_written_bytes_per_second"),
    ),
)
