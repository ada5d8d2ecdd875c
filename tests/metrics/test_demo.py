"""Made-up machines: answers that are read as any server's, a past that agrees with the present, only in a demo."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from activity import verification
from activity.models import ActivityLog
from metrics import retention, rollups, store
from metrics.collect import Collected, collect
from metrics.connections import open_connection, way
from metrics.demo import figures, fleet, history
from metrics.demo.connection import DemoConnection, MadeUp, machine
from metrics.dial import dial
from metrics.failures import Failure, Reason
from metrics.models import (
    App,
    ContainerMetrics,
    CrashCard,
    LatestContainerMetrics,
    LatestServerMetrics,
    Resolved,
    Server,
    ServerMetrics,
)
from metrics.models.fields import first_key, slot_key
from metrics.models.rollups import ROLLUPS
from metrics.models.server import Transport
from metrics.periods import DAY, FIVE_MINUTES, HOUR
from metrics.probe import deltas
from metrics.probe.deltas import Counters
from metrics.probe.reading import AppsStatus, State
from metrics.store import Polled
from tests.conftest import AT

BEGUN = int(AT.timestamp())
WORKER = "shop-worker-1"
FILLED = ("web-02", "vpn-01")


class Clock:
    def __init__(self, at: float = BEGUN) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def connection(clock: Clock, name: str = "web-02") -> DemoConnection:
    return DemoConnection(MadeUp(name, BEGUN, name), clock)


def twice(clock: Clock, name: str = "web-02") -> Collected:
    """The second of two polls, a minute apart."""
    probe = connection(clock, name).probe
    first = collect(probe, Counters())
    clock.at += 60
    return collect(probe, deltas.counters(first.reading))


def crash() -> float:
    trouble = next(app.trouble for app in fleet.plan("web-02", BEGUN).apps if app.container_name == WORKER)
    assert trouble
    return trouble.begins.last(BEGUN)


# Answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", fleet.NAMES)
def test_every_machine_answers_with_sensible_figures(clock: Clock, name: str) -> None:
    if name == "home-pi":
        clock.at -= 86_400
    sample = twice(clock, name).sample
    assert sample.cpu
    assert sample.memory
    assert sample.disk
    assert sample.network_rates
    assert 1 < sample.cpu.busy < 90
    assert 0.1 < sample.memory.used_bytes / sample.memory.total_bytes < 0.9
    assert all(1 < (one.used_percent or 0) < 97 for one in sample.filesystems or ())
    assert sample.network_rates.transmit_bytes_per_second > 1000
    assert len(sample.cores) == fleet.plan(name, BEGUN).shape.cores


def test_its_containers_are_listed_inspected_and_measured(clock: Clock) -> None:
    polled = twice(clock)
    seen, used = polled.reading.containers, polled.sample.containers
    assert seen
    assert seen.status is AppsStatus.OK
    assert {one.service for one in seen.by_id.values()} == {"", "web", "api", "worker", "cache"}
    assert all(one.state is State.RUNNING and one.restart_policy for one in seen.by_id.values())
    assert all(0.5 < (one.cpu_percent or 0) < 99 for one in used.values())


def test_one_that_leaks_is_killed_and_writes_last_words(clock: Clock) -> None:
    clock.at = crash() + 30
    probe = connection(clock).probe
    seen = collect(probe, Counters()).reading.containers
    assert seen
    (dead,) = [one for one in seen.by_id.values() if one.state is State.EXITED]
    assert (dead.name, dead.exit_code, dead.is_out_of_memory) == (WORKER, 137, True)
    assert dead.engine
    logs = collect(probe, Counters(), {dead.id: dead.engine}).logs
    assert "allocation of" in logs[dead.id][-1]


def test_a_machine_that_is_down_cannot_be_reached(clock: Clock) -> None:
    outage = fleet.plan("vpn-01", BEGUN).outage
    assert outage
    kept = connection(clock, "vpn-01")
    clock.at = outage.begins.last(BEGUN) + 60
    with pytest.raises(Failure) as lost:
        collect(kept.probe, Counters())
    assert lost.value.reason is Reason.DISCONNECTED
    with pytest.raises(Failure) as refused:
        connection(clock, "vpn-01")
    assert refused.value.reason is Reason.TIMEOUT


def test_a_name_that_nobody_thought_of_is_a_machine_like_the_others(clock: Clock) -> None:
    sample = twice(clock, "bench-4711").sample
    assert sample.cpu
    assert 1 < sample.cpu.busy < 90


# A past of two days -------------------------------------------------------------------------------


@pytest.fixture
def demo(db: None, settings: Any) -> None:
    """Two machines with two days, of which three hours are kept sample by sample and one day by five minutes."""
    settings.DEMO_BEGUN_AT = BEGUN
    settings.TOMO = settings.TOMO | {"keep_samples_hours": 3, "keep_5_minutes_days": 1}
    history.fill(FILLED, AT, 2, lambda _stage, _share: None)


def poll_all(at: datetime) -> None:
    for server in Server.objects.select_related("state"):
        to = way(server)
        assert isinstance(to, MadeUp)
        probe = DemoConnection(to, at.timestamp).probe
        store.save([Polled(server, at, collect(probe, deltas.loaded(server.state.counters)))], timedelta(seconds=60))


def numbers(row: Any) -> dict[str, float]:
    known = {f.name: getattr(row, f.name) for f in row._meta.concrete_fields}
    return {name: value for name, value in known.items() if isinstance(value, int | float) and name not in NO_FIGURES}


NO_FIGURES = ("id", "server", "slot", "app")


def test_figures_written_in_bulk_are_those_that_a_poll_brings(demo: None) -> None:
    server, worker = Server.objects.get(name="web-02"), App.objects.get(container_name=WORKER)
    pairs: list[tuple[Any, Any]] = [
        (ServerMetrics.objects.get(pk=slot_key(BEGUN, server.pk)), LatestServerMetrics.objects.get(server=server)),
        (ContainerMetrics.objects.get(pk=slot_key(BEGUN, worker.pk)), LatestContainerMetrics.objects.get(app=worker)),
    ]
    for written, polled in pairs:
        assert numbers(written) == pytest.approx(numbers(polled), rel=0.02, abs=0.2)


def test_polls_go_on_without_a_step(demo: None) -> None:
    poll_all(AT + timedelta(minutes=1))
    server = Server.objects.get(name="web-02")
    before, after = (ServerMetrics.objects.get(pk=slot_key(BEGUN + wait, server.pk)) for wait in (0, 60))
    assert after.network_rx_bytes > before.network_rx_bytes
    assert after.cpu_percent == pytest.approx(before.cpu_percent, rel=0.4)
    assert after.memory_used_bytes == pytest.approx(before.memory_used_bytes, rel=0.02)
    assert not ActivityLog.objects.filter(timestamp__gt=AT).exists()


def test_the_time_that_filling_took_is_caught_up(demo: None) -> None:
    history.catch_up(FILLED, AT, AT + timedelta(minutes=4, seconds=5), lambda _stage, _share: None)
    server = Server.objects.get(name="web-02")
    minutes = [slot_key(BEGUN + 60 * minute, server.pk) for minute in range(6)]
    assert ServerMetrics.objects.filter(pk__in=minutes).count() == 5


def test_roll_ups_written_in_bulk_are_those_that_samples_give(demo: None) -> None:
    start = BEGUN - 6 * 3600
    five: Any = ROLLUPS[ServerMetrics][FIVE_MINUTES]
    keys = {"pk__gte": first_key(start), "pk__lt": first_key(start + 3600)}
    before = {row.pk: numbers(row) for row in five.objects.filter(**keys)}
    known = [figures.Known(machine(name, BEGUN)) for name in FILLED]
    figures.write_samples(figures.Stretch(FIVE_MINUTES, start, start + 3600), known)
    Resolved.objects.filter(seconds=0).update(pruned_until=start)
    rollups.reroll(start, start + 3600, lambda _resolution, _start: None)
    for row in five.objects.filter(**keys):
        mean, was = row.cpu_percent_sum / row.cpu_percent_count, before[row.pk]
        assert was["cpu_percent_sum"] / was["cpu_percent_count"] == pytest.approx(mean, rel=0.12)
        assert (was["count"], was["expected"]) == (row.count, row.expected) == (5, 5)
        assert was["memory_used_bytes_sum"] == pytest.approx(row.memory_used_bytes_sum, rel=0.02)
        assert was["network_rx_bytes_max"] == pytest.approx(row.network_rx_bytes_max, rel=0.001)


def test_rolling_up_goes_on_where_the_past_ends(demo: None) -> None:
    done = dict(Resolved.objects.values_list("seconds", "done_until"))
    assert done[FIVE_MINUTES.seconds] == BEGUN - 300
    assert done[HOUR.seconds] == BEGUN - 3600
    assert done[DAY.seconds] == BEGUN // 86_400 * 86_400
    hours: Any = ROLLUPS[ServerMetrics][HOUR]
    assert set(hours.objects.values_list("expected", flat=True)) == {60}
    later = AT + timedelta(minutes=7)
    poll_all(later)
    rollups.roll(later, lambda: False)
    retention.prune(later, lambda: False)
    assert Resolved.objects.get(seconds=FIVE_MINUTES.seconds).done_until == BEGUN + 300


def test_what_happened_is_told_in_order_and_the_log_verifies(demo: None) -> None:
    told = list(ActivityLog.objects.order_by("id").values_list("timestamp", "activity_type"))
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert told[0] == (Server.objects.get(name="vpn-01").added_at, "server_added")
    kinds = {kind for _, kind in told}
    assert {"server_added", "server_disconnected", "app_crashed", "app_out_of_memory", "app_started"} <= kinds
    assert verification.verify().is_whole
    card = CrashCard.objects.get(app__container_name=WORKER)
    assert card.log_state == CrashCard.Log.KEPT
    assert len(card.before) == 15


# Only in a demo -----------------------------------------------------------------------------------


def test_a_normal_installation_makes_nothing_up() -> None:
    server = Server(name="web-01", hostname="web-01.example.net", transport=Transport.DEMO)
    with pytest.raises(Failure, match="this is no demo"):
        way(server)


def test_a_demo_dials_nobody(settings: Any) -> None:
    settings.DEMO_BEGUN_AT = BEGUN
    with pytest.raises(Failure, match="a demo dials nobody"):
        dial("127.0.0.1", 22, "127.0.0.1:22")


def test_a_demo_reads_its_machines(settings: Any) -> None:
    settings.DEMO_BEGUN_AT = BEGUN
    server = Server(name="renamed", hostname="web-01.example.net", transport=Transport.DEMO)
    read = collect(open_connection(way(server)).probe, Counters())
    assert read.reading.facts
    assert read.reading.facts.os == "Debian GNU/Linux 13 (trixie)"


def test_nobody_chooses_the_transport() -> None:
    from dashboard.forms import ServerForm

    assert "transport" not in ServerForm().fields
    assert not Server._meta.get_field("transport").editable
