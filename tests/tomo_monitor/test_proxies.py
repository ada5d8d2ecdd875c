"""A visitor's address and scheme: believed from trusted proxies, made up by nobody else."""

import ipaddress
from typing import Any

import pytest
from django.test import Client

from activity.models import ActivityLog
from activity.types import ActivityType

pytestmark = pytest.mark.django_db


@pytest.fixture
def _trusted(settings: Any) -> None:
    networks = [ipaddress.ip_network(text) for text in ("10.0.0.5", "172.16.0.0/12", "fd00::/8")]
    settings.TOMO = settings.TOMO | {"trusted_proxies": networks}


def seen_address(peer: str, **headers: str) -> str | None:
    """The address that a failed sign-in is recorded with."""
    Client(REMOTE_ADDR=peer, headers=headers).post("/sign-in", {"username": "nobody", "password": "wrong"})
    return ActivityLog.objects.get(activity_type=ActivityType.USER_LOGIN_FAILED).source_ip


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(
    ("peer", "chain", "expected"),
    [
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),  # no proxy of ours: the header is made up
        ("10.0.0.6", "198.51.100.7", "10.0.0.6"),
        ("10.0.0.5", "198.51.100.7", "198.51.100.7"),
        ("::ffff:10.0.0.5", "198.51.100.7", "198.51.100.7"),  # as a socket on [::] tells it
        ("10.0.0.5", "1.1.1.1, 198.51.100.7", "198.51.100.7"),  # the visitor sent a header of their own
        ("10.0.0.5", "1.1.1.1, 198.51.100.7, 172.16.3.4", "198.51.100.7"),  # two proxies of ours
        ("10.0.0.5", "172.16.3.4", "172.16.3.4"),
        ("10.0.0.5", "1.1.1.1, <script>", "10.0.0.5"),
        ("10.0.0.5", "<script>, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.5", "1.1.1.1,,", "1.1.1.1"),
        ("10.0.0.5", "", "10.0.0.5"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
    ],
)
def test_the_last_hop_that_is_no_trusted_proxy_counts(peer: str, chain: str, expected: str) -> None:
    assert seen_address(peer, x_forwarded_for=chain) == expected


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert seen_address("127.0.0.1", x_forwarded_for="198.51.100.7", forwarded="for=198.51.100.7") == "127.0.0.1"


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(
    ("peer", "scheme", "status"),
    [("10.0.0.5", "https", 200), ("10.0.0.5", "http", 301), ("203.0.113.9", "https", 301), ("10.0.0.5", "evil", 301)],
)
def test_the_scheme_is_believed_from_a_trusted_proxy_alone(settings: Any, peer: str, scheme: str, status: int) -> None:
    settings.SECURE_SSL_REDIRECT = True
    browser = Client(REMOTE_ADDR=peer, headers={"x-forwarded-proto": scheme})
    assert browser.get("/sign-in").status_code == status


@pytest.mark.usefixtures("_trusted")
def test_a_forwarded_host_is_never_taken() -> None:
    browser = Client(REMOTE_ADDR="10.0.0.5", headers={"x-forwarded-host": "evil.example"})
    assert "evil.example" not in browser.get("/").headers["Location"]


def test_a_strange_host_is_refused() -> None:
    assert Client(headers={"host": "evil.example"}).get("/sign-in").status_code == 400
