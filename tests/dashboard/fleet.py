"""Servers with a history, made by the same code that stores real polls."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from metrics import servers, store
from metrics.collect import Collected
from metrics.failures import Failure, Reason
from metrics.models import Server
from metrics.probe import deltas, linux
from metrics.probe.deltas import Counters
from metrics.probe.protocol import Request
from metrics.probe.reading import Reading
from metrics.servers import Secret
from metrics.store import Polled
from tests.metrics.probe import answers

MINUTE = timedelta(seconds=60)
FIRST = answers.of("debian-12")
LATER = linux.read(answers.capture("debian-12", "later.txt"), Request(2, answers.ASKED.nonce))


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


def polled(server: Server, at: datetime, reading: Reading = LATER, **changed: object) -> None:
    """One poll that worked, with these fields of the reading changed."""
    server = current(server)
    reading = replace(reading, **changed)
    before = deltas.loaded(server.state.counters) if server.state.counters else Counters()
    outcome = Collected(reading, deltas.sample(reading, before), at, 0.05)
    store.save([Polled(server, at, outcome)], MINUTE)


def failed(server: Server, at: datetime, reason: Reason = Reason.REFUSED) -> None:
    store.save([Polled(current(server), at, Failure(reason, "192.0.2.1:22"))], MINUTE)


def current(server: Server) -> Server:
    """The server as the database has it now."""
    return Server.objects.with_latest().get(pk=server.pk)
