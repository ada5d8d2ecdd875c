"""Follows the chain from its first row to its last and tells where it is broken."""

import hashlib
import hmac
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from activity import anchors, chain, triggers
from activity.anchors import Anchor, AnchorMissing
from activity.models import ActivityLog, PrunedSegment, Verification
from activity.record import record
from activity.types import ActivityType, Result

TOLD_EVERY = 50_000


class State(StrEnum):
    RUNNING = "running"
    WHOLE = "whole"
    BROKEN = "broken"
    ANCHOR_MISSING = "anchor_missing"


@dataclass(frozen=True)
class Verdict:
    """`rows` were found whole, up to the row `last_id`; `broken_at` is the first that is not, or is not there."""

    state: State
    rows: int
    last_id: int
    broken_at: int | None = None
    explanation: str = ""
    missing_triggers: Sequence[str] = ()

    @property
    def is_whole(self) -> bool:
        return self.state is State.WHOLE


class Broken(Exception):
    """The chain does not hold at this row."""

    def __init__(self, row: int, explanation: str) -> None:
        self.row, self.explanation = row, explanation
        super().__init__(explanation)


def latest() -> Verification | None:
    """The last time that the whole log was followed to its end."""
    return Verification.objects.exclude(state=State.RUNNING).first()


def is_broken() -> bool:
    """Whether the log did not verify the last time."""
    last = latest()
    return last is not None and last.state == State.BROKEN


def running() -> Verification | None:
    """The check that is under way."""
    return Verification.objects.filter(state=State.RUNNING).first()


def check(at: datetime) -> Verdict:
    """Verify the log of this installation with its own anchors, keep the verdict, and record a change for the worse."""
    started = time.monotonic()
    before = latest()
    kept = Verification.objects.create(at=at, state=State.RUNNING, rows=0, last_id=0, seconds=0)

    def told(rows: int, last_id: int) -> None:
        Verification.objects.filter(pk=kept.pk).update(rows=rows, last_id=last_id)

    try:
        verdict = verify(anchored=anchors.read(anchors.path()), tell=told)
    except AnchorMissing as missing:
        verdict = without_anchor(verify(tell=told), missing)
    kept.state, kept.rows, kept.last_id = verdict.state, verdict.rows, verdict.last_id
    kept.explanation, kept.seconds = verdict.explanation[:500], time.monotonic() - started
    kept.save()
    Verification.objects.filter(state=State.RUNNING, pk__lt=kept.pk).delete()  # whose process ended
    _tell(verdict, was=before.state if before else State.WHOLE)
    if verdict.missing_triggers:
        triggers.ensure()
    return verdict


def verify(
    *,
    using: str = "default",
    anchored: Iterable[Anchor] = (),
    since: datetime | None = None,
    tell: Callable[[int, int], None] = lambda rows, last_id: None,
) -> Verdict:
    """Check each row from `since` on, each pruned segment, and the anchors. `tell` is called now and then."""
    while True:
        segments: list[PrunedSegment] = []
        walk = _Walk(anchored, tell)
        try:
            segments = walk.segments = _segments(using)
            walk.begin(since, using)
            walk.follow(using)
        except Broken as broken:
            if segments != _segments(using):  # pruned meanwhile: look again
                continue
            found: tuple[State, int | None, str] = State.BROKEN, broken.row, broken.explanation
        except (AttributeError, TypeError, ValueError) as wrong:  # of what the program never writes
            found = State.BROKEN, walk.last_id + 1, f"what follows row {walk.last_id} cannot be read: {wrong}"
        else:
            found = State.WHOLE, None, ""
        return Verdict(found[0], walk.rows, walk.last_id, found[1], found[2], triggers.missing(using))


def without_anchor(verdict: Verdict, missing: AnchorMissing) -> Verdict:
    """What is to be said of a log that had nothing to be compared with."""
    if not verdict.is_whole:
        return verdict
    explanation = f"Each row is whole, but whether the end was cut off cannot be told: {missing}"
    return Verdict(State.ANCHOR_MISSING, verdict.rows, verdict.last_id, None, explanation, verdict.missing_triggers)


def _segments(using: str) -> list[PrunedSegment]:
    """The newest word about each pruned stretch, in order."""
    newest = {segment.first_id: segment for segment in PrunedSegment.objects.using(using).order_by("id")}
    return [newest[first] for first in sorted(newest)]


def _tell(verdict: Verdict, was: str) -> None:
    details: dict[str, Any] = {"row": verdict.broken_at, "explanation": verdict.explanation}
    if verdict.is_whole and was != State.WHOLE:
        record(ActivityType.LOG_WHOLE_AGAIN, f"The activity log is whole again, up to row {verdict.last_id}")
    elif verdict.state != was:
        message = f"The activity log does not verify: {verdict.explanation}"
        record(ActivityType.LOG_BROKEN, message, result=Result.FAILURE, details=details)
    elif verdict.missing_triggers:
        details = {"triggers": list(verdict.missing_triggers), "explanation": "They were made again."}
        message = "The activity log stood open to changes: its triggers were gone"
        record(ActivityType.LOG_BROKEN, message, result=Result.FAILURE, details=details)


@dataclass
class _Walk:
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
        first = _first_since(since, using) if since else 1
        around = next((one for one in self.segments if one.first_id <= first <= one.last_id), None)
        first = around.first_id if around else first
        self.segments = [one for one in self.segments if one.first_id >= first]
        self.last_id = first - 1
        if first > 1:
            self.mac = _mac_before(first, around, using)
        for anchor in self.anchored:
            if anchor.row >= first:
                self._anchors[anchor.row].append(anchor)

    def follow(self, using: str) -> None:
        for stored in chain.rows_after(self.last_id, using):
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


PREVIOUS = chain.STORED.index("previous")


def _is_mac_of(stored: tuple[Any, ...], mac: str) -> bool:
    try:
        return hmac.compare_digest(chain.mac(chain.content(stored)), mac)
    except (ValueError, TypeError):  # an instant that is none, or a mac that is no text
        return False


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"


def _first_since(since: datetime, using: str) -> int:
    rows = ActivityLog.objects.using(using)
    found = rows.filter(timestamp__gte=since).order_by("timestamp", "id").values_list("id", flat=True).first()
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
