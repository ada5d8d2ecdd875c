"""Figures as people read them. What is unknown is a dash, never a zero."""

from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.template import Library

register = Library()

UNKNOWN = "–"
WARNING_PERCENT, CRITICAL_PERCENT = 75, 90


@register.filter
def percent(value: float | None) -> str:
    """37.4 -> 37%, 0.4 -> 0.4%."""
    if value is None:
        return UNKNOWN
    return f"{value:.1f}%" if 0 < value < 1 else f"{value:.0f}%"


@register.filter
def number(value: float | None) -> str:
    """12.4 -> 12, 1.4 -> 1.4, without a unit."""
    return UNKNOWN if value is None else f"{value:.1f}" if value < 10 and value % 1 else f"{value:.0f}"


@register.filter
def milliseconds(value: float | None) -> str:
    """12.4 -> 12 ms, 1.4 -> 1.4 ms."""
    return UNKNOWN if value is None else f"{number(value)} ms"


@register.filter
def binary_bytes(value: float | None) -> str:
    """16 GiB: sizes of memory and filesystems."""
    return UNKNOWN if value is None else _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))


@register.filter
def byte_rate(value: float | None) -> str:
    """4.1 MB/s: network and disk."""
    return UNKNOWN if value is None else _scaled(value, 1000, ("B/s", "kB/s", "MB/s", "GB/s", "TB/s"))


def _scaled(value: float, base: int, units: Sequence[str]) -> str:
    for unit in units:
        if value < base * 0.9995 or unit == units[-1]:
            return f"{value:.1f} {unit}" if value < 100 and unit != units[0] else f"{value:.0f} {unit}"
        value /= base
    raise AssertionError


@register.filter
def load(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"


@register.filter
def duration(value: float | timedelta | None) -> str:
    """41 d 3 h, 3 h 12 min, 5 min, 8 s."""
    if value is None:
        return UNKNOWN
    seconds = int(value.total_seconds() if isinstance(value, timedelta) else value)
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h" if days < 10 and hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


@register.filter
def ago(value: datetime | None) -> str:
    """How long ago an instant was."""
    return UNKNOWN if value is None else duration(max(datetime.now(UTC) - value, timedelta()))


@register.filter
def severity(value: float | None) -> str:
    """The class of a percentage's colour."""
    if value is None:
        return "unknown"
    return "critical" if value >= CRITICAL_PERCENT else "warning" if value >= WARNING_PERCENT else "normal"


@register.filter
def words(text: str) -> list[str]:
    """A list out of words, for loops in templates."""
    return text.split()


@register.filter
def of(key: Hashable, found: Mapping[Any, Any]) -> Any:
    """The value of a mapping, or None."""
    return found.get(key)
