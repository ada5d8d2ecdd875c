"""Values from outside as every database takes them. Pure."""

import ipaddress


def text(value: str, longest: int | None = None) -> str:
    """Without NUL and without half characters, and not longer than that."""
    return value.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")[:longest]


def address(value: str | None) -> str | None:
    """An IP address as it is stored; None for anything else."""
    try:
        return str(ipaddress.ip_address((value or "").partition("%")[0]))
    except ValueError:
        return None


def neighbourhood(value: str) -> str:
    """Where an address stands: an IPv6 one in its /64, all of which one household or server has; an IPv4 one alone."""
    if ":" not in value:
        return value
    return str(ipaddress.ip_network(f"{value}/64", strict=False))
