"""A demo's past: what happened is polled, recorded and stored by the product itself; figures are written in bulk."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from activity.context import Acting, acting
from activity.types import ActorKind, Origin
from metrics import retention, rollups, servers
from metrics.demo import figures, fleet, happenings
from metrics.demo.fleet import Plan
from metrics.demo.waves import DAY, MINUTE
from metrics.models import Server
from metrics.models.rollups import SAMPLES
from metrics.models.server import Transport
from metrics.periods import FIVE_MINUTES, HOUR, RAW

DEMO = Acting(kind=ActorKind.COMMAND, origin=Origin.COMMAND, name="demo")

Tell = Callable[[str, float], None]
"""Told of each stage and its share from 0 to 1."""


def fill(names: Sequence[str], end: datetime, days: int, tell: Tell) -> None:
    """The machines of these names, as if they had been watched for so many days until `end`, a whole minute."""
    now = int(end.timestamp())
    start = (now - days * DAY) // 3600 * 3600
    with acting(DEMO):
        for name in names:
            _add(fleet.plan(name, now), datetime.fromtimestamp(start, UTC))
    happenings.live_through(happenings.eventful(names, start, now), now, lambda share: tell("What happened", share))
    for model in SAMPLES:
        model._default_manager.all().delete()
    figures.write(start, now, names, tell)
    _roll(end, tell)


def catch_up(names: Sequence[str], begun_at: datetime, end: datetime, tell: Tell) -> None:
    """Every minute since the past was begun: filling it took a while."""
    begun = int(begun_at.timestamp())
    due = dict.fromkeys(range(begun + MINUTE, int(end.timestamp()), MINUTE), names)
    happenings.live_through(due, begun, lambda share: tell("The last minutes", share))


def _add(plan: Plan, at: datetime) -> None:
    server = Server(name=plan.name, hostname=plan.hostname, transport=Transport.DEMO)
    servers.add(server, None, plan.tags, at)
    Server.objects.filter(pk=server.pk).update(added_at=at)


def _roll(end: datetime, tell: Tell) -> None:
    """The roll-ups of what is kept sample by sample, and the coarser ones of all, made by the product."""
    made, wanted = 0, retention.kept()[RAW] / FIVE_MINUTES.seconds + retention.kept()[FIVE_MINUTES] / HOUR.seconds

    def is_over() -> bool:
        nonlocal made
        made += 1
        tell("Rolling up", made / wanted)
        return False

    rollups.roll(end, is_over)
