"""One poll: ask, read, compare with the poll before."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from metrics.connections import Connection, open_connection
from metrics.failures import Failure, Reason
from metrics.probe import deltas, linux
from metrics.probe.deltas import Counters, Sample
from metrics.probe.reading import BadAnswer, Reading
from metrics.resident import ResidentProbe
from metrics.ssh import Target

MOUNTS_EVERY = 5  # polls between two looks for new mounts and sensors


@dataclass(frozen=True)
class Collected:
    """What one poll brought, and when it came in by our clock."""

    reading: Reading
    sample: Sample
    received_at: datetime
    seconds: float


def collect(probe: ResidentProbe, before: Counters) -> Collected:
    """One round trip to a running probe. Raises Failure."""
    started = time.monotonic()
    asked = probe.request(looks_for_mounts=probe.asked % MOUNTS_EVERY == 0)
    answer = probe(asked)
    received_at = datetime.now(UTC)
    try:
        reading = linux.read(answer, asked)
    except BadAnswer as wrong:
        raise Failure(Reason.BAD_ANSWER, probe.where, str(wrong)) from None
    return Collected(reading, deltas.sample(reading, before), received_at, time.monotonic() - started)


def connect_and_collect(to: Target | None, before: Counters) -> tuple[Connection, Collected]:
    """One poll over a new connection. Raises Failure, and then the connection is closed."""
    connection = open_connection(to)
    try:
        return connection, collect(connection.probe, before)
    except BaseException:
        connection.close()
        raise
