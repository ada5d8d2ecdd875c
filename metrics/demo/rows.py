"""Samples straight out of two moments of a machine, as store.py would write them after reading its answer. Pure."""

from typing import Any

from metrics.demo import answer
from metrics.demo.fleet import Plan
from metrics.demo.machine import BLOCK, AppMoment, Moment

Row = tuple[Any, ...]


def server(plan: Plan, now: Moment, before: Moment) -> Row:
    """ServerFigures."""
    shape, seconds, root = plan.shape, now.at - before.at, now.disks[0]
    is_same = now.boot_id == before.boot_id
    busy = 100 * (now.busy - before.busy) / seconds / shape.cores
    iowait = 100 * (now.iowait - before.iowait) / seconds / shape.cores
    steal, system = answer.steal_of(plan), answer.SYSTEM + answer.SOFTIRQ
    cpu = (busy, busy * (1 - system - steal), busy * system, iowait, busy * steal)
    cores = bytes(
        min(max(round(200 * (new - old) / seconds), 0), 200)
        for new, old in zip(now.core_busy, before.core_busy, strict=True)
    )
    received, sent = now.traffic["eth0"]
    disk = (now.read_bytes - before.read_bytes, now.written_bytes - before.written_bytes)
    worked = min((now.busy_milliseconds - before.busy_milliseconds) / seconds / 10, 100.0)
    cpu10, cpu60, io10, io60 = now.pressure
    return (
        *((*cpu, cores) if is_same else [None] * 6),
        shape.memory_bytes,
        now.memory_used * 1024,
        now.memory_cache * 1024,
        shape.swap_bytes or None,
        now.swap_used * 1024 if shape.swap_bytes else None,
        root.blocks * BLOCK,
        (root.blocks - root.free) * BLOCK,
        root.available * BLOCK,
        *((disk[0] / seconds, disk[1] / seconds, worked) if is_same else [None] * 3),
        received,
        sent,
        *(_rates(now.traffic["eth0"], before.traffic["eth0"], seconds) if is_same else [None] * 2),
        *now.load,
        now.uptime,
        seconds if is_same else None,
        *((cpu10, cpu60, 0.0, 0.0, io10, io60) if shape.has_pressure else [None] * 6),
    )


def filesystems(now: Moment) -> list[Row]:
    return [
        (
            d.blocks * BLOCK,
            (d.blocks - d.free) * BLOCK,
            d.available * BLOCK,
            *((d.inodes, d.inodes - d.inodes_free) if d.inodes else (None, None)),
        )
        for d in now.disks
    ]


def interfaces(now: Moment, before: Moment) -> list[Row]:
    is_same, seconds = now.boot_id == before.boot_id, now.at - before.at
    return [
        (*moved, *(_rates(moved, before.traffic[name], seconds) if is_same else (None, None)), 0, 0)
        for name, moved in now.traffic.items()
    ]


def temperatures(now: Moment) -> list[Row]:
    return [(celsius,) for celsius in now.celsius]


def containers(now: Moment, before: Moment) -> list[Row]:
    """models.app.ContainerFigures of each app, in the order of the plan."""
    is_same = now.boot_id == before.boot_id
    return [
        _container(app, old if is_same else None, now.at - before.at)
        for app, old in zip(now.apps, before.apps, strict=True)
    ]


def _container(app: AppMoment, before: AppMoment | None, seconds: float) -> Row:
    if not app.life.is_up:
        return (app.life.state, *[None] * 11, app.life.restarts)
    is_same = before is not None and before.life.is_up and before.cgroup == app.cgroup
    rates: Row = (None,) * 5
    if is_same and before:
        rates = (
            100 * (app.cpu_microseconds - before.cpu_microseconds) / 1_000_000 / seconds,
            (app.receive_bytes - before.receive_bytes) / seconds,
            (app.transmit_bytes - before.transmit_bytes) / seconds,
            (app.read_bytes - before.read_bytes) / seconds,
            (app.written_bytes - before.written_bytes) / seconds,
        )
    return (
        app.life.state,
        rates[0],
        None,
        app.memory_bytes,
        app.plan.limit_bytes,
        app.pids,
        app.receive_bytes,
        app.transmit_bytes,
        *rates[1:],
        app.life.restarts,
    )


def _rates(now: tuple[int, int], before: tuple[int, int], seconds: float) -> Row:
    return (now[0] - before[0]) / seconds, (now[1] - before[1]) / seconds
