"""What polls see of servers with containers: lists made by hand, and those that real engines told."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st

from activity.models import ActivityLog
from metrics import store
from metrics.collect import Collected
from metrics.known_containers import KnownContainers
from metrics.models import App, Server, ServerState
from metrics.probe import deltas
from metrics.probe.docker import engines, inspected
from metrics.probe.reading import AppsStatus, Container, Containers, ContainerUsage, Engine, Health, Reading, State
from metrics.store import Polled
from tests.conftest import AT
from tests.metrics.fleet import INTERVAL
from tests.metrics.probe.answers import container_capture, packed

HOUR = timedelta(hours=1)
DOCKER = frozenset({Engine.DOCKER})
UNHEALTHY, HEALTHY, STARTING = Health.UNHEALTHY, Health.HEALTHY, Health.STARTING

INSTANTS = st.none() | st.datetimes(datetime(1980, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))
ANY_CONTAINER = st.builds(
    Container,
    id=st.sampled_from(["a" * 64, "b" * 64]),
    name=st.sampled_from(["web", "db"]),
    state=st.sampled_from(State),
    engine=st.sampled_from([None, *Engine]),
    image=st.sampled_from(["", "shop:1", "shop:2"]),
    image_id=st.sampled_from(["", "1" * 64, "2" * 64]),
    health=st.sampled_from([None, *Health]),
    exit_code=st.none() | st.integers(0, 255),
    is_out_of_memory=st.none() | st.booleans(),
    restart_count=st.none() | st.integers(0, 2**31 - 1),
    restart_policy=st.sampled_from(["", "no", "always", "on-failure", "unless-stopped"]),
    created_at=INSTANTS,
    started_at=INSTANTS,
    finished_at=INSTANTS,
    is_bare=st.booleans(),
)


def id_of(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def running(name: str, **fields: Any) -> Container:
    """A container that runs since an hour before AT."""
    known: dict[str, Any] = {
        "id": id_of(name),
        "engine": Engine.DOCKER,
        "image": "shop:1",
        "image_id": "1" * 64,
        "is_out_of_memory": False,
        "restart_count": 0,
        "created_at": AT - 2 * HOUR,
        "started_at": AT - HOUR,
    }
    return Container(**known | {"name": name, "state": State.RUNNING} | fields)


def exited(name: str, exit_code: int | None = 0, **fields: Any) -> Container:
    return running(name, **{"state": State.EXITED, "exit_code": exit_code, "finished_at": AT} | fields)


def anew(one: Container, **fields: Any) -> Container:
    """The same app in another container."""
    return replace(one, id=id_of(one.id), created_at=AT, started_at=AT, **fields)


def bare(one: Container) -> Container:
    """The same container, known by its cgroup alone."""
    return Container(one.id, one.id[:12], State.RUNNING, one.engine, is_bare=True)


def listed(*containers: Container, answered: Iterable[Engine] = DOCKER, **fields: Any) -> Containers:
    """What engines list, with a revision that is the same for the same list."""
    status = AppsStatus.OK if containers else AppsStatus.NO_CONTAINERS
    revision = sha256(repr((sorted(map(repr, containers)), fields)).encode()).hexdigest()[:40]
    known: dict[str, Any] = {"status": status, "way": "socket", "revision": revision} | fields
    return Containers(by_id={one.id: one for one in containers}, answered=frozenset(answered), **known)


def denied(*containers: Container) -> Containers:
    """What is seen of running containers without rights."""
    running_ones = [bare(one) for one in containers if one.state is State.RUNNING]
    return listed(*running_ones, answered=(), status=AppsStatus.NOT_ALLOWED, way="denied")


def unreadable(status: AppsStatus = AppsStatus.DAEMON_DOWN, way: str = "down") -> Containers:
    return listed(answered=(), status=status, way=way)


def captured(name: str) -> Containers:
    """What a real engine's list and inspections, kept as a capture, are known as."""
    engine = Engine(name.partition("-")[0])
    answers = engines({engine: ["socket", *packed(container_capture(name, "list.json"))]}, AT.timestamp())
    details = inspected(["socket", *packed(container_capture(name, "inspect.json"))])
    seen = KnownContainers().seen(Reading(engines=answers), lambda _engine, _ids: details)
    assert seen
    return seen


def usage(**figures: Any) -> ContainerUsage:
    names = set(ContainerUsage.__dataclass_fields__)
    return ContainerUsage(**dict.fromkeys(names) | {"cgroup": 7, "engine": Engine.DOCKER} | figures)


def docker_host(name: str = "web-01") -> Server:
    server = Server.objects.create(name=name, hostname="192.0.2.1")
    ServerState.objects.create(server=server, since=AT, next_poll_at=AT)
    return server


def polled(server: Server, seen: Containers | None, at: datetime = AT, **reading: Any) -> Polled:
    """The end of a poll, ready to be stored."""
    server = Server.objects.select_related("state").get(pk=server.pk)
    logs = reading.pop("logs", {})
    known = {"boot_id": "a", "uptime_seconds": (at - AT + HOUR).total_seconds()} | reading
    found = Reading(**known, containers=seen)
    sample = deltas.sample(found, deltas.loaded(server.state.counters))
    return Polled(server, at, Collected(found, sample, at, 0.25, logs))


def poll(server: Server, seen: Containers | None, at: datetime = AT, **reading: Any) -> None:
    store.save([polled(server, seen, at, **reading)], INTERVAL)


def polls(server: Server, *seen: Containers | None) -> None:
    """One after another, each an interval later, from AT on."""
    for number, one in enumerate(seen):
        poll(server, one, AT + number * INTERVAL)


def app(name: str) -> App:
    return App.objects.get(name=name)


def present() -> dict[str, str]:
    """The states of the apps that are there, by name."""
    return dict(App.objects.present().values_list("name", "state"))


def news() -> list[tuple[str, str]]:
    """What was told about apps, oldest first: (app, kind)."""
    told = ActivityLog.objects.filter(activity_type__startswith="app_").order_by("id")
    return [(name, kind.removeprefix("app_")) for name, kind in told.values_list("app_name", "activity_type")]
