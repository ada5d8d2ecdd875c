"""Rows by the thousand, faster than they are recorded and without macs of their own."""

from datetime import UTC, datetime

from django.db import connection

COLUMNS = (
    "id, timestamp, activity_type, actor_kind, actor_name, user_agent, origin, server_name, app_name, result,"
    " message, details, request_id, previous, mac"
)


def bulk(rows: int, at: datetime, *, message: str = "m", first_id: int | None = None) -> None:
    """So many of the same, all of one instant; numbered from `first_id`, or from where the log ends."""
    before = "(SELECT COALESCE(MAX(id), 0) FROM activity_activitylog)" if first_id is None else str(first_id - 1)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
            f" INSERT INTO activity_activitylog ({COLUMNS})"
            f" SELECT i + {before}, %s, 'reported', 'system', 'system', '', 'task', '', '', 'success', %s, '{{}}',"
            " 'r-1', '', '' FROM n",
            [at.replace(tzinfo=None if connection.vendor == "sqlite" else UTC), message],
        )
