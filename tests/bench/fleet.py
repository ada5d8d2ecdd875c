"""A fleet of servers in the database, with samples as the store writes them."""

from dataclasses import replace
from datetime import datetime, timedelta

from metrics import servers, store
from metrics.collect import Collected, collect
from metrics.local import LocalConnection
from metrics.models import Server
from metrics.poller import AT_ONCE
from metrics.probe import deltas
from metrics.probe.deltas import Counters
from metrics.probe.reading import AppsStatus, Container, Containers, ContainerUsage, Engine, State

INTERVAL = timedelta(seconds=60)


def add(count: int, at: datetime, first: int = 0) -> list[Server]:
    """Servers up to number `count`, each with its state."""
    return [
        servers.add(Server(name=f"server-{n:04}", hostname=f"10.{n >> 8}.{n & 255}.1"), None, ["production"], at)
        for n in range(first, count)
    ]


def one_poll() -> Collected:
    """What a real poll of this machine brings, with rates; its containers, if there are any, are left out."""
    connection = LocalConnection()
    try:
        first = collect(connection.probe, Counters())
        second = collect(connection.probe, deltas.counters(first.reading))
    finally:
        connection.close()
    bare = replace(second.reading, usages=None, containers=None)
    return replace(second, reading=bare, sample=deltas.sample(bare, deltas.counters(first.reading)))


def with_apps(collected: Collected, count: int, at: datetime) -> Collected:
    """The same poll of a server with so many running containers."""
    containers = {
        f"{n:064x}": Container(
            id=f"{n:064x}",
            name=f"shop-web-{n}",
            state=State.RUNNING,
            engine=Engine.DOCKER,
            image="registry.example.org/shop/web:1.2.3",
            image_id="ab" * 32,
            restart_count=0,
            restart_policy="unless-stopped",
            created_at=at,
            started_at=at,
        )
        for n in range(count)
    }
    usages = {
        i: ContainerUsage(n, Engine.DOCKER, 10**9 + n, 300 << 20, 1 << 30, None, 12, 10**8, 10**7, 0, 10**9 + n, 10**8)
        for n, i in enumerate(containers)
    }
    reading = replace(
        collected.reading,
        usages=usages,
        containers=Containers(AppsStatus.OK, containers, frozenset({Engine.DOCKER}), "socket", "bench 1"),
    )
    uptime = reading.uptime_seconds or 0.0
    before = deltas.counters(replace(reading, uptime_seconds=uptime - 60))
    earlier = {
        i: replace(one, cpu_microseconds=10**9 - 2 * 10**6, receive_bytes=10**9 - 10**6, transmit_bytes=10**8 - 10**5)
        for i, one in before.containers.items()
    }
    sample = deltas.sample(reading, replace(before, containers=earlier))
    return replace(collected, reading=reading, sample=replace(collected.sample, containers=sample.containers))


def batches(fleet: list[Server], collected: Collected, at: datetime) -> list[list[store.Polled]]:
    """A round of the whole fleet, as the poller stores it."""
    polls = [store.Polled(server, at, replace(collected, received_at=at)) for server in fleet]
    return [polls[start : start + AT_ONCE] for start in range(0, len(polls), AT_ONCE)]
