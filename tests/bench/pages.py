"""Pages with a thousand servers."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from metrics.models import Server

RUNS = 10


def measure() -> Iterator[tuple[str, str]]:
    settings.ALLOWED_HOSTS.append("testserver")
    user = get_user_model().objects.create_superuser("bench", password="not a real password")
    client = Client()
    client.force_login(user)
    server = Server.objects.first()
    assert server
    yield f"at {datetime.now(UTC):%Y-%m-%d}", f"{Server.objects.count()} servers"
    for address in (
        "/",
        "/servers",
        f"/servers/{server.pk}?period=24h",
        f"/servers/{server.pk}?period=30d",
        "/activity",
    ):
        yield address.replace(f"/{server.pk}", "/…"), _cost(client, address)
    for address in ("/api/v1/summary", "/api/v1/servers", f"/api/v1/servers/{server.pk}/metrics?period=24h"):
        yield address.replace(f"/{server.pk}", "/…"), _cost(client, address)


def _cost(client: Client, address: str) -> str:
    queries = 0

    def count(execute: Callable[..., object], *args: object) -> object:
        nonlocal queries
        queries += 1
        return execute(*args)

    with connection.execute_wrapper(count):
        response = client.get(address)
    assert response.status_code == 200, address
    started = time.process_time()
    for _ in range(RUNS):
        client.get(address)
    milliseconds = (time.process_time() - started) / RUNS * 1000
    return f"{milliseconds:.0f} ms CPU, {queries} queries, {len(response.content) / 1024:.0f} KiB"
