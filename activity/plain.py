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
