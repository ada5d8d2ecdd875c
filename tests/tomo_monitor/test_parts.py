"""The queue's own database, the served plotly.js, and how the settings fit together."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django_q.models import OrmQ, Schedule

from activity.models import ActivityLog
from metrics import schedules
from tomo_monitor.finders import PlotlyFinder
from tomo_monitor.routers import QueueRouter
from tomo_monitor.supervisor import Supervisor


def test_the_queue_and_only_the_queue_is_in_its_own_database() -> None:
    router = QueueRouter()
    assert router.db_for_write(OrmQ) == router.db_for_read(OrmQ) == "queue"
    assert router.db_for_write(ActivityLog) is None
    assert router.allow_migrate("queue", "django_q")
    assert not router.allow_migrate("default", "django_q")
    assert not router.allow_migrate("queue", "activity")


def test_plotly_comes_out_of_its_package() -> None:
    found = finders.find("plotly.min.js")
    assert found
    assert "plotly.js v" in Path(found).read_text()[:200]
    assert finders.find("plotly.min.js.map") is None
    assert [name for name, _ in PlotlyFinder().list([])] == ["plotly.min.js"]


@pytest.mark.django_db(databases=["default", "queue"])
def test_databases_are_as_the_code_wants_them() -> None:
    for alias in connections:
        executor = MigrationExecutor(connections[alias])
        assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []


@pytest.mark.django_db
def test_sqlite_keeps_what_it_acknowledged() -> None:
    if connections["default"].vendor != "sqlite":
        return
    with connections["default"].cursor() as cursor:
        values = [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "trusted_schema")]
    assert values == [2, 0]


@pytest.mark.django_db(databases="__all__")
def test_a_clock_that_is_set_back_makes_nothing_late() -> None:
    supervisor = Supervisor()
    schedules.sync()
    Schedule.objects.update(next_run=datetime.now(UTC) + timedelta(hours=1))
    supervisor._follow_clock()
    assert not Schedule.objects.filter(next_run__lte=datetime.now(UTC)).exists()
    supervisor._clock += 3600
    supervisor._follow_clock()
    assert Schedule.objects.filter(next_run__lte=datetime.now(UTC), name="tend the activity log").exists()
