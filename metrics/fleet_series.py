"""The figures of all servers together, minute by minute: summed up once, so that nobody has to for a chart."""

from django.db import connection

from metrics import bulk
from metrics.models import FleetMetrics, ServerMetrics
from metrics.models.fields import OWNER_BITS, first_key, slot_key
from metrics.models.fleet_metrics import FLEET

MINUTE = 60

# Each server once a minute, by the mean of its samples; a part without its whole counts for nothing.
SUMS = f"""
SELECT minute, COUNT(*), SUM(cores), SUM(cores * cpu), SUM(memory_total), SUM(memory_used),
  SUM(disk_capacity), SUM(disk_used), SUM(rx), SUM(tx)
FROM (
  SELECT (id >> {OWNER_BITS}) / {MINUTE} * {MINUTE} AS minute, id & {(1 << OWNER_BITS) - 1} AS owner,
    CASE WHEN AVG(cpu_percent) IS NULL THEN NULL ELSE MAX(COALESCE(LENGTH(cores_percent), 1)) END AS cores,
    AVG(cpu_percent) AS cpu,
    AVG(CASE WHEN memory_used_bytes IS NULL THEN NULL ELSE memory_total_bytes END) AS memory_total,
    AVG(CASE WHEN memory_total_bytes IS NULL THEN NULL ELSE memory_used_bytes END) AS memory_used,
    AVG(disk_used_bytes + disk_available_bytes) AS disk_capacity,
    AVG(CASE WHEN disk_available_bytes IS NULL THEN NULL ELSE disk_used_bytes END) AS disk_used,
    AVG(network_rx_bytes_per_second) AS rx, AVG(network_tx_bytes_per_second) AS tx
  FROM {ServerMetrics._meta.db_table} WHERE id >= %s AND id < %s
  GROUP BY (id >> {OWNER_BITS}) / {MINUTE}, id & {(1 << OWNER_BITS) - 1}
) each_server GROUP BY minute
"""


def sum_up(start: int, end: int) -> None:
    """Write the minutes from one instant to another (epoch seconds), over those that may be there."""
    with connection.cursor() as cursor:
        cursor.execute(SUMS, [first_key(start // MINUTE * MINUTE), first_key(end)])
        found = cursor.fetchall()
    bulk.upsert(FleetMetrics, [_row(*sums) for sums in found])


def _row(minute: int, servers: int, cores: float, tenths: float, *sums: float) -> tuple[int | None, ...]:
    """As the columns keep it: busy cores in hundredths, out of tenths of a percent of one."""
    busy = None if tenths is None else round(float(tenths) / 10)
    whole = (None if value is None else round(value) for value in (*sums,))
    return (slot_key(int(minute), FLEET), servers, None if cores is None else int(cores), busy, *whole)
