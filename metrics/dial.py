"""TCP connections to checked addresses, with deadlines."""

import errno
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Any

from django.conf import settings

from metrics.addresses import refusal
from metrics.failures import Failure, Reason

DNS_SECONDS = 5.0
DIAL_SECONDS = 7.5  # for each of a name's addresses

_resolvers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="resolve")


def dial(hostname: str, port: int, where: str) -> socket.socket:
    """A TCP connection to a checked address, made to notice a dead peer. Raises Failure."""
    if settings.DEMO_BEGUN_AT is not None:
        raise Failure(Reason.ADDRESS_REFUSED, where, "a demo dials nobody")
    failure = Failure(Reason.DNS, where)
    for family, address in _resolved(hostname, port, where):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(DIAL_SECONDS)
            _tune(sock)
            sock.connect(address)
        except OSError as wrong:
            sock.close()
            failure = Failure(_dial_reason(wrong), where)
        else:
            return sock
    raise failure


def _resolved(hostname: str, port: int, where: str) -> Sequence[tuple[socket.AddressFamily, Any]]:
    """At most two addresses of a name. The checked address is the dialled one, so a name cannot change in between."""
    try:
        found = _looked_up(hostname, port)
    except (OSError, UnicodeError, FutureTimeout):
        raise Failure(Reason.DNS, where) from None
    allowed = [
        (family, address) for family, *_, address in found if not refusal(ip_address(str(address[0]).partition("%")[0]))
    ]
    if not allowed:
        raise Failure(Reason.ADDRESS_REFUSED, where)
    return allowed[:2]


def _looked_up(hostname: str, port: int) -> list[Any]:
    """What getaddrinfo finds, within DNS_SECONDS; an IP address needs no resolver and waits for none."""
    try:
        return socket.getaddrinfo(hostname, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        lookup = _resolvers.submit(socket.getaddrinfo, hostname, port, type=socket.SOCK_STREAM)
    try:
        return lookup.result(DNS_SECONDS)
    finally:
        lookup.cancel()


def _tune(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000)


def _dial_reason(wrong: OSError) -> Reason:
    if isinstance(wrong, TimeoutError):
        return Reason.TIMEOUT
    return Reason.REFUSED if wrong.errno == errno.ECONNREFUSED else Reason.UNREACHABLE


@contextmanager
def cut_off(sock: socket.socket, seconds: float) -> Iterator[Callable[[], bool]]:
    """One deadline over all that happens inside: then the socket is shut down, which wakes every waiter.

    Paramiko's own limits are per receive and leave out some steps. Yields a function that tells whether it happened.
    """
    happened = threading.Event()

    def cut() -> None:
        happened.set()
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield happened.is_set
    finally:
        timer.cancel()
