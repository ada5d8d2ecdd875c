"""A fleet of servers in the database, with samples as the store writes them."""

import dataclasses
from datetime import datetime, timedelta

from metrics import servers, store
from metrics.collect import Collected, collect
from metrics.local import LocalConnection
from metrics.models import Server
from metrics.probe import deltas
from metrics.probe.deltas import Counters

INTERVAL = timedelta(seconds=60)


def add(count: int, at: datetime) -> list[Server]:
    """So many servers, each with its state."""
    return [
        servers.add(Server(name=f"server-{n:04}", hostname=f"10.{n >> 8}.{n & 255}.1"), None, ["production"], at)
        for n in range(count)
    ]


def one_poll() -> Collected:
    """What a real poll of this machine brings, with rates."""
    connection = LocalConnection()
    try:
        first = collect(connection.probe, Counters())
        second = collect(connection.probe, deltas.counters(first.reading))
    finally:
        connection.close()
    return second


def store_round(fleet: list[Server], collected: Collected, at: datetime) -> None:
    """A round of the whole fleet, in the poller's batches."""
    collected = dataclasses.replace(collected, received_at=at)
    polls = [store.Polled(server, at, collected) for server in fleet]
    for start in range(0, len(polls), 50):
        store.save(polls[start : start + 50], INTERVAL)
