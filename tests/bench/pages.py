"""Pages with a thousand servers"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from metrics import store
from metrics.models import Server
from tests.bench import fleet
from tests.bench.alone import Found
from tests.bench.simulator import percentile_95
from tests.bench.targets import Target, at_most

FEW = 10
WARM_UPS = 2


def measure(servers: int = 1000, apps: int = 10, runs: int = 20) -> Iterator[Found]:
    client = signed_in()
    at = datetime.now(UTC) - timedelta(minutes=3)
    collected = fleet.with_apps(fleet.one_poll(), apps, at)
    few = _overview_queries(client, FEW, collected, at)
    many = _overview_queries(client, servers, collected, at + timedelta(minutes=1))
    server = Server.objects.earliest("pk").pk
    for address in ("/", "/servers", f"/servers/{server}?period=24h", "/apps", "/activity"):
        yield address.replace(f"/{server}", "/…"), told(client, address, runs)
    for address in ("/api/v1/summary", "/api/v1/servers", f"/api/v1/servers/{server}/metrics?period=24h"):
        yield address.replace(f"/{server}", "/…"), told(client, address, runs)
    time_ms = percentile_95(cpu_ms(client, "/", runs))
    yield at_most(f"overview of {servers} servers, server time (p95)", time_ms, 150, "ms of CPU")
    yield at_most(f"queries of the overview of {servers} servers", many, 10, "queries")
    what = f"queries of the overview at {FEW} and at {servers} servers"
    yield Target(what, "the same number", f"{few} and {many}", few == many)


def signed_in() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("bench", password="not a real password"))
    return client


def _overview_queries(client: Client, servers: int, collected: fleet.Collected, at: datetime) -> int:
    """With so many servers, each of which has a sample."""
    fleet.add(servers, at, first=Server.objects.count())
    for batch in fleet.batches(list(Server.objects.select_related("state")), collected, at):
        store.save(batch, fleet.INTERVAL)
    return queries(client, "/")


def queries(client: Client, address: str) -> int:
    client.get(address)
    count = 0

    def counted(execute: Callable[..., object], *args: object) -> object:
        nonlocal count
        count += 1
        return execute(*args)

    with connection.execute_wrapper(counted):
        client.get(address)
    return count


def cpu_ms(client: Client, address: str, runs: int) -> list[float]:
    for _ in range(WARM_UPS):
        assert client.get(address).status_code == 200, address
    spent = []
    for _ in range(runs):
        began = time.process_time()
        client.get(address)
        spent.append((time.process_time() - began) * 1000)
    return spent


def wire_bytes(client: Client, address: str) -> int:
    """As a browser gets it, compressed."""
    return len(client.get(address, headers={"Accept-Encoding": "gzip, br, zstd"}).content)


def told(client: Client, address: str, runs: int) -> str:
    spent, size = cpu_ms(client, address, runs), wire_bytes(client, address) / 1024
    return f"{median(spent):.0f} ms CPU, {queries(client, address)} queries, {size:.0f} KiB on the wire"
