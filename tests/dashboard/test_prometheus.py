"""What is exposed: the figures of the pages, in base units, and nothing that is not known."""

import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django_q.models import OrmQ

from activity.models import Verification
from metrics.models import Backup, Heartbeat, Server, ServerState, Tag
from metrics.probe.reading import Filesystem, Health, InterfaceCounters
from tests.dashboard import fleet
from tests.dashboard.scrapes import OPENMETRICS, Scrape, scraped

pytestmark = pytest.mark.django_db(databases="__all__")
HOSTILE = [
    'a"b',
    "a\\",
    "a\nb",
    "\\n",
    '"} 1\ntomo_server_up{server="x',
    "\u202egnp",
    "żółć 🐘",
    "{}",
    "a,b=c",
    "\r",
    " ",
]
ALWAYS = {"tomo_server_up", "tomo_server_status", "tomo_server_info", "tomo_server_logins_total"}
MINUTES_AGO = timedelta(minutes=5)


def data(script: Client, path: str) -> dict[str, Any]:
    return dict(script.get(f"/api/v1/{path}").json()["data"])


def names_of(found: Scrape, **labels: Any) -> set[str]:
    wanted = {key: str(value) for key, value in labels.items()}.items()
    return {name for name, had, _ in found.samples() if wanted <= had.items()}


def test_a_servers_figures_are_those_of_the_api(api: Client) -> None:
    server = fleet.online()
    told, found = data(api, f"servers/{server.pk}"), scraped(api)
    for metric, name in {
        "memory_total_bytes": "memory_total_bytes",
        "memory_used_bytes": "memory_used_bytes",
        "disk_available_bytes": "disk_available_bytes",
        "network_receive_bytes_total": "network_rx_bytes",
        "network_transmit_bytes_total": "network_tx_bytes",
        "load1": "load_average_1m",
        "load15": "load_average_15m",
        "uptime_seconds": "uptime_seconds",
    }.items():
        assert found.value(f"tomo_server_{metric}", server_id=server.pk) == told[name] is not None, metric
    for metric, name in {
        "cpu_used_ratio": "cpu_percent",
        "cpu_iowait_ratio": "cpu_iowait_percent",
        "memory_used_ratio": "memory_percent",
        "disk_used_ratio": "disk_percent",
        "pressure_io_avg60_ratio": "pressure_io_avg60_percent",
    }.items():
        assert round(100 * found.value(f"tomo_server_{metric}", server="web-01"), 1) == told[name], metric


def test_every_figure_of_the_api_is_exposed_where_it_is_known(api: Client) -> None:
    server = fleet.online()
    values = [value for name in names_of(scraped(api)) for value in scraped(api).values(name, server_id=server.pk)]
    told = data(api, f"servers/{server.pk}")
    figures = [
        name for name in told if name.endswith(("_bytes", "_avg10_percent", "1m", "5m")) and told[name] is not None
    ]
    missing = [name for name in figures if told[name] not in values and round(told[name] / 100, 4) not in values]
    assert len(figures) > 12
    assert not missing


def test_an_apps_figures_are_those_of_the_api(api: Client) -> None:
    server = fleet.with_apps(fleet.container("web", health=Health.HEALTHY), fleet.exited("job"))
    told = {app["name"]: app for app in data(api, f"servers/{server.pk}/apps")["apps"]}
    found, web = scraped(api), {"app_id": told["web"]["id"], "app": "web", "server": "web-01"}
    for metric, name in {
        "tomo_container_memory_used_bytes": "memory_used_bytes",
        "tomo_container_memory_limit_bytes": "memory_limit_bytes",
        "tomo_container_cpu_limit_cores": "cpu_limit_cores",
        "tomo_container_processes": "pids",
        "tomo_container_network_receive_bytes_total": "network_rx_bytes",
        "tomo_container_network_transmit_bytes_total": "network_tx_bytes",
        "tomo_container_disk_written_bytes_per_second": "disk_written_bytes_per_second",
        "tomo_app_restarts_total": "restart_count",
    }.items():
        assert found.value(metric, **web) == told["web"][name] is not None, metric
    assert found.value("tomo_container_cpu_used_cores", **web) == told["web"]["cpu_percent"] / 100
    states = ["tomo_app_running", "tomo_app_error"]
    assert [found.value(name, app="web") for name in states] == [1, 0]
    assert [found.value(name, app="job") for name in states] == [0, 1]
    assert found.found("tomo_app_healthy") == [({**found.found("tomo_app_running", app="web")[0][0]}, 1)]
    assert not found.values("tomo_container_memory_used_bytes", app="job")


def test_filesystems_and_interfaces_are_those_of_the_newest_sample(api: Client) -> None:
    server = fleet.online()
    sizes = {"total_bytes": 4096, "used_bytes": 1024, "available_bytes": 1024, "inodes_total": 10, "inodes_used": 3}
    fleet.polled(
        server,
        datetime.now(UTC) + timedelta(seconds=10),
        filesystems=(
            Filesystem("/srv/a b", "/dev/sda1", "ext4", True, **sizes),
            Filesystem("/nfs", "n:/", "nfs", False),
        ),
        interfaces={"eth9": InterfaceCounters(7, 8, 3, 4, True)},
        temperatures={"cpu": 41.5},
    )
    found = scraped(api)
    assert {had["mountpoint"] for had, _ in found.found("tomo_filesystem_info")} == {"/srv/a b", "/nfs"}
    srv = {"mountpoint": "/srv/a b", "server": "web-01"}
    assert found.value("tomo_filesystem_info", device="/dev/sda1", fstype="ext4", **srv) == 1
    assert found.value("tomo_filesystem_used_ratio", **srv) == 0.5
    assert (found.value("tomo_filesystem_inodes", **srv), found.value("tomo_filesystem_inodes_used", **srv)) == (10, 3)
    assert found.value("tomo_filesystem_read_only", **srv) == 1
    assert not found.values("tomo_filesystem_used_bytes", mountpoint="/nfs"), "it did not answer"
    ends = ("receive_bytes", "transmit_bytes", "errors", "drops")
    assert [found.found(f"tomo_interface_{end}_total")[0][1] for end in ends] == [7, 8, 3, 4]
    assert len(found.values("tomo_interface_drops_total")) == 1
    assert found.value("tomo_sensor_temperature_celsius", sensor="cpu") == 41.5


@pytest.mark.parametrize("state", ["pending", "offline", "paused", "stale"])
def test_a_server_without_current_figures_has_none(api: Client, state: str) -> None:
    made = {"pending": fleet.pending, "offline": fleet.offline}.get(state, fleet.with_apps)
    server = (
        made(fleet.container(), ago=MINUTES_AGO if state == "stale" else timedelta())
        if made is fleet.with_apps
        else made()
    )
    Server.objects.filter(pk=server.pk).update(paused=state == "paused")
    found = scraped(api)
    extra = {
        "tomo_server_polled_timestamp_seconds",
        "tomo_server_status_changed_timestamp_seconds",
        "tomo_server_failing",
    }
    assert ALWAYS <= names_of(found, server_id=server.pk) <= ALWAYS | extra
    assert found.value("tomo_server_up") == 0
    statuses = {had["status"]: value for had, value in found.found("tomo_server_status")}
    status = "online" if state == "stale" else state
    assert statuses == dict.fromkeys(("pending", "online", "offline", "paused"), 0) | {status: 1}
    assert not found.values("tomo_fleet_cpu_used_ratio")
    assert found.value("tomo_fleet_apps", condition="unknown") == (state in ("paused", "stale"))


def test_why_a_server_cannot_be_read_is_told(api: Client) -> None:
    server = fleet.offline()
    fleet.online("web-02")
    found = scraped(api)
    assert found.found("tomo_server_failing") == [
        ({"server_id": str(server.pk), "server": "web-01", "reason": "refused"}, 1)
    ]
    assert found.value("tomo_fleet_servers_failing", reason="refused") == 1
    assert found.value("tomo_fleet_servers_failing", reason="dns") == 0
    Server.objects.filter(pk=server.pk).update(paused=True)
    assert not scraped(api).values("tomo_server_failing")
    assert scraped(api).value("tomo_fleet_servers_failing", reason="refused") == 0


def test_the_fleet_is_that_of_the_summary(api: Client) -> None:
    fleet.offline("off")
    fleet.online("on")
    fleet.with_apps(fleet.container("a"), fleet.exited("b"), fleet.exited("c", exit_code=0))
    told, found = data(api, "summary"), scraped(api)
    for status in ("online", "offline", "pending", "paused"):
        assert found.value("tomo_fleet_servers", status=status) == told[f"{status}_servers"]
    for condition in ("running", "stopped", "error", "unknown"):
        assert found.value("tomo_fleet_apps", condition=condition) == told[f"{condition}_apps"]
    for what in ("cpu", "memory", "disk"):
        assert round(100 * found.value(f"tomo_fleet_{what}_used_ratio"), 1) == told[f"{what}_percent"]
    assert found.value("tomo_fleet_servers_current") == told["averaged_over"] == 2


def test_the_monitor_is_that_of_the_health_page(api: Client) -> None:
    at = datetime.now(UTC)
    figures = {"servers_held": 7, "polls_a_minute": 6.0, "cpu_milliseconds_a_poll": 1.5, "late_polls": 3}
    Heartbeat.objects.create(name="poll", at=at - timedelta(seconds=5), **figures)
    OrmQ.objects.create(key="tasks", payload="", lock=at - MINUTES_AGO)
    Backup.objects.create(state="failed", started_at=at, finished_at=at)
    Verification.objects.create(at=at, state="whole", rows=4, last_id=4, seconds=0.1)
    found, told = scraped(api), data(api, "health")
    names = ("up", "servers", "polls_per_second", "poll_cpu_seconds", "late_polls_total")
    values = [found.value(f"tomo_monitor_process_{name}", process="poll") for name in names]
    assert values == [1, 7, 0.1, 0.0015, 3]
    assert 5 <= found.value("tomo_monitor_process_heartbeat_age_seconds", process="poll") < 60
    assert found.value("tomo_monitor_process_queue_waiting", process="tasks") == 1
    assert 300 <= found.value("tomo_monitor_process_queue_oldest_age_seconds", process="tasks") < 360
    assert found.value("tomo_monitor_process_up", process="tasks") == 0
    assert not found.values("tomo_monitor_process_heartbeat_age_seconds", process="tasks")
    assert found.value("tomo_monitor_database_bytes") == told["database_bytes"]
    assert found.value("tomo_monitor_free_bytes") > 0
    assert found.value("tomo_monitor_last_backup_timestamp_seconds") == at.timestamp()
    done = [found.value(f"tomo_monitor_last_{name}") for name in ("backup_complete", "log_check_whole")]
    assert done == [0, 1]


def test_what_watching_a_server_costs_is_told_in_base_units(api: Client) -> None:
    server = fleet.online()
    spent = {"connection_polls": 10, "connection_bytes": 50_000, "connection_cpu_milliseconds": 40}
    ServerState.objects.filter(server=server).update(**spent, poll_milliseconds=50)
    found, cost = scraped(api), data(api, f"servers/{server.pk}")["cost"]
    figures = [found.value(f"tomo_server_poll_{name}") for name in ("duration_seconds", "bytes", "cpu_seconds")]
    assert figures == [0.05, 5000, 0.004]
    assert figures == [cost["poll_ms"] / 1000, cost["bytes_per_poll"], cost["server_cpu_ms_per_poll"] / 1000]
    assert found.value("tomo_server_logins_total") == cost["logins_today"]


def test_a_container_on_the_servers_own_network_has_no_traffic(api: Client) -> None:
    one = fleet.container()
    fleet.with_apps(one, usages={one.id: {"receive_bytes": None, "transmit_bytes": None}})
    found = scraped(api)
    assert found.values("tomo_container_memory_used_bytes")
    assert not found.values("tomo_container_network_receive_bytes_total")
    assert not found.values("tomo_container_network_transmit_bytes_total")


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_things_are_called_the_text_is_whole(api: Client, name: str, accept: str) -> None:
    server = fleet.with_apps(fleet.container(name, image=name), name=name)
    mount = Filesystem(name, name, name, False, 4096, 1024, 1024)
    fleet.polled(server, datetime.now(UTC) + timedelta(seconds=10), filesystems=(mount,))
    server.tags.add(Tag.objects.create(name=name))
    found = scraped(api, accept=accept)
    assert [had["server"] for had, _ in found.found("tomo_server_up")] == [name]
    assert found.value("tomo_filesystem_info", mountpoint=name, device=name, fstype=name) == 1
    assert found.value("tomo_app_info", image=name) == 1
    assert found.value("tomo_server_tag", tag=name) == 1


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_without_servers_all_metrics_are_there_and_none_has_a_server(api: Client, accept: str) -> None:
    empty = scraped(api, accept=accept)
    assert not [had for _, had, _ in empty.samples() if "server_id" in had]
    fleet.with_apps(fleet.container())
    assert [one.name for one in scraped(api, accept=accept).families] == [one.name for one in empty.families]


def test_both_formats_tell_the_same(api: Client) -> None:
    fleet.with_apps(fleet.container(), fleet.exited("job"))
    plain, modern = scraped(api), scraped(api, accept=OPENMETRICS)
    assert modern.text.endswith("# EOF\n")

    def steady(found: Scrape) -> list[Any]:
        told = [(name, sorted(had.items()), value) for name, had, value in found.samples()]
        return sorted(one for one in told if not one[0].startswith("tomo_monitor_"))  # which has aged meanwhile

    assert len(steady(plain)) > 60
    assert steady(plain) == steady(modern)


def test_promtool_finds_nothing_to_mend(api: Client) -> None:
    fleet.with_apps(fleet.container(health=Health.HEALTHY))
    fleet.offline("off")
    done = subprocess.run(["promtool", "check", "metrics"], input=scraped(api).text, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
