"""Collection of one host sample over a real sshd on loopback"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import paramiko

from metrics import keys, ssh
from metrics.collect import collect
from metrics.probe.deltas import Counters, counters
from tests.bench import peers
from tests.bench.alone import Found
from tests.bench.machines import Machines, containers
from tests.bench.peers import CHECK_BY_SSH, PROMETHEUS
from tests.bench.processes import cpu_seconds, family, own_cpu_seconds
from tests.bench.targets import part_of

OURS, FRESH, PLAN = (
    "resident probe",
    "paramiko, fresh connection, one command",
    "paramiko, fresh connection, the plan's",
)
ONE_COMMAND = "cat /proc/stat /proc/meminfo /proc/net/dev /proc/diskstats /proc/loadavg /proc/uptime; df -P"
ORIGINAL_PLAN = ("top -bn1 | head -5", "free -b", "df -P", "cat /proc/net/dev /proc/loadavg /proc/uptime")
STATS = "docker stats --no-stream"
CHECKS = ("/proc/loadavg", "/proc/stat", "/proc/meminfo", "/proc/diskstats", "/proc/net/dev")
UNASKING = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
REAPED_SECONDS = 0.1


@dataclass
class Way:
    """A way to read a server: what it cost us, the servers and the clock, in milliseconds a sample, turn by turn."""

    name: str
    run: Callable[[], object]
    times: int
    helpers: Callable[[], list[int]] = list
    costs: list[tuple[float, float, float]] = field(default_factory=list)

    def take_turn(self, site: Machines) -> None:
        time.sleep(REAPED_SECONDS)  # sshd counts a connection once it has seen its end
        before = self._spent(site)
        for _ in range(self.times):
            self.run()
        wall = time.perf_counter()
        time.sleep(REAPED_SECONDS)
        ours, theirs, _ = (now - then for now, then in zip(self._spent(site), before, strict=True))
        self.costs.append((ours, theirs, wall - before[2]))

    def _spent(self, site: Machines) -> tuple[float, float, float]:
        return own_cpu_seconds() + cpu_seconds(self.helpers()), site.cpu_seconds(), time.perf_counter()

    def milliseconds(self, which: int) -> float:
        return median(cost[which] for cost in self.costs) / self.times * 1000

    @property
    def told(self) -> str:
        ours, theirs, wall = map(self.milliseconds, range(3))
        return f"{ours:.2f} ms CPU, {theirs:.1f} ms CPU on the server, {wall:.1f} ms wall"


def measure(turns: int = 7, containers_on_each: int = 10) -> Iterator[Found]:
    host, scraped = _compared(turns, 0)
    ours = host[OURS]
    for way in host.values():
        times = "" if way is ours else f"; {way.milliseconds(0) / ours.milliseconds(0):.0f} times our CPU"
        yield way.name, way.told + times
    yield "Prometheus scraping node_exporter", scraped_told(scraped)
    with_apps, _ = _compared(turns, containers_on_each)
    for name in (OURS, PLAN):
        yield f"the same with {containers_on_each} containers: {with_apps[name].name}", with_apps[name].told
    check = host.get("check_by_ssh × 5")
    us, there = ours.milliseconds(0), with_apps[OURS].milliseconds(1)
    what, nothing = "collector CPU of a host sample, parsed, against", peers.without(*PROMETHEUS)
    yield part_of(f"{what} a fresh paramiko connection with one command", us, host[FRESH].milliseconds(0), 8)
    yield part_of(f"{what} check_by_ssh × 5", us, check and check.milliseconds(0), 100, why=peers.without(CHECK_BY_SSH))
    yield part_of(f"{what} Prometheus scraping node_exporter", us, scraped and scraped[0], 2, why=nothing)
    what = f"CPU of a sample on the server with {containers_on_each} containers, against"
    yield part_of(f"{what} the original plan's commands", there, with_apps[PLAN].milliseconds(1), 20)
    yield part_of(f"{what} node_exporter, which sees no containers", there, scraped and scraped[1], 2, why=nothing)


def scraped_told(scraped: tuple[float, float] | None) -> str:
    if scraped is None:
        return f"not installed: {peers.without(*PROMETHEUS)}"
    return f"{scraped[0]:.2f} ms CPU, storing included, {scraped[1]:.1f} ms CPU on the server"


def _compared(turns: int, containers_on_each: int) -> tuple[dict[str, Way], tuple[float, float] | None]:
    """Every way in turns, so that what drifts hits all the same; and what Prometheus did meanwhile."""
    with ExitStack() as undone:
        folder = Path(undone.enter_context(tempfile.TemporaryDirectory(prefix="tomo-bench-")))
        undone.enter_context(containers(containers_on_each))
        site = Machines(folder)
        undone.callback(site.stop)
        ways = list(_ways(site, undone, has_containers=bool(containers_on_each)))
        scraped = undone.enter_context(peers.prometheus(folder))
        for way in ways:
            way.run()
        for _ in range(turns):
            for way in ways:
                way.take_turn(site)
        return {way.name: way for way in ways}, scraped and scraped.figures()


def _ways(site: Machines, undone: ExitStack, *, has_containers: bool) -> Iterator[Way]:
    private, _public = keys.parse(site.key.read_text())
    host_keys = {site.host_key["type"]: site.host_key["key"]}
    connection = ssh.SSHConnection(ssh.Target("127.0.0.1", site.sshd.port, site.sshd.user, host_keys, private))
    undone.callback(connection.close)
    before = counters(collect(connection.probe, Counters()).reading)
    yield Way(OURS, lambda: collect(connection.probe, before), 50)
    plan = (*ORIGINAL_PLAN, STATS) if has_containers else ORIGINAL_PLAN
    yield Way(PLAN, lambda: _fresh(site, plan), 1)
    if has_containers:
        return
    yield Way(FRESH, lambda: _fresh(site, (ONE_COMMAND,)), 4)
    yield Way("OpenSSH client, fresh connection", lambda: _client(site, "cat /proc/stat"), 2)
    control = site.key.with_name("control")
    master = _master(site, control, undone)
    yield Way(
        "OpenSSH client over a control master",
        lambda: _client(site, "cat /proc/stat", f"ControlPath={control}"),
        5,
        lambda: family(master),
    )
    if not peers.without(CHECK_BY_SSH):
        yield Way("check_by_ssh × 5", lambda: [_check(site, file) for file in CHECKS], 1)


def _fresh(site: Machines, commands: Sequence[str]) -> None:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        "127.0.0.1", site.sshd.port, site.sshd.user, key_filename=str(site.key), allow_agent=False, look_for_keys=False
    )
    for command in commands:
        client.exec_command(command)[1].read()
    client.close()


def _options(*more: str) -> list[str]:
    return [word for option in (*UNASKING, *more) for word in ("-o", option)]


def _client(site: Machines, command: str, *options: str) -> None:
    where = ("-i", str(site.key), "-p", str(site.sshd.port), f"{site.sshd.user}@127.0.0.1")
    subprocess.run(["ssh", *_options(*options), *where, command], stdout=subprocess.DEVNULL, check=True)


def _master(site: Machines, control: Path, undone: ExitStack) -> int:
    where = ("-i", str(site.key), "-p", str(site.sshd.port), f"{site.sshd.user}@127.0.0.1")
    process = subprocess.Popen(["ssh", *_options("ControlMaster=yes", f"ControlPath={control}"), "-N", *where])
    undone.callback(process.wait)
    undone.callback(process.terminate)
    while not control.exists():
        time.sleep(0.05)
    return process.pid


def _check(site: Machines, file: str) -> None:
    where = ("-H", "127.0.0.1", "-p", str(site.sshd.port), "-l", site.sshd.user, "-i", str(site.key), "-E")
    options = [word for option in UNASKING for word in ("-o", option)]
    done = subprocess.run([CHECK_BY_SSH, *where, *options, "-C", f"head -1 {file}"], stdout=subprocess.DEVNULL)
    assert done.returncode == os.EX_OK
