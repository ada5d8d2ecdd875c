"""Which addresses a server may have, when it is entered and again when it is dialled."""

import ipaddress

import pytest
from django.core.exceptions import ValidationError

from metrics.addresses import check_hostname, refusal
from metrics.failures import Failure, Reason
from metrics.ssh import dial
from tests.sshd import Sshd

REFUSED = [
    "169.254.169.254",  # metadata
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "169.254.1.1",  # link-local
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",  # an IPv4 address inside
    "::ffff:169.254.7.7",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::169.254.1.1",
    "2002:a9fe:a9fe::1",
    "::169.254.169.254",
    "224.0.0.1",  # multicast
    "ff02::1",
    "::ffff:224.0.0.1",
    "0.0.0.0",  # unspecified, reserved, broadcast
    "::",
    "::ffff:0.0.0.0",
    "64:ff9b::",
    "240.0.0.1",
    "255.255.255.255",
]
ALLOWED = [
    "127.0.0.1",
    "127.5.6.7",
    "::1",
    "::ffff:127.0.0.1",
    "10.0.0.7",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "fd12:3456::1",
    "203.0.113.9",
    "8.8.8.8",
    "2606:4700::1111",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("text", REFUSED)
def test_an_address_that_is_no_servers_own_is_refused(text: str) -> None:
    assert refusal(ipaddress.ip_address(text))
    with pytest.raises(ValidationError, match="enter the server's own address"):
        check_hostname(text)


@pytest.mark.parametrize("text", ALLOWED)
def test_loopback_private_and_public_addresses_are_allowed(text: str) -> None:
    assert not refusal(ipaddress.ip_address(text))
    check_hostname(text)


@pytest.mark.parametrize("text", ["localhost", "web-01", "web-01.example.org", "web_01", "a.b.c.", "1.2.3", "x" * 63])
def test_host_names_are_allowed(text: str) -> None:
    check_hostname(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-oProxyCommand=id",
        "web-01.-x",
        "web-.example.org",
        "root@web-01",
        "web-01:22",
        "[::1]",
        "[::1]:22",
        "10.0.0.7:22",
        "web 01",
        " web-01",
        "web-01\n",
        "web-01\x00",
        "web-01;id",
        "web-01/..",
        "$(id)",
        "web..example",
        ".web",
        "wéb",
        "\uff57eb-01",
        "x" * 64,
        ".".join(["x" * 60] * 5),
        "ssh://web-01",
    ],
)
def test_what_is_no_host_name_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match=r"such as web-01\.example\.org"):
        check_hostname(text)


@pytest.mark.parametrize(
    "text", ["0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518", "0", "169.254.9.9"]
)
def test_what_a_name_leads_to_is_checked_when_it_is_dialled(text: str) -> None:
    with pytest.raises(Failure) as failed:
        dial(text, 22, text)
    assert failed.value.reason == Reason.ADDRESS_REFUSED


@pytest.mark.parametrize("text", ["127.0.0.1", "localhost", "0x7f000001", "::ffff:127.0.0.1"])
def test_the_checked_address_is_the_dialled_one(sshd: Sshd, text: str) -> None:
    with dial(text, sshd.port, text) as sock:
        assert sock.getpeername()[0] in ("127.0.0.1", "::ffff:127.0.0.1")


def test_a_name_that_does_not_resolve_is_said_so() -> None:
    with pytest.raises(Failure, match="check its spelling") as failed:
        dial("x" * 64, 22, "nowhere")
    assert failed.value.reason == Reason.DNS
