"""What watching costs is counted where it is spent."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from metrics import costs, store
from metrics.collect import Collected
from metrics.costs import Cost
from metrics.failures import Failure, Reason
from metrics.meter import Meter
from metrics.models import Heartbeat, Server
from metrics.probe import deltas
from metrics.probe.deltas import Counters
from metrics.probe.reading import Reading
from metrics.store import Polled
from tests.conftest import AT
from tests.metrics.fleet import INTERVAL, a_poller, key_secret, poll_round, state, this_machine, watched
from tests.sshd import Sshd

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture
def server(sshd: Sshd, keys_folder: Path) -> Server:
    return watched(sshd, key_secret(keys_folder / "id"))


def cost(server: Server, at: datetime = AT) -> Cost:
    return costs.cost(Server.objects.select_related("state").get(pk=server.pk), at)


def keep(server: Server, at: datetime = AT, *, seconds: float | None = None, **counted: int) -> None:
    """A poll whose connection has counted so much."""
    reading = Reading(watching_seconds=seconds)
    outcome = Collected(reading, deltas.sample(reading, Counters()), at, 0.25, **counted)
    store.save([Polled(Server.objects.select_related("state").get(pk=server.pk), at, outcome)], INTERVAL)


# Over real connections -----------------------------------------------------------------------------


def test_a_poller_counts_what_its_connection_costs(server: Server, sshd: Sshd) -> None:
    with a_poller() as poller:
        for number in range(2):
            poll_round(poller, AT + number * INTERVAL)
    found = cost(server)
    assert (found.polls, found.logins_today) == (2, sshd.logins())
    assert found.milliseconds is not None
    assert found.cpu_milliseconds is not None
    assert found.bytes
    assert found.bytes > 1000


def test_each_login_counts_and_a_new_connection_begins_anew(server: Server, sshd: Sshd) -> None:
    with a_poller() as poller:
        for number in range(2):
            poll_round(poller, AT + number * INTERVAL)
            sshd.stop()
            sshd.start()
    assert cost(server).polls == 1
    assert cost(server).logins_today == sshd.logins() == 2


def test_a_login_that_brings_no_sample_counts_as_well(server: Server, sshd: Sshd, keys_folder: Path) -> None:
    sshd.authorize(f'command="echo no" {(keys_folder / "id.pub").read_text()}')
    with a_poller() as poller:
        poll_round(poller, AT)
    assert state(server).reason == Reason.COMMAND_FAILED
    assert cost(server).logins_today == sshd.logins() == 1


def test_this_machine_costs_neither_network_nor_logins() -> None:
    server = this_machine()
    with a_poller() as poller:
        poll_round(poller, AT)
    found = cost(server)
    assert (found.bytes, found.logins_today) == (0, 0)
    assert found.cpu_milliseconds is not None


def test_a_poller_tells_what_it_does_and_what_that_takes(server: Server) -> None:
    with a_poller() as poller:
        poller._meter = Meter(0)
        poll_round(poller, AT)
        assert poller.renew(AT)
    beat = Heartbeat.objects.get(name="poll")
    assert beat.servers_held == 1
    assert beat.polls_a_minute
    assert beat.cpu_milliseconds_a_poll


# Counted -------------------------------------------------------------------------------------------


def test_a_poll_costs_the_mean_of_its_connection(server: Server) -> None:
    keep(server, seconds=0.05, polls=20, moved_bytes=90_000, logins=1)
    assert cost(server) == Cost(polls=20, milliseconds=250, bytes=4500, cpu_milliseconds=2.5, logins_today=1)


def test_what_a_server_does_not_tell_is_unknown_and_not_zero(server: Server) -> None:
    keep(server, polls=20, moved_bytes=90_000)
    assert cost(server).cpu_milliseconds is None


def test_the_logins_of_a_day_end_with_it(server: Server) -> None:
    for at in (AT, AT + DAY, AT + DAY):
        keep(server, at, logins=1)
    assert cost(server, AT + DAY).logins_today == 2
    assert cost(server, AT + 2 * DAY).logins_today == 0


@pytest.mark.parametrize(("zone", "logins"), [("Europe/London", 2), ("Pacific/Auckland", 1)])
def test_a_day_begins_at_midnight_where_one_looks(server: Server, settings: Any, zone: str, logins: int) -> None:
    settings.TIME_ZONE = zone
    for hour in (10, 12):  # it is one o'clock in the night in Auckland
        keep(server, datetime(2026, 1, 31, hour, tzinfo=UTC), logins=1)
    assert cost(server, datetime(2026, 1, 31, 13, tzinfo=UTC)).logins_today == logins


def test_a_server_that_is_offline_costs_its_logins_alone(server: Server) -> None:
    keep(server, polls=20, moved_bytes=90_000, logins=1)
    failure = Failure(Reason.TOO_SLOW, "192.0.2.1:22")
    failure.logins = 1
    store.save([Polled(Server.objects.select_related("state").get(pk=server.pk), AT, failure)], INTERVAL)
    assert cost(server) == Cost(None, None, None, None, logins_today=2)


def test_servers_together_cost_the_mean_of_those_that_tell() -> None:
    one, other = Cost(10, 20, 4000, 3.0, 1), Cost(30, 40, 6000, None, 2)
    assert costs.together([one, other, Cost(None, None, None, None, 4)]) == Cost(40, 30, 5000, 3.0, 7)
    assert costs.together([]) == Cost(None, None, None, None, 0)
