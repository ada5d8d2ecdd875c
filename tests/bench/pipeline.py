"""The whole pipeline: a poller over a real sshd at so many addresses, from 10 servers to 1,000"""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psutil

from metrics.models import Heartbeat, Server, ServerMetrics, ServerState
from metrics.poller import Poller
from tests.bench.alone import Found
from tests.bench.enrol import enrol
from tests.bench.machines import Machines, containers
from tests.bench.processes import own_cpu_seconds
from tests.bench.targets import Target, at_most

INTERVAL = timedelta(seconds=60)
LONGEST_ROUND_SECONDS = 300


@dataclass(frozen=True)
class Round:
    """CPU milliseconds a server of one round, of the poller and on the machines."""

    ours: float
    theirs: float
    seconds: float


class Rounds:
    """Rounds of a poller, as fast as one can follow the other, each a minute later by the samples' clock."""

    def __init__(self, site: Machines, poller: Poller) -> None:
        self.site, self._poller = site, poller
        self._at = datetime.now(UTC)

    def next(self) -> Round:
        self._at += INTERVAL
        ServerState.objects.filter(next_poll_at__isnull=False).update(next_poll_at=self._at)
        Heartbeat.objects.hold("poll", self._poller.holder, self._at)
        servers, known = Server.objects.count(), ServerMetrics.objects.count()
        ours, theirs, began = own_cpu_seconds(), self.site.cpu_seconds(), time.monotonic()
        while (stored := ServerMetrics.objects.count() - known) < servers:
            assert time.monotonic() - began < LONGEST_ROUND_SECONDS, f"{stored} of {servers} samples"
            self._poller.tick(self._at)
        ours, theirs = own_cpu_seconds() - ours, self.site.cpu_seconds() - theirs
        return Round(ours / servers * 1000, theirs / servers * 1000, time.monotonic() - began)


def measure(
    sizes: tuple[int, ...] = (10, 100, 1000), containers_on_each: int = 10, rounds: int = 6, idle_seconds: int = 30
) -> Iterator[Found]:
    with ExitStack() as undone:
        folder = Path(undone.enter_context(tempfile.TemporaryDirectory(prefix="tomo-bench-")))
        undone.enter_context(containers(containers_on_each))
        site = Machines(folder)
        undone.callback(site.stop)
        poller = Poller("poll", 0, 1, INTERVAL)
        undone.callback(poller.close)
        fleet, cost = site.fleet(max(sizes)), {}
        running = Rounds(site, poller)
        before = psutil.Process().memory_info().rss
        for start, size in zip((0, *sizes), sizes, strict=False):
            machines = [asdict(machine) for machine in fleet[start:size]]
            enrol(machines, site.sshd.user, site.key.read_text(), site.host_key)
            running.next()
            taken = [running.next() for _ in range(rounds)]
            cost[size] = median(one.ours for one in taken)
            there, seconds = (median(getattr(one, name) for one in taken) for name in ("theirs", "seconds"))
            figure = f"{cost[size]:.2f} ms CPU a server, {there:.1f} ms on it; {seconds:.1f} s"
            yield f"a round of {size} servers with {containers_on_each} containers each", figure
        count, logins = max(sizes), site.logins()
        memory = psutil.Process().memory_info().rss - before
        yield "memory a server, with its connection", f"{memory / count / 1024:.0f} KiB"
        share = _idle_percent(idle_seconds)
        yield f"{count} open connections, idle", f"{share:.3f}% of a core, {threading.active_count()} threads"
        yield at_most(
            f"the whole pipeline per host sample, {containers_on_each} containers", cost[count], 3, "ms of CPU"
        )
        yield at_most(f"idle CPU with {count} open connections", share, 0.1, "% of a core")
        yield Target("SSH logins", "1 a server", f"{logins / count:g} a server", logins == count)
        growth = cost[count] / cost[min(sizes)]
        what = f"cost of a server and round, {count} against {min(sizes)} servers"
        yield at_most(what, growth, 1, "times", why="see the table")


def _idle_percent(seconds: int) -> float:
    began = own_cpu_seconds()
    time.sleep(seconds)
    return 100 * (own_cpu_seconds() - began) / seconds
