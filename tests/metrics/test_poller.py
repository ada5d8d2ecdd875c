"""The poller keeps its servers' connections, polls what is due, and lets nobody wait for a dead one."""

import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings
from django.db import OperationalError

from metrics import servers, tasks
from metrics.backoff import next_round, phase
from metrics.collect import collect
from metrics.local import LocalConnection
from metrics.models import Heartbeat, Server, ServerMetrics, ServerState
from metrics.models.fields import SLOT_SECONDS
from metrics.models.heartbeat import STOPPED
from metrics.models.server import Transport
from metrics.poller import Poller
from metrics.probe.deltas import Counters
from tests.conftest import AT
from tests.metrics.fleet import (
    INTERVAL,
    a_poller,
    key_secret,
    nobody_there,
    poll_round,
    state,
    this_machine,
    told,
    watched,
)
from tests.metrics.leftovers import nothing_left_over
from tests.sshd import Sshd

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other_sshd(tmp_path: Path, keys_folder: Path) -> Iterator[Sshd]:
    server = Sshd(tmp_path / "other", (keys_folder / "id.pub").read_text())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(sshd: Sshd, keys_folder: Path) -> Server:
    return watched(sshd, key_secret(keys_folder / "id"))


@pytest.fixture
def fleet(server: Server, other_sshd: Sshd, keys_folder: Path) -> list[Server]:
    """Three living servers: two over SSH and this machine."""
    return [server, watched(other_sshd, key_secret(keys_folder / "id"), "web-02"), this_machine()]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield int(listening.getsockname()[1])


def samples(server: Server) -> list[ServerMetrics]:
    return [row for row in ServerMetrics.objects.order_by("pk") if row.server_id == server.pk]


def for_seconds(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def until(is_so: Callable[[], object], seconds: float = 40) -> Callable[[], bool]:
    """Over once it is so; a failure if it does not become so."""
    deadline = time.monotonic() + seconds

    def is_over() -> bool:
        assert time.monotonic() < deadline
        return bool(is_so())

    return is_over


# Rounds ----------------------------------------------------------------------------------------------


def test_each_server_has_one_sample_a_round(fleet: list[Server]) -> None:
    with nothing_left_over(), a_poller() as poller:
        for number in range(3):
            poll_round(poller, AT + number * INTERVAL)
    for server in fleet:
        assert [row.timestamp for row in samples(server)] == [AT + number * INTERVAL for number in range(3)]
        assert state(server).status == "online"
    assert ServerMetrics.objects.count() == 9


def test_one_sign_in_serves_all_rounds(fleet: list[Server], sshd: Sshd, other_sshd: Sshd) -> None:
    with a_poller() as poller:
        for number in range(4):
            poll_round(poller, AT + number * INTERVAL)
    assert (sshd.logins(), other_sshd.logins()) == (1, 1)


def test_samples_carry_the_slot_of_their_round(fleet: list[Server]) -> None:
    with a_poller() as poller:
        poll_round(poller, AT + timedelta(seconds=7.3))
    assert {row.timestamp for row in ServerMetrics.objects.all()} == {AT}
    assert all(row.timestamp.timestamp() % SLOT_SECONDS == 0 for row in ServerMetrics.objects.all())


def test_two_polls_in_one_slot_are_one_sample(server: Server) -> None:
    with a_poller() as poller:
        poll_round(poller, AT)
        poll_round(poller, AT + timedelta(seconds=5))
    assert len(samples(server)) == 1


def test_the_next_poll_is_at_the_next_round(server: Server) -> None:
    with a_poller() as poller:
        poll_round(poller, AT)
    now = state(server)
    assert now.next_poll_at == next_round(now.polled_at, INTERVAL, phase(server.pk))
    assert timedelta(0) < now.next_poll_at - now.polled_at <= INTERVAL


def test_the_second_sample_has_rates(fleet: list[Server]) -> None:
    with a_poller() as poller:
        poll_round(poller, AT)
        poll_round(poller, AT + INTERVAL)
    for server in fleet:
        assert [row.cpu_percent is None for row in samples(server)] == [True, False]


def test_a_server_that_is_not_due_is_left_alone(fleet: list[Server]) -> None:
    ServerState.objects.update(next_poll_at=AT + timedelta(seconds=1))
    with a_poller() as poller:
        poller.renew(AT)
        poller.tick(AT)
    assert ServerMetrics.objects.count() == 0


def test_a_server_that_was_never_prepared_is_left_alone(server: Server, sshd: Sshd) -> None:
    ServerState.objects.update(next_poll_at=None)
    with a_poller() as poller:
        poller.renew(AT)
        poller.tick(AT)
    assert sshd.logins() == 0


# The dead and the living -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_dead_and_hanging_servers_keep_no_living_one_waiting(
    fleet: list[Server], sshd: Sshd, other_sshd: Sshd, keys_folder: Path, free_port: int, silent_port: int
) -> None:
    interval = timedelta(seconds=4)
    hanging, *living = fleet
    secret = key_secret(keys_folder / "id")
    others = [watched(sshd, secret, f"hanging-{number}") for number in range(5)]
    dead = [nobody_there(free_port, f"dead-{number}") for number in range(5)]
    silent = [nobody_there(silent_port, f"silent-{number}") for number in range(5)]
    living += [watched(other_sshd, secret, f"living-{number}") for number in range(10)]
    polled: dict[int, set[datetime]] = {server.pk: set() for server in living}

    def note() -> None:
        for now in ServerState.objects.filter(server__in=living, polled_at__isnull=False):
            polled[now.server_id].add(now.polled_at)

    with a_poller(interval=interval) as poller:
        poller.run(until(lambda: all(state(one).status == "online" for one in (hanging, *others, *living))))
        sshd.freeze()
        try:
            over = for_seconds(20)
            poller.run(lambda: note() or over())
        finally:
            sshd.thaw()
    for instants in polled.values():
        moments = sorted(instants)
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        assert len(moments) >= 4
        assert max(gaps) < 2 * interval
    assert {state(one).reason for one in (hanging, *others)} <= {"too_slow", "timeout"}
    assert {state(one).status for one in (hanging, *others)} == {"offline"}
    assert {state(one).reason for one in dead} == {"refused"}
    assert {state(one).reason for one in silent} == {"timeout"}
    assert told(dead[0]).count("server_disconnected") == 1


def test_a_poll_that_is_not_done_yet_is_not_started_again(server: Server, sshd: Sshd) -> None:
    with a_poller() as poller:
        sshd.freeze()
        poller.renew(AT)
        poller.tick(AT)
        poller.tick(AT + INTERVAL)
        sshd.thaw()
        poll_round(poller, AT + 2 * INTERVAL)
    assert sshd.logins() == 1


def test_rounds_that_pass_while_a_poll_runs_are_left_out_and_counted(server: Server, sshd: Sshd) -> None:
    with a_poller(interval=timedelta(seconds=1)) as poller:
        sshd.freeze()
        ServerState.objects.update(next_poll_at=datetime.now(UTC))
        poller.renew(datetime.now(UTC))
        for _ in range(3):
            poller.tick(datetime.now(UTC))
        sshd.thaw()
        poller.run(until(lambda: state(server).status == "online"))
        poller.renew(datetime.now(UTC))
    assert Heartbeat.objects.get(name="poll").late_polls >= 2
    assert state(server).next_poll_at > state(server).polled_at
    assert sshd.logins() == 1


# Servers that change meanwhile ---------------------------------------------------------------------------------


@pytest.fixture
def under_way(server: Server, sshd: Sshd) -> Iterator[Poller]:
    """A poller with a poll of the server under way, which goes on after `thaw`."""
    with a_poller() as poller:
        sshd.freeze()
        poller.renew(AT)
        poller.tick(AT)
        yield poller


def finish(poller: Poller, sshd: Sshd) -> None:
    sshd.thaw()
    ticks = 0
    while sshd.logins() == 0 or ticks < 2:
        poller.tick(AT - timedelta(days=1))  # nothing new is due then
        ticks += 1
        assert ticks < 20


def test_the_poll_of_a_server_paused_meanwhile_is_dropped(server: Server, sshd: Sshd, under_way: Poller) -> None:
    Server.objects.update(paused=True)
    finish(under_way, sshd)
    assert ServerMetrics.objects.count() == 0
    assert state(server).status == "pending"


def test_the_poll_of_a_server_deleted_meanwhile_is_dropped(server: Server, sshd: Sshd, under_way: Poller) -> None:
    Server.objects.all().delete()
    finish(under_way, sshd)
    assert ServerMetrics.objects.count() == 0


def test_the_poll_of_a_server_changed_meanwhile_is_dropped(
    server: Server, sshd: Sshd, keys_folder: Path, under_way: Poller
) -> None:
    servers.change(Server.objects.get(), key_secret(keys_folder / "stranger"), None, AT)
    finish(under_way, sshd)
    assert ServerMetrics.objects.count() == 0
    assert "server_connected" not in told(server)


def test_the_same_poll_is_stored_if_nothing_changed(server: Server, sshd: Sshd, under_way: Poller) -> None:
    finish(under_way, sshd)
    assert [row.timestamp for row in samples(server)] == [AT]


def test_other_access_is_used_from_the_next_poll_on(server: Server, sshd: Sshd, keys_folder: Path) -> None:
    with a_poller() as poller:
        poll_round(poller, AT)
        servers.change(Server.objects.get(), key_secret(keys_folder / "stranger"), None, AT)
        poll_round(poller, AT + INTERVAL)
    assert state(server).reason == "auth_failed"


@pytest.mark.parametrize("end", ["paused", "deleted"])
def test_nobody_stays_signed_in_at_a_server_that_is_paused_or_deleted(server: Server, end: str) -> None:
    with a_poller() as poller, nothing_left_over():
        poll_round(poller, AT)
        if end == "paused":
            Server.objects.update(paused=True)
        else:
            servers.delete(Server.objects.get(), AT)
        deadline = time.monotonic() + 15
        while _ssh_threads() and time.monotonic() < deadline:
            poller.renew(AT)


def _ssh_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if type(one).__name__ == "BoundedTransport"]


# Several pollers ---------------------------------------------------------------------------------------------------


def test_a_second_holder_waits(server: Server, sshd: Sshd) -> None:
    assert Heartbeat.objects.hold("poll", "another", datetime.now(UTC))
    with a_poller() as poller:
        poller.run(until(lambda: True))
        poller.run(for_seconds(0.1))
    assert sshd.logins() == 0
    assert Heartbeat.objects.get(name="poll").holder == "another"


def test_a_lease_that_was_released_is_taken(server: Server) -> None:
    assert Heartbeat.objects.hold("poll", "another", datetime.now(UTC))
    Heartbeat.objects.release("poll")
    with a_poller() as poller:
        poller.run(until(lambda: state(server).status == "online"))
        assert Heartbeat.objects.get(name="poll").holder == poller.holder


@pytest.mark.parametrize(("seconds", "is_free"), [(0, False), (19, False), (21, True)])
def test_a_lease_that_is_not_renewed_is_free_after_twenty_seconds(seconds: int, *, is_free: bool) -> None:
    assert Heartbeat.objects.hold("poll", "first", AT)
    assert Heartbeat.objects.hold("poll", "second", AT + timedelta(seconds=seconds)) is is_free
    assert Heartbeat.objects.is_held("poll", "second") is is_free


def test_a_lease_is_kept_by_its_holder() -> None:
    for number in range(5):
        assert Heartbeat.objects.hold("poll", "first", AT + number * timedelta(minutes=5))


def test_a_stopped_poller_lays_down_its_work(server: Server) -> None:
    with a_poller() as poller, nothing_left_over():

        def stop_when_online() -> bool:
            if state(server).status == "online":
                Heartbeat.objects.release("poll", STOPPED)
            return False

        poller.run(stop_when_online)
        assert _ssh_threads() == []
    assert not Heartbeat.objects.hold("poll", "another", datetime.now(UTC) + timedelta(hours=1))


def test_a_poller_that_lost_its_lease_polls_again_when_it_has_it_back(server: Server, sshd: Sshd) -> None:
    with a_poller() as poller:
        poller.run(until(lambda: state(server).status == "online"))
        Heartbeat.objects.filter(name="poll").update(holder="another")
        poller.run(until(lambda: True))
        poller.run(until(lambda: False, seconds=5))
        Heartbeat.objects.release("poll")
        before = state(server).polled_at
        ServerState.objects.update(next_poll_at=AT)
        poller.run(until(lambda: state(server).polled_at > before))
    assert state(server).status == "online"


def test_a_poller_goes_on_when_the_database_is_back(server: Server) -> None:
    failures = iter([OperationalError("the database is starting up")] * 2)

    def is_over() -> bool:
        for failure in failures:
            raise failure
        return state(server).status == "online"

    with a_poller() as poller:
        poller.run(is_over)
    assert state(server).status == "online"


def test_a_poller_shows_that_it_lives(server: Server) -> None:
    before = datetime.now(UTC)
    with a_poller() as poller:
        poller.run(for_seconds(1))
    assert Heartbeat.objects.get(name="poll").at >= before


# Processes ------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_poller_inherited_over_a_fork_is_not_used(server: Server, sshd: Sshd) -> None:
    poller = tasks._this_process(settings.POLL_CLUSTERS[0])
    try:
        poll_round(poller, AT)
        child = os.fork()
        if child == 0:
            theirs = tasks._this_process(settings.POLL_CLUSTERS[0])
            os._exit(0 if theirs is not poller and theirs.process == os.getpid() != poller.process else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert tasks._this_process(settings.POLL_CLUSTERS[0]) is poller
        poll_round(poller, AT + INTERVAL)
    finally:
        poller.close()
        tasks._poller = None
    assert sshd.logins() == 1


def test_this_machine_is_read_however_many_connections_are_held() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
    try:
        connection = LocalConnection()
        assert collect(connection.probe, Counters()).sample.load
        connection.close()
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_one_that_cannot_be_stored_takes_no_other_along() -> None:
    """A server whose number no sample's key can hold is in one batch with this machine."""
    for pk, name in ((0, "unnumbered"), (1, "this-machine")):
        server = Server(pk=pk, name=name, hostname="localhost", transport=Transport.LOCAL)
        servers.begin_polling(servers.add(server, None, [], AT), AT)
    with a_poller() as poller:
        poller.renew(AT)
        until = time.monotonic() + 20
        while not ServerMetrics.objects.exists() and time.monotonic() < until:
            poller.tick(AT)
    assert [sample.server_id for sample in ServerMetrics.objects.all()] == [1]
    assert told(Server.objects.get(pk=1)) == ["server_added", "server_connected"]
    assert told(Server.objects.get(pk=0)) == ["server_added"]
