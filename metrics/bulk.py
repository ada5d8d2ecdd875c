"""Many rows in one statement: the ORM's own ways cost twenty times as much."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from django.db import connection, models


def insert(model: type[models.Model], rows: Iterable[tuple[Any, ...]]) -> None:
    """New rows, values in the order of the fields, the primary key first; a row that is there already stands."""
    keepers = _keepers(columns_of(model))
    _execute_many(f"{_insert(model)} ON CONFLICT DO NOTHING", [_stored(keepers, row) for row in rows])


def replace(model: type[models.Model], rows: Iterable[tuple[Any, ...]]) -> None:
    """The same; a row that is there already gets the new values."""
    keepers = _keepers(columns_of(model))
    _execute_many(_upsert(model), [_stored(keepers, row) for row in rows])


def upsert(model: type[models.Model], rows: Sequence[tuple[Any, ...]]) -> None:
    """The same with values as their columns keep them."""
    _execute_many(_upsert(model), list(rows))


def update(model: type[models.Model], key: str, names: Sequence[str], objects: Iterable[models.Model]) -> None:
    """Write these fields of these objects, each found by the column `key`, its primary key."""
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns, keepers = ", ".join(f"{field.column} = %s" for field in fields), _keepers(fields)
    _execute_many(
        f"UPDATE {model._meta.db_table} SET {columns} WHERE {key} = %s",
        [(*_stored(keepers, [getattr(one, field.attname) for field in fields]), one.pk) for one in objects],
    )


@cache
def columns_of(model: type[models.Model]) -> Sequence[Any]:
    """The fields as rows have them: the primary key, then the others as they are declared."""
    return sorted(model._meta.concrete_fields, key=lambda field: not field.primary_key)


@cache
def _insert(model: type[models.Model]) -> str:
    fields = columns_of(model)
    columns, marks = ", ".join(field.column for field in fields), ", ".join(["%s"] * len(fields))
    return f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({marks})"


@cache
def _upsert(model: type[models.Model]) -> str:
    key, *others = (field.column for field in columns_of(model))
    news = ", ".join(f"{column} = excluded.{column}" for column in others)
    return f"{_insert(model)} ON CONFLICT ({key}) DO UPDATE SET {news}"


def stored(model: type[models.Model], rows: Iterable[Iterable[Any]]) -> list[tuple[Any, ...]]:
    """The values of rows without their keys as their columns keep them."""
    keepers = _keepers(columns_of(model)[1:])
    return [_stored(keepers, row) for row in rows]


def _stored(keepers: Iterable[Callable[[Any], Any]], values: Iterable[Any]) -> tuple[Any, ...]:
    """Values as their columns keep them."""
    return tuple([keep(value) for keep, value in zip(keepers, values, strict=True)])


def _keepers(fields: Iterable[Any]) -> list[Callable[[Any], Any]]:
    return [_keeper(field) for field in fields]


@cache
def _keeper(field: Any) -> Callable[[Any], Any]:
    """What a value becomes in its column, found once for each; a number that the column cannot hold is as good as
    unknown."""
    if not isinstance(field, models.IntegerField):
        return lambda value: field.get_db_prep_save(value, connection)
    lowest, highest = connection.ops.integer_field_range(field.get_internal_type())
    is_plain = type(field).get_prep_value is models.IntegerField.get_prep_value
    prepare: Callable[[Any], int] = int if is_plain else field.get_prep_value

    def held(value: Any) -> int | None:
        if value is None:
            return None
        stored = prepare(value)
        return stored if lowest <= stored <= highest else None

    return held


def _execute_many(sql: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)
