"""The story of a server: added, changed, deleted, its credential sealed for its address."""

from datetime import UTC, datetime, timedelta

import pytest

from metrics import keys, sealing, servers
from metrics.models import Credential, HostKey, Server, ServerMetrics
from metrics.models.credential import CredentialKind
from metrics.servers import NeedsPassword, Secret
from tests.dashboard import fleet

pytestmark = pytest.mark.django_db
AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def a_host_key() -> dict[str, str]:
    return {"type": "ssh-ed25519", "key": keys.generate()[1].split()[1]}


@pytest.fixture
def server() -> Server:
    """With a key and a pinned host key, and polled already."""
    server = fleet.pending(secret=Secret.generated())
    servers.accept_host_keys(server, [a_host_key()], AT)
    fleet.polled(server, AT)
    return fleet.current(server)


def changed(server: Server, secret: Secret | None = None, **values: object) -> Server:
    for name, value in values.items():
        setattr(server, name, value)
    servers.change(server, secret, None, AT)
    return fleet.current(server)


@pytest.mark.parametrize("kind", CredentialKind)
def test_each_credential_is_kept_sealed_and_opens_again(kind: CredentialKind) -> None:
    private, _ = keys.generate()
    secret = {
        CredentialKind.GENERATED: Secret.generated(),
        CredentialKind.KEY: Secret.from_key(private),
        CredentialKind.PASSWORD: Secret.from_password("hunter2 ü"),
    }[kind]
    kept = fleet.pending(secret=secret).credential
    assert (kept.kind, kept.public_key) == (kind, secret.public_key)
    assert kept.open() == secret.text
    assert secret.text not in kept.sealed


def test_a_credential_moved_to_another_server_does_not_open() -> None:
    one, other = (fleet.pending(name, secret=Secret.from_password(name)) for name in ("a", "b"))
    Credential.objects.filter(server=other).update(sealed=one.credential.sealed)
    with pytest.raises(sealing.Unreadable):
        fleet.current(other).credential.open()


@pytest.mark.parametrize("field", ["hostname", "port", "username"])
def test_a_server_readdressed_behind_the_products_back_gives_nothing_away(server: Server, field: str) -> None:
    Server.objects.filter(pk=server.pk).update(**{field: "1" if field == "port" else "evil.example"})
    with pytest.raises(sealing.Unreadable):
        fleet.current(server).credential.open()


@pytest.mark.parametrize(("field", "value"), [("hostname", "192.0.2.2"), ("port", 2222), ("username", "root")])
def test_a_key_is_sealed_anew_for_another_address(server: Server, field: str, value: object) -> None:
    before = server.credential
    after = changed(server, **{field: value}).credential
    assert after.open()
    assert after.sealed != before.sealed


@pytest.mark.parametrize(("field", "value"), [("hostname", "192.0.2.2"), ("port", 2222), ("username", "root")])
def test_a_password_does_not_go_to_another_address_unasked(field: str, value: object) -> None:
    server = fleet.pending(secret=Secret.from_password("hunter2"))
    with pytest.raises(NeedsPassword, match="enter it again"):
        changed(server, **{field: value})
    assert str(getattr(Server.objects.get(), field)) != str(value)
    assert Credential.objects.get().open() == "hunter2"


def test_another_address_forgets_the_host_keys_and_waits(server: Server) -> None:
    after = changed(server, port=2222)
    assert not HostKey.objects.exists()
    assert after.state.next_poll_at is None


def test_another_user_keeps_the_host_keys_and_is_polled_at_once(server: Server) -> None:
    after = changed(server, username="root")
    assert HostKey.objects.exists()
    assert after.state.next_poll_at == AT


@pytest.mark.parametrize("values", [{"port": 2222}, {"username": "root"}, {"secret": Secret.generated()}])
def test_a_connection_opened_before_is_of_no_use_after(server: Server, values: dict) -> None:
    before = server.access_revision
    assert changed(server, **values).access_revision == before + 1


def test_a_change_of_notes_touches_no_access(server: Server) -> None:
    before = (server.access_revision, server.state.next_poll_at)
    after = changed(server, notes="new")
    assert (after.access_revision, after.state.next_poll_at) == before


def test_an_accepted_host_key_takes_the_place_of_those_before(server: Server) -> None:
    new = a_host_key()
    servers.accept_host_keys(server, [new], AT)
    assert [key.key for key in server.host_keys.all()] == [new["key"]]


def test_a_deleted_server_takes_its_credential_along(server: Server) -> None:
    servers.delete(server, AT)
    assert not Credential.objects.exists()
    assert not HostKey.objects.exists()


def test_the_number_of_a_deleted_server_is_not_given_again(server: Server) -> None:
    number = server.pk
    servers.delete(server, AT)
    assert fleet.pending().pk > number
    assert {sample.server_id for sample in ServerMetrics.objects.all()} == {number}


def test_only_what_is_polled_can_be_polled_at_once(server: Server) -> None:
    assert servers.poll_soon(server, AT - timedelta(hours=1))
    assert fleet.current(server).state.next_poll_at == AT - timedelta(hours=1)
    assert not servers.poll_soon(fleet.pending("new"), AT)


def test_a_poll_that_a_wrong_clock_put_far_ahead_is_due(server: Server) -> None:
    for ahead, is_due in ((timedelta(minutes=30), False), (timedelta(days=365), True)):
        servers.poll_soon(server, AT + ahead)
        servers.follow_clock(AT)
        assert Server.objects.due(AT).exists() is is_due


def test_this_machine_is_watched_once() -> None:
    Server.objects.create(name=servers.LOCAL_NAME, hostname="192.0.2.9")
    for _ in range(2):
        servers.watch_this_machine(AT)
    local = Server.objects.get(transport="local")
    assert local.name == "this-machine-local"
    assert list(Server.objects.due(AT)) == [local]


def test_a_forgotten_machine_is_not_polled_and_comes_back() -> None:
    servers.watch_this_machine(AT)
    servers.forget_this_machine(AT)
    assert not Server.objects.due(AT + timedelta(days=1)).exists()
    servers.watch_this_machine(AT)
    assert Server.objects.due(AT).exists()


def test_a_moved_server_is_not_online_any_more(server: Server) -> None:
    moved = changed(server, hostname="192.0.2.2")
    assert (moved.status, moved.state.next_poll_at) == ("pending", None)
    assert (moved.state.boot_id, moved.state.counters) == ("", "")  # the new machine has not been rebooted
