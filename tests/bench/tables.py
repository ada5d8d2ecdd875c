"""How much room tables take."""

from typing import Any

from django.db import connection


def bytes_a_row(model: Any) -> float:
    """With what indexes take."""
    table = model._meta.db_table
    sql = {
        "sqlite": "SELECT SUM(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name = %s)",
        "postgresql": "SELECT SUM(pg_total_relation_size(relid)) FROM pg_partition_tree(%s)",
    }
    with connection.cursor() as cursor:
        cursor.execute(sql[connection.vendor], [table])
        return float(cursor.fetchone()[0]) / model._default_manager.count()
