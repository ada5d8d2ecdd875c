"""Who may scrape, what they see, and what everybody else is told."""

import gzip
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from activity.models import ActivityLog
from dashboard import tokens
from dashboard.models import ApiToken, Scope
from metrics.models import Tag
from tests.dashboard import fleet
from tests.dashboard.scrapes import OPENMETRICS, Scrape, scraped

pytestmark = pytest.mark.django_db(databases="__all__")
ADDRESS = "/metrics"


def made(owner: Any, *scopes: Scope, **more: Any) -> Client:
    text = tokens.create("prometheus", owner, scopes or [Scope.METRICS_READ], datetime.now(UTC), **more)[1]
    return Client(headers={"authorization": f"Bearer {text}"})


def refusal(response: Any, status: int) -> str:
    """The message of an answer that is an error: a line of plain text."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "no-store" in response.headers["Cache-Control"]
    text = str(response.content.decode())
    assert text.endswith(".\n")
    assert "secret-name" not in text
    return text.strip()


def servers_of(found: Scrape) -> set[str]:
    return {had["server"] for _, had, _ in found.samples() if "server" in had}


def test_a_token_that_may_read_metrics_is_enough(administrator: Any) -> None:
    fleet.online()
    assert servers_of(scraped(made(administrator))) == {"web-01"}


def test_whoever_is_signed_in_looks_at_it_in_the_browser(viewer_browser: Client) -> None:
    fleet.online()
    response = viewer_browser.get(ADDRESS, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert servers_of(Scrape(response.content.decode())) == {"web-01"}


def test_anybody_else_is_told_how_to_ask_and_nothing_more(client: Client) -> None:
    fleet.online("secret-name")
    response = client.get(ADDRESS)
    assert "Bearer" in refusal(response, 401)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Tomo Monitor"'


@pytest.mark.parametrize("header", ["Bearer tomo_1_x", "Bearer", "Basic dG9tbzp4", "", "Bearer tomo_7_" + "x" * 43])
def test_a_wrong_token_is_refused_and_a_session_does_not_help(admin_browser: Client, header: str) -> None:
    assert refusal(admin_browser.get(ADDRESS, headers={"authorization": header}), 401)


def test_a_token_for_something_else_is_refused_and_the_log_says_so(administrator: Any) -> None:
    response = made(administrator, Scope.SUMMARY_READ).get(ADDRESS)
    assert refusal(response, 403) == "The token lacks the scope metrics:read."
    assert "insufficient_scope" in response.headers["WWW-Authenticate"]
    row = ActivityLog.objects.newest_first()[0]
    assert (row.message, row.detail("reason")) == ("prometheus was refused GET /metrics", "scope_missing")


def test_a_token_is_let_in_so_often_a_minute(administrator: Any) -> None:
    script, now = made(administrator), datetime.now(UTC)
    ApiToken.objects.update(uses=120, minute=int(now.timestamp()) // 60)
    while (response := script.get(ADDRESS)).status_code == 200:  # the minute has just ended
        ApiToken.objects.update(uses=120)
    assert refusal(response, 429) == "More than 120 requests in this minute."
    assert 0 < int(response.headers["Retry-After"]) <= 60


def test_a_token_with_a_tag_sees_its_servers_in_every_figure(administrator: Any) -> None:
    fleet.with_apps(fleet.container("shop"), name="seen", tags=("a", "b"))
    fleet.with_apps(fleet.container("bank"), name="unseen", tags=("b",))
    fleet.failed(fleet.pending("failing", tags=("b",)), datetime.now(UTC))
    found = scraped(made(administrator, tag=Tag.objects.get(name="a")))
    assert servers_of(found) == {"seen"}
    assert {had["tag"] for had, _ in found.found("tomo_server_tag")} == {"a", "b"}
    assert sum(found.values("tomo_fleet_servers")) == sum(found.values("tomo_fleet_apps")) == 1
    assert sum(found.values("tomo_fleet_servers_failing")) == 0
    for hidden in ("unseen", "bank", "failing{"):
        assert f'"{hidden}' not in found.text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("10.1.2.3", 200),
        ("127.0.0.1", 200),
        ("::1", 401),
        ("2001:db8::7", 200),
        ("11.0.0.1", 401),
        ("", 401),
        ("x", 401),
    ],
)
def test_some_networks_need_no_token(client: Client, settings: Any, address: str, status: int) -> None:
    networks = [ip_network(one) for one in ("127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32")]
    settings.TOMO = settings.TOMO | {"metrics_networks": networks}
    fleet.online()
    assert client.get(ADDRESS, REMOTE_ADDR=address).status_code == status


def test_a_wrong_token_is_refused_from_those_networks_as_well(client: Client, settings: Any) -> None:
    settings.TOMO = settings.TOMO | {"metrics_networks": [ip_network("127.0.0.1/32")]}
    assert refusal(client.get(ADDRESS, headers={"authorization": "Bearer x"}), 401)


def test_an_address_that_is_only_claimed_does_not_count(client: Client, settings: Any) -> None:
    settings.TOMO = settings.TOMO | {"metrics_networks": [ip_network("10.0.0.0/8")]}
    assert client.get(ADDRESS, headers={"x-forwarded-for": "10.0.0.1"}).status_code == 401


@pytest.mark.parametrize(
    ("accept", "is_openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        (OPENMETRICS, True),
        ("text/plain, application/openmetrics-text;q=0.5", False),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;q=0.2,*/*;q=0.1", True),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;q=0, text/plain", False),
        ("application/json", False),
        ("\x00;;,q=", False),
    ],
)
def test_openmetrics_is_for_whoever_asks_for_it(api: Client, accept: str, is_openmetrics: bool) -> None:
    response = api.get(ADDRESS, headers={"accept": accept})
    kind = "application/openmetrics-text; version=1.0.0" if is_openmetrics else "text/plain; version=0.0.4"
    assert response.headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert response.content.endswith(b"# EOF\n") is is_openmetrics
    assert {"Accept", "Accept-Encoding"} <= set(response.headers["Vary"].split(", "))


def test_the_answer_is_packed_for_whoever_can_unpack_it(api: Client) -> None:
    packed, plain = (api.get(ADDRESS, headers={"accept-encoding": one}) for one in ("gzip", "identity"))
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content).startswith(plain.content[:100])
    assert "Content-Encoding" not in plain.headers


def test_it_is_read_only(api: Client, client: Client) -> None:
    for visitor in (api, client, Client(enforce_csrf_checks=True)):
        assert visitor.post(ADDRESS).status_code == 405
    head = api.head(ADDRESS)
    assert (head.status_code, head.content) == (200, b"")


def test_a_database_that_does_not_answer_is_told_in_plain_text(api: Client) -> None:
    def broken(*_args: Any) -> None:
        raise OperationalError("gone")

    api.raise_request_exception = False
    with connection.execute_wrapper(broken):
        response = api.get(ADDRESS)
    assert "try again" in refusal(response, 503)
    assert response.headers["Retry-After"] == "10"


def test_a_host_that_is_not_answered_is_told_in_plain_text(api: Client) -> None:
    assert "TOMO_ALLOWED_HOSTS" in refusal(api.get(ADDRESS, headers={"host": "elsewhere.example"}), 400)
