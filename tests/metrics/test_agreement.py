"""Our figures of this machine are those that psutil reads at the same moment, by a local shell and over SSH."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from metrics.collect import collect
from metrics.connections import Connection, open_connection
from metrics.probe import deltas
from metrics.probe.deltas import Counters, Sample
from metrics.ssh import Target
from tests.metrics.fleet import host_key
from tests.sshd import Sshd

TRIES = 5
BUSY_SECONDS = 4.0
NEAR_BYTES = 64 << 20  # what others may write meanwhile
PARTS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


@pytest.fixture(params=["local shell", "SSH"])
def connection(request: pytest.FixtureRequest, keys_folder: Path) -> Iterator[Connection]:
    opened = open_connection(_target(request, keys_folder) if request.param == "SSH" else None)
    yield opened
    opened.close()


def _target(request: pytest.FixtureRequest, keys_folder: Path) -> Target:
    sshd: Sshd = request.getfixturevalue("sshd")
    shown = host_key(sshd)
    key = (keys_folder / "id").read_text()
    return Target("127.0.0.1", sshd.port, sshd.user, {shown["type"]: shown["key"]}, key)


def between(connection: Connection, read: Callable[[], Any]) -> tuple[Any, Sample, Any]:
    """What psutil reads before, our sample, and what psutil reads after."""
    before = read()
    sample = collect(connection.probe, Counters()).sample
    return before, sample, read()


def test_memory_agrees(connection: Connection) -> None:
    before, sample, after = between(connection, psutil.virtual_memory)
    assert sample.memory
    assert sample.memory.total_bytes == before.total
    lowest, highest = sorted((before.total - before.available, after.total - after.available))
    near = before.total / 100
    assert lowest - near <= sample.memory.used_bytes <= highest + near


def test_swap_agrees(connection: Connection) -> None:
    before, sample, _ = between(connection, psutil.swap_memory)
    assert (sample.swap.total_bytes if sample.swap else 0) == before.total


def test_the_root_filesystem_agrees(connection: Connection) -> None:
    before, sample, _ = between(connection, lambda: psutil.disk_usage("/"))
    [root] = [one for one in sample.filesystems or () if one.mount == "/"]
    assert root.total_bytes == before.total
    assert root.used_bytes == pytest.approx(before.used, abs=NEAR_BYTES)
    assert root.available_bytes == pytest.approx(before.free, abs=NEAR_BYTES)
    assert root.used_percent == pytest.approx(before.percent, abs=0.5)


def test_network_counters_agree(connection: Connection) -> None:
    before, sample, after = between(connection, lambda: psutil.net_io_counters(pernic=True))
    assert set(sample.interfaces) >= {"lo"}
    for name, ours in sample.interfaces.items():
        assert before[name].bytes_recv <= ours.receive_bytes <= after[name].bytes_recv
        assert before[name].bytes_sent <= ours.transmit_bytes <= after[name].bytes_sent


def test_the_network_total_is_that_of_the_physical_interfaces(connection: Connection) -> None:
    physical = [path.parent.name for path in Path("/sys/class/net").glob("*/device")]
    before, sample, after = between(connection, lambda: psutil.net_io_counters(pernic=True))
    if not physical:  # a container: all that are not virtual by name
        physical = [name for name, one in sample.interfaces.items() if one.is_counted]
    assert sample.network
    received = sample.network.receive_bytes
    assert sum(before[n].bytes_recv for n in physical) <= received <= sum(after[n].bytes_recv for n in physical)


def test_disk_counters_agree(connection: Connection) -> None:
    before = psutil.disk_io_counters(perdisk=True)
    disks = collect(connection.probe, Counters()).reading.disks
    after = psutil.disk_io_counters(perdisk=True)
    assert disks
    for name, ours in disks.items():
        assert before[name].read_bytes <= ours.read_bytes <= after[name].read_bytes
        assert before[name].write_bytes <= ours.written_bytes <= after[name].write_bytes
        assert before[name].busy_time <= ours.busy_milliseconds <= after[name].busy_time


def test_load_agrees(connection: Connection) -> None:
    for _ in range(TRIES):  # the kernel works it out anew every five seconds
        before, sample, after = between(connection, os.getloadavg)
        if before == after:
            break
    assert sample.load == pytest.approx(before, abs=0.01)


def test_uptime_agrees(connection: Connection) -> None:
    before, sample, _ = between(connection, lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
    assert sample.uptime_seconds == pytest.approx(before, abs=1.5)


def test_cores_agree(connection: Connection) -> None:
    reading = collect(connection.probe, Counters()).reading
    assert len(reading.cores) == psutil.cpu_count()


def test_cpu_under_a_known_load_agrees(connection: Connection) -> None:
    core = max(os.sched_getaffinity(0))
    with busy(core):
        began, first = psutil.cpu_times(), collect(connection.probe, Counters()).reading
        time.sleep(BUSY_SECONDS)
        ended, second = psutil.cpu_times(), collect(connection.probe, deltas.counters(first))
    assert second.sample.cpu
    spent = {name: getattr(ended, name) - getattr(began, name) for name in PARTS}
    total = sum(spent.values())
    assert second.sample.cpu.busy == pytest.approx(100 * (1 - (spent["idle"] + spent["iowait"]) / total), abs=5)
    assert second.sample.cpu.user == pytest.approx(100 * (spent["user"] + spent["nice"]) / total, abs=5)
    assert second.sample.cores[core] > 90


@contextmanager
def busy(core: int) -> Iterator[None]:
    """Keeps one core busy with a process of its own."""
    code = f"import os; os.sched_setaffinity(0, [{core}])\nprint(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()
