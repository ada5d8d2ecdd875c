"""Which addresses a server may have: a strict grammar, and nothing that only a cloud's insides answer."""

import ipaddress
import re

from django.core.exceptions import ValidationError

LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*\.?", re.ASCII)
METADATA = frozenset(map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_hostname(text: str) -> None:
    """Raises ValidationError, with the remedy, for what is no host name and no address that may be dialled."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        if not HOSTNAME.fullmatch(text):
            raise ValidationError(
                "Enter a host name such as web-01.example.org or an IP address, without a user, a port or spaces;"
                " it cannot start with a dash.",
                code="hostname",
            ) from None
    else:
        if why := refusal(address):
            raise ValidationError(f"{text} is {why}: enter the server's own address.", code="refused_address")


def refusal(address: Address) -> str:
    """Why an address is never dialled; empty if it may be."""
    address = _inner(address)
    if address in METADATA:
        return "the address of a cloud's metadata service"
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast or address.is_unspecified or (address.is_reserved and not address.is_loopback):
        return "not the address of a machine"
    return ""


def _inner(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
