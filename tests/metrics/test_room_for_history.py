"""The settings say how long, the page says how large that gets with this fleet."""

from typing import Any

import pytest
from django.db import connection

from metrics import rollups, room_for_history
from metrics.models import ContainerMetrics, Server, ServerMetrics
from metrics.models.rollups import SAMPLES, table_of
from metrics.periods import DAY, FIVE_MINUTES, HOUR, RAW, RESOLUTIONS
from metrics.room_for_history import ROW_BYTES, rooms
from tests.dashboard import fleet
from tests.dashboard.fleet import container

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Server:
    return fleet.with_apps(container("web"), container("db"))


def test_an_empty_product_keeps_nothing_but_the_fleets_own_series(at: Any) -> None:
    assert [room.rows_a_day for room in rooms(at)] == [1440, 288, 24, 1]


def test_each_owner_has_a_row_for_each_sample_and_bucket(server: Server) -> None:
    owners = 1 + 2 + server.filesystems.count() + server.interfaces.count() + server.sensors.count() + 1
    assert [room.rows_a_day for room in rooms(server.state.since)] == [n * owners for n in (1440, 288, 24, 1)]


def test_more_time_takes_more_room_and_for_good_is_told_by_the_year(server: Server, settings: Any) -> None:
    before = {room.resolution: room for room in rooms(server.state.since)}
    settings.TOMO = settings.TOMO | {"keep_samples_hours": 96, "keep_hourly_days": 79}
    after = {room.resolution: room for room in rooms(server.state.since)}
    assert after[RAW].bytes == pytest.approx(2 * before[RAW].bytes, abs=1)
    assert after[HOUR].bytes == pytest.approx(before[HOUR].bytes / 5, abs=1)
    assert after[FIVE_MINUTES] == before[FIVE_MINUTES]
    assert (after[DAY].kept_seconds, after[DAY].setting) == (None, "TOMO_KEEP_DAILY_DAYS")


def test_paused_servers_take_no_more_room(server: Server) -> None:
    Server.objects.update(paused=True)
    assert rooms(server.state.since)[0].rows_a_day == 1440


@pytest.mark.sqlite
def test_rows_are_as_large_as_is_said(transactional_db: None) -> None:
    """Of a real answer, stored by the store and rolled up; a page that is not full yet counts for whole."""
    fleet.with_apps(*(container(f"app-{n}") for n in range(200)), polls=40, ago=fleet.MINUTE * 20)
    rollups.roll(fleet.datetime.now(fleet.UTC), lambda: False)
    for model in (ServerMetrics, ContainerMetrics):
        for resolution in (RAW, FIVE_MINUTES):
            table = table_of(model, resolution)
            with connection.cursor() as cursor:
                cursor.execute("SELECT SUM(pgsize) FROM dbstat WHERE name = %s", [table._meta.db_table])
                size = cursor.fetchone()[0] / table._default_manager.count()
            assert size < 1.35 * ROW_BYTES["sqlite"][model][bool(resolution.seconds)] + 4096 / 5


def test_every_table_of_history_has_its_size() -> None:
    assert all(set(sizes) == set(SAMPLES) for sizes in ROW_BYTES.values())
    assert set(room_for_history.SETTINGS) == set(RESOLUTIONS)
