"""Opening the right sort of connection to a server."""

from metrics import sealing
from metrics.failures import Failure, Reason
from metrics.local import LocalConnection
from metrics.models import Credential, Server
from metrics.models.credential import CredentialKind
from metrics.ssh import SSHConnection, Target

Connection = SSHConnection | LocalConnection


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


def open_connection(to: Target | None) -> Connection:
    """A connection with a resident probe; no target is this machine. Raises Failure."""
    return SSHConnection(to) if to else LocalConnection()
