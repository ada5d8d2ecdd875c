"""Keeps django-q2's tables in the queue's own file, where the product's database is one of SQLite."""

from typing import Any

from django.db import connection


class QueueRouter:
    def db_for_read(self, model: Any, **_hints: Any) -> str | None:
        return "queue" if _is_apart() and model._meta.app_label == "django_q" else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool | None:
        return (db == "queue") == (app_label == "django_q") if _is_apart() else None


def _is_apart() -> bool:
    return connection.vendor == "sqlite"
