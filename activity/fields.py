"""A JSON column without SQLite's JSON_VALID check, which `trusted_schema=OFF` forbids on some builds of SQLite."""

from typing import Any

from django.db import models


class DetailsField(models.JSONField):
    """JSON that only Django writes, and so is always valid."""

    def db_check(self, connection: Any) -> None:
        return None
