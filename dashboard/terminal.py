"""What a terminal shows: tables that fit into it, sparklines, and no control bytes of a hostile server."""

import os
import re
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.core.management.color import no_style

from dashboard.templatetags.units import UNKNOWN
from metrics.probe.text import UNPRINTABLE

LINE_END = re.compile(r"[\t-\r\x85\u2028\u2029]+")
BLOCKS, GAP = "▁▂▃▄▅▆▇█", "·"
BETWEEN = "  "
ENDLESS = 10_000  # where nothing says how wide it is, as in a file or a pipe
NARROWEST = 8


class Cell(NamedTuple):
    """A text in one of the colours of Django's styles."""

    text: str
    colour: str = ""


@dataclass(frozen=True)
class Column:
    """A heading; `gives_way` says that this column is cut where the terminal is too narrow."""

    label: str
    is_number: bool = False
    gives_way: bool = False


def plain(value: object) -> str:
    """A text in one line, without what a terminal would obey."""
    text = str(value)
    return text if text.isascii() and text.isprintable() else UNPRINTABLE.sub("", LINE_END.sub(" ", text))


def width(out: Any) -> int:
    """How many characters fit into a line; without a terminal as many as COLUMNS says."""
    return shutil.get_terminal_size((ENDLESS, 0)).columns if out.isatty() or os.environ.get("COLUMNS") else ENDLESS


def styles(out: Any, wanted: Any, *, is_forced: bool) -> Any:
    """These styles on a terminal, else none."""
    return wanted if is_forced or out.isatty() else no_style()


def draws_blocks(out: Any) -> bool:
    """Whether sparklines can be written there."""
    try:
        BLOCKS.encode(getattr(out, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]], width: int, style: Any) -> Iterator[str]:
    """Its lines, the headings first; none is wider than that."""
    cells = _cells(columns, rows)
    widths = _fitting(columns, _widths(cells), width)
    for row in cells:
        yield line([_aligned(*one) for one in zip(row, columns, widths, strict=True)], width, style)


def natural_width(columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]]) -> int:
    """How wide a table is where nothing has to give way."""
    return sum(_widths(_cells(columns, rows))) + len(BETWEEN) * (len(columns) - 1)


def line(cells: Sequence[Cell], width: int, style: Any) -> str:
    """These next to each other, as far as they fit."""
    told, left = [], width
    for number, cell in enumerate(cells):
        between = BETWEEN if number else ""
        text = cut(plain(cell.text), left - len(between))
        if not text:
            break
        told.append(between + (getattr(style, cell.colour)(text) if cell.colour else text))
        left -= len(between) + places(text)
    return "".join(told).rstrip()


def places(text: str) -> int:
    """How many characters wide a terminal shows it."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def cut(text: str, most: int) -> str:
    """So much of it as fits, with a mark that there is more."""
    if places(text) <= most:
        return text
    if most <= 0:
        return ""
    text = text[: most - 1]
    while places(text) > most - 1:
        text = text[:-1]
    return f"{text}…"


def sparkline(values: Sequence[float | None], points: int, top: float | None = None) -> str:
    """A block for the mean of each so many values, a dot for a gap. `top` is a full block; None fits the values."""
    points = min(points, len(values))
    stretches = [values[len(values) * n // points : len(values) * (n + 1) // points] for n in range(points)]
    means = [_mean([value for value in stretch if value is not None]) for stretch in stretches]
    highest = top or max((value for value in means if value is not None), default=0) or 1
    return "".join(GAP if value is None else _block(value / highest) for value in means)


def _block(share: float) -> str:
    return BLOCKS[min(max(int(share * len(BLOCKS)), 0), len(BLOCKS) - 1)]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _cells(columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]]) -> list[list[Cell]]:
    """The headings and the rows."""
    heading = [Cell(column.label.upper(), "HTTP_INFO") for column in columns]
    return [heading, *([_cell(one) for one in row] for row in rows)]


def _widths(cells: Sequence[Sequence[Cell]]) -> list[int]:
    return [max(places(cell.text) for cell in column) for column in zip(*cells, strict=True)]


def _cell(given: Cell | str) -> Cell:
    cell = given if isinstance(given, Cell) else Cell(given)
    return cell._replace(text=plain(cell.text).strip() or UNKNOWN)


def _aligned(cell: Cell, column: Column, most: int) -> Cell:
    text = cut(cell.text, most)
    space = " " * (most - places(text))
    return cell._replace(text=space + text if column.is_number else text + space)


def _fitting(columns: Sequence[Column], widths: list[int], most: int) -> list[int]:
    """These widths, of which the widest that give way are cut until all fit, or until they are narrow."""
    giving = [n for n, column in enumerate(columns) if column.gives_way]
    while sum(widths) + len(BETWEEN) * (len(widths) - 1) > most:
        widest = max(giving, key=lambda n: widths[n], default=None)
        if widest is None or widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths
