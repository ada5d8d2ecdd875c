"""Families of many samples, written line by line: the library takes ten times as long. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Any

Samples = Iterable[tuple[str, float | None]]
"""Labels as text, and a value; None is unknown and is not written."""

# By the end of the name: its type, and that end where the type adds it.
TYPES = {"_total": "counter", "_info": "info"}


class Table:
    """Rows as columns by their names, and the labels of each row as text."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], labels: Sequence[str]) -> None:
        self._columns, self.labels = columns, labels

    @classmethod
    def of(cls, names: Sequence[str], rows: Sequence[tuple[Any, ...]], labels: Mapping[str, str]) -> "Table":
        """`labels` are those of all families, each with its column."""
        columns = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
        return cls(columns, texts({label: columns[name] for label, name in labels.items()}))

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self._columns[name]

    def where(self, name: str) -> "Table":
        """Only the rows of which this column is true."""
        chosen = self._columns[name]
        if all(chosen):
            return self
        columns = {key: tuple(compress(column, chosen)) for key, column in self._columns.items()}
        return Table(columns, tuple(compress(self.labels, chosen)))


@dataclass(frozen=True)
class Family:
    """One metric of many samples. The end of its name says its type."""

    name: str
    help: str
    samples: Callable[[Table], Samples]

    def text(self, table: Table, *, is_openmetrics: bool) -> str:
        end, kind = next(((end, kind) for end, kind in TYPES.items() if self.name.endswith(end)), ("", "gauge"))
        name = self.name
        if is_openmetrics:
            name = name.removesuffix(end)
        elif kind == "info":
            kind = "gauge"
        lines = [f"{self.name}{{{labels}}} {value}\n" for labels, value in self.samples(table) if value is not None]
        return f"# HELP {name} {self.help}\n# TYPE {name} {kind}\n{''.join(lines)}"


def texts(labels: Mapping[str, Iterable[Any]]) -> list[str]:
    """Columns of labels as the text between the braces, row by row."""
    each = [
        [f'{label}="{value if isinstance(value, int) else escaped(value)}"' for value in column]
        for label, column in labels.items()
    ]
    return [",".join(row) for row in zip(*each, strict=True)]


@lru_cache(maxsize=4096)  # a server's name stands at all that it has
def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


# What a family is made of ------------------------------------------------------------------------


def figure(name: str, convert: Callable[[Any], float] | None = None) -> Callable[[Table], Samples]:
    """A column as it is, or each of its known values converted."""

    def samples(table: Table) -> Samples:
        if convert is None:
            return zip(table.labels, table[name], strict=True)
        return zip(table.labels, [None if one is None else convert(one) for one in table[name]], strict=True)

    return samples


def share(name: str) -> Callable[[Table], Samples]:
    """A column of percents, of which 100 are 1."""
    return figure(name, lambda percent: percent / 100)


def quotient(part: str, *whole: str, scale: int = 1) -> Callable[[Table], Samples]:
    """One column by the sum of others; unknown where any of them is, or where that is nothing."""

    def samples(table: Table) -> Iterator[tuple[str, float | None]]:
        for labels, one, *others in zip(table.labels, table[part], *(table[name] for name in whole), strict=True):
            if one is not None and None not in others and sum(others):
                yield labels, one / sum(others) / scale

    return samples


def one_of(label: str, name: str, values: Sequence[str]) -> Callable[[Table], Samples]:
    """For each value that a column may have: 1 where it has that one, else 0."""
    extras = [(value, f'{label}="{value}"') for value in values]

    def samples(table: Table) -> Samples:
        for labels, found in zip(table.labels, table[name], strict=True):
            for value, extra in extras:
                yield f"{labels},{extra}", int(value == found)

    return samples


def named(**more: str) -> Callable[[Table], Samples]:
    """1 for each row, with more columns as labels."""
    return described(lambda table: {label: table[name] for label, name in more.items()})


def described(columns: Callable[[Table], Mapping[str, Sequence[Any]]]) -> Callable[[Table], Samples]:
    """1 for each row, with the labels that are made of it."""

    def samples(table: Table) -> Samples:
        return ((f"{labels},{more}", 1) for labels, more in zip(table.labels, texts(columns(table)), strict=True))

    return samples
