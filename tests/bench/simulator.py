"""The whole product over a simulated fleet: `python -m tests.bench.simulator --servers 1000 --dead 5 --minutes 60`."""

import argparse
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles

from tests.bench import machines
from tests.bench.machines import Machine, Machines
from tests.bench.processes import cpu_seconds, pss_bytes
from tests.serve import ROOT, Serve

INTERVAL = 60
ENOUGH_FILES = 16_384
PAGES_A_MINUTE = 2
PARTS = ("supervisor", "web", "tasks", "poll")
STORED = "metrics_servermetrics", "metrics_containermetrics", "metrics_filesystemmetrics", "metrics_interfacemetrics"


@dataclass(frozen=True)
class Minute:
    """What one interval cost. Shares are of one core; `overdue_seconds` is the longest that a living server was."""

    at: datetime
    polled: int
    overdue_seconds: float
    late_polls: int
    samples: int
    rows: int
    cpu_seconds: dict[str, float]
    memory_bytes: dict[str, int]
    database_bytes: int
    logins: int
    machines_cpu_seconds: float
    overview_ms: list[float]
    server_ms: list[float]

    seconds: float

    @property
    def product_seconds(self) -> float:
        return sum(self.cpu_seconds.values())

    @property
    def machines_milliseconds(self) -> float:
        """What a sample costs where it is taken."""
        return self.machines_cpu_seconds / max(self.samples, 1) * 1000

    @property
    def mebibytes(self) -> float:
        return sum(self.memory_bytes.values()) / 2**20

    def share(self, cpu_seconds: float) -> float:
        """In percent of one core."""
        return 100 * cpu_seconds / self.seconds


@dataclass(frozen=True)
class _Counts:
    """Everything that only goes up, at one instant."""

    at: float
    cpu: dict[str, float]
    machines_cpu: float
    late_polls: int
    samples: int
    rows: int
    logins: int


class Simulator:
    """A running product that watches a fleet of machines."""

    def __init__(self, folder: Path, site: Machines, fleet: list[Machine], interval: int = INTERVAL) -> None:
        self.site, self.fleet, self.interval = site, fleet, interval
        self.alive = sum(machine.alive for machine in fleet)
        self.product = Serve(folder, TOMO_POLL_SECONDS=str(interval), TOMO_WATCH_SELF="off")
        self.cookie = self._enrol(folder)

    def _enrol(self, folder: Path) -> str:
        told = folder / "machines.json"
        about = {"user": self.site.sshd.user, "key": self.site.key.read_text(), "host_key": self.site.host_key}
        told.write_text(json.dumps(about | {"machines": [asdict(machine) for machine in self.fleet]}))
        command = [sys.executable, "-m", "tests.bench.enrol", str(told)]
        done = subprocess.run(command, cwd=ROOT, env=self.product.environment, check=True, stdout=subprocess.PIPE)
        return done.stdout.decode().splitlines()[-1]

    def polled_since(self, at: datetime) -> int:
        """How many servers were heard and stored since then."""
        since = f"{at.replace(tzinfo=None):%Y-%m-%d %H:%M:%S}"
        query = f"SELECT count(*) FROM metrics_serverstate WHERE status = 'online' AND polled_at >= '{since}'"
        return int(self.product.rows(query)[0][0])

    def warm_up(self, seconds: float = 900) -> float:
        """Until every living server has been polled; how long that took."""
        began, at = time.monotonic(), datetime(2000, 1, 1, tzinfo=UTC)
        while self.polled_since(at) < self.alive:
            assert time.monotonic() - began < seconds, f"{self.polled_since(at)} of {self.alive} servers were polled"
            time.sleep(1)
        return time.monotonic() - began

    def overdue(self) -> float:
        """For how many seconds the latest of the living servers waits for its poll."""
        query = (
            "SELECT max(julianday('now') - julianday(next_poll_at)) FROM metrics_serverstate WHERE status = 'online'"
        )
        return max(float(self.product.rows(query)[0][0] or 0) * 86_400, 0.0)

    def minute(self) -> Minute:
        """The next interval; servers are polled all through it, each at its own offset."""
        before, starts_at = self._counts(), time.time()
        pages: dict[str, list[float]] = {"/": [], f"/servers/{self._some_server()}": []}
        overdue = 0.0
        while time.time() < starts_at + self.interval:
            overdue = max(overdue, self.overdue())
            for path, times in pages.items():
                if len(times) < PAGES_A_MINUTE and time.time() > starts_at + len(times) * self.interval / 3:
                    times.append(self.page_ms(path))
            time.sleep(1)
        polled = self.polled_since(datetime.fromtimestamp(time.time() - self.interval, UTC))
        after = self._counts()
        overview, server = pages.values()
        return Minute(
            at=datetime.fromtimestamp(starts_at, UTC),
            polled=polled,
            overdue_seconds=overdue,
            late_polls=after.late_polls - before.late_polls,
            samples=after.samples - before.samples,
            rows=after.rows - before.rows,
            cpu_seconds={part: after.cpu[part] - before.cpu[part] for part in PARTS},
            memory_bytes=self.memory_bytes(),
            database_bytes=self.database_bytes(),
            logins=after.logins - before.logins,
            machines_cpu_seconds=after.machines_cpu - before.machines_cpu,
            overview_ms=overview,
            server_ms=server,
            seconds=after.at - before.at,
        )

    def page_ms(self, path: str) -> float:
        """How long a signed-in reader waits for a page."""
        began = time.monotonic()
        connection = HTTPConnection("127.0.0.1", self.product.port, timeout=60)
        connection.request("GET", path, headers={"Cookie": self.cookie, "Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 200, f"{path}: {answer.status}"
        return (time.monotonic() - began) * 1000

    def restarts(self) -> int:
        """How often the supervisor had to start a part again."""
        return self.product.log.read_text().count('"event": "part.failed"')

    def database_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.product.data.glob("tomo.sqlite3*"))

    @property
    def _supervisor(self) -> int:
        assert self.product.process
        return self.product.process.pid

    def _some_server(self) -> int:
        return int(self.product.rows("SELECT min(id) FROM metrics_server")[0][0])

    def _counts(self) -> _Counts:
        rows = [self.product.rows(f"SELECT count(*) FROM {table}")[0][0] for table in STORED]
        return _Counts(
            at=time.monotonic(),
            cpu=self.cpu_seconds(),
            machines_cpu=self.site.cpu_seconds(),
            late_polls=int(self.product.rows("SELECT coalesce(sum(late_polls), 0) FROM metrics_heartbeat")[0][0]),
            samples=rows[0],
            rows=sum(rows),
            logins=self.site.logins(),
        )

    def memory_bytes(self) -> dict[str, int]:
        """PSS of each part of the product."""
        return {part: pss_bytes(pids) for part, pids in self._parts().items()}

    def cpu_seconds(self) -> dict[str, float]:
        return {part: cpu_seconds(pids) for part, pids in self._parts().items()}

    def _parts(self) -> dict[str, list[int]]:
        """The processes of each part of the product, pollers together."""
        found: dict[str, list[int]] = {part: [] for part in PARTS} | {"supervisor": [self._supervisor]}
        for pid, place in self.product.tree().items():
            found[place.partition(".")[0].partition("-")[0]].append(pid)
        return found


@contextmanager
def running(servers: int, dead_percent: float, containers: int, interval: int = INTERVAL) -> Iterator[Simulator]:
    """A simulator whose product has just been started."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(ENOUGH_FILES, hard), hard))
    with ExitStack() as undone:
        folder = Path(undone.enter_context(tempfile.TemporaryDirectory(prefix="tomo-simulator-")))
        undone.enter_context(machines.containers(containers))
        site = Machines(folder)
        undone.callback(site.stop)
        simulator = Simulator(folder / "product", site, site.fleet(servers, dead_percent), interval)
        undone.callback(simulator.product.kill)
        simulator.product.start()
        yield simulator


COLUMNS: dict[str, Callable[[Minute], str]] = {
    "Minute": lambda one: f"{one.at:%H:%M}",
    "polled": lambda one: f"{one.polled}",
    "overdue": lambda one: f"{one.overdue_seconds:.1f} s",
    "late": lambda one: f"{one.late_polls}",
    "samples": lambda one: f"{one.samples}",
    "rows": lambda one: f"{one.rows}",
    **{part: (lambda one, part=part: f"{one.share(one.cpu_seconds[part]):.1f}%") for part in PARTS},
    "product": lambda one: f"{one.share(one.product_seconds):.1f}%",
    "memory": lambda one: f"{one.mebibytes:.0f} MiB",
    "database": lambda one: f"{one.database_bytes / 2**20:.1f} MiB",
    "logins": lambda one: f"{one.logins}",
    "CPU a sample there": lambda one: f"{one.machines_milliseconds:.1f} ms",
    "overview": lambda one: f"{median(one.overview_ms):.0f} ms",
    "a server": lambda one: f"{median(one.server_ms):.0f} ms",
}


def told(minutes: list[Minute]) -> Iterator[tuple[str, str]]:
    """What a run came to: medians of its minutes, percentiles of its pages."""
    growth = (minutes[-1].database_bytes - minutes[0].database_bytes) / max(len(minutes) - 1, 1)
    yield "servers polled within the interval", f"{min(one.polled for one in minutes)} at least"
    overdue = [one.overdue_seconds for one in minutes]
    yield (
        "the longest that a living server waited for its poll",
        f"{max(overdue):.1f} s; median {median(overdue):.1f} s",
    )
    yield "polls left out", f"{sum(one.late_polls for one in minutes)}"
    yield "samples of servers a minute; rows with all parts", _told(minutes, lambda one: f"{one.samples}; {one.rows}")
    for part in PARTS:
        yield f"CPU of {part}", f"{median(one.share(one.cpu_seconds[part]) for one in minutes):.1f}% of a core"
    yield "CPU of the product", f"{median(one.share(one.product_seconds) for one in minutes):.1f}% of a core"
    last = ", ".join(f"{part} {size / 2**20:.0f}" for part, size in minutes[-1].memory_bytes.items())
    yield "memory of the product (PSS)", f"{max(one.mebibytes for one in minutes):.0f} MiB at most; at last {last}"
    yield "database", f"{minutes[-1].database_bytes / 2**20:.1f} MiB, {growth / 2**20:.2f} MiB more a minute"
    yield "SSH logins", f"{sum(one.logins for one in minutes)} after the first ones"
    yield "CPU a sample on the machines", f"{median(one.machines_milliseconds for one in minutes):.1f} ms"
    for page, times in {
        "overview": [ms for one in minutes for ms in one.overview_ms],
        "page of a server": [ms for one in minutes for ms in one.server_ms],
    }.items():
        yield f"{page} (p50, p95)", f"{median(times):.0f} ms, {percentile_95(times):.0f} ms"


def percentile_95(figures: list[float]) -> float:
    return quantiles(figures, n=20, method="inclusive")[-1]


def _told(minutes: list[Minute], tell: Callable[[Minute], str]) -> str:
    return tell(sorted(minutes, key=lambda one: one.samples)[len(minutes) // 2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--dead", type=float, default=5, help="percent of them: half refuse, half keep silent")
    parser.add_argument("--containers", type=int, default=10, help="on the machine, and so on each server")
    parser.add_argument("--minutes", type=int, default=60)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it: nothing stays behind
    with running(given.servers, given.dead, given.containers) as simulator:
        print(f"{simulator.product.url}/ is up; all {simulator.alive} living servers were read after", end=" ")
        print(f"{simulator.warm_up():.0f} s and {simulator.site.logins()} logins\n", flush=True)
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
        minutes = []
        for _ in range(given.minutes):
            minutes.append(simulator.minute())
            print(f"| {' | '.join(tell(minutes[-1]) for tell in COLUMNS.values())} |", flush=True)
        restarts = simulator.restarts()
    print("\n| What | Figure |\n|---|---|")
    for what, figure in (*told(minutes), ("parts that were started again", f"{restarts}")):
        print(f"| {what} | {figure} |")


if __name__ == "__main__":
    main()
