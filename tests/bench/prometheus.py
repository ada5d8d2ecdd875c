"""What Prometheus scrapes of a thousand servers"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.test import Client

from metrics import store
from metrics.collect import Collected
from metrics.models import Server
from tests.bench import fleet
from tests.bench.alone import Found
from tests.bench.pages import cpu_ms, signed_in, told
from tests.bench.simulator import percentile_95
from tests.bench.targets import at_most

SCRAPE = "/metrics"
PARTS = 2  # filesystems and interfaces of each server


def measure(servers: int = 1000, apps: int = 10, runs: int = 20) -> Iterator[Found]:
    """First without apps, then with so many on each; on the wire as Prometheus gets it."""
    client = signed_in()
    client.defaults["HTTP_ACCEPT_ENCODING"] = "gzip"
    at = datetime.now(UTC) - timedelta(seconds=30)
    collected = _with_parts(fleet.one_poll())
    fleet.add(servers, at)
    for what, poll, later in (
        (f"{servers} servers", collected, 0),
        (f"{servers} servers with {apps} apps each", fleet.with_apps(collected, apps, at), 10),
    ):
        for batch in fleet.batches(list(Server.objects.select_related("state")), poll, at + timedelta(seconds=later)):
            store.save(batch, fleet.INTERVAL)
        yield what, f"{told(client, SCRAPE, runs)}, {_series(client)} series"
        yield at_most(
            f"a scrape of {what}, server time (p95)", percentile_95(cpu_ms(client, SCRAPE, runs)), 300, "ms of CPU"
        )


def _with_parts(collected: Collected) -> Collected:
    """With so many filesystems and interfaces, whatever this machine has."""
    sample = collected.sample
    filesystem = (sample.filesystems or [])[0]
    interface = next(iter(sample.interfaces.values()))
    rates = next(iter(sample.interface_rates.values()))
    names = [f"eth{number}" for number in range(PARTS)]
    mounts = ["/", *(f"/srv/{number}" for number in range(1, PARTS))]
    return replace(
        collected,
        sample=replace(
            sample,
            filesystems=[replace(filesystem, mount=mount) for mount in mounts],
            interfaces=dict.fromkeys(names, interface),
            interface_rates=dict.fromkeys(names, rates),
        ),
    )


def _series(client: Client) -> int:
    lines = client.get(SCRAPE, headers={"Accept-Encoding": ""}).content.decode().splitlines()
    return sum(not line.startswith("#") for line in lines)
