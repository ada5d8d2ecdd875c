"""What changed on a server around a time: its figures, its events and its crashes, in one bundle."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from activity.models import ActivityLog
from activity.queries import ActivityFilter
from dashboard import figures
from metrics import queries, samples
from metrics.models import CrashCard, Server
from metrics.periods import WrongRange
from metrics.series import Series

MOST_POINTS = 48
MOST_EVENTS = 60
MOST_CRASHES = 5
NAMES = (
    "cpu_percent cpu_iowait_percent cpu_steal_percent memory_percent swap_percent disk_percent disk_busy_percent"
    " disk_read_bytes_per_second disk_written_bytes_per_second network_rx_bytes_per_second"
    " network_tx_bytes_per_second load_average_1m"
).split()


@dataclass(frozen=True)
class Change:
    """A figure before the time and after it, as means, with its highest after; None is unknown."""

    name: str
    before: float | None
    after: float | None
    peak_after: float | None

    @property
    def size(self) -> float:
        """How much it changed by its own measure, from 0 to 1; unknown counts as not at all."""
        if self.before is None or self.after is None:
            return 0.0
        greater = max(abs(self.before), abs(self.after))
        return abs(self.after - self.before) / greater if greater else 0.0


@dataclass(frozen=True)
class Explanation:
    """`changes` begins with what changed most, `events` and `crashes` with the newest of `events_total`."""

    server: Server
    at: datetime
    series: Series
    changes: Sequence[Change]
    events: Sequence[ActivityLog]
    events_total: int
    crashes: Sequence[CrashCard]


def explanation(server: Server, seen: ActivityFilter, around: datetime, minutes: int, now: datetime) -> Explanation:
    """The so many minutes before and after. `seen` is the activity that may be looked at. Raises WrongRange."""
    try:
        begin, end = around - timedelta(minutes=minutes), min(around + timedelta(minutes=minutes), now)
    except OverflowError:
        raise WrongRange("It lies at an end of the calendar, of which nothing is known.") from None
    span = samples.range_span(begin, end, now, MOST_POINTS)
    series = queries.server_series(server.pk, span, figures.fields_of(figures.SERVER, NAMES))
    begin, end = datetime.fromtimestamp(span.start, UTC), datetime.fromtimestamp(span.end, UTC)
    events = seen.about(server.pk, begin, end).rows()
    crashes = CrashCard.objects.filter(app__server=server, at__gte=begin, at__lt=end).select_related("app")
    return Explanation(
        server=server,
        at=around,
        series=series,
        changes=sorted(_changes(series, around), key=lambda change: change.size, reverse=True),
        events=list(events[:MOST_EVENTS]),
        events_total=events.count(),
        crashes=list(crashes[:MOST_CRASHES]),
    )


def _changes(series: Series, around: datetime) -> list[Change]:
    """Of every figure. The step in which the time lies belongs to what is after it."""
    turn = max(int(around.timestamp() - series.span.start) // series.span.step, 0)
    found = []
    for name in NAMES:
        means, peaks = figures.SERVER[name].column(series.mean), figures.SERVER[name].column(series.high)
        found.append(Change(name, _mean(means[:turn]), _mean(means[turn:]), _highest(peaks[turn:])))
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 2) if known else None


def _highest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
