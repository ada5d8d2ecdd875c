"""Collection of one host sample over a real sshd on loopback."""

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import psutil

from metrics import keys, ssh
from metrics.collect import collect
from metrics.probe.deltas import Counters, counters
from tests.sshd import Sshd

IDLE_CONNECTIONS = 100
IDLE_SECONDS = 20
ORIGINAL_PLAN = ("top -bn1 | head -5", "free -b", "df -P", "cat /proc/net/dev /proc/loadavg /proc/uptime")
ONE_COMMAND = "cat /proc/stat /proc/meminfo /proc/net/dev /proc/diskstats /proc/loadavg /proc/uptime; df -P"


def measure() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "id")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        server = Sshd(Path(folder, "sshd"), key.with_suffix(".pub").read_text())
        server.start()
        try:
            yield from _compared(server, key)
            yield from _idle(server, key)
        finally:
            server.stop()


def _compared(server: Sshd, key: Path) -> Iterator[tuple[str, str]]:
    private, _public = keys.parse(key.read_text())
    target = ssh.Target("127.0.0.1", server.port, server.user, ssh.scan_host_keys("127.0.0.1", server.port), private)
    connection = ssh.SSHConnection(target)
    before = counters(collect(connection.probe, Counters()).reading)
    ours = _cost(lambda: collect(connection.probe, before), 300)
    connection.close()
    fresh = _cost(lambda: _fresh(server, key, [ONE_COMMAND]), 20)
    plan = _cost(lambda: _fresh(server, key, ORIGINAL_PLAN), 10)
    client = _cost(lambda: _client(server, key), 10)
    yield "resident probe, parsed, with rates", _told(ours)
    yield "fresh paramiko connection, one command", f"{_told(fresh)}; {fresh[0] / ours[0]:.0f} times our CPU"
    yield "fresh paramiko connection, four commands", f"{_told(plan)}; {plan[0] / ours[0]:.0f} times"
    yield "OpenSSH client × 5, as check_by_ssh", f"{_told(client)}; {client[0] / ours[0]:.0f} times"


def _idle(server: Sshd, key: Path) -> Iterator[tuple[str, str]]:
    """What open connections cost while nothing is asked."""
    private, _public = keys.parse(key.read_text())
    target = ssh.Target("127.0.0.1", server.port, server.user, ssh.scan_host_keys("127.0.0.1", server.port), private)
    before = psutil.Process().memory_info().rss
    open_ones = [ssh.SSHConnection(target) for _ in range(IDLE_CONNECTIONS)]
    memory = (psutil.Process().memory_info().rss - before) / IDLE_CONNECTIONS
    started = time.process_time()
    time.sleep(IDLE_SECONDS)
    share = (time.process_time() - started) / IDLE_SECONDS
    threads = threading.active_count()
    for connection in open_ones:
        connection.close()
    yield (
        f"{IDLE_CONNECTIONS} idle connections",
        f"{share:.3%} of a core, {memory / 1024:.0f} KiB each, {threads} threads",
    )


def _cost(run: Callable[[], object], times: int) -> tuple[float, float]:
    """CPU of this process and its children, and wall time, in milliseconds a run."""
    run()
    cpu, wall = _cpu(), time.perf_counter()
    for _ in range(times):
        run()
    return (_cpu() - cpu) / times * 1000, (time.perf_counter() - wall) / times * 1000


def _cpu() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _told(cost: tuple[float, float]) -> str:
    return f"{cost[0]:.2f} ms CPU, {cost[1]:.1f} ms wall"


def _fresh(server: Sshd, key: Path, commands: "list[str] | tuple[str, ...]") -> None:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", server.port, server.user, key_filename=str(key), allow_agent=False, look_for_keys=False)
    for command in commands:
        client.exec_command(command)[1].read()
    client.close()


def _client(server: Sshd, key: Path) -> None:
    options = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
    for _ in range(5):
        subprocess.run(
            ["ssh", *options, "-i", key, "-p", str(server.port), f"{server.user}@127.0.0.1", "cat /proc/stat"],
            stdout=subprocess.DEVNULL,
            check=True,
        )
