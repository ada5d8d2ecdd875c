"""Fields that keep samples small: whole numbers in the database, the contract's units in Python."""

from datetime import UTC, datetime
from typing import Any

from django.db import models

SLOT_SECONDS = 10
OWNER_BITS = 24


def slot_at(at: datetime) -> int:
    """The ten-second slot of an instant, as epoch seconds. Samples are stamped with their slot."""
    return int(at.timestamp()) // SLOT_SECONDS * SLOT_SECONDS


def first_key(slot: int) -> int:
    """Below all keys of this slot and later ones."""
    return slot << OWNER_BITS


def slot_key(slot: int, owner_id: int) -> int:
    """The primary key of a sample: time first, so that a round is appended to the table, not scattered over it."""
    if not 0 < owner_id < 1 << OWNER_BITS:
        raise ValueError(f"{owner_id} is not an id that a sample's key can hold.")
    return slot << OWNER_BITS | owner_id


def time_of_key(key: int) -> datetime:
    return datetime.fromtimestamp(key >> OWNER_BITS, UTC)


class SlotKeyField(models.BigIntegerField):  # type: ignore[type-arg]
    """slot_key() as the primary key; on SQLite the rowid itself, which saves a second index."""

    def __init__(self, **_kwargs: Any) -> None:
        super().__init__(primary_key=True)

    def db_type(self, connection: Any) -> str | None:
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, _kwargs = super().deconstruct()
        return name, path, list(args), {}


class ScaledField(models.IntegerField):  # type: ignore[type-arg]
    """A decimal number kept as a whole number of 1/`scale`: percent in tenths, load in hundredths."""

    def __init__(self, *args: Any, scale: int, **kwargs: Any) -> None:
        self.scale = scale
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, list(args), kwargs | {"scale": self.scale}

    def from_db_value(self, value: int | None, *_args: Any) -> float | None:
        return None if value is None else value / self.scale

    def stored(self, value: float) -> int:
        return round(value * self.scale)

    def get_prep_value(self, value: float | None) -> int | None:
        return None if value is None else self.stored(value)


class KibibytesField(models.BigIntegerField):  # type: ignore[type-arg]
    """Bytes, kept as whole KiB."""

    def from_db_value(self, value: int | None, *_args: Any) -> int | None:
        return None if value is None else value * 1024

    @staticmethod
    def stored(value: int) -> int:
        return value // 1024

    def get_prep_value(self, value: int | None) -> int | None:
        return None if value is None else self.stored(value)


def percent() -> Any:
    return ScaledField(scale=10, null=True)


def kibibytes() -> Any:
    return KibibytesField(null=True)


def whole() -> Any:
    return models.BigIntegerField(null=True)
