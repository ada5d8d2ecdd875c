"""Keeps django-q2's tables in the queue's own SQLite file."""

from typing import Any


class QueueRouter:
    def db_for_read(self, model: Any, **_hints: Any) -> str | None:
        return "queue" if model._meta.app_label == "django_q" else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool:
        return (db == "queue") == (app_label == "django_q")
