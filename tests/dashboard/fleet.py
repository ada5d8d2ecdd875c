"""Servers and apps with a history, made by the same code that stores real polls."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from metrics import servers, store
from metrics.collect import Collected
from metrics.failures import Failure, Reason
from metrics.known_containers import KnownContainers
from metrics.models import App, Server, ServerState
from metrics.probe import deltas, docker, linux
from metrics.probe.deltas import Counters
from metrics.probe.protocol import Request
from metrics.probe.reading import AppsStatus, Container, ContainerUsage, Engine, EngineAnswer, Reading, State
from metrics.servers import Secret
from metrics.store import Polled
from tests.metrics.probe import answers

MINUTE = timedelta(seconds=60)
FIRST = answers.of("debian-12")
LATER = linux.read(answers.capture("debian-12", "later.txt"), Request(2, answers.ASKED.nonce))
BOOTED = datetime(2026, 1, 1, tzinfo=UTC)
MIB = 2**20

# What an engine says that does not list its containers.
ABSENT = EngineAnswer(AppsStatus.NO_DOCKER, "absent")
DENIED = EngineAnswer(AppsStatus.NOT_ALLOWED, "denied")
DOWN = EngineAnswer(AppsStatus.DAEMON_DOWN, "down")
NONE = EngineAnswer(AppsStatus.NO_CONTAINERS, "socket", {})


def pending(name: str = "web-01", *, tags: tuple[str, ...] = (), secret: Secret | None = None) -> Server:
    """A server that was added and never polled. It gets its name as it is, however hostile."""
    server = Server(name=name, hostname="192.0.2.1")
    return servers.add(server, secret, tags, datetime.now(UTC))


def online(name: str = "web-01", *, ago: timedelta = timedelta(), tags: tuple[str, ...] = (), polls: int = 2) -> Server:
    """A server whose newest of so many polls, a minute apart, is that long ago."""
    server = pending(name, tags=tags)
    newest = datetime.now(UTC) - ago
    for number in range(polls):
        polled(server, newest - (polls - 1 - number) * MINUTE, FIRST if number == 0 else LATER)
    return current(server)


def offline(name: str = "web-01", *, ago: timedelta = timedelta()) -> Server:
    """A server that was seen and then refused the connection."""
    server = online(name, ago=ago + MINUTE)
    failed(server, datetime.now(UTC) - ago)
    return current(server)


def polled(
    server: Server,
    at: datetime,
    reading: Reading = LATER,
    *,
    logs: dict[str, list[str]] | None = None,
    **changed: object,
) -> None:
    """One poll that worked, with these fields of the reading changed."""
    server = current(server)
    reading = replace(reading, **changed)
    before = deltas.loaded(server.state.counters) if server.state.counters else Counters()
    outcome = Collected(reading, deltas.sample(reading, before), at, 0.05, logs or {})
    store.save([Polled(server, at, outcome)], MINUTE)


def failed(server: Server, at: datetime, reason: Reason = Reason.REFUSED) -> None:
    store.save([Polled(current(server), at, Failure(reason, "192.0.2.1:22"))], MINUTE)


# Apps --------------------------------------------------------------------------------------------


def container(name: str = "web", **fields: Any) -> Container:
    """One of Docker's, which runs. Its id comes of its name."""
    known = {
        "id": hashlib.sha256(name.encode()).hexdigest(),
        "state": State.RUNNING,
        "engine": Engine.DOCKER,
        "image": "nginx:1.27",
        "image_id": "1" * 64,
        "restart_count": 0,
        "restart_policy": "unless-stopped",
        "started_at": BOOTED,
    }
    return Container(name=name, **known | fields)


def exited(name: str = "web", exit_code: int = 1, **fields: Any) -> Container:
    return container(name, state=State.EXITED, exit_code=exit_code, **fields)


def usage(at: datetime, *, cores: float = 0.5, **fields: Any) -> ContainerUsage:
    """What a container has used by then, evenly since its server was started: so many cores, 1 kB/s in, 0.5 out."""
    seconds = (at - BOOTED).total_seconds()
    known = {
        "cgroup": 7,
        "engine": Engine.DOCKER,
        "cpu_microseconds": round(seconds * cores * 1e6),
        "memory_bytes": 64 * MIB,
        "memory_limit_bytes": 256 * MIB,
        "cpu_limit_cores": 2.0,
        "pids": 7,
        "read_bytes": round(seconds * 2000),
        "written_bytes": round(seconds * 4000),
        "out_of_memory_kills": 0,
        "receive_bytes": round(seconds * 1000),
        "transmit_bytes": round(seconds * 500),
    }
    return ContainerUsage(**known | fields)


def looked(
    server: Server,
    at: datetime,
    *containers: Container,
    answer: EngineAnswer | None = None,
    usages: dict[str, dict[str, Any]] | None = None,
    logs: dict[str, list[str]] | None = None,
) -> None:
    """One poll that saw these containers, or got this answer of Docker's, and what each container that runs has used:
    as usage() has it, or with other fields, by container id."""
    answer = answer or EngineAnswer(AppsStatus.OK, "socket", {one.id: one for one in containers})
    running = {one.id: {} for one in (answer.containers or {}).values() if one.state is State.RUNNING} | (usages or {})
    seen = replace(
        LATER,
        facts=FIRST.facts,
        booted_at=int(BOOTED.timestamp()),
        uptime_seconds=(at - BOOTED).total_seconds(),
        usages={container_id: usage(at, **fields) for container_id, fields in running.items()},
        engines={Engine.DOCKER: answer},
    )
    polled(server, at, seen, containers=KnownContainers().seen(seen, lambda _engine, _ids: {}), logs=logs)


def with_apps(
    *containers: Container,
    name: str = "web-01",
    ago: timedelta = timedelta(),
    tags: tuple[str, ...] = (),
    polls: int = 2,
    **more: Any,
) -> Server:
    """A server on which so many polls, a minute apart, saw the same."""
    server = pending(name, tags=tags)
    newest = datetime.now(UTC) - ago
    for number in range(polls):
        looked(server, newest - (polls - 1 - number) * MINUTE, *containers, **more)
    return current(server)


def crashed(name: str = "web", *, ago: timedelta = timedelta(), lines: Sequence[str] = ("boom",), **fields: Any) -> App:
    """An app that ran for some minutes on a server of its own, and crashed; the last poll fetched its last lines."""
    before, after = container(name), exited(name, **{"exit_code": 139, "finished_at": datetime.now(UTC) - ago} | fields)
    server = with_apps(before, name=f"of-{name}"[:64], ago=ago + 2 * MINUTE, polls=3)
    looked(server, datetime.now(UTC) - ago - MINUTE, after)
    looked(server, datetime.now(UTC) - ago, after, logs={after.id: list(lines)})
    return app(name)


def captured(name: str) -> dict[str, Container]:
    """The containers of a capture, as Docker lists and inspects them, by name."""
    part = {"docker": ["socket", *answers.packed(answers.container_capture(name, "list.json"))]}
    answered = (docker.engines(part, None) or {})[Engine.DOCKER]
    inspections = ["socket", *answers.packed(answers.container_capture(name, "inspect.json"))]
    seen = KnownContainers().seen(
        Reading(usages={}, engines={Engine.DOCKER: answered}), lambda _engine, _ids: docker.inspected(inspections)
    )
    assert seen
    return {one.name: one for one in seen.by_id.values()}


def app(name: str = "web") -> App:
    return App.objects.select_related("server").get(name=name)


def kept_current(server: Server) -> Server:
    """Not polled, and its figures taken for current for an hour: for a product that runs beside."""
    polled_at = datetime.now(UTC) + timedelta(hours=1)
    ServerState.objects.filter(server=server).update(next_poll_at=None, polled_at=polled_at)
    return current(server)


def current(server: Server) -> Server:
    """The server as the database has it now."""
    return Server.objects.with_latest().get(pk=server.pk)
