"""The product's tables, whichever database they are in: their rows read, written, and compared."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.apps import apps
from django.db import DataError, models
from django.db.backends.base.base import BaseDatabaseWrapper as Database

from activity.fields import ENCODER
from metrics.backups.errors import BackupError

AT_ONCE = 5000
QUEUE = "django_q"  # what waits in it speaks of the database that is left
LAST_IDS = {
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = %s",
    "postgresql": "SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, '{column}')::regclass)",
}

Row = tuple[Any, ...]
Told = Callable[[int], None]  # so many rows more


class Table:
    """A model's table: its columns, and how its values are written whichever database they come from."""

    def __init__(self, model: type[models.Model]) -> None:
        fields: Sequence[Any] = model._meta.concrete_fields
        self.model, self.name, self.key = model, model._meta.db_table, model._meta.pk
        self.columns = [str(field.column) for field in fields]
        self._spellings = [(place, spell) for place, field in enumerate(fields) if (spell := _spelling(field))]

    def count(self, database: Database) -> int:
        return int(_answer(database, f"SELECT count(*) FROM {self.name}"))

    def batches(self, database: Database) -> Iterator[list[Row]]:
        """All rows in the order of their keys, the same for the same rows in every database."""
        is_text = isinstance(self.key, models.CharField) and database.vendor == "postgresql"
        order = f'{self.key.column} COLLATE "C"' if is_text else self.key.column
        with database.chunked_cursor() as cursor:
            cursor.execute(f"SELECT {_listed(self.columns)} FROM {self.name} ORDER BY {order}")
            while rows := cursor.fetchmany(AT_ONCE):
                yield [self._spelled(row) for row in rows] if self._spellings else rows

    def write(self, database: Database, batches: Iterable[list[Row]]) -> None:
        """Raises BackupError for values that the columns do not hold."""
        try:
            with database.wrap_database_errors, database.cursor() as cursor:
                _WRITERS[database.vendor](cursor, self.name, self.columns, batches)
        except DataError as wrong:
            raise BackupError(f"A row of {self.name} does not fit: {str(wrong).splitlines()[0]}") from wrong

    def ends(self, database: Database) -> tuple[int, int]:
        """The lowest and the highest key where they are whole numbers; (0, -1) where there are none."""
        column, is_number = self.key.column, isinstance(self.key, models.IntegerField)
        found = [_answer(database, f"SELECT {end}({column}) FROM {self.name}") for end in ("MIN", "MAX")]
        return (int(found[0]), int(found[1])) if is_number and None not in found else (0, -1)

    def last_id(self, database: Database) -> int:
        """The highest number that was ever given to a row: no row that comes later may get it again."""
        query = LAST_IDS[database.vendor].format(column=self.key.column)
        return int(_answer(database, query, self.name) or 0) if isinstance(self.key, models.AutoField) else 0

    def go_on_after(self, database: Database, last_id: int) -> None:
        if not last_id:
            return
        with database.cursor() as cursor:
            if database.vendor == "postgresql":
                query = "SELECT setval(pg_get_serial_sequence(%s, %s), %s)"
                cursor.execute(query, [self.name, self.key.column, last_id])
            else:
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [self.name])
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [self.name, last_id])

    def _spelled(self, row: Row) -> Row:
        values = list(row)
        for place, spell in self._spellings:
            if values[place] is not None:
                values[place] = spell(values[place])
        return tuple(values)


class Digest:
    """Of the rows that pass by, each batch of which is told."""

    def __init__(self, tell: Told) -> None:
        self._tell, self._hash = tell, hashlib.sha256()

    def passing(self, batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
        for rows in batches:
            self._hash.update(repr(rows).encode(errors="surrogatepass"))
            yield rows
            self._tell(len(rows))

    def of(self, batches: Iterable[list[Row]]) -> str:
        for _rows in self.passing(batches):
            pass
        return self.value

    @property
    def value(self) -> str:
        return self._hash.hexdigest()


def tables() -> list[Table]:
    """Every table of the product but those of the queue."""
    found = apps.get_models(include_auto_created=True)
    return [Table(model) for model in found if model._meta.managed and model._meta.app_label != QUEUE]


def _spelling(field: Any) -> Callable[[Any], Any] | None:
    """How a value of this field is written, if databases write it differently."""
    return next((spell for kind, spell in _SPELLINGS.items() if isinstance(field, kind)), None)


def _instant(value: datetime) -> datetime:
    """UTC without saying so, as SQLite keeps it; PostgreSQL takes it so, too, for Django's connections are in UTC."""
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _json(text: str) -> str:
    return ENCODER.encode(json.loads(text))


_SPELLINGS: dict[type[Any], Callable[[Any], Any]] = {
    models.DateTimeField: _instant,
    models.BooleanField: bool,
    models.JSONField: _json,
    models.BinaryField: bytes,
}


def _copy(cursor: Any, table: str, columns: list[str], batches: Iterable[list[Row]]) -> None:
    with cursor.copy(f"COPY {table} ({_listed(columns)}) FROM STDIN") as copy:
        for rows in batches:
            for row in rows:
                copy.write_row(row)


def _insert(cursor: Any, table: str, columns: list[str], batches: Iterable[list[Row]]) -> None:
    marks = ", ".join(["%s"] * len(columns))
    for rows in batches:
        cursor.executemany(f"INSERT INTO {table} ({_listed(columns)}) VALUES ({marks})", rows)


_WRITERS = {"postgresql": _copy, "sqlite": _insert}


def _listed(columns: list[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _answer(database: Database, query: str, *values: Any) -> Any:
    with database.cursor() as cursor:
        cursor.execute(query, values)
        return (cursor.fetchone() or [None])[0]
