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

from metrics.models import Server, ServerState
from metrics.models.fields import SLOT_SECONDS
from metrics.poller import Poller
from tests.bench.alone import Found
from tests.bench.enrol import enrol
from tests.bench.machines import Machines, containers
from tests.bench.processes import own_cpu_seconds
from tests.bench.targets import Target, at_most

INTERVAL = timedelta(hours=1)  # so that nothing is due but what a round asks for
LONGEST_ROUND_SECONDS = 300


@dataclass(frozen=True)
class Round:
    """CPU milliseconds a server of one round, of the poller and on the machines."""

    ours: float
    theirs: float
    seconds: float


def measure(
    sizes: tuple[int, ...] = (10, 100, 1000), containers_on_each: int = 10, turns: int = 5, idle_seconds: int = 30
) -> Iterator[Found]:
    count = max(sizes)
    with ExitStack() as undone:
        folder = Path(undone.enter_context(tempfile.TemporaryDirectory(prefix="tomo-bench-")))
        undone.enter_context(containers(containers_on_each))
        site = Machines(folder)
        undone.callback(site.stop)
        poller = Poller("poll", "", INTERVAL)
        undone.callback(poller.close)
        before = psutil.Process().memory_info().rss
        machines = [asdict(machine) for machine in site.fleet(count)]
        enrol(machines, site.sshd.user, site.key.read_text(), site.host_key)
        _round(poller, site, count)
        memory = psutil.Process().memory_info().rss - before
        rounds: dict[int, list[Round]] = {size: [] for size in sizes}
        for _ in range(turns):
            for size in sizes:
                rounds[size].append(_round(poller, site, size))
        cost = {size: median(one.ours for one in taken) for size, taken in rounds.items()}
        for size, taken in rounds.items():
            there, seconds = (median(getattr(one, name) for one in taken) for name in ("theirs", "seconds"))
            figure = f"{cost[size]:.2f} ms CPU a server, {there:.1f} ms on it; {seconds:.1f} s"
            yield f"a round of {size} servers with {containers_on_each} containers each", figure
        logins, share = site.logins(), _idle_percent(idle_seconds)
        yield "memory a server, with its connection", f"{memory / count / 1024:.0f} KiB"
        yield f"{count} open connections, idle", f"{share:.3f}% of a core, {threading.active_count()} threads"
    what = f"the whole pipeline per host sample, {containers_on_each} containers"
    yield at_most(what, cost[count], 3, "ms of CPU")
    yield at_most(f"idle CPU with {count} open connections", share, 0.1, "% of a core")
    yield Target("SSH logins", "1 a server", f"{logins / count:g} a server", logins == count)
    what = f"cost of a server and round, {count} against {min(sizes)} servers"
    yield at_most(what, cost[count] / cost[min(sizes)], 1, "times", why="see the rows of rounds")


def _round(poller: Poller, site: Machines, size: int) -> Round:
    """The first so many servers polled and stored, in a slot of their own."""
    time.sleep(SLOT_SECONDS - time.time() % SLOT_SECONDS)
    first = list(Server.objects.order_by("pk").values_list("pk", flat=True)[:size])
    began, at = time.monotonic(), datetime.now(UTC)
    ServerState.objects.filter(server__in=first).update(next_poll_at=at)
    polled = ServerState.objects.filter(server__in=first, polled_at__gte=at, status="online")
    ours, theirs = own_cpu_seconds(), site.cpu_seconds()
    assert poller.renew(at), "somebody else polls"
    while (done := polled.count()) < size:
        assert time.monotonic() - began < LONGEST_ROUND_SECONDS, f"{done} of {size} servers"
        poller.tick(datetime.now(UTC))
    ours, theirs = own_cpu_seconds() - ours, site.cpu_seconds() - theirs
    return Round(ours / size * 1000, theirs / size * 1000, time.monotonic() - began)


def _idle_percent(seconds: int) -> float:
    began = own_cpu_seconds()
    time.sleep(seconds)
    return 100 * (own_cpu_seconds() - began) / seconds
