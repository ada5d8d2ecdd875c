"""Whether the log is whole: what a pass over it found, kept, told and recorded."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from django.db import DatabaseError, DataError

from activity import anchors, triggers
from activity.anchors import Anchor, AnchorMissing
from activity.models import PrunedSegment, Verification
from activity.record import record
from activity.types import ActivityType, Result
from activity.walk import Broken, Walk

GIVEN_UP = timedelta(hours=1)
LEAP = timedelta(days=14)
CHECKS_OF_A_STEADY_CLOCK = 8


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


def latest() -> Verification | None:
    """The last time that the whole log was followed to its end."""
    return Verification.objects.exclude(state=State.RUNNING).first()


def is_broken() -> bool:
    """Whether the log did not verify the last time."""
    last = latest()
    return last is not None and last.state == State.BROKEN


def running(at: datetime) -> Verification | None:
    """The check that is asked for or under way; one whose process ended is given up after an hour."""
    return Verification.objects.filter(state=State.RUNNING, at__gt=at - GIVEN_UP).first()


def is_steady() -> bool:
    """Whether the last checks followed each other. By a clock that is years ahead nearly every row would be too old."""
    newest = Verification.objects.exclude(state=State.RUNNING).values_list("at", flat=True)[:CHECKS_OF_A_STEADY_CLOCK]
    return all(abs(later - earlier) < LEAP for later, earlier in pairwise(newest))


def begin(at: datetime) -> Verification:
    """A check to come, which shows as running from now on."""
    return Verification.objects.create(at=at, state=State.RUNNING, rows=0, last_id=0, seconds=0)


def check(at: datetime) -> Verdict:
    """Verify the log of this installation with its own anchors, keep the verdict, and record a change for the worse."""
    started = time.monotonic()
    before = latest()
    kept = running(at) or begin(at)

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
        walk = Walk(anchored, tell)
        try:
            segments = walk.segments = _segments(using)
            walk.begin(since, using)
            walk.follow(using)
        except Broken as broken:
            if segments != _segments(using):  # pruned meanwhile: look again
                continue
            found: tuple[State, int | None, str] = State.BROKEN, broken.row, broken.explanation
        except (AttributeError, TypeError, ValueError, ArithmeticError, DatabaseError) as wrong:
            if isinstance(wrong, DatabaseError) and not _is_of_a_value(wrong):
                raise
            found = State.BROKEN, walk.last_id + 1, f"what follows row {walk.last_id} cannot be read: {wrong}"
        else:
            found = State.WHOLE, None, ""
        return Verdict(found[0], walk.rows, walk.last_id, found[1], found[2], triggers.missing(using))


def _is_of_a_value(wrong: DatabaseError) -> bool:
    """Whether the database gives what the program never writes, such as text that is no UTF-8."""
    return isinstance(wrong, DataError) or "decode" in str(wrong)


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
