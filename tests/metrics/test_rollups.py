"""Roll-ups hold every sample once, whatever comes late, is missing, restarts or leaps."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics import partitions, queries, retention, rollups, samples
from metrics.models import App, ContainerMetrics, FleetMetrics, LateBucket, Resolved, ServerMetrics
from metrics.models.fields import slot_key
from metrics.models.rollups import ROLLUPS, SAMPLES, table_of
from metrics.periods import BUCKETS, DAY_SECONDS, FIVE_MINUTES, HOUR, RAW, Span
from metrics.probe.reading import State
from tests.dashboard import fleet as fleets

pytestmark = pytest.mark.django_db

BEGIN = 1_769_817_600  # a midnight in UTC
FIVE, ONE_HOUR, ONE_DAY = (ROLLUPS[ServerMetrics][resolution] for resolution in BUCKETS)


def sample(seconds: int, server: int = 1, **figures: Any) -> None:
    partitions.ensure(RAW, [BEGIN + seconds])
    ServerMetrics.objects.create(id=slot_key(BEGIN + seconds, server), **figures)


def polled_late(seconds: int, **figures: Any) -> None:
    """As store.save() has it."""
    rollups.note_late([BEGIN + seconds])
    sample(seconds, **figures)


def roll(seconds: int, most: int = 10**6) -> int:
    """At so many seconds after the begin and the time for settling; it is stopped after so many buckets."""
    at = datetime.fromtimestamp(BEGIN + seconds + rollups.SETTLED_SECONDS, UTC)
    looks = count()
    return rollups.roll(at, lambda: next(looks) >= most)


def bucket(table: Any, seconds: int = 0, server: int = 1) -> Any:
    return table.objects.get(pk=slot_key(BEGIN + seconds, server))


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """All roll-ups, by their tables."""
    tables = [table_of(model, resolution) for model in SAMPLES for resolution in BUCKETS]
    return {table.__name__: sorted(table._default_manager.values_list()) for table in tables}


# What a bucket holds -----------------------------------------------------------------------------


def test_a_bucket_holds_count_sum_least_and_greatest_of_what_was_known() -> None:
    for seconds, percent in ((0, 10.0), (60, None), (120, 30.5)):
        sample(seconds, cpu_percent=percent)
    roll(300)
    found = bucket(FIVE)
    assert (found.count, found.expected) == (3, 5)
    assert (found.cpu_percent_sum, found.cpu_percent_count) == (405, 2)  # in tenths
    assert (found.cpu_percent_min, found.cpu_percent_max) == (10.0, 30.5)
    assert (found.load_average_1m_sum, found.load_average_1m_count) == (None, 0)


def test_of_a_counter_the_greatest_is_kept() -> None:
    for seconds, received in ((0, 5), (60, 9)):
        sample(seconds, network_rx_bytes=received)
    roll(300)
    assert bucket(FIVE).network_rx_bytes_max == 9
    assert not hasattr(FIVE, "network_rx_bytes_sum")


def test_buckets_lie_on_the_clocks_own_marks_and_their_end_is_the_next_ones() -> None:
    for seconds in (290, 300, 590, 600):
        sample(seconds, cpu_percent=1.0)
    roll(900)
    assert [bucket(FIVE, begin).count for begin in (0, 300, 600)] == [1, 2, 1]


def test_coarser_buckets_come_of_the_finer_ones_and_means_of_means_stay_right() -> None:
    sample(0, cpu_percent=100.0)
    for seconds in range(300, 600, 10):
        sample(seconds, cpu_percent=1.0)
    roll(DAY_SECONDS)
    for table in (ONE_HOUR, ONE_DAY):
        found = bucket(table)
        assert (found.count, found.cpu_percent_sum, found.cpu_percent_count) == (31, 1300, 31)
        assert (found.cpu_percent_min, found.cpu_percent_max) == (1.0, 100.0)


def test_a_day_counts_the_samples_that_should_have_been_there(settings: Any) -> None:
    sample(0, cpu_percent=1.0)
    settings.TOMO = settings.TOMO | {"poll_seconds": 60}
    roll(DAY_SECONDS)
    assert [bucket(table).expected for table in (FIVE, ONE_HOUR, ONE_DAY)] == [5, 60, 1440]


def test_each_core_has_its_mean() -> None:
    sample(0, cores_percent=bytes([100, 255, 10]))
    sample(60, cores_percent=bytes([200, 255, 255]))
    sample(120)
    roll(3600)
    for table in (FIVE, ONE_HOUR):
        assert list(bucket(table).cores_percent) == [150, 255, 10]


def test_an_apps_bucket_has_its_last_state() -> None:
    sample(0)
    for seconds, state in ((0, State.RUNNING), (60, State.EXITED)):
        ContainerMetrics.objects.create(id=slot_key(BEGIN + seconds, 7), status=state, cpu_percent=200.0)
    roll(3600)
    for resolution in (FIVE_MINUTES, HOUR):
        found: Any = ROLLUPS[ContainerMetrics][resolution]._default_manager.get()
        assert (found.status, found.count, found.cpu_percent_max) == (State.EXITED, 2, 200.0)


def test_what_the_store_keeps_is_rolled_up_for_every_sort_of_owner() -> None:
    server = fleets.with_apps(fleets.container("web"), polls=4, ago=timedelta(minutes=20))
    assert server.filesystems.exists()
    rollups.roll(datetime.now(UTC), lambda: False)
    counts = {model.__name__: ROLLUPS[model][FIVE_MINUTES]._default_manager.count() for model in SAMPLES}
    assert all(number for name, number in counts.items() if name != "TemperatureMetrics"), counts


# Once, and only when it is over ------------------------------------------------------------------


def test_nothing_is_rolled_up_before_it_has_settled() -> None:
    sample(0, cpu_percent=1.0)
    assert roll(299) == 0
    assert roll(300) == 1


def test_rolling_up_again_changes_nothing() -> None:
    for seconds in range(0, 7200, 60):
        sample(seconds, cpu_percent=seconds / 100, cores_percent=b"\x10")
    roll(7200)
    before = everything()
    assert roll(7200) == 0
    rollups.reroll(BEGIN, BEGIN + 7200, lambda *_: None)
    assert everything() == before


def test_a_run_that_is_stopped_goes_on_where_it_was() -> None:
    for seconds in range(0, 3600, 60):
        sample(seconds, cpu_percent=1.0)
    assert [roll(3600, most=5) for _ in range(3)] == [5, 5, 3]
    assert bucket(ONE_HOUR).count == 60


def test_a_run_that_was_killed_between_claim_and_end_is_made_up_for() -> None:
    sample(0, cpu_percent=1.0)
    Resolved.objects.create(seconds=300, claimed_until=BEGIN + 300, done_until=BEGIN)
    roll(300)
    assert bucket(FIVE).count == 1


def test_an_outage_of_weeks_is_stepped_over() -> None:
    sample(0, cpu_percent=1.0)
    roll(300)
    sample(30 * DAY_SECONDS, cpu_percent=2.0)
    assert roll(30 * DAY_SECONDS + 300) < 10
    assert FIVE._default_manager.count() == 2
    assert bucket(ONE_DAY).count == 1


# What comes late ---------------------------------------------------------------------------------


def test_a_late_sample_is_rolled_up_at_every_resolution() -> None:
    sample(0, cpu_percent=10.0)
    roll(DAY_SECONDS)
    polled_late(60, cpu_percent=30.0)
    roll(DAY_SECONDS)
    assert [bucket(table).cpu_percent_sum for table in (FIVE, ONE_HOUR, ONE_DAY)] == [400] * 3
    assert not LateBucket.objects.exists()


def test_a_sample_that_comes_after_the_claim_is_not_lost() -> None:
    """As when it is stored while its bucket is being read."""
    sample(0, cpu_percent=1.0)
    roll(300)
    assert bucket(FIVE).count == 1
    polled_late(290, cpu_percent=1.0)
    roll(600)
    assert bucket(FIVE).count == 2


def test_a_clock_that_was_ahead_doubles_nothing() -> None:
    sample(0, cpu_percent=1.0)
    roll(3600)  # the clock is set back now, and the same minutes come once more
    for seconds in (600, 660):
        polled_late(seconds, cpu_percent=1.0)
    roll(1200)
    roll(3600)
    assert [bucket(FIVE, 600).count, bucket(ONE_HOUR).count] == [2, 3]


def test_what_comes_when_its_bucket_has_no_samples_any_more_leaves_it_as_it_is() -> None:
    sample(0, cpu_percent=1.0)
    roll(300)
    ServerMetrics.objects.all().delete()
    Resolved.objects.update_or_create(seconds=0, defaults={"pruned_until": BEGIN + 300})
    polled_late(60, cpu_percent=1.0)
    roll(600)
    assert (bucket(FIVE).count, LateBucket.objects.count()) == (1, 0)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 719), st.booleans()), unique_by=lambda one: one[0], max_size=40))
def test_whatever_the_order_every_sample_counts_once(polls: list[tuple[int, bool]]) -> None:
    """Samples of two hours in any order, with runs in between at their own time or later."""
    for table in (*[table_of(model, one) for model in SAMPLES for one in BUCKETS], ServerMetrics, Resolved, LateBucket):
        table._default_manager.all().delete()
    newest = 0
    for slot, is_rolled in polls:
        polled_late(slot * 10, cpu_percent=1.0)
        newest = max(newest, slot * 10)
        if is_rolled:
            roll(newest)
    roll(2 * 3600)
    assert sum(one.count for one in ONE_HOUR.objects.all()) == len(polls)
    assert sum(one.count for one in FIVE.objects.all()) == len(polls)


# One query layer over all of them ----------------------------------------------------------------


@pytest.fixture
def two_days() -> None:
    """A sample every five minutes and one peak, rolled up half an hour ago."""
    for seconds in range(0, 2 * DAY_SECONDS, 300):
        sample(seconds, cpu_percent=100.0 if seconds == 33_000 else 10.0, memory_used_bytes=2**30)
    roll(2 * DAY_SECONDS - 1800)


@pytest.mark.parametrize("step", [300, 3600, 7200, DAY_SECONDS])
def test_every_resolution_tells_the_same(two_days: None, step: int) -> None:
    raw = Span(BEGIN, BEGIN + 2 * DAY_SECONDS, step)
    resolution = next(one for one in reversed(BUCKETS) if step % one.seconds == 0)
    rolled = Span(raw.start, raw.end, step, resolution).answered_from(
        dict(Resolved.objects.values_list("seconds", "done_until"))
    )
    one, other = (queries.server_series(1, span) for span in (raw, rolled))
    assert len(rolled.parts) > 1, "the end is not rolled up yet"
    assert (one.counts, one.mean, one.low, one.high) == (other.counts, other.mean, other.low, other.high)


@pytest.mark.parametrize("period", ["24h", "7d", "30d"])
def test_a_peak_of_one_sample_is_seen_on_every_period(two_days: None, period: str) -> None:
    at = datetime.fromtimestamp(BEGIN + 33_000 + 3600, UTC)
    series = queries.server_series(1, samples.period_span(period, at))
    assert max(value for value in series.high["cpu_percent"] if value is not None) == 100.0


def test_a_gap_stays_a_gap_and_coverage_tells_of_it(two_days: None) -> None:
    ROLLUPS[ServerMetrics][HOUR]._default_manager.filter(pk=slot_key(BEGIN + 3600, 1)).delete()
    span = Span(BEGIN, BEGIN + 4 * 3600, 3600, HOUR, None).answered_from({3600: BEGIN + 4 * 3600})
    series = queries.server_series(1, span)
    assert series.mean["cpu_percent"] == [10.0, None, 10.0, 10.0]
    assert series.coverage == pytest.approx(36 / 240)  # a sample in five minutes where one a minute is expected


def test_how_far_a_bucket_was_expected_to_be_filled_is_of_its_own_time(two_days: None, settings: Any) -> None:
    """Polled every minute then, every five minutes now."""
    settings.TOMO = settings.TOMO | {"poll_seconds": 300}
    span = Span(BEGIN, BEGIN + 3600, 3600, HOUR).answered_from({3600: BEGIN + 3600})
    assert queries.server_series(1, span).expected == [60.0]


def test_the_fleet_is_summed_up_minute_by_minute() -> None:
    sample(0, 1, cpu_percent=100.0, cores_percent=b"\xc8" * 2, memory_used_bytes=1024, memory_total_bytes=4096)
    sample(10, 2, cpu_percent=10.0, cores_percent=b"\x14" * 8, memory_used_bytes=1024, memory_total_bytes=4096)
    sample(20, 3)
    roll(600)
    found = FleetMetrics.objects.get()
    assert (found.servers, found.cores, found.busy_cores) == (3, 10, 2.8)
    assert (found.memory_used_bytes, found.memory_total_bytes) == (2048, 8192)
    shares = queries.fleet_sparklines(Span(BEGIN, BEGIN + 600, 300, FIVE_MINUTES).answered_from({300: BEGIN + 600}))
    assert shares["cpu"] == [pytest.approx(28.0), None]
    assert shares["memory"] == [25.0, None]


# What is let go of -------------------------------------------------------------------------------


def prune(days: float) -> int:
    return retention.prune(datetime.fromtimestamp(BEGIN + days * DAY_SECONDS, UTC), lambda: False)


@pytest.mark.sqlite
def test_each_resolution_goes_at_its_own_time_and_days_stay_for_good() -> None:
    for day in range(3):
        sample(day * DAY_SECONDS, cpu_percent=1.0)
    roll(3 * DAY_SECONDS)

    def left() -> list[int]:
        return [table._default_manager.count() for table in (ServerMetrics, FIVE, ONE_HOUR, ONE_DAY)]

    assert left() == [3, 3, 3, 3]
    for days, expected in ((3, [2, 3, 3, 3]), (15, [0, 2, 3, 3]), (396, [0, 0, 2, 3]), (4000, [0, 0, 0, 3])):
        prune(days)
        assert left() == expected


@pytest.mark.sqlite
def test_nothing_goes_that_is_not_rolled_up_yet() -> None:
    sample(0, cpu_percent=1.0)
    assert prune(100) == 0
    roll(3600)
    assert prune(100) > 0
    assert (ServerMetrics.objects.count(), FIVE._default_manager.count()) == (0, 0)
    assert ONE_HOUR._default_manager.count() == 1
    assert prune(1000) == 0, "the day is not over yet"


@pytest.mark.sqlite
def test_days_go_too_where_that_is_wanted(settings: Any) -> None:
    settings.TOMO = settings.TOMO | {"keep_daily_days": 700}
    sample(0, cpu_percent=1.0)
    roll(DAY_SECONDS)
    prune(699)
    assert ONE_DAY._default_manager.count() == 1
    prune(702)
    assert ONE_DAY._default_manager.count() == 0


@pytest.mark.sqlite
def test_pruning_goes_in_small_steps_and_stops_when_it_has_to() -> None:
    partitions.ensure(RAW, [BEGIN])
    ServerMetrics.objects.bulk_create(
        ServerMetrics(id=slot_key(BEGIN, owner)) for owner in range(1, 2 * retention.AT_ONCE)
    )
    roll(300)
    looks = count()
    at = datetime.fromtimestamp(BEGIN + 100 * DAY_SECONDS, UTC)
    retention.prune(at, lambda: next(looks) >= 1)
    assert ServerMetrics.objects.count() == retention.AT_ONCE - 1


def test_apps_that_are_gone_are_forgotten_with_their_hours() -> None:
    server = fleets.with_apps(fleets.container("web"))
    App.objects.update(removed_at=datetime.fromtimestamp(BEGIN, UTC))
    prune(394)
    assert App.objects.filter(server=server).exists()
    prune(396)
    assert not App.objects.exists()


# By command --------------------------------------------------------------------------------------


def test_a_stretch_can_be_rolled_up_again_by_command(two_days: None, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything()
    FIVE._default_manager.update(cpu_percent_sum=0)
    ONE_HOUR._default_manager.update(count=999)
    day = datetime.fromtimestamp(BEGIN, UTC).date().isoformat()
    call_command("reroll", "--from", day, "--to", datetime.fromtimestamp(BEGIN + 2 * DAY_SECONDS, UTC).isoformat())
    assert "570 of 5 minutes, 47 of 1 hour, 1 of 1 day" in capsys.readouterr().out
    assert everything() == before


def test_what_was_made_of_samples_that_are_gone_is_not_made_again(two_days: None) -> None:
    Resolved.objects.filter(seconds=0).delete()
    Resolved.objects.create(seconds=0, pruned_until=BEGIN + DAY_SECONDS + 10)
    again = rollups.can_be_made_again(FIVE_MINUTES, BEGIN, BEGIN + 2 * DAY_SECONDS)
    assert again.start == BEGIN + DAY_SECONDS + 300
    assert rollups.can_be_made_again(HOUR, BEGIN, BEGIN + 2 * DAY_SECONDS).start == BEGIN


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--from", "yesterday"), "'yesterday' is no time"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "--from has to be before --to"),
        (("--from", "2020-01-01", "--to", "2020-01-02"), "Nothing of that time"),
    ],
)
def test_a_wrong_stretch_is_told(given: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("reroll", *given)
