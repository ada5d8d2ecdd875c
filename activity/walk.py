"""One pass over the log, row by row: each row's own mac, that it follows the one before, segments and anchors."""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Min

from activity import chain
from activity.anchors import Anchor
from activity.models import ActivityLog, PrunedSegment

PREVIOUS = chain.STORED.index("previous")
TOLD_EVERY = 50_000


class Broken(Exception):
    """The chain does not hold at this row."""

    def __init__(self, row: int, explanation: str) -> None:
        self.row, self.explanation = row, explanation
        super().__init__(explanation)


@dataclass
class Walk:
    """One pass over the log, row by row."""

    anchored: Iterable[Anchor]
    tell: Callable[[int, int], None]
    segments: list[PrunedSegment] = field(default_factory=list)
    rows: int = 0
    last_id: int = 0
    mac: str = chain.START
    _inside: PrunedSegment | None = None
    _kept: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)
    _anchors: dict[int, list[Anchor]] = field(default_factory=lambda: defaultdict(list))

    def begin(self, since: datetime | None, using: str) -> None:
        """Stand before the first row to be checked."""
        for stray in ActivityLog.objects.using(using).filter(id__lt=1).order_by("id").values_list("id", flat=True)[:1]:
            raise Broken(stray, f"row {stray} was put before the first")
        self.begin_at(_first_since(since, using) if since else 1, using)

    def begin_at(self, first: int, using: str) -> None:
        """Before this row, or before the pruned stretch that it is in."""
        around = next((one for one in self.segments if one.first_id <= first <= one.last_id), None)
        first = around.first_id if around else first
        self.segments = [one for one in self.segments if one.first_id >= first]
        self.last_id = first - 1
        if first > 1:
            self.mac = _mac_before(first, around, using)
        for anchor in self.anchored:
            if anchor.row >= first:
                self._anchors[anchor.row].append(anchor)

    def follow(self, using: str, up_to: int = chain.LARGEST_ID) -> None:
        for stored in chain.rows_after(self.last_id, using, up_to):
            self._pass_segments(stored[0])
            self._check(stored)
            self.rows += 1
            if self.rows % TOLD_EVERY == 0:
                self.tell(self.rows, self.last_id)
        self._pass_segments(None)
        for row, anchors_of_row in sorted(self._anchors.items()):
            if row > self.last_id:
                raise Broken(
                    self.last_id + 1,
                    f"the end was cut off after row {self.last_id}: row {row} was there at {anchors_of_row[0].at}",
                )

    def _check(self, stored: tuple[Any, ...]) -> None:
        row, previous, mac = stored[0], stored[PREVIOUS], stored[-1]
        if not self._inside:
            if row != self.last_id + 1:
                raise Broken(self.last_id + 1, _missing(self.last_id + 1, row - 1))
            if previous != self.mac:
                raise Broken(row, f"row {row} does not follow row {self.last_id}: one of them was exchanged")
        if not _is_mac_of(stored, mac):
            raise Broken(row, f"row {row} was changed, or written by somebody without the key")
        self._compare(row, mac)
        if self._inside:
            self._kept += 1
            self._digest.update(mac.encode())
        self.last_id, self.mac = row, mac

    def _pass_segments(self, row: int | None) -> None:
        """Leave the stretch that ended before this row and enter the one that it is in."""
        while True:
            if self._inside and (row is None or row > self._inside.last_id):
                self._leave(self._inside)
            elif not self._inside and self.segments and (row is None or row >= self.segments[0].first_id):
                self._enter(self.segments.pop(0))
            else:
                return

    def _enter(self, segment: PrunedSegment) -> None:
        if not hmac.compare_digest(segment.signature, chain.signature(segment)):
            raise Broken(segment.first_id, f"the record of the pruned {segment} was changed or made up")
        if segment.first_id != self.last_id + 1:
            raise Broken(self.last_id + 1, _missing(self.last_id + 1, segment.first_id - 1))
        if segment.previous != self.mac:
            raise Broken(segment.first_id, f"the pruned {segment} do not follow row {self.last_id}")
        self._inside, self._kept, self._digest = segment, 0, hashlib.sha256()

    def _leave(self, segment: PrunedSegment) -> None:
        if (self._kept, self._digest.hexdigest()) != (segment.kept, segment.kept_digest):
            explanation = (
                f"of rows {segment.first_id} to {segment.last_id}, {segment.kept} were kept, not these {self._kept}"
            )
            raise Broken(segment.first_id, explanation)
        self._inside, self.last_id, self.mac = None, segment.last_id, segment.mac
        self._compare(segment.last_id, segment.mac)

    def _compare(self, row: int, mac: str) -> None:
        for anchor in self._anchors.get(row, ()):
            if anchor.mac != mac:
                raise Broken(row, f"row {row} is not the one that was there at {anchor.at}")


def _is_mac_of(stored: tuple[Any, ...], mac: str) -> bool:
    try:
        return hmac.compare_digest(chain.mac(chain.content(stored)), mac)
    except (ValueError, TypeError, OverflowError):  # an instant that is none, or a mac that is no text
        return False


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"


def _first_since(since: datetime, using: str) -> int:
    found = ActivityLog.objects.using(using).filter(timestamp__gte=since).aggregate(first=Min("id"))["first"]
    return max(1, found - 1 if found else chain.head(using)[0])  # the row before shows that its time is its own


def _mac_before(first: int, around: PrunedSegment | None, using: str) -> str:
    """What the first row to be checked must follow."""
    if around:
        return around.previous
    before = ActivityLog.objects.using(using).filter(pk=first - 1).values_list("mac", flat=True).first()
    ended = PrunedSegment.objects.using(using).filter(last_id=first - 1).order_by("-id").first()
    if found := ended.mac if ended else before:
        return found
    raise Broken(first - 1, _missing(first - 1, first - 1))
