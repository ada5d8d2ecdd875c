"""How Django is told of a database: SQLite that survives a power cut, PostgreSQL with bounded connections."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tomo_monitor.processes import SUPERVISED

KEPT_SECONDS = 600
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;",
}
QUEUE_RULES = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF;"


def of_product(given: Mapping[str, Any], folder: Path, threads: int) -> dict[str, dict[str, Any]]:
    """The default database, and the queue's beside one of SQLite, so that a long write elsewhere never stalls it."""
    default = complete(given or {"NAME": folder / "tomo.sqlite3"}, threads)
    if is_postgresql(default):
        return {"default": default}
    return {"default": default, "queue": _sqlite(folder / "queue.sqlite3", init_command=QUEUE_RULES)}


def complete(given: Mapping[str, Any], threads: int = 1) -> dict[str, Any]:
    """What TOMO_DATABASE_URL says, with all that it does not say."""
    return _postgresql(given, threads) if is_postgresql(given) else _sqlite(given["NAME"])


def is_postgresql(database: Mapping[str, Any]) -> bool:
    return str(database.get("ENGINE", "")).endswith("postgresql")


def _sqlite(path: Path | str, **options: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": KEPT_SECONDS,
        "OPTIONS": SQLITE_OPTIONS | options,
    }


def _postgresql(given: Mapping[str, Any], threads: int) -> dict[str, Any]:
    """The threads of a web process share a pool, which bounds their connections.

    Every other process has one thread for the database and keeps its connection: it forks, which no pool outlives.
    """
    part = os.environ.get(SUPERVISED, "command")
    options = {"connect_timeout": 5, "application_name": f"tomo-{part}"} | given.get("OPTIONS", {})
    pool = {"min_size": 0, "max_size": threads, "timeout": 3, "reconnect_timeout": 3}
    shared, seconds = ({"pool": pool}, 0) if part == "web" else ({}, KEPT_SECONDS)
    return {**given, "OPTIONS": options | shared, "CONN_MAX_AGE": seconds, "CONN_HEALTH_CHECKS": True}
