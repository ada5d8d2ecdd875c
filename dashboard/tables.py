"""What the tables of servers and of apps share: pages of rows, headings that sort, links that ask for the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core.cache import cache
from django.db.models.functions import Lower

from metrics import periods, queries, samples
from metrics.periods import Span

PAGE = 100
SPARK_POINTS = 60
LONGEST_TEXT = 100
LOOK_SECONDS = 60  # after which it is looked again whether there is a history by now


@dataclass(frozen=True)
class Column:
    """A heading: `sort` is what a click on it asks for, `order` its present direction for assistive technology."""

    label: str
    style: str
    sort: str
    order: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A page of what is asked for; `shown` of `total` match. A sort with a dash in front goes down."""

    ASKED: ClassVar[Mapping[str, str]]  # what narrows it: the name in an address, and the field here
    COLUMNS: ClassVar[Sequence[tuple[str, str, str]]]  # sort, label and style; no sort is the sparkline
    START_UP: ClassVar[frozenset[str]]  # sorts that go up first; figures go down

    total: int
    shown: int
    sort: str
    period: str
    page: int = 1

    @property
    def is_filtered(self) -> bool:
        return any(getattr(self, field) for field in self.ASKED.values())

    @property
    def pages(self) -> int:
        return max(-(-self.shown // PAGE), 1)

    @property
    def stretch(self) -> slice:
        """The rows of this page."""
        return slice((self.page - 1) * PAGE, self.page * PAGE)

    def asked(self, **other: object) -> str:
        """The query of an address that asks for the same but `other`."""
        narrowed = {name: getattr(self, field) for name, field in self.ASKED.items()}
        asked = narrowed | {"sort": self.sort, "period": self.period} | other
        return urlencode({name: value for name, value in asked.items() if value})

    @property
    def earlier(self) -> str:
        return self.asked(page=self.page - 1) if self.page > 1 else ""

    @property
    def later(self) -> str:
        return self.asked(page=self.page + 1) if self.page < self.pages else ""

    @property
    def columns(self) -> list[Column]:
        return [self._column(key, label, style) for key, label, style in self.COLUMNS]

    def _column(self, key: str, label: str, style: str) -> Column:
        if not key:
            return Column(f"{label}, {periods.LABELS[self.period]}", style, "", "")
        is_sorted, is_down = self.sort.removeprefix("-") == key, self.sort.startswith("-")
        wanted = ("" if is_down else "-") if is_sorted else "" if key in self.START_UP else "-"
        order = ("descending" if is_down else "ascending") if is_sorted else ""
        return Column(label, style, self.asked(sort=wanted + key), order)


def page_of(asked: Mapping[str, str], shown: int) -> int:
    """The page that is asked for, or the last one there is."""
    return min(number_of(asked.get("page", "")) or 1, max(-(-shown // PAGE), 1))


def order_of(key: Any, sort: str) -> tuple[Any, ...]:
    """For order_by(): a figure, then the name; what is unknown comes last either way."""
    order = key.desc(nulls_last=True) if sort.startswith("-") else key.asc(nulls_last=True)
    return order, Lower("name"), "pk"


def chosen_period(asked: Mapping[str, str], at: datetime) -> str:
    """The period of the address; without one a day, or an hour while there is little history."""
    period = asked.get("period", "")
    if period in periods.PERIODS:
        return period
    has_history = cache.get_or_set("has_history", lambda: queries.has_history(3 * 3600, at), LOOK_SECONDS)
    return "24h" if has_history else "1h"


def spark_span(period: str, at: datetime) -> Span:
    return samples.period_span(period, at, SPARK_POINTS)


def number_of(text: str) -> int | None:
    """A whole number out of an address; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def text_of(asked: Mapping[str, str], name: str) -> str:
    """A text out of an address, without what no database takes."""
    return asked.get(name, "").replace("\0", "").strip()[:LONGEST_TEXT]
