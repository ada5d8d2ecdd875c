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
INODE = re.compile(r"([0-9]{1,19}) (/.+)", re.ASCII)
NANOSECONDS = 1000  # in a microsecond
FIGURES = 13


def usages(lines: list[str], inodes: list[str], memory_total: int | None) -> dict[str, ContainerUsage]:
    """The usage of each container by its id, as many as are kept. The first line says which version of cgroups;
    `inodes` are those of the cgroups and of each process's /proc/PID/net/dev."""
    version, *groups = lines
    by_path = {match[2]: int(match[1]) for match in map(INODE.fullmatch, inodes) if match}
    hosts_network = by_path.get("/proc/self/net/dev")
    found: dict[str, ContainerUsage] = {}
    for line in groups:
        path, *figures = line.split() or [""]
        match = GROUP.fullmatch(path)
        if match and len(figures) == FIGURES and len(found) < MOST_CONTAINERS:
            found[match[1]] = _usage(
                by_path.get(path),
                next((engine for word, engine in ENGINES.items() if word in path), None),
                figures[1:],
                memory_total,
                is_v1=version == "v1",
                is_on_hosts_network=by_path.get(f"/proc/{figures[0]}/net/dev", -1) == hosts_network,
            )
    return found


def _usage(
    cgroup: int | None,
    engine: Engine | None,
    figures: list[str],
    memory_total: int | None,
    *,
    is_v1: bool,
    is_on_hosts_network: bool,
) -> ContainerUsage:
    cpu, memory, cache, limit, quota, period, pids, read, written, kills, received, sent = map(whole, figures)
    return ContainerUsage(
        cgroup=cgroup,
        engine=engine,
        cpu_microseconds=cpu // NANOSECONDS if cpu is not None and is_v1 else cpu,
        memory_bytes=None if memory is None else max(memory - (cache or 0), 0),
        memory_limit_bytes=limit if limit and memory_total and limit < memory_total else None,
        cpu_limit_cores=quota / period if quota and period else None,
        pids=pids,
        read_bytes=read,
        written_bytes=written,
        out_of_memory_kills=kills,
        receive_bytes=None if is_on_hosts_network else received,
        transmit_bytes=None if is_on_hosts_network else sent,
    )
