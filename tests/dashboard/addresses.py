"""What can be looked at, how many queries each costs, and a fleet with a history to look at."""

from datetime import UTC, datetime, timedelta

from django.test import Client

from metrics import rollups
from metrics.models import Server, ServerMetrics
from metrics.models.fields import slot_at, slot_key
from metrics.probe.reading import Container
from tests.dashboard import fleet
from tests.dashboard.fleet import container, exited

SERVER, APP = "/servers/{server}", "/servers/{server}/apps/{app}"
API_SERVER, API_APP = "/api/v1/servers/{server}", "/api/v1/servers/{server}/apps/{app}"
RANGE = "from={begin}&to={end}"

# Each for an administrator who has looked at it before; two are the session's.
PAGES = {
    "/": 10,
    "/servers": 7,
    "/servers?q=web+debian&tag=even&status=online&sort=-memory": 8,
    SERVER: 20,
    f"{SERVER}?period=30d": 20,
    f"{SERVER}?{RANGE}": 20,
    f"{SERVER}/charts?period=7d": 11,
    f"{SERVER}/table/cpu?period=24h": 11,
    "/apps": 8,
    "/apps?q=web&tag=even&state=error&sort=-cpu": 8,
    APP: 8,
    f"{APP}?{RANGE}": 8,
    f"{APP}/charts?period=7d": 5,
    f"{APP}/table/cpu?period=24h": 5,
    "/activity": 8,
    "/health": 13,
    "/tokens": 3,
    "/tokens/add": 3,
    "/metrics": 19,
    "/api/v1/summary": 6,
    "/api/v1/health": 13,
    "/api/v1/servers": 5,
    API_SERVER: 4,
    f"{API_SERVER}/metrics?period=30d": 4,
    f"{API_SERVER}/metrics?{RANGE}": 4,
    "/api/v1/apps": 4,
    f"{API_SERVER}/apps": 4,
    f"{API_APP}/metrics?period=30d": 7,
    f"{API_SERVER}/metrics?series=cpu_percent&resolution=3600": 4,
    f"{API_SERVER}/preparation": 6,
    f"{API_SERVER}/filesystems": 5,
    f"{API_SERVER}/interfaces": 5,
    f"{API_SERVER}/explanation": 7,
    f"{API_APP}": 5,
    "/api/v1/servers?after=0&q=web&tag=even&status=online": 5,
    "/api/v1/problems": 9,
    "/api/v1/tokens": 3,
    "/api/v1/openapi.json": 2,
    "/api/docs": 2,
    "/api/v1/activity": 4,
}
LIVE = {"/": 10, "/servers": 6, SERVER: 12, "/apps": 6, APP: 6, "/activity": 8}


def grow(number: int) -> None:
    """So many more servers of three apps each, of which one is in error; one of them is offline."""
    begin = Server.objects.count()
    for n in range(begin, begin + number):
        server = fleet.with_apps(
            *_apps(), name=f"web-{n:03}", tags=("even" if n % 2 == 0 else "odd", f"rack-{n % 5}"), polls=1
        )
    fleet.failed(server, datetime.now(UTC))


def _apps() -> list[Container]:
    return [*(container(name, project="shop", service=name) for name in ("web", "db")), exited("job")]


def with_history(days: int = 3) -> None:
    """A sample an hour of the first server, rolled up."""
    now, owner = datetime.now(UTC), Server.objects.earliest("pk").pk
    ServerMetrics.objects.bulk_create(
        ServerMetrics(id=slot_key(slot_at(now - timedelta(hours=n)), owner), cpu_percent=n) for n in range(1, days * 24)
    )
    roll_up()


def roll_up() -> None:
    rollups.roll(datetime.now(UTC), lambda: False)


def filled(address: str) -> str:
    """With the first server, its first app, and the last two days."""
    server, now = Server.objects.earliest("pk"), datetime.now(UTC)
    begin, end = (f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in (now - timedelta(days=2), now))
    return address.format(server=server.pk, app=server.apps.earliest("pk").pk, begin=begin, end=end)


def look(browser: Client, address: str, *, is_live: bool = False) -> None:
    response = browser.get(address, headers={"HX-Request": "true"} if is_live else {})
    assert response.status_code == 200, (address, response.content)
