"""The whole product on a PostgreSQL that is restarted under it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.postgresql import Postgresql
from tests.serve import Serve, until
from tomo_monitor.settings import WEB_THREADS, WEB_WORKERS


@pytest.fixture
def server() -> Iterator[Postgresql]:
    server = Postgresql()
    yield server
    server.stop()


@pytest.fixture
def running(server: Postgresql, tmp_path: Path) -> Iterator[Serve]:
    serve = Serve(tmp_path, TOMO_DATABASE_URL=server.new_database())
    serve.start()
    yield serve
    serve.kill()


def asked(serve: Serve, path: str) -> tuple[int, str | None, str]:
    """Status, Retry-After and body, for somebody with a session, which only the database knows."""
    with closing(HTTPConnection("127.0.0.1", serve.port, timeout=30)) as connection:
        connection.request("GET", path, headers={"Cookie": "tomo_session=" + "x" * 32})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Retry-After"), answer.read().decode()


def samples(server: Postgresql) -> int:
    return int(server.run("SELECT count(*) FROM metrics_servermetrics", "tomo1")[0][0])


def test_connections_are_bounded_and_an_outage_is_told_and_outlived(running: Serve, server: Postgresql) -> None:
    with ThreadPoolExecutor(64) as visitors:
        assert {status for status, _, _ in visitors.map(lambda _: asked(running, "/sign-in"), range(300))} == {200}
    used = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tomo-web'"
    assert 0 < server.run(used)[0][0] <= WEB_WORKERS * WEB_THREADS
    server.end()
    status, again, page = asked(running, "/servers")
    assert (status, again) == (503, "10")
    assert "Back in a moment" in page
    status, again, answer = asked(running, "/api/v1/summary")
    assert (status, again, json.loads(answer)["error"]) == (503, "10", "UNAVAILABLE")
    server.start()
    until(lambda: asked(running, "/servers")[0] == 302, 10, "pages answer again")
    before = samples(server)
    until(lambda: samples(server) > before, 20, "it polls again")
