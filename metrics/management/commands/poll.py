"""`manage.py poll`: one poll now."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from metrics import app_access, store
from metrics.collect import Collected, connect_and_collect
from metrics.connections import way
from metrics.failures import Failure
from metrics.management.commands._arguments import as_command, server_named
from metrics.models import Server
from metrics.probe import deltas
from metrics.probe.deltas import Sample
from metrics.queries import interval
from metrics.store import Polled


class Command(BaseCommand):
    help = "Polls a server once, now, stores the sample and prints it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")

    def handle(self, **options: Any) -> None:
        with as_command():
            server = server_named(options["name"])
            if server.is_dialled and not server.host_keys.exists():
                raise CommandError(f"{server.name} is not prepared: its host key is not confirmed yet.")
            at = datetime.now(UTC)
            outcome = self._poll(server)
            store.save([Polled(server, at, outcome)], interval())
            if isinstance(outcome, Failure):
                raise CommandError(f"{outcome.reason}: {outcome.explanation}")
            for name, value in (*figures(outcome.sample), *containers(outcome)):
                self.stdout.write(f"{name:34} {value}")
            self.stdout.write(f"{'poll':34} {outcome.seconds * 1000:.0f} ms")

    def _poll(self, server: Server) -> Collected | Failure:
        try:
            connection, collected = connect_and_collect(way(server), deltas.loaded(server.state.counters))
        except Failure as failure:
            return failure
        connection.close()
        return collected


def figures(sample: Sample) -> Iterator[tuple[str, str]]:
    """A sample's figures as names and values; what is unknown is a dash."""
    cpu, memory, swap = sample.cpu, sample.memory, sample.swap
    yield "CPU", _percent(cpu and cpu.busy)
    for name in ("user", "system", "iowait", "steal"):
        yield f"CPU {name}", _percent(cpu and getattr(cpu, name))
    yield "memory used", f"{_mib(memory and memory.used_bytes)} of {_mib(memory and memory.total_bytes)}"
    yield "swap used", f"{_mib(swap.used_bytes)} of {_mib(swap.total_bytes)}" if swap else "–"
    for one in sample.filesystems or ():
        yield f"filesystem {one.mount}", f"{_percent(one.used_percent)} of {_mib(one.total_bytes)}"
    rates, disk = sample.network_rates, sample.disk
    yield "network in", _rate(rates and rates.receive_bytes_per_second)
    yield "network out", _rate(rates and rates.transmit_bytes_per_second)
    yield "disk read", _rate(disk and disk.read_bytes_per_second)
    yield "disk written", _rate(disk and disk.written_bytes_per_second)
    yield "load 1, 5, 15 min", " ".join(f"{value:.2f}" for value in sample.load) if sample.load else "–"
    yield "uptime", "–" if sample.uptime_seconds is None else f"{sample.uptime_seconds:.0f} s"
    for name, degrees in (sample.temperatures or {}).items():
        yield f"temperature {name}", f"{degrees:.1f} °C"
    for name, pressure in (sample.pressure or {}).items():
        yield f"pressure {name}", f"{pressure.avg10_percent:.2f}% {pressure.avg60_percent:.2f}%"


def containers(collected: Collected) -> Iterator[tuple[str, str]]:
    """Whether the containers can be listed, and each with its state and figures."""
    seen = collected.reading.containers
    if seen is None:
        return
    yield "containers", f"{app_access.LABELS[seen.status]}. {app_access.explanation(seen.way)}"
    for one in sorted(seen.by_id.values(), key=lambda one: one.name):
        used = collected.sample.containers.get(one.id)
        state = f"{one.state}, {one.health}" if one.health else str(one.state)
        figures = f", CPU {_percent(used.cpu_percent)}, memory {_mib(used.memory_bytes)}" if used else ""
        yield f"container {one.name}"[:34], state + figures


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}%"


def _mib(value: int | None) -> str:
    return "–" if value is None else f"{value / 2**20:,.0f} MiB"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} B/s"
