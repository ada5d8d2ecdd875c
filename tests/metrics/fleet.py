"""Servers as administrators have them, over real SSH servers, and rounds of polls at an instant of one's choice."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from activity.models import ActivityLog
from metrics import keys, servers
from metrics.models import Server, ServerState
from metrics.models.credential import CredentialKind
from metrics.models.server import Transport
from metrics.poller import Poller
from metrics.servers import Secret
from tests.conftest import AT
from tests.sshd import Sshd

INTERVAL = timedelta(seconds=10)


def host_key(sshd: Sshd) -> dict[str, str]:
    key_type, key, *_ = (sshd.folder / "host_key.pub").read_text().split()
    return {"type": key_type, "key": key}


def key_secret(path: Path) -> Secret:
    return Secret.from_key(path.read_text())


def watched(sshd: Sshd, secret: Secret, name: str = "web-01") -> Server:
    """An sshd as a prepared server."""
    server = Server(name=name, hostname="127.0.0.1", port=sshd.port, username=sshd.user)
    return _prepared(server, secret, [host_key(sshd)])


def nobody_there(port: int, name: str = "dead-01") -> Server:
    """A prepared server where nothing listens."""
    _, public = keys.generate()
    key_type, key, *_ = public.split()
    server = Server(name=name, hostname="127.0.0.1", port=port)
    return _prepared(server, Secret.generated(), [{"type": key_type, "key": key}])


def this_machine() -> Server:
    servers.watch_this_machine(AT)
    return Server.objects.get(transport=Transport.LOCAL)


def _prepared(server: Server, secret: Secret, shown: list[dict[str, str]]) -> Server:
    assert secret.kind != CredentialKind.PASSWORD or secret.text
    servers.add(server, secret, [], AT)
    servers.accept_host_keys(server, shown, AT)
    servers.begin_polling(server, AT)
    return server


def state(server: Server) -> ServerState:
    return ServerState.objects.get(server=server)


def told(server: Server) -> list[str]:
    """The kinds of activity of a server, oldest first."""
    return list(ActivityLog.objects.filter(server_id=server.pk).order_by("id").values_list("activity_type", flat=True))


@contextmanager
def a_poller(name: str = "poll", site: str = "", interval: timedelta = INTERVAL) -> Iterator[Poller]:
    poller = Poller(name, site, interval)
    try:
        yield poller
    finally:
        poller.close()


def poll_round(poller: Poller, at: datetime) -> None:
    """Poll every server that waits for anything, as at `at`, and see it stored."""
    assert poller.renew(at)
    ServerState.objects.filter(next_poll_at__isnull=False).update(next_poll_at=at)
    until = time.monotonic() + 60
    while Server.objects.monitored().held_by(poller.holder, poller.site).due(at).exists():
        assert time.monotonic() < until, "a round does not end"
        poller.tick(at)
