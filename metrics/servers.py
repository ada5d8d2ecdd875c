"""The story of a server for its administrators: added, changed, deleted, its host key accepted."""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from activity.context import current
from activity.record import record
from activity.types import ActivityType
from metrics import keys, retention
from metrics.models import Credential, HostKey, Server, ServerState, Tag
from metrics.models.credential import CredentialKind
from metrics.models.server import Transport
from metrics.sites import local_name

LATEST = timedelta(hours=2)  # no poll is put off for longer
LOCAL_NAME = "this-machine"
ADDRESS = ("hostname", "port", "username")
NOTHING_KNOWN = {"boot_id": "", "counters": "", "apps_status": "", "apps_revision": "", "apps_baseline": ""}
WATCHED = ("name", *ADDRESS, "site", "notes", "paused")


@dataclass(frozen=True)
class Secret:
    """A credential on its way in. `public_key` is the authorized_keys line of a key."""

    kind: CredentialKind
    text: str
    public_key: str = ""

    @classmethod
    def generated(cls) -> "Secret":
        private, public = keys.generate()
        return cls(CredentialKind.GENERATED, private, public)

    @classmethod
    def from_key(cls, text: str, passphrase: str = "") -> "Secret":
        """Raises keys.WrongKey."""
        private, public = keys.parse(text, passphrase)
        return cls(CredentialKind.KEY, private, public)

    @classmethod
    def from_password(cls, text: str) -> "Secret":
        return cls(CredentialKind.PASSWORD, text)


class NeedsPassword(ValueError):
    """A server with a password got another address, and the password is never sent there unasked."""


def add(server: Server, secret: Secret | None, tags: Iterable[str], at: datetime) -> Server:
    """Store a new server. It is polled once it was prepared."""
    with transaction.atomic():
        server.save()
        ServerState.objects.create(server=server, since=at)
        set_tags(server, tags)
        if secret:
            _give(server, secret)
        details = {"address": server.address, "tags": sorted(tags), "credential": secret and str(secret.kind)}
        record(ActivityType.SERVER_ADDED, f"{server.name} added", server=server, details=details, at=at)
    return server


def change(server: Server, secret: Secret | None, tags: Iterable[str] | None, at: datetime) -> None:
    """Store a changed server and record what changed. `secret` replaces its credential; None keeps it.

    Raises NeedsPassword if the address changes under a password that is not given anew.
    """
    with transaction.atomic():
        before = Server.objects.prefetch_related("tags").get(pk=server.pk)
        tags_before = sorted(tag.name for tag in before.tags.all())
        has_moved = any(getattr(before, name) != getattr(server, name) for name in ADDRESS)
        kept = _kept_secret(before) if has_moved and not secret else None
        if has_moved or secret:
            server.access_revision = before.access_revision + 1
        server.save()
        if (server.hostname, server.port) != (before.hostname, before.port):
            server.host_keys.all().delete()
            ServerState.objects.filter(server=server).update(**NOTHING_KNOWN)
        if secret or kept:
            _give(server, secret or kept)
        if tags is not None:
            set_tags(server, tags)
        after = {name: getattr(server, name) for name in WATCHED} | {
            "tags": sorted(tags) if tags is not None else tags_before
        }
        old = {name: getattr(before, name) for name in WATCHED} | {"tags": tags_before}
        changed = [name for name in after if after[name] != old[name]]
        details: dict[str, Any] = {
            "before": {name: old[name] for name in changed},
            "after": {name: after[name] for name in changed},
        }
        if secret:
            details["credential_replaced_by"] = str(secret.kind)
        if has_moved or secret or before.paused != server.paused:
            _poll_anew(server, at)
        if changed or secret:
            record(ActivityType.SERVER_UPDATED, f"{server.name} changed", server=server, details=details)


def delete(server: Server, at: datetime) -> None:
    """Delete a server with its days; what is kept more finely goes with its time. Its activity stays."""
    gone = copy(server)  # deleting takes its number away
    with transaction.atomic():
        retention.forget_server(server, at)
        server.delete()
        record(ActivityType.SERVER_DELETED, f"{gone.name} deleted", server=gone, details={"address": gone.address})


def accept_host_keys(server: Server, shown: list[dict[str, str]], at: datetime) -> None:
    """Pin these host keys ([{type, key}]) in place of those before, and let the server be polled again."""
    with transaction.atomic():
        before = [key.fingerprint for key in server.host_keys.all()]
        server.host_keys.all().delete()
        HostKey.objects.bulk_create(
            HostKey(server=server, type=key["type"], key=key["key"], accepted_at=at) for key in shown
        )
        Server.objects.filter(pk=server.pk).update(access_revision=server.access_revision + 1)
        server.refresh_from_db(fields=["access_revision"])
        if server.state.status == "offline":
            _poll_anew(server, at)
        details = {"before": before, "after": [keys.fingerprint(key["key"]) for key in shown]}
        record(ActivityType.HOST_KEY_ACCEPTED, f"Host key of {server.name} accepted", server=server, details=details)


def poll_soon(server: Server, at: datetime) -> bool:
    """Have the poller poll it at once; False if it waits to be prepared or mended first."""
    waiting = ServerState.objects.filter(server=server, next_poll_at__isnull=False)
    return bool(waiting.update(next_poll_at=at, requested_by=current().request_id))


def follow_clock(at: datetime) -> None:
    """Have those polled at once whose next poll a clock that was ahead has put far away."""
    ServerState.objects.filter(next_poll_at__gt=at + LATEST).update(next_poll_at=at)


def begin_polling(server: Server, at: datetime) -> None:
    """From now on it is polled."""
    ServerState.objects.filter(server=server).update(next_poll_at=at, requested_by=current().request_id)


def watch_this_machine(at: datetime, site: str = "", node: str = "") -> None:
    """Watch the machine that runs the product, from its first start on: one for each host of that name."""
    hostname = local_name(node)
    local = Server.objects.filter(transport=Transport.LOCAL, hostname=hostname).select_related("state").first()
    if local is None:
        name = f"{LOCAL_NAME}-{node}" if node else LOCAL_NAME
        while Server.objects.filter(name=name).exists():
            name += "-local"
        local = add(Server(name=name, hostname=hostname, site=site, transport=Transport.LOCAL), None, [], at)
    if local.site != site:
        local.site = site
        change(local, None, None, at)
    if local.state.next_poll_at is None:
        begin_polling(local, at)


def forget_this_machine(at: datetime, node: str = "") -> None:
    """Poll the machine that runs the product no more; its history stays."""
    here = Server.objects.filter(transport=Transport.LOCAL, hostname=local_name(node))
    watched = ServerState.objects.filter(server__in=here, next_poll_at__isnull=False)
    watched.update(status="pending", since=at, next_poll_at=None)


def set_tags(server: Server, names: Iterable[str]) -> None:
    server.tags.set([Tag.objects.get_or_create(name=name)[0] for name in names])


def _give(server: Server, secret: Secret | None) -> None:
    assert secret
    credential = Credential(server=server, kind=secret.kind, public_key=secret.public_key)
    credential.seal(secret.text)
    credential.save()


def _kept_secret(before: Server) -> Secret | None:
    """A key may be used at another address; a password is not sent to one without being asked for."""
    credential = Credential.objects.filter(server=before).first()
    if credential is None:
        return None
    if credential.kind == CredentialKind.PASSWORD:
        raise NeedsPassword("The password belongs to the address before: enter it again for the new one.")
    return Secret(CredentialKind(credential.kind), credential.open(), credential.public_key)


def _poll_anew(server: Server, at: datetime) -> None:
    """Forget the failures: something was mended. Without a host key it waits to be prepared."""
    state = ServerState.objects.filter(server=server)
    state.update(failures=0, failing_since=None, next_poll_at=at, requested_by=current().request_id)
    if server.is_dialled and not server.host_keys.exists():
        state.update(status="pending", since=at, reason="", explanation="", next_poll_at=None)
