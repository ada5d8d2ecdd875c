"""What cgroups count of each container: the probe's lines in, usages by container id out. Pure.

Sources: cgroup-v2.rst (cpu.stat, memory.current, memory.stat, io.stat), cgroup-v1 (cpuacct, memory, blkio), and
/proc/PID/net/dev. Memory is what docker stats shows: usage less the inactive file cache.
"""

import re

from metrics.probe.reading import ContainerUsage, Engine
from metrics.probe.text import whole

MOST_CONTAINERS = 500
GROUP = re.compile(r"/.*/(?:docker-|libpod-)?([0-9a-f]{64})(?:\.scope)?", re.ASCII)
ENGINES = {"libpod": Engine.PODMAN, "docker": Engine.DOCKER}
NETWORK = re.compile(r"([0-9]{1,19}) /proc/(self|[0-9]{1,19})/net/dev", re.ASCII)
NANOSECONDS = 1000  # in a microsecond
FIGURES = 13


def usages(lines: list[str], networks: list[str], memory_total: int | None) -> dict[str, ContainerUsage]:
    """The usage of each container by its id, as many as are kept. The first line says which version of cgroups."""
    version, *groups = lines
    on_hosts_network = _on_hosts_network(networks)
    found: dict[str, ContainerUsage] = {}
    for line in groups:
        path, *figures = line.split() or [""]
        match = GROUP.fullmatch(path)
        process = whole(figures[0]) if len(figures) == FIGURES else None
        if match and process is not None and len(found) < MOST_CONTAINERS:
            engine = next((engine for word, engine in ENGINES.items() if word in path), None)
            found[match[1]] = _usage(process, engine, figures[1:], version == "v1", memory_total, on_hosts_network)
    return found


def _usage(
    process: int,
    engine: Engine | None,
    figures: list[str],
    is_v1: bool,
    memory_total: int | None,
    on_hosts_network: set[int],
) -> ContainerUsage:
    cpu, memory, cache, limit, quota, period, pids, read, written, kills, received, sent = map(whole, figures)
    return ContainerUsage(
        process=process,
        engine=engine,
        cpu_microseconds=cpu // NANOSECONDS if cpu is not None and is_v1 else cpu,
        memory_bytes=None if memory is None else max(memory - (cache or 0), 0),
        memory_limit_bytes=limit if limit and memory_total and limit < memory_total else None,
        cpu_limit_cores=quota / period if quota and period else None,
        pids=pids,
        read_bytes=read,
        written_bytes=written,
        out_of_memory_kills=kills,
        receive_bytes=None if process in on_hosts_network else received,
        transmit_bytes=None if process in on_hosts_network else sent,
    )


def _on_hosts_network(lines: list[str]) -> set[int]:
    """The processes whose /proc/PID/net/dev is the same file as the server's own: each network namespace has one."""
    inodes = {match[2]: match[1] for match in map(NETWORK.fullmatch, lines) if match}
    hosts = inodes.pop("self", None)
    return {int(process) for process, inode in inodes.items() if inode == hosts}
