"""What a page shows of history: a period that ends now, or a free range of time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlencode

from metrics import periods
from metrics.periods import LABELS, Span

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=periods.MOST_POINTS)


@dataclass(frozen=True)
class Range:
    """A free range, if it has edges; the period then is what leads back."""

    period: str
    zone: timezone
    edges: tuple[datetime, datetime] | None = None

    def span(self, at: datetime, *, interval: int) -> Span:
        if not self.edges:
            return periods.span(self.period, at.timestamp(), interval=interval)
        start, end = (edge.timestamp() for edge in self.edges)
        fine = (step for step in periods.STEPS if step >= interval and (end - start) / step <= periods.MOST_POINTS)
        step = next(fine, periods.STEPS[-1])
        return Span(int(start // step) * step, int(-(-end // step)) * step, step)

    @property
    def query(self) -> str:
        """As the address has it."""
        if not self.edges:
            return urlencode({"period": self.period})
        start, end = (f"{edge.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for edge in self.edges)
        return urlencode({"from": start, "to": end}, safe=":")

    @property
    def label(self) -> str:
        """24 h, or 28 Nov 09:00 – 12:00."""
        if not self.edges:
            return LABELS[self.period]
        start, end = (edge.astimezone(self.zone) for edge in self.edges)
        day = "%-d %b" if start.year == end.year else "%-d %b %Y"
        until = "" if start.date() == end.date() else f"{end:{day}} "
        return f"{start:{day} %H:%M} – {until}{end:%H:%M}"

    def is_past(self, at: datetime) -> bool:
        """Whether nothing can be added to it any more."""
        return self.edges is not None and self.edges[1] < at

    def fields(self, at: datetime) -> tuple[str, str]:
        """What the form for a free range begins with."""
        span = self.span(at, interval=1)
        edges = self.edges or (datetime.fromtimestamp(span.start, UTC), at)
        start, end = (f"{edge.astimezone(self.zone):%Y-%m-%dT%H:%M}" for edge in edges)
        return start, end


def free(asked: Mapping[str, str], zone: timezone) -> tuple[datetime, datetime] | None:
    """The edges that `from` and `to` name, each with its zone or in this one; None where they make no range."""
    try:
        start, end = (_instant(asked.get(name, ""), zone) for name in ("from", "to"))
    except (ValueError, OverflowError):
        return None
    return (max(start, end - LONGEST), end) if EARLIEST <= start <= end - SHORTEST else None


def _instant(text: str, zone: timezone) -> datetime:
    found = datetime.fromisoformat(text.replace(" ", "+"))  # a + of an address is a space
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
