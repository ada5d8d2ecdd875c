"""Opening the right sort of connection to a server."""

from collections.abc import Callable

from django.conf import settings

from metrics import sealing
from metrics.demo.connection import DemoConnection, MadeUp
from metrics.failures import Failure, Reason
from metrics.local import LocalConnection
from metrics.models import Credential, Server
from metrics.models.credential import CredentialKind
from metrics.models.server import Transport
from metrics.ssh import SSHConnection, Target

Connection = SSHConnection | LocalConnection | DemoConnection
Way = Target | MadeUp | None
"""To where a connection leads; None is this machine."""


def way(server: Server) -> Way:
    """How a server is reached now. Raises Failure."""
    return WAYS[Transport(server.transport)](server)


def target(server: Server) -> Target:
    """Where and as whom, with the opened credential. Raises Failure(NO_CREDENTIAL)."""
    bare = Target(server.hostname, server.port, server.username, {key.type: key.key for key in server.host_keys.all()})
    try:
        credential = server.credential
        secret = credential.open()
    except (Credential.DoesNotExist, sealing.Unreadable):
        raise Failure(Reason.NO_CREDENTIAL, bare.where) from None
    field = "password" if credential.kind == CredentialKind.PASSWORD else "private_key"
    return Target(bare.hostname, bare.port, bare.username, bare.host_keys, **{field: secret})


def _made_up(server: Server) -> MadeUp:
    """Which formula answers for it. Raises Failure where this is no demo."""
    if settings.DEMO_BEGUN_AT is None:
        raise Failure(Reason.ADDRESS_REFUSED, server.address, "it is made up, and this is no demo")
    return MadeUp(server.hostname.partition(".")[0], settings.DEMO_BEGUN_AT, server.address)


WAYS: dict[Transport, Callable[[Server], Way]] = {
    Transport.SSH: target,
    Transport.LOCAL: lambda _server: None,
    Transport.DEMO: _made_up,
}


def open_connection(to: Way) -> Connection:
    """A connection with a resident probe. Raises Failure."""
    if isinstance(to, MadeUp):
        return DemoConnection(to)
    return SSHConnection(to) if to else LocalConnection()
