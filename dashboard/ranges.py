"""The stretch of time that a page shows: a period up to now, or from one instant to another."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings

from dashboard import wire
from dashboard.tables import chosen_period
from metrics import samples
from metrics.instants import WrongInstant, parse_instant
from metrics.periods import LABELS, Span, WrongRange


@dataclass(frozen=True)
class Range:
    """What is shown. `period` is "" for a free range; `query` asks for the same again."""

    period: str
    query: str
    label: str
    start: datetime
    end: datetime
    span: Span
    is_live: bool


def chosen(asked: Mapping[str, str], at: datetime) -> Range:
    """The range of an address: `from` and `to` (or now), where it has them, else its period. Raises WrongRange."""
    if asked.get("from") or asked.get("to"):
        return _free(_instant(asked, "from"), _instant(asked, "to") if asked.get("to") else at, at)
    period = chosen_period(asked, at)
    span = samples.period_span(period, at)
    start, end = _instants(span)
    return Range(period, urlencode({"period": period}), LABELS[period], start, end, span, is_live=True)


def _free(start: datetime, end: datetime, at: datetime) -> Range:
    span = samples.range_span(start, end, at)
    query = urlencode({"from": wire.timestamp(start), "to": wire.timestamp(end)}, safe=":")
    zone = ZoneInfo(settings.TIME_ZONE)
    first, last = start.astimezone(zone), end.astimezone(zone)
    whole = "%d %b %H:%M" if first.year == last.year == at.astimezone(zone).year else "%d %b %Y %H:%M"
    label = f"{first:{whole}} – {last:{'%H:%M' if first.date() == last.date() else whole}}"
    return Range("", query, label, start, end, span, is_live=end >= at)


def _instant(asked: Mapping[str, str], name: str) -> datetime:
    try:
        return parse_instant(asked.get(name, "").replace(" ", "+"), ZoneInfo(settings.TIME_ZONE))
    except WrongInstant as wrong:
        raise WrongRange(f"{name}: {wrong}") from None


def _instants(span: Span) -> tuple[datetime, datetime]:
    return datetime.fromtimestamp(span.start, UTC), datetime.fromtimestamp(span.end, UTC)
