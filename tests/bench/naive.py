"""The same samples as Django lays them out by default, and the queries that come to mind first."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, models

from metrics.models import Server, ServerState
from tests.bench.alone import Found
from tests.bench.tables import bytes_a_row

VALUES = [f"value_{number}" for number in range(21)]
WINDOW = """SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY server_id ORDER BY timestamp DESC) AS place
FROM {table}) WHERE place = 1"""


class Meta:
    app_label = "naive"
    db_table = "naive_samples"
    indexes = [models.Index(fields=["server", "-timestamp"], name="naive_newest")]


Naive: Any = type(
    "Naive",
    (models.Model,),
    {
        "__module__": __name__,
        "Meta": Meta,
        "server": models.ForeignKey(Server, models.CASCADE, db_constraint=False, related_name="+"),
        "timestamp": models.DateTimeField(),
        **{name: models.FloatField(null=True) for name in VALUES},
    },
)


def measure(servers: int, rounds: int) -> Iterator[Found]:
    with connection.schema_editor() as editor:
        editor.create_model(Naive)
    at = datetime.now(UTC) - timedelta(minutes=rounds)
    ids = list(Server.objects.values_list("pk", flat=True))
    cpu = _cpu_ms(lambda: [_round(ids, at + number * timedelta(minutes=1)) for number in range(rounds)])
    yield f"Django's default layout: a round of {servers} servers by bulk_create", f"{cpu / rounds:.0f} ms CPU"
    yield "Django's default layout: a row with its indexes", f"{bytes_a_row(Naive):.0f} bytes"
    naive = _cpu_ms(lambda: _rows(WINDOW.format(table=Naive._meta.db_table)))
    yield f"newest sample of each server by a window over {rounds} rounds", f"{naive:.0f} ms CPU"
    kept = _cpu_ms(lambda: list(ServerState.objects.select_related("latest").values_list()))
    yield "newest sample of each server by the key kept in its state", f"{kept:.0f} ms CPU"


def _round(ids: list[int], at: datetime) -> None:
    rows = [Naive(server_id=pk, timestamp=at, **dict.fromkeys(VALUES, pk / 7)) for pk in ids]
    Naive._default_manager.bulk_create(rows)


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _cpu_ms(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return (time.process_time() - began) * 1000
