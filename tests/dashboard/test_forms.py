"""The form of a server: what is wrong is told at its field, and a secret goes in and never comes out."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from activity.models import ActivityLog
from metrics import keys, servers
from metrics.models import Credential, Server
from metrics.servers import Secret
from tests.dashboard import fleet

pytestmark = pytest.mark.django_db
GOOD = {"name": "web-01", "hostname": "192.0.2.1", "port": "22", "username": "tomo", "credential": "generated"}
PASSWORD_OF_ACCOUNT = "hunter2-planted-secret"


def errors(browser: Client, address: str = "/servers/add", **changed: str) -> dict[str, str]:
    """The errors of the form, by field, after it was sent with these values changed."""
    response = browser.post(address, GOOD | changed)
    assert response.status_code == 200, "it was taken"
    return {name: " ".join(texts) for name, texts in response.context["form"].errors.items()}


WRONG = [
    ("name", "", "required"),
    ("name", "-web", "A name starts with a letter or digit"),
    ("name", "<script>", "A name starts with a letter or digit"),
    ("name", "a" * 65, "at most 64"),
    ("hostname", "", "required"),
    ("hostname", "-oProxyCommand=sh", "it cannot start with a dash"),
    ("hostname", "root@web-01", "without a user, a port or spaces"),
    ("hostname", "web-01:22", "without a user, a port or spaces"),
    ("hostname", "web 01", "without a user, a port or spaces"),
    ("hostname", "web-01;reboot", "Enter a host name"),
    ("hostname", "a" * 64 + ".example.org", "Enter a host name"),
    ("hostname", "169.254.169.254", "metadata service: enter the server's own address"),
    ("hostname", "::ffff:169.254.169.254", "metadata service"),
    ("hostname", "64:ff9b::a9fe:a9fe", "metadata service"),
    ("hostname", "fd00:ec2::254", "metadata service"),
    ("hostname", "169.254.1.1", "link-local address: enter the server's own address"),
    ("hostname", "fe80::1", "link-local"),
    ("hostname", "fe80::1%eth0", "link-local"),
    ("hostname", "0.0.0.0", "not the address of a machine"),
    ("hostname", "224.0.0.1", "not the address of a machine"),
    ("port", "0", "from 1 to 65535"),
    ("port", "70000", "from 1 to 65535"),
    ("port", "abc", "whole number"),
    ("username", "-l root", "A user name starts with"),
    ("username", "tomo; reboot", "A user name starts with"),
    ("site", "Frankfurt", "A site is made of at most 24 small letters"),
    ("tags", "ok <b>", "A tag is made of letters"),
    ("tags", "a" * 41, "at most 40"),
    ("notes", "a" * 10_001, "at most 10000"),
    ("credential", "none", "valid choice"),
]


@pytest.mark.parametrize(("field", "value", "told"), WRONG)
def test_what_is_wrong_is_told_at_its_field(admin_browser: Client, field: str, value: str, told: str) -> None:
    found = errors(admin_browser, **{field: value})
    assert list(found) == [field]
    assert told in found[field]
    assert not Server.objects.exists()


def test_a_name_that_is_taken_is_told(admin_browser: Client) -> None:
    fleet.pending()
    assert errors(admin_browser) == {"name": "There is a server of this name already: choose another name."}


def test_a_missing_password_is_told(admin_browser: Client) -> None:
    assert errors(admin_browser, credential="password") == {"password": "Enter the password of the account."}


def encrypted(folder: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", folder / "locked"], check=True)
    return (folder / "locked").read_text()


def test_a_wrong_key_is_told(admin_browser: Client) -> None:
    def told(text: str) -> str:
        return errors(admin_browser, credential="key", private_key=text)["private_key"]

    private, public = keys.generate()
    assert told("") == "Paste the private key."
    assert "give the private key, which starts with -----BEGIN" in told(public)
    assert "copy the whole file" in told(private[:100] + "\n-----END OPENSSH PRIVATE KEY-----")
    assert "puttygen" in told("PuTTY-User-Key-File-3: ssh-ed25519")


def test_an_encrypted_key_needs_its_passphrase(admin_browser: Client, tmp_path: Path) -> None:
    text = encrypted(tmp_path)
    without = errors(admin_browser, credential="key", private_key=text)
    assert without == {"passphrase": "The key is encrypted: enter its passphrase."}
    wrong = errors(admin_browser, credential="key", private_key=text, passphrase="wrong")
    assert "does not open this key" in wrong["passphrase"]
    given = GOOD | {"credential": "key", "private_key": text, "passphrase": "open sesame"}
    assert admin_browser.post("/servers/add", given).status_code == 302
    assert "ENCRYPTED" not in Credential.objects.get().open()


def test_a_server_is_moved_to_a_site_and_the_log_has_it(admin_browser: Client) -> None:
    server = fleet.online()
    given = {"name": server.name, "hostname": server.hostname, "port": 22, "username": "tomo", "site": "frankfurt"}
    assert admin_browser.post(f"/servers/{server.pk}/edit", given | {"credential": "generated"}).status_code == 302
    changed = ActivityLog.objects.filter(activity_type="server_updated").latest("id")
    assert (changed.details["before"], changed.details["after"]) == ({"site": ""}, {"site": "frankfurt"})
    assert admin_browser.get(f"/api/v1/servers/{server.pk}").json()["data"]["site"] == "frankfurt"


def test_a_good_form_leads_to_the_preparation(admin_browser: Client) -> None:
    response = admin_browser.post("/servers/add", GOOD | {"hostname": "WEB-01.Example.org", "tags": "b,a b"})
    server = Server.objects.get()
    assert response.headers["Location"] == f"/servers/{server.pk}/prepare"
    assert server.hostname == "web-01.example.org"
    assert [tag.name for tag in server.tags.all()] == ["a", "b"]
    assert server.credential.public_key in admin_browser.get(f"/servers/{server.pk}/prepare").content.decode()


# Another address ---------------------------------------------------------------------------------


def add(secret: Secret) -> Server:
    server = fleet.pending(secret=secret)
    shown = [{"type": "ssh-ed25519", "key": keys.generate()[1].split()[1]}]
    servers.accept_host_keys(server, shown, datetime.now(UTC))
    return server


@pytest.mark.parametrize(("field", "value"), [("hostname", "192.0.2.2"), ("port", "2222"), ("username", "root")])
def test_a_password_does_not_go_along_to_another_address(admin_browser: Client, field: str, value: str) -> None:
    server = add(Secret.from_password(PASSWORD_OF_ACCOUNT))
    address = f"/servers/{server.pk}/edit"
    found = errors(admin_browser, address, credential="keep", **{field: value})
    assert list(found) == ["credential"]
    assert "enter it again" in found["credential"]
    again = GOOD | {field: value, "credential": "password", "password": "another one"}
    assert admin_browser.post(address, again).status_code == 302
    assert Credential.objects.get().open() == "another one"


def test_a_key_goes_along_and_stays_usable(admin_browser: Client) -> None:
    server = add(Secret.generated())
    before = Credential.objects.get()
    secret = before.open()
    given = GOOD | {"hostname": "192.0.2.2", "credential": "keep"}
    assert admin_browser.post(f"/servers/{server.pk}/edit", given).status_code == 302
    after = Credential.objects.get()
    assert after.sealed != before.sealed
    assert after.open() == secret


@pytest.mark.parametrize(
    ("changed", "stay"),
    [({"hostname": "192.0.2.2"}, 0), ({"port": "2222"}, 0), ({"username": "root"}, 1), ({"notes": "x"}, 1)],
)
def test_host_keys_stay_with_their_address(admin_browser: Client, changed: dict[str, str], stay: int) -> None:
    server = add(Secret.generated())
    admin_browser.post(f"/servers/{server.pk}/edit", GOOD | {"credential": "keep"} | changed)
    assert server.host_keys.count() == stay


def test_a_credential_that_cannot_be_opened_any_more_is_told(admin_browser: Client) -> None:
    server = add(Secret.generated())
    Credential.objects.update(sealed="1:AAAA")
    found = errors(admin_browser, f"/servers/{server.pk}/edit", hostname="192.0.2.2", credential="keep")
    assert "Enter the credential again" in found["credential"]


def test_a_new_address_waits_to_be_prepared(admin_browser: Client) -> None:
    server = add(Secret.generated())
    fleet.polled(server, datetime.now(UTC))
    response = admin_browser.post(f"/servers/{server.pk}/edit", GOOD | {"port": "2222", "credential": "keep"})
    assert response.headers["Location"] == f"/servers/{server.pk}/prepare"
    assert fleet.current(server).state.next_poll_at is None


def test_the_machine_itself_has_no_address_to_edit(admin_browser: Client) -> None:
    servers.watch_this_machine(datetime.now(UTC))
    local = Server.objects.get()
    address = f"/servers/{local.pk}/edit"
    assert 'name="hostname"' not in admin_browser.get(address).content.decode()
    assert (
        admin_browser.post(address, {"name": "me", "hostname": "192.0.2.9", "credential": "generated"}).status_code
        == 302
    )
    local.refresh_from_db()
    assert (local.name, local.hostname) == ("me", "localhost")


# Secrets -----------------------------------------------------------------------------------------


def test_a_form_that_comes_back_has_no_secret_in_it(admin_browser: Client) -> None:
    private, _ = keys.generate()
    planted = {"private_key": private, "passphrase": "planted-phrase", "password": PASSWORD_OF_ACCOUNT}
    for kind in ("key", "password", "generated"):
        page = admin_browser.post("/servers/add", GOOD | planted | {"port": "0", "credential": kind}).content.decode()
        for secret in (private.splitlines()[2], "planted-phrase", PASSWORD_OF_ACCOUNT):
            assert secret not in page


def test_no_page_and_no_answer_has_a_stored_secret_in_it(admin_browser: Client, token: str) -> None:
    private, public = keys.generate()
    one = fleet.pending("a", secret=Secret.from_key(private))
    other = fleet.pending("b", secret=Secret.from_password(PASSWORD_OF_ACCOUNT))
    pages = ["/", "/servers", "/activity", "/api/v1/servers", "/api/v1/activity", "/admin/dashboard/apitoken/1/change/"]
    for server in (one, other):
        pages += [f"/servers/{server.pk}{part}" for part in ("", "/edit", "/delete", "/prepare", "/charts")]
        pages += [f"/api/v1/servers/{server.pk}", f"/admin/metrics/server/{server.pk}/change/"]
    pages += [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]
    shown = "".join(admin_browser.get(page, follow=True).content.decode() for page in pages)
    assert public.split()[1] in shown
    sealed = [credential.sealed for credential in Credential.objects.all()]
    for secret in (*private.splitlines()[1:-1], PASSWORD_OF_ACCOUNT, token.split("_", 2)[2], *sealed):
        assert secret not in shown


def test_a_stored_secret_is_sealed(administrator: Any) -> None:
    fleet.pending(secret=Secret.from_password(PASSWORD_OF_ACCOUNT))
    assert PASSWORD_OF_ACCOUNT not in str(list(Credential.objects.values()))
    assert Credential.objects.get().open() == PASSWORD_OF_ACCOUNT
