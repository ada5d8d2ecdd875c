"""Each server is one poller's at a time, pollers share them fairly, and what is no longer theirs they do not store."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db.models.functions import Now
from django_q.models import Schedule
from hypothesis import given
from hypothesis import strategies as some

from metrics import schedules, servers
from metrics.leases import fair
from metrics.models import Heartbeat, Server, ServerMetrics, ServerState
from metrics.poller import Poller
from tests.conftest import AT
from tests.metrics.fleet import INTERVAL, a_poller, key_secret, poll_round, this_machine, watched
from tests.metrics.leftovers import nothing_left_over
from tests.sshd import Sshd
from tomo_monitor.management.commands.serve import Command

SECOND = timedelta(seconds=1)


@pytest.fixture
def pollers(transactional_db: None) -> Iterator[list[Poller]]:
    """Three of the home site."""
    with ExitStack() as stack:
        yield [stack.enter_context(a_poller(name)) for name in ("poll", "poll-2", "poll@b")]


def add(count: int, site: str = "") -> None:
    for number in range(count):
        name = f"{site or 'home'}-{number:02}"
        servers.add(Server(name=name, hostname="192.0.2.1", site=site), None, [], AT)


def renewed(*pollers: Poller, at: Any = AT) -> None:
    """Each shows three times that it lives."""
    for _ in range(3):
        for poller in pollers:
            assert poller.renew(at)


def held() -> Counter[str]:
    """How many servers each process has."""
    return Counter(ServerState.objects.values_list("holder", flat=True))


# The fair share -----------------------------------------------------------------------------------------


@given(
    holders=some.dictionaries(some.integers(1, 500), some.sampled_from(["", "a", "b", "c", "dead", "gone"])),
    living=some.sets(some.sampled_from("abc"), min_size=1),
)
def test_wherever_it_begins_every_server_gets_one_living_holder_and_none_has_too_many(
    holders: dict[int, str], living: set[str]
) -> None:
    for me in sorted(living) * 3:
        taken, surplus = fair(holders, living, me)
        holders |= dict.fromkeys(surplus, "") | dict.fromkeys(taken, me)
    share = Counter(holders.values())
    assert set(share) <= living
    assert all(count <= -(-len(holders) // len(living)) for count in share.values())
    assert all(fair(holders, living, me) == ([], []) for me in living)


def test_pollers_share_the_servers_and_who_comes_later_gets_a_share_too(pollers: list[Poller]) -> None:
    add(7)
    renewed(pollers[0])
    assert held() == {pollers[0].holder: 7}
    renewed(*pollers)
    assert sorted(held().values()) == [1, 3, 3]
    assert set(held()) == {poller.holder for poller in pollers}


def test_the_servers_of_a_dead_poller_are_taken_over_after_twenty_seconds(pollers: list[Poller]) -> None:
    first, second, _ = pollers
    add(4)
    renewed(first, second)
    renewed(second, at=AT + 20 * SECOND)
    assert held() == {first.holder: 2, second.holder: 2}
    renewed(second, at=AT + 21 * SECOND)
    assert held() == {second.holder: 4}


def test_the_servers_of_a_poller_that_ended_are_taken_over_at_once(pollers: list[Poller]) -> None:
    first, second, _ = pollers
    add(4)
    renewed(first, second)
    Heartbeat.objects.release(first.name, "stopped")
    renewed(second)
    assert held() == {second.holder: 4}


def test_a_site_s_servers_are_its_own_pollers(pollers: list[Poller]) -> None:
    add(2)
    add(3, "frankfurt")
    with a_poller("poll-frankfurt", "frankfurt") as there:
        renewed(pollers[0])
        assert held() == {pollers[0].holder: 2, "": 3}
        renewed(there)
        assert held() == {pollers[0].holder: 2, there.holder: 3}
        Server.objects.filter(name="home-00").update(site="frankfurt")
        renewed(there, pollers[0])
        assert held() == {pollers[0].holder: 1, there.holder: 4}


def test_a_machine_that_runs_the_product_is_polled_by_itself_alone(pollers: list[Poller], settings: Any) -> None:
    here = this_machine()
    servers.watch_this_machine(AT, node="b")
    renewed(pollers[0], pollers[1])
    assert dict(ServerState.objects.values_list("server__hostname", "holder")) == {
        "localhost": here.state.holder or pollers[0].holder,
        "b": "",
    }
    settings.TOMO = settings.TOMO | {"node": "b"}
    renewed(pollers[2])
    assert ServerState.objects.get(server__hostname="b").holder == pollers[2].holder


# Over real connections -----------------------------------------------------------------------------------


def signed_in() -> int:
    return sum(type(one).__name__ == "BoundedTransport" for one in threading.enumerate())


def test_what_is_given_back_is_closed_first(sshd: Sshd, keys_folder: Path, pollers: list[Poller]) -> None:
    first, second, _ = pollers
    for number in range(4):
        watched(sshd, key_secret(keys_folder / "id"), f"web-{number}")
    with nothing_left_over():
        poll_round(first, AT)
        assert signed_in() == 4
        renewed(second)
        first.renew(AT)
        assert signed_in() == 2
        poll_round(second, AT + INTERVAL)
        assert (signed_in(), sshd.logins()) == (4, 6)
        first.close()
        second.close()


def test_a_poller_that_stood_still_stores_nothing_and_lets_go(
    sshd: Sshd, keys_folder: Path, pollers: list[Poller]
) -> None:
    server = watched(sshd, key_secret(keys_folder / "id"))
    still, other, _ = pollers
    with nothing_left_over():
        poll_round(still, AT)
        sshd.freeze()
        ServerState.objects.update(next_poll_at=AT + INTERVAL)
        still.tick(AT + INTERVAL)
        renewed(other, at=AT + 4 * INTERVAL)
        sshd.thaw()
        while still._running:
            still.tick(AT + INTERVAL)
        assert ServerMetrics.objects.count() == 1
        renewed(still, at=AT + 4 * INTERVAL)
        assert signed_in() == 0
        poll_round(other, AT + 5 * INTERVAL)
        assert [row.timestamp for row in ServerMetrics.objects.order_by("pk")] == [AT, AT + 5 * INTERVAL]
        assert ServerState.objects.get(server=server).holder == other.holder
        other.close()


# Several hosts ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "remedy"), [("poll", "set TOMO_NODE"), ("tasks", "leave tasks out of TOMO_PARTS")])
def test_a_second_host_of_the_same_name_is_refused_with_the_remedy(settings: Any, name: str, remedy: str) -> None:
    settings.CLUSTERS = [name]
    Command()._claim()
    Command()._claim()
    settings.THIS_HOST = "another:/data"
    with pytest.raises(CommandError, match=remedy):
        Command()._claim()
    assert not Heartbeat.objects.hold(name, "its process", Now())
    Heartbeat.objects.update(at=AT)
    Command()._claim()
    assert Heartbeat.objects.get().host == "another:/data"


@pytest.mark.django_db
def test_a_host_that_stopped_leaves_its_names_to_another(settings: Any) -> None:
    Command()._claim()
    Heartbeat.objects.leave(settings.CLUSTERS)
    settings.THIS_HOST = "another:/data"
    Command()._claim()
    assert set(Heartbeat.objects.values_list("host", flat=True)) == {"another:/data"}


@pytest.mark.django_db
def test_a_further_host_with_other_keys_is_refused_before_it_records_anything(settings: Any) -> None:
    add(1)
    settings.TOMO = settings.TOMO | {"node": "b"}
    Command()._check_keys()
    settings.ACTIVITY_KEY = bytes(32)
    with pytest.raises(CommandError, match="copy the folder from the data folder of the first host"):
        Command()._check_keys()


@pytest.mark.django_db(databases="__all__")
def test_a_host_leaves_the_schedules_of_others_alone(settings: Any) -> None:
    settings.CLUSTERS = settings.POLL_CLUSTERS = ["poll-frankfurt@b"]
    Command()._claim()
    schedules.sync()
    settings.THIS_HOST, settings.CLUSTERS, settings.POLL_CLUSTERS = "first", ["tasks", "poll"], ["poll"]
    Command()._claim()
    schedules.sync()
    assert set(Schedule.objects.values_list("cluster", flat=True)) == {"tasks", "poll", "poll-frankfurt@b"}
    settings.CLUSTERS = ["tasks"]
    schedules.sync()
    assert set(Schedule.objects.values_list("cluster", flat=True)) == {"tasks", "poll-frankfurt@b"}
