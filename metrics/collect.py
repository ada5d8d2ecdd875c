"""One poll: ask, read, compare with the poll before."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from metrics.connections import Connection, Way, open_connection
from metrics.failures import Failure, Reason
from metrics.probe import deltas, docker, linux
from metrics.probe.deltas import Counters, Sample
from metrics.probe.reading import BadAnswer, Engine, Reading
from metrics.resident import ResidentProbe

MOUNTS_EVERY = 5  # polls between two looks for new mounts and sensors

Wanted = Mapping[str, Engine]
"""Containers by id whose last log lines are wanted, with the engine to ask."""


@dataclass(frozen=True)
class Collected:
    """What one poll brought, and when it came in by our clock. `logs` are lines by container id.

    `polls` and `moved_bytes` are those of the connection so far, this poll included; `logins` how often it signed in.
    """

    reading: Reading
    sample: Sample
    received_at: datetime
    seconds: float
    logs: dict[str, list[str]] = field(default_factory=dict)
    polls: int = 1
    moved_bytes: int = 0
    logins: int = 0


def collect(probe: ResidentProbe, before: Counters, wanted: Wanted | None = None) -> Collected:
    """One round trip to a running probe; a further one where a container changed, or its log is wanted. Raises
    Failure."""
    started = time.monotonic()
    asked = probe.request(
        looks_for_mounts=probe.polls % MOUNTS_EVERY == 0, lists_containers=probe.containers.wants_list
    )
    answer = probe(asked)
    received_at = datetime.now(UTC)
    try:
        reading = linux.read(answer, asked)
    except BadAnswer as wrong:
        raise Failure(Reason.BAD_ANSWER, probe.where, str(wrong)) from None

    reading = replace(reading, containers=probe.containers.seen(reading, lambda *about: _inspected(probe, *about)))
    logs = {i: docker.log_lines(_asked(probe, "logs", engine, [i])) for i, engine in (wanted or {}).items()}
    logs = {} if probe.is_lost else logs
    return Collected(
        reading,
        deltas.sample(reading, before),
        received_at,
        time.monotonic() - started,
        logs,
        probe.polls,
        probe.moved_bytes,
    )


def _inspected(probe: ResidentProbe, engine: Engine, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    return docker.inspected(_asked(probe, "inspect", engine, ids))


def _asked(probe: ResidentProbe, what: str, engine: Engine, ids: Sequence[str]) -> list[str]:
    """A further question of a poll. If it fails the sample is worth keeping, but the connection is not."""
    if not probe.is_lost:
        try:
            return probe.ask_about(what, engine, ids)
        except Failure:
            probe.is_lost = True
    return []


def connect_and_collect(to: Way, before: Counters, wanted: Wanted | None = None) -> tuple[Connection, Collected]:
    """One poll over a new connection. Raises Failure, and then the connection is closed."""
    connection = open_connection(to)
    try:
        collected = collect(connection.probe, before, wanted)
    except BaseException as wrong:
        connection.close()
        if isinstance(wrong, Failure):
            wrong.logins = connection.logins
        raise
    return connection, replace(collected, logins=connection.logins)
