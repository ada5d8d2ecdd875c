"""Apps as a real Docker daemon runs them: started, stopped, crashed, replaced and removed, seen by the real probe."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from activity.models import ActivityLog
from activity.types import ActivityType
from metrics import app_access, crash_cards, store
from metrics.collect import Collected, collect
from metrics.connections import Connection, open_connection
from metrics.models import App, ContainerMetrics, CrashCard, Server, ServerMetrics
from metrics.models.fields import slot_at
from metrics.probe import deltas
from metrics.probe.container_rates import ContainerFigures
from metrics.probe.reading import AppsStatus, Container, Containers, State
from metrics.ssh import Target
from metrics.store import Polled
from tests.activity.kinds import proves
from tests.conftest import AT
from tests.docker import OWN_SOCKET, SOCKET, Daemon, docker, hidden, machine, make_image, until
from tests.metrics import fleet
from tests.sshd import Sshd

pytestmark = pytest.mark.django_db

OLD, NEW = "tomo-test/busybox:1", "tomo-test/busybox:2"
UNTIL_LISTED = 5  # polls after which a list was asked for even if nothing came or went
TRIES = 5
PASSWORD = "a password of tests"
MEBIBYTE = 1 << 20
HELPER = Path(app_access.__file__).parent / "probe" / "helper.sh"
HELPERS_FILE = Path("/run/tomo/containers")
WAITS = "trap 'exit {}' TERM; {}; sleep 1000 & wait"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    """A Docker daemon that nobody else has; all of these tests run where nothing but its containers can be seen."""
    if os.geteuid() or not shutil.which("dockerd"):
        pytest.skip("only root, with the package docker.io")
    with machine() as found:
        make_image(OLD)
        make_image(NEW)
        yield found


@pytest.fixture(autouse=True)
def _no_containers(daemon: Daemon) -> Iterator[None]:
    yield
    daemon.clear()
    HELPERS_FILE.unlink(missing_ok=True)


class Watch:
    """A server that is polled whenever a test wants it, as the poller does it, ten seconds on the clock apart."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.server = fleet.this_machine()
        self.at = AT
        self.collected: Collected

    def poll(self, times: int = 1) -> list[ActivityLog]:
        """What was recorded of apps meanwhile, oldest first."""
        known = ActivityLog.objects.count()
        for _ in range(times):
            self.at += timedelta(seconds=10)
            server = Server.objects.select_related("state").get(pk=self.server.pk)
            before, wanted = deltas.loaded(server.state.counters), crash_cards.wanted(self.at).get(server.pk, {})
            self.collected = collect(self.connection.probe, before, wanted)
            store.save([Polled(server, self.at, self.collected)], fleet.INTERVAL)
        rows = ActivityLog.objects.order_by("id")[known:]
        return [row for row in rows if row.activity_type.startswith("app")]

    @property
    def seen(self) -> Containers:
        assert self.collected.reading.containers
        return self.collected.reading.containers

    @property
    def status(self) -> tuple[str, str]:
        state = fleet.state(self.server)
        return state.apps_status, state.apps_way

    def sample(self, app: App) -> ContainerMetrics:
        """The newest one of the app."""
        [newest] = [one for one in self.samples() if one.app_id == app.pk]
        return newest

    def samples(self) -> list[ContainerMetrics]:
        """Those of the last poll."""
        return [one for one in ContainerMetrics.objects.all() if slot_at(one.timestamp) == slot_at(self.at)]


@pytest.fixture
def watch(db: None) -> Iterator[Watch]:
    with closing(open_connection(None)) as connection:
        yield Watch(connection)


@pytest.fixture
def watched(watch: Watch) -> Watch:
    """A server that was polled before, so that nothing is a baseline any more."""
    assert watch.poll() == []
    return watch


def run(name: str, *options: str, image: str = OLD, sh: str = "", exits: int = 0) -> str:
    """A container that does this and then waits; told to stop, it exits with that code."""
    return docker("run", "-d", f"--name={name}", "--network=none", *options, image, *waiting(sh, exits))


def waiting(sh: str = "", exits: int = 0) -> tuple[str, ...]:
    return "sh", "-c", WAITS.format(exits, sh or ":")


def ended(name: str, sh: str, *options: str) -> str:
    """A container that did this and ended."""
    container_id = docker("run", "-d", f"--name={name}", "--network=none", *options, OLD, "sh", "-c", sh)
    docker("wait", name)
    return container_id


def app(name: str) -> App:
    return App.objects.get(name=name)


def kinds(rows: list[ActivityLog]) -> list[str]:
    return [row.activity_type for row in rows]


def inspected(name: str, field: str) -> str:
    return docker("inspect", "--format", "{{" + field + "}}", name)


def kill_first_process(name: str) -> None:
    os.kill(int(inspected(name, ".State.Pid")), signal.SIGKILL)


# --- coming and going


def test_what_is_there_at_first_sight_is_not_announced(watch: Watch) -> None:
    run("web")
    ended("gone", "exit 3")
    assert watch.poll(2) == []
    assert (app("web").condition, app("gone").condition) == ("running", "error")
    assert watch.status == ("ok", "socket")


@proves(ActivityType.APP_INSTALLED)
def test_a_new_container_is_installed(watched: Watch) -> None:
    container_id = run("web")
    [row] = watched.poll()
    assert (row.activity_type, row.app_id) == ("app_installed", app("web").pk)
    assert row.details["container_id"] == container_id == app("web").container_id
    assert (row.details["image"], row.details["state"]) == (OLD, "running")


@proves(ActivityType.APP_INSTALLED, ActivityType.APP_STARTED)
def test_a_created_container_is_installed_and_starts_later(watched: Watch) -> None:
    docker("create", "--name=web", "--network=none", OLD, *waiting())
    assert kinds(watched.poll(UNTIL_LISTED)) == ["app_installed"]
    assert (app("web").state, app("web").condition) == ("created", "stopped")
    docker("start", "web")
    assert kinds(watched.poll()) == ["app_started"]
    assert app("web").condition == "running"


def test_a_stopped_app_starts_again_and_is_the_same(watched: Watch) -> None:
    run("web")
    watched.poll()
    before = app("web").pk
    docker("stop", "web")
    watched.poll()
    docker("start", "web")
    assert kinds(watched.poll()) == ["app_started"]
    assert (app("web").pk, app("web").condition) == (before, "running")


@proves(ActivityType.APP_UNINSTALLED)
def test_a_removed_container_is_uninstalled(watched: Watch) -> None:
    run("web")
    watched.poll()
    docker("rm", "--force", "web")
    assert kinds(watched.poll()) == ["app_uninstalled"]
    assert app("web").removed_at == watched.at
    assert watched.status == ("no_containers", "socket")


def test_a_stopped_container_that_is_removed_is_uninstalled(watched: Watch) -> None:
    ended("job", "exit 0")
    watched.poll(UNTIL_LISTED)
    docker("rm", "job")
    assert kinds(watched.poll(UNTIL_LISTED)) == ["app_uninstalled"]


def test_an_app_that_comes_back_has_its_history(watched: Watch) -> None:
    run("web")
    watched.poll()
    before = app("web").pk
    docker("rm", "--force", "web")
    watched.poll()
    run("web")
    assert kinds(watched.poll()) == ["app_installed"]
    assert (app("web").pk, app("web").removed_at) == (before, None)


def test_nothing_happens_while_nothing_happens(watched: Watch) -> None:
    run("web")
    ended("gone", "exit 3")
    watched.poll(UNTIL_LISTED)
    assert watched.poll(2 * UNTIL_LISTED) == []


# --- how an app ends

ENDS = {
    0: ("app_stopped", None, "stopped"),
    1: ("app_crashed", None, "error"),
    3: ("app_crashed", None, "error"),
    130: ("app_stopped", "SIGINT", "stopped"),
    134: ("app_crashed", "SIGABRT", "error"),
    139: ("app_crashed", "SIGSEGV", "error"),
    143: ("app_stopped", "SIGTERM", "stopped"),
}


@pytest.mark.parametrize("code", ENDS)
def test_an_exit_code_tells_a_stop_from_a_crash(watched: Watch, code: int) -> None:
    kind, signal_name, condition = ENDS[code]
    run("web", exits=code)
    watched.poll()
    docker("stop", "web")
    [row] = watched.poll()
    assert (row.activity_type, row.result) == (kind, "failure" if kind == "app_crashed" else "success")
    assert (row.details["exit_code"], row.details.get("signal")) == (code, signal_name)
    assert row.details["out_of_memory"] is False
    assert (app("web").state, app("web").condition, app("web").exit_code) == ("exited", condition, code)


@pytest.mark.parametrize(
    "kill", [lambda name: docker("kill", name), kill_first_process], ids=["docker kill", "kill -9"]
)
@proves(ActivityType.APP_STOPPED)
def test_a_killed_container_was_stopped_by_somebody(watched: Watch, kill: Callable[[str], None]) -> None:
    run("web")
    watched.poll()
    kill("web")
    docker("wait", "web")
    [row] = watched.poll()
    assert (row.activity_type, row.details["exit_code"], row.details["signal"]) == ("app_stopped", 137, "SIGKILL")
    assert row.message.endswith("stopped: exit code 137 (SIGKILL)")


@proves(ActivityType.APP_OUT_OF_MEMORY, ActivityType.APP_CRASHED)
def test_an_app_that_takes_more_memory_than_it_may_crashes(watched: Watch) -> None:
    docker("create", "--name=hungry", "--network=none", "--memory=16m", OLD, "tail", "/dev/zero")
    watched.poll(UNTIL_LISTED)
    docker("start", "hungry")
    docker("wait", "hungry")
    rows = watched.poll(UNTIL_LISTED)
    assert kinds(rows) == ["app_out_of_memory", "app_crashed"]
    assert [(row.details["exit_code"], row.details["out_of_memory"]) for row in rows] == [(137, True)] * 2
    assert app("hungry").condition == "error"
    assert app("hungry").crash_cards.get().is_out_of_memory


def test_a_process_killed_for_want_of_memory_is_told_though_its_app_goes_on(watched: Watch) -> None:
    run("hungry", "--memory=16m", sh="while [ ! -e /go ]; do sleep 0.1; done; tail /dev/zero; touch /done")
    watched.poll()
    docker("exec", "hungry", "touch", "/go")
    until(lambda: docker("exec", "hungry", "sh", "-c", "echo /done*") == "/done")
    rows = watched.poll(2)
    assert kinds(rows) == ["app_out_of_memory"]
    assert rows[0].details["kills"] == 1
    assert app("hungry").condition == "running"


@proves(ActivityType.APP_CRASHED)
def test_a_crash_of_a_new_app_is_told_at_once(watched: Watch) -> None:
    ended("job", "exit 3")
    assert kinds(watched.poll(UNTIL_LISTED)) == ["app_installed", "app_crashed"]


def test_an_end_that_the_daemon_has_not_noticed_yet_is_seen_at_the_next_poll(watched: Watch) -> None:
    run("web")
    watched.poll()
    containerd = int(Path("/run/docker/containerd/containerd.pid").read_text())
    os.kill(containerd, signal.SIGSTOP)  # which tells the daemon
    try:
        process = int(inspected("web", ".State.Pid"))
        os.kill(process, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{process}").exists())
        assert watched.poll() == []
    finally:
        os.kill(containerd, signal.SIGCONT)
    docker("wait", "web")
    assert kinds(watched.poll()) == ["app_stopped"]


# --- restarts


@proves(ActivityType.APP_RESTARTED)
def test_a_restart_by_hand_is_one(watched: Watch) -> None:
    run("web")
    watched.poll()
    docker("restart", "web")
    [row] = watched.poll()
    assert (row.activity_type, app("web").restart_count) == ("app_restarted", 0)


@pytest.mark.parametrize(
    ("policy", "kind", "words"),
    [("on-failure", "app_crashed", "crashed and was restarted once"), ("always", "app_restarted", "restarted once")],
)
def test_an_end_between_two_polls_is_seen_by_the_restart(watched: Watch, policy: str, kind: str, words: str) -> None:
    run("web", f"--restart={policy}")
    watched.poll()
    kill_first_process("web")
    until(lambda: inspected("web", ".RestartCount") == "1" and inspected("web", ".State.Status") == "running")
    [row] = watched.poll()
    assert (row.activity_type, row.details["restarts"], app("web").restart_count) == (kind, 1, 1)
    assert words in row.message


def test_a_loop_of_restarts_is_an_error_and_not_a_flood(watched: Watch) -> None:
    docker("run", "-d", "--name=loop", "--network=none", "--restart=always", OLD, "sh", "-c", "exit 3")
    rows, seen = [], []
    while len(seen) < 25 or seen[-1].restart_count < 5 or seen[-1].state != "restarting":
        assert len(seen) < 200
        rows += watched.poll()
        seen += App.objects.all()
        time.sleep(0.05)
    counts, states = [one.restart_count for one in seen], [one.state for one in seen]
    assert counts == sorted(counts)
    assert kinds(rows)[0] == "app_installed"
    assert kinds(rows).count("app_crashed") == ends_seen(states)
    assert (seen[-1].condition, app("loop").crash_cards.count()) == ("error", 1)


def ends_seen(states: list[str]) -> int:
    """How often a poll saw it ended that the poll before had not."""
    ends = ("restarting", "exited")
    return sum(now in ends and before not in ends for before, now in pairwise(["", *states]))


def test_a_policy_that_gives_up_leaves_a_crashed_app(watched: Watch) -> None:
    docker("run", "-d", "--name=job", "--network=none", "--restart=on-failure:2", OLD, "sh", "-c", "exit 3")
    until(lambda: inspected("job", ".State.Status") == "exited" and inspected("job", ".RestartCount") == "2")
    rows = watched.poll(UNTIL_LISTED)
    assert kinds(rows) == ["app_installed", "app_crashed"]
    assert rows[1].details["restart_count"] == 2
    assert (app("job").state, app("job").restart_policy) == ("exited", "on-failure")


# --- health, pauses, names


@proves(ActivityType.APP_UNHEALTHY, ActivityType.APP_RECOVERED)
def test_health_that_goes_bad_and_good_again_is_told_once_each(watched: Watch) -> None:
    check = ("--health-cmd=test -e /well", "--health-interval=1s", "--health-retries=1", "--health-timeout=5s")
    run("web", *check, sh="touch /well")
    until(lambda: inspected("web", ".State.Health.Status") == "healthy")
    assert kinds(watched.poll(2)) == ["app_installed"]
    docker("exec", "web", "rm", "/well")
    until(lambda: inspected("web", ".State.Health.Status") == "unhealthy")
    assert kinds(watched.poll(3)) == ["app_unhealthy"]
    assert (app("web").health, app("web").condition) == ("unhealthy", "error")
    docker("exec", "web", "touch", "/well")
    until(lambda: inspected("web", ".State.Health.Status") == "healthy")
    assert kinds(watched.poll(3)) == ["app_recovered"]
    assert (app("web").health, app("web").condition) == ("healthy", "running")


def test_a_pause_is_told_and_its_end(watched: Watch) -> None:
    run("web")
    watched.poll()
    docker("pause", "web")
    assert kinds(watched.poll(UNTIL_LISTED)) == ["app_stopped"]
    assert (app("web").state, app("web").condition) == ("paused", "stopped")
    docker("unpause", "web")
    [row] = watched.poll(UNTIL_LISTED)
    assert (row.activity_type, row.message.endswith("resumed")) == ("app_started", True)


def test_a_renamed_app_goes_on_under_its_new_name(watched: Watch) -> None:
    run("web")
    watched.poll()
    before = app("web").pk
    docker("rename", "web", "site")
    assert watched.poll(UNTIL_LISTED) == []
    assert [(one.pk, one.name) for one in App.objects.all()] == [(before, "site")]


@proves(ActivityType.APP_UPDATED)
def test_another_image_is_an_update_of_the_same_app(watched: Watch) -> None:
    old = run("web")
    watched.poll()
    before = app("web").pk
    docker("rm", "--force", "web")
    new = run("web", image=NEW)
    [row] = watched.poll()
    assert (row.activity_type, row.details["before"]["image"], row.details["after"]["image"]) == (
        "app_updated",
        OLD,
        NEW,
    )
    assert row.details["before"]["image_id"] != row.details["after"]["image_id"]
    assert (app("web").pk, app("web").image) == (before, NEW)
    assert [one.container_id for one in app("web").containers.all()] == [old, new]


def test_the_same_image_anew_is_a_restart(watched: Watch) -> None:
    run("web")
    watched.poll()
    before = app("web").pk
    docker("rm", "--force", "web")
    run("web")
    assert kinds(watched.poll()) == ["app_restarted"]
    assert (app("web").pk, app("web").containers.count()) == (before, 2)


def test_a_tag_that_moved_is_an_update(watched: Watch) -> None:
    docker("tag", OLD, "tomo-test/busybox:latest")
    run("web", image="tomo-test/busybox:latest")
    watched.poll()
    docker("rm", "--force", "web")
    docker("tag", NEW, "tomo-test/busybox:latest")
    run("web", image="tomo-test/busybox:latest")
    assert kinds(watched.poll()) == ["app_updated"]


def composed(service: str, number: int = 1) -> tuple[str, ...]:
    labels = {"project": "shop", "service": service, "container-number": str(number)}
    return tuple(f"--label=com.docker.compose.{name}={value}" for name, value in labels.items())


def test_services_of_compose_are_called_by_project_and_service(watched: Watch) -> None:
    run("shop-db-1", *composed("db"))
    run("shop-web-1", *composed("web"))
    run("shop-web-2", *composed("web", 2))
    assert kinds(watched.poll()) == ["app_installed"] * 3
    assert [one.name for one in App.objects.all()] == ["shop/db", "shop/web", "shop/web 2"]
    assert set(App.objects.values_list("project", flat=True)) == {"shop"}
    assert app("shop/web 2").service == "web"


def test_a_service_that_compose_recreates_is_updated(watched: Watch) -> None:
    run("shop-web-1", *composed("web"))
    watched.poll()
    before = app("shop/web").pk
    docker("rename", "shop-web-1", "0123456789ab_shop-web-1")
    run("shop-web-1", *composed("web"), image=NEW)
    docker("rm", "--force", "0123456789ab_shop-web-1")
    assert kinds(watched.poll()) == ["app_updated"]
    assert [one.pk for one in App.objects.all()] == [before]


# --- figures


def test_fifty_containers_have_a_row_each_in_one_poll(watched: Watch) -> None:
    each = f"docker --host=unix://{OWN_SOCKET} run -d --name app-{{}} --network=none {OLD} sleep 1000"
    subprocess.run(["xargs", "-P4", "-I{}", *each.split()], input="\n".join(map(str, range(50))), text=True, check=True)
    assert kinds(watched.poll()) == ["app_installed"] * 50
    apps = set(App.objects.values_list("pk", flat=True))
    for _ in range(2):
        assert len(apps) == len(watched.samples()) == 50
        assert {one.app_id for one in watched.samples()} == apps
        assert all(one.status == State.RUNNING and one.memory_used_bytes and one.pids for one in watched.samples())
        assert watched.poll() == []


def test_a_container_on_the_servers_network_has_no_network_figures(watched: Watch) -> None:
    docker("run", "-d", "--name=onhost", "--network=host", OLD, *waiting())
    run("alone")
    watched.poll(2)
    onhost, alone = watched.sample(app("onhost")), watched.sample(app("alone"))
    assert (onhost.network_rx_bytes, onhost.network_tx_bytes, onhost.network_rx_bytes_per_second) == (None, None, None)
    assert (alone.network_rx_bytes, alone.network_tx_bytes, alone.network_rx_bytes_per_second) == (0, 0, 0)


def test_limits_are_those_that_were_given(watched: Watch) -> None:
    run("web", "--memory=64m", "--cpus=0.5")
    run("free")
    watched.poll()
    limited, free = watched.sample(app("web")), watched.sample(app("free"))
    assert (limited.memory_limit_bytes, limited.cpu_limit_cores) == (64 * MEBIBYTE, 0.5)
    assert (free.memory_limit_bytes, free.cpu_limit_cores) == (None, None)


def test_an_app_that_ended_has_a_row_without_figures(watched: Watch) -> None:
    run("web")
    watched.poll(2)
    docker("stop", "web")
    watched.poll()
    ended_sample = watched.sample(app("web"))
    assert ended_sample.status == State.EXITED
    assert (ended_sample.cpu_percent, ended_sample.memory_used_bytes, ended_sample.pids) == (None, None, None)


def test_cpu_and_memory_are_those_of_docker_stats(watched: Watch) -> None:
    keeps = "dd if=/dev/zero of=/dev/shm/kept bs=1M count=20; dd if=/dev/zero of=/cached bs=1M count=30"
    run("busy", "--cpus=0.4", sh=f"({keeps}) >/dev/null 2>&1; touch /dev/shm/ready; while :; do :; done")
    until(lambda: docker("exec", "busy", "sh", "-c", "echo /dev/shm/*").endswith("ready"))
    watched.poll()
    differences = []
    for _ in range(TRIES):
        watched.poll()
        told = docker("stats", "--no-stream", "--format", "{{.CPUPerc}} {{.MemUsage}}", "busy")
        watched.poll()
        ours = watched.sample(app("busy"))
        cpu, memory = re.fullmatch(r"([\d.]+)% ([\d.]+)MiB / .*", told).groups()  # type: ignore[union-attr]
        theirs = float(cpu), float(memory) * MEBIBYTE
        differences.append((ours.cpu_percent - theirs[0], ours.memory_used_bytes - theirs[1]))
        if abs(differences[-1][0]) <= 5 and abs(differences[-1][1]) <= max(theirs[1] * 0.02, MEBIBYTE):
            assert 20 <= theirs[1] / MEBIBYTE < 40  # what is kept counts, and what is merely cached does not
            return
    pytest.fail(f"They never agreed: {differences}")


# --- crash cards


def card(name: str) -> CrashCard:
    return app(name).crash_cards.get()


SPEAKS = (
    "echo starting; echo password=hunter2-secret; echo 'postgres://shop:hunter2-secret@db/shop' >&2; echo failed >&2"
)


@pytest.mark.parametrize("terminal", [False, True])
def test_the_next_poll_fetches_the_last_lines_without_secrets(watched: Watch, *, terminal: bool) -> None:
    run("web", *["-t"] * terminal, sh=SPEAKS, exits=3)
    watched.poll(3)
    docker("stop", "web")
    assert kinds(watched.poll()) == ["app_crashed"]
    assert (card("web").log_state, card("web").log) == ("wanted", "")
    watched.poll()
    assert (card("web").log_state, card("web").exit_code, card("web").signal) == ("kept", 3, "")
    assert {"starting", "failed"} < set(card("web").log.splitlines())
    assert len(card("web").log.splitlines()) == 4
    assert "hunter2" not in card("web").log


def test_a_card_keeps_the_minutes_before(watched: Watch) -> None:
    run("web", "--memory=64m", exits=3)
    watched.poll(4)
    docker("stop", "web")
    watched.poll()
    before = card("web").before
    assert len(before) == ServerMetrics.objects.count() == 6
    with_app = [one for one in before if one["memory_used_bytes"]]
    assert [one["timestamp"] for one in before] == sorted(one["timestamp"] for one in before)
    assert [one["memory_limit_bytes"] for one in with_app] == [64 * MEBIBYTE] * 4
    assert all(one["server_memory_percent"] for one in before)


def test_a_container_gone_with_its_log_leaves_a_card_without_lines(watched: Watch) -> None:
    run("web", sh="echo farewell", exits=3)
    watched.poll()
    docker("stop", "web")
    watched.poll()
    docker("rm", "web")
    watched.poll()
    assert (card("web").log_state, card("web").log) == ("empty", "")
    watched.poll(UNTIL_LISTED)
    assert card("web").log_state == "empty"
    assert app("web").removed_at


def test_an_endless_line_is_cut(watched: Watch) -> None:
    ended("flood", "head -c 5000000 /dev/zero | tr '\\0' x; exit 3")
    watched.poll(UNTIL_LISTED + 1)
    assert card("flood").log_state == "kept"
    assert set(card("flood").log) == {"x"}
    assert len(card("flood").log) <= 500


def test_only_the_last_fifty_lines_are_kept(watched: Watch) -> None:
    ended("chatty", "i=0; while [ $i -lt 80 ]; do i=$((i + 1)); echo line $i; done; exit 3")
    watched.poll(UNTIL_LISTED + 1)
    assert card("chatty").log.splitlines() == [f"line {number}" for number in range(31, 81)]


# --- ways to the list


def names(seen: Containers) -> dict[str, Container]:
    return {one.name: one for one in seen.by_id.values()}


@pytest.fixture
def some(daemon: Daemon) -> None:
    """Containers of every sort."""
    run("shop-web-1", *composed("web"), "--restart=on-failure", "--memory=64m")
    run("shop-web-2", *composed("web", 2))
    run("ill", "--health-cmd=exit 1", "--health-interval=1s", "--health-retries=1")
    ended("done", "exit 0")
    ended("crashed", "exit 3")
    docker("create", "--name=new", "--network=none", OLD, *waiting())
    until(lambda: inspected("ill", ".State.Health.Status") == "unhealthy")


def look() -> Containers:
    """What a new probe sees."""
    with closing(open_connection(None)) as connection:
        seen = collect(connection.probe, deltas.Counters()).reading.containers
    assert seen
    return seen


@pytest.mark.usefixtures("some")
def test_the_helper_tells_the_same_as_the_socket() -> None:
    over_socket = look()
    subprocess.run(["sh", HELPER], check=True)
    by_helper = look()
    assert (over_socket.way, by_helper.way, by_helper.status) == ("socket", "helper", AppsStatus.OK)
    assert names(by_helper) == names(over_socket)
    assert names(by_helper).keys() == {"shop-web-1", "shop-web-2", "ill", "done", "crashed", "new"}
    assert HELPERS_FILE.stat().st_mode & 0o777 == 0o644


@pytest.mark.usefixtures("some")
def test_without_curl_the_docker_command_tells_the_same() -> None:
    over_socket = look()
    with hidden("/usr/bin/curl"):
        by_command = look()
    assert (over_socket.way, by_command.way, by_command.status) == ("socket", "cli", AppsStatus.OK)
    assert names(by_command) == names(over_socket)


def test_without_curl_last_lines_are_fetched_by_command(watch: Watch) -> None:
    with hidden("/usr/bin/curl"):
        run("web", sh=SPEAKS, exits=3)
        watch.poll()
        docker("stop", "web")
        watch.poll(2)
    assert card("web").log_state == "kept"
    assert {"starting", "failed"} < set(card("web").log.splitlines())
    assert "hunter2" not in card("web").log


def test_a_stale_file_of_the_helper_is_not_believed(watch: Watch) -> None:
    run("web")
    subprocess.run(["sh", HELPER], check=True)
    watch.poll()
    assert watch.status == ("ok", "helper")
    heading, rest = HELPERS_FILE.read_text().split("\n", 1)
    HELPERS_FILE.write_text(f"tomo-containers 1 {int(time.time()) - 181}\n{rest}")
    assert heading.startswith("tomo-containers 1 ")
    assert kinds(watch.poll(UNTIL_LISTED)) == ["apps_unreadable"]
    assert (watch.status, app("web").removed_at) == (("unreadable", "stale"), None)


def test_the_four_answers_are_four_words(daemon: Daemon) -> None:
    assert (look().status, look().way) == (AppsStatus.NO_CONTAINERS, "socket")
    run("web")
    assert (look().status, look().way) == (AppsStatus.OK, "socket")
    with hidden(SOCKET):
        assert (look().status, look().way) == (AppsStatus.DAEMON_DOWN, "down")
    with hidden(SOCKET, "/usr/sbin/dockerd"):
        assert (look().status, look().way) == (AppsStatus.NO_DOCKER, "absent")


def test_a_daemon_that_is_down_uninstalls_nothing(watched: Watch, daemon: Daemon) -> None:
    run("web")
    watched.poll()
    daemon.stop()
    try:
        rows = watched.poll(2 * UNTIL_LISTED)
        assert (kinds(rows), rows[0].details) == (["apps_unreadable"], {"before": "ok", "after": "daemon_down"})
        assert watched.status == ("daemon_down", "down")
        assert (app("web").removed_at, app("web").is_bare, App.objects.count()) == (None, False, 1)
        assert watched.sample(app("web")).memory_used_bytes  # it runs on, and its cgroup is there
    finally:
        daemon.start()
    assert kinds(watched.poll(UNTIL_LISTED)) == ["apps_readable"]
    assert (watched.status, app("web").removed_at, app("web").state) == (("ok", "socket"), None, "running")


def test_what_ends_while_the_daemon_is_down_is_told_when_it_is_back(watched: Watch, daemon: Daemon) -> None:
    run("web")
    watched.poll()
    process = int(inspected("web", ".State.Pid"))
    daemon.stop()
    try:
        os.kill(process, signal.SIGKILL)
        assert kinds(watched.poll(2)) == ["apps_unreadable"]
        assert app("web").removed_at is None
    finally:
        daemon.start()
    assert kinds(watched.poll(UNTIL_LISTED)) == ["apps_readable", "app_stopped"]


def test_a_socket_that_nobody_listens_at_is_a_daemon_down(daemon: Daemon) -> None:
    daemon.stop()
    try:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(SOCKET)
        assert (look().status, look().way) == (AppsStatus.DAEMON_DOWN, "down")
    finally:
        Path(SOCKET).unlink()
        daemon.start()


def test_a_daemon_that_hangs_holds_no_poll_up(watched: Watch, daemon: Daemon) -> None:
    run("web")
    watched.poll()
    daemon.send(signal.SIGSTOP)
    try:
        assert kinds(watched.poll(UNTIL_LISTED)) == ["apps_unreadable"]
        assert watched.status == ("unreadable", "slow")
    finally:
        daemon.send(signal.SIGCONT)
    assert kinds(watched.poll(UNTIL_LISTED)) == ["apps_readable"]


# --- an account of its own


@pytest.fixture
def account() -> Iterator[str]:
    """An ordinary one, without Docker's rights."""
    name = f"tomo-docker-{os.getpid()}"
    subprocess.run(["useradd", "--no-create-home", "--shell=/bin/sh", name], check=True)
    subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD}", text=True, check=True)
    yield name
    subprocess.run(["userdel", name], check=True)


@pytest.fixture
def ordinary(db: None, account: str, sshd: Sshd) -> Iterator[Watch]:
    """This machine, watched as that account over SSH."""
    with closing(open_connection(signing_in(account, sshd))) as connection:
        yield Watch(connection)


def signing_in(account: str, sshd: Sshd) -> Target:
    shown = fleet.host_key(sshd)
    return Target("127.0.0.1", sshd.port, account, {shown["type"]: shown["key"]}, password=PASSWORD)


def are_near(ours: ContainerFigures, theirs: ContainerFigures) -> bool:
    assert ours.memory_bytes is not None
    assert theirs.memory_bytes is not None
    near = max(theirs.memory_bytes * 0.02, MEBIBYTE)
    return (
        ours.pids == theirs.pids
        and abs((ours.cpu_percent or 0) - (theirs.cpu_percent or 0)) <= 5
        and abs(ours.memory_bytes - theirs.memory_bytes) <= near
    )


def test_an_account_without_dockers_rights_has_the_same_figures(ordinary: Watch) -> None:
    busy = run("busy", "--cpus=0.4", sh="while :; do :; done")
    run("web", "--memory=64m", sh="dd if=/dev/zero of=/dev/shm/kept bs=1M count=20 2>/dev/null")
    with closing(open_connection(None)) as root:
        for _ in range(TRIES):
            ordinary.poll()
            before = deltas.counters(collect(root.probe, deltas.Counters()).reading)
            time.sleep(1)
            ordinary.poll()
            theirs = collect(root.probe, before).sample.containers
            ours = ordinary.collected.sample.containers
            assert ours.keys() == theirs.keys()
            if near := all(are_near(ours[one], theirs[one]) for one in ours):
                break
    assert near, (ours, theirs)
    assert ours[busy].cpu_percent > 10
    assert ordinary.status == ("not_allowed", "denied")


def test_an_account_without_dockers_rights_knows_containers_by_their_id(ordinary: Watch) -> None:
    ordinary.poll()
    container_id = run("web")
    assert kinds(ordinary.poll()) == ["app_started"]
    one = App.objects.get()
    assert (one.name, one.is_bare, one.condition) == (container_id[:12], True, "running")
    assert ordinary.sample(one).memory_used_bytes
    docker("stop", "web")
    assert kinds(ordinary.poll()) == ["app_stopped"]


def test_the_helper_names_what_was_known_by_its_id(ordinary: Watch) -> None:
    run("web")
    ordinary.poll()
    before = App.objects.get()
    subprocess.run(["sh", HELPER], check=True)
    assert kinds(ordinary.poll(UNTIL_LISTED)) == ["apps_readable"]
    assert (app("web").pk, app("web").is_bare, app("web").image) == (before.pk, False, OLD)
    assert ordinary.status == ("ok", "helper")


def test_without_a_way_to_the_log_a_card_says_so(ordinary: Watch) -> None:
    run("web", sh="echo farewell", exits=3)
    subprocess.run(["sh", HELPER], check=True)
    ordinary.poll()
    docker("stop", "web")
    subprocess.run(["sh", HELPER], check=True)
    assert kinds(ordinary.poll()) == ["app_crashed"]
    assert (card("web").log_state, card("web").log) == ("closed", "")


def test_an_account_in_dockers_group_has_names(account: str, sshd: Sshd) -> None:
    run("web")
    subprocess.run(["usermod", "--append", "--groups=docker", account], check=True)
    with closing(open_connection(signing_in(account, sshd))) as connection:
        seen = collect(connection.probe, deltas.Counters()).reading.containers
    assert seen
    assert (seen.status, seen.way, [one.name for one in seen.by_id.values()]) == (AppsStatus.OK, "socket", ["web"])
