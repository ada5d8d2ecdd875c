"""Crash cards: made when an app crashes, their log lines fetched by the next poll."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from metrics.app_transitions import signal_name
from metrics.masking import masked
from metrics.models import App, ContainerMetrics, CrashCard, Server, ServerMetrics
from metrics.models.fields import SLOT_SECONDS, slot_at, slot_key
from metrics.probe.reading import Engine

SHARED = timedelta(minutes=5)  # crashes so close to each other share a card
BEFORE = timedelta(minutes=15)
MOST_BEFORE = 15
WANTED_AT_ONCE = 5
MANY_CARDS = 20  # kept of an app
GIVEN_UP = timedelta(minutes=10)
LOGGED_WAYS = ("socket", "cli")

Log = CrashCard.Log


def make(app: App, way: str, at: datetime) -> None:
    """The card of a crash that was just seen. Its lines are fetched if `way`, how the list came, allows it."""
    newest = app.crash_cards.first()
    if newest and newest.container_id == app.container_id and at - newest.at < SHARED:
        CrashCard.objects.filter(pk=newest.pk).update(times=F("times") + 1)
        return
    app.crash_cards.create(
        at=at,
        container_id=app.container_id,
        image=app.image,
        exit_code=app.exit_code,
        signal=signal_name(app.exit_code),
        is_out_of_memory=app.is_out_of_memory,
        restart_count=app.restart_count,
        before=_before(app, at),
        log_state=Log.WANTED if way in LOGGED_WAYS and app.engine else Log.CLOSED,
    )
    old = app.crash_cards.values_list("pk", flat=True)[MANY_CARDS:]
    CrashCard.objects.filter(pk__in=list(old)).delete()


def wanted(at: datetime) -> dict[int, dict[str, Engine]]:
    """The containers whose log lines are wanted, by server: {server id: {container id: engine}}."""
    found: dict[int, dict[str, Engine]] = defaultdict(dict)
    cards = CrashCard.objects.filter(log_state=Log.WANTED, at__gt=at - GIVEN_UP, app__engine__in=list(Engine))
    for server_id, container_id, engine in cards.values_list("app__server_id", "container_id", "app__engine"):
        if len(found[server_id]) < WANTED_AT_ONCE:
            found[server_id][container_id] = Engine(engine)
    return found


def give_up(at: datetime) -> None:
    """Lines that no poll could fetch for ten minutes are not waited for."""
    CrashCard.objects.filter(log_state=Log.WANTED, at__lte=at - GIVEN_UP).update(log_state=Log.EMPTY)


def keep(server: Server, logs: dict[str, list[str]]) -> None:
    """Keep the lines that a poll brought, without what looks like a secret."""
    for container_id, lines in logs.items():
        CrashCard.objects.filter(app__server=server, container_id=container_id, log_state=Log.WANTED).update(
            log="\n".join(masked(lines)), log_state=Log.KEPT if lines else Log.EMPTY
        )


def _before(app: App, at: datetime) -> list[dict[str, Any]]:
    """CPU and memory of the container and of its server in the minutes before, oldest first."""
    last = slot_at(at)
    slots = range(last - int(BEFORE.total_seconds()), last + SLOT_SECONDS, SLOT_SECONDS)
    own = _by_slot(ContainerMetrics.objects.filter(pk__in=[slot_key(slot, app.pk) for slot in slots]))
    servers = _by_slot(ServerMetrics.objects.filter(pk__in=[slot_key(slot, app.server_id) for slot in slots]))
    minutes = {at.replace(second=0): at for at in sorted(servers)}
    kept = sorted(servers) if len(servers) <= MOST_BEFORE else list(minutes.values())  # the last of each minute
    return [
        {
            "timestamp": servers[at].timestamp.isoformat(),
            "cpu_percent": one.cpu_percent if (one := own.get(at)) else None,
            "memory_used_bytes": one.memory_used_bytes if one else None,
            "memory_limit_bytes": one.memory_limit_bytes if one else None,
            "server_cpu_percent": servers[at].cpu_percent,
            "server_memory_percent": servers[at].memory_percent,
        }
        for at in kept[-MOST_BEFORE:]
    ]


def _by_slot(samples: Iterable[Any]) -> dict[datetime, Any]:
    return {sample.timestamp: sample for sample in samples}
