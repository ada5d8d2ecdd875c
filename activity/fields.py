"""JSON columns that keep what was written."""

import json
from typing import Any

from django.db import models

ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


class DetailsField(models.JSONField):
    """JSON that only Django writes, and so is always valid.

    Without SQLite's JSON_VALID check, which `trusted_schema=OFF` forbids on some builds of SQLite.
    """

    def db_check(self, connection: Any) -> None:
        return None


class DetailsTextField(models.TextField[Any, Any]):
    """JSON kept as the very text that was written, of which a MAC is taken: no database may write it differently."""

    def from_db_value(self, value: str, *_args: Any) -> Any:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):  # somebody changed it behind our back: verifying tells, and it is shown
            return {"unreadable": str(value)}

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str:
        return ENCODER.encode(value)
