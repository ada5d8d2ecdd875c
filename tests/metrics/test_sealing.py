"""A sealed secret opens at its own place, with its own key, and nowhere else."""

import os
from typing import Any

import pytest

from metrics import sealing
from metrics.connections import target
from metrics.failures import Failure, Reason
from metrics.models import Credential, Server
from metrics.models.credential import CredentialKind

SECRET = "hunter2 ü€\n"
PLACE = "credential|1|secret|192.0.2.1|22|tomo"


@pytest.fixture
def server(db: None) -> Server:
    server = Server.objects.create(name="web-01", hostname="192.0.2.1")
    credential = Credential(server=server, kind=CredentialKind.PASSWORD)
    credential.seal(SECRET)
    credential.save()
    return server


def test_what_was_sealed_opens() -> None:
    assert sealing.open_sealed(sealing.seal(SECRET, PLACE), PLACE) == SECRET


def test_two_seals_of_one_secret_differ() -> None:
    assert len({sealing.seal(SECRET, PLACE).partition(":")[2] for _ in range(50)}) == 50


def test_a_seal_does_not_show_the_secret() -> None:
    assert "hunter2" not in sealing.seal(SECRET, PLACE)


@pytest.mark.parametrize("place", ["", PLACE + "x", PLACE.replace("|1|", "|2|"), PLACE.replace("2.1", "2.7")])
def test_another_place_opens_nothing(place: str) -> None:
    with pytest.raises(sealing.Unreadable):
        sealing.open_sealed(sealing.seal(SECRET, PLACE), place)


def test_a_key_id_that_is_not_known_says_where_keys_are() -> None:
    _, _, text = sealing.seal(SECRET, PLACE).partition(":")
    with pytest.raises(sealing.Unreadable, match="keys/credential_keys"):
        sealing.open_sealed(f"another:{text}", PLACE)


@pytest.mark.parametrize(
    "spoil", [lambda s: s[:-8], lambda s: s + "!", lambda s: "", lambda s: s[:-6] + "AAAA" + s[-2:]]
)
def test_a_spoilt_seal_opens_nothing(spoil: Any) -> None:
    with pytest.raises(sealing.Unreadable):
        sealing.open_sealed(spoil(sealing.seal(SECRET, PLACE)), PLACE)


def test_the_newest_key_seals_and_older_ones_open(settings: Any) -> None:
    old = sealing.seal(SECRET, PLACE)
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS | {"newest": os.urandom(32)}
    assert sealing.open_sealed(old, PLACE) == SECRET
    assert sealing.seal(SECRET, PLACE).startswith("newest:")


def test_a_credential_opens_for_its_server(server: Server) -> None:
    assert target(server).password == SECRET


@pytest.mark.parametrize("changed", [{"hostname": "192.0.2.66"}, {"port": 2222}, {"username": "root"}])
def test_a_credential_of_a_server_re_addressed_behind_our_back_is_unusable(
    server: Server, changed: dict[str, Any]
) -> None:
    Server.objects.filter(pk=server.pk).update(**changed)
    with pytest.raises(Failure) as failed:
        target(Server.objects.get(pk=server.pk))
    assert failed.value.reason == Reason.NO_CREDENTIAL


def test_a_row_moved_to_another_server_is_unusable(server: Server) -> None:
    other = Server.objects.create(name="evil", hostname="192.0.2.1")
    Credential.objects.filter(server=server).update(server=other)
    with pytest.raises(Failure) as failed:
        target(Server.objects.get(pk=other.pk))
    assert failed.value.reason == Reason.NO_CREDENTIAL


def test_a_server_without_a_credential_is_not_dialled(server: Server) -> None:
    server.credential.delete()
    with pytest.raises(Failure) as failed:
        target(Server.objects.get(pk=server.pk))
    assert failed.value.reason == Reason.NO_CREDENTIAL
