"""Servers added, changed, prepared, polled and deleted by the API, and who may."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from activity.models import ActivityLog
from dashboard.models import ApiToken, Scope
from metrics.models import HostKey, Preparation, Server, ServerState
from metrics.models.credential import Credential
from tests.dashboard import fleet
from tests.dashboard.test_api import data, error, made

pytestmark = pytest.mark.django_db(databases="__all__")

WEB = {"name": "web-02", "hostname": "web-02.example.org", "tags": ["production"]}
KEY = {"type": "ssh-ed25519", "key": "AAAA", "fingerprint": "SHA256:of-the-server"}


def sent(script: Client, method: str, path: str, body: Any = None) -> Any:
    return script.generic(method, f"/api/v1/{path}", b"" if body is None else json_of(body), "application/json")


def json_of(body: Any) -> bytes:
    import json

    return json.dumps(body).encode()


def done(response: Any, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.content
    return dict(response.json()["data"])


def newest(kind: str) -> ActivityLog:
    row = ActivityLog.objects.filter(activity_type=kind).newest_first().first()
    assert row
    return row


# Adding ------------------------------------------------------------------------------------------


def test_a_server_is_added_with_a_key_of_its_own(api: Client) -> None:
    found = done(sent(api, "POST", "servers", WEB), 201)
    assert (found["name"], found["port"], found["tags"], found["status"]) == ("web-02", 22, ["production"], "pending")
    assert found == data(api, f"servers/{found['id']}")
    assert "ssh-ed25519" in data(api, f"servers/{found['id']}/preparation")["authorized_keys"]
    row = newest("server_added")
    assert (row.actor_kind, row.actor_name, row.origin, row.server_name) == ("token", "script", "api", "web-02")


@pytest.mark.parametrize(
    ("fields", "status", "names"),
    [
        ({"name": None}, 400, "name"),
        ({"name": ""}, 400, "name"),
        ({"name": "web-01"}, 409, "name"),
        ({"hostname": "-oProxyCommand=x"}, 400, "hostname"),
        ({"hostname": "169.254.169.254"}, 400, "hostname"),
        ({"hostname": "a b"}, 400, "hostname"),
        ({"port": 0}, 400, "port"),
        ({"port": 65536}, 400, "port"),
        ({"port": "22"}, 400, "port"),
        ({"port": True}, 400, "port"),
        ({"port": 10**400}, 400, "port"),
        ({"username": "root; rm"}, 400, "username"),
        ({"tags": "production"}, 400, "tags"),
        ({"tags": ["a b"]}, 400, "tags"),
        ({"tags": [["a"]]}, 400, "tags"),
        ({"site": "Frankfurt!"}, 400, "site"),
        ({"notes": "a\0b"}, 400, "notes"),
        ({"notes": "\ud800"}, 400, "notes"),
        ({"credential": "password"}, 400, "credential"),
        ({"paused": True}, 400, "paused"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
def test_what_cannot_be_taken_is_named(api: Client, fields: dict[str, Any], status: int, names: str) -> None:
    fleet.pending("web-01")
    response = sent(api, "POST", "servers", WEB | fields)
    error(response, status)
    assert response.json()["message"].startswith(f"{names}: ")
    assert Server.objects.count() == 1


# Changing and deleting ---------------------------------------------------------------------------


def test_what_is_not_given_stays(api: Client) -> None:
    server_id = done(sent(api, "POST", "servers", WEB | {"notes": "in the cellar"}), 201)["id"]
    credential = Credential.objects.get().sealed
    found = done(sent(api, "PATCH", f"servers/{server_id}", {"name": "db-01"}))
    assert (found["name"], found["notes"], found["tags"]) == ("db-01", "in the cellar", ["production"])
    assert Credential.objects.get().sealed == credential
    assert newest("server_updated").details["after"] == {"name": "db-01"}


def test_nothing_given_changes_nothing(api: Client) -> None:
    server = fleet.online()
    before = data(api, f"servers/{server.pk}")
    assert done(sent(api, "PATCH", f"servers/{server.pk}", {})) == before
    assert not ActivityLog.objects.filter(activity_type="server_updated").exists()


def test_a_server_is_paused_and_goes_on(api: Client) -> None:
    server = fleet.online()
    assert done(sent(api, "PATCH", f"servers/{server.pk}", {"paused": True}))["status"] == "paused"
    assert done(sent(api, "PATCH", f"servers/{server.pk}", {"paused": False}))["status"] != "paused"


def test_a_password_is_not_sent_to_another_address_unasked(api: Client) -> None:
    server_id = done(sent(api, "POST", "servers", WEB), 201)["id"]
    credential = Credential.objects.get()
    credential.kind = "password"
    credential.seal("planted")
    credential.save()
    response = sent(api, "PATCH", f"servers/{server_id}", {"hostname": "evil.example.org"})
    assert error(response, 409) == "CREDENTIAL_NEEDED"
    assert Server.objects.get().hostname == WEB["hostname"]
    assert done(sent(api, "PATCH", f"servers/{server_id}", {"notes": "x"}))["notes"] == "x"


def test_this_machine_has_no_address_to_change(api: Client) -> None:
    server = fleet.online()
    Server.objects.filter(pk=server.pk).update(transport="local", hostname="localhost")
    response = sent(api, "PATCH", f"servers/{server.pk}", {"hostname": "elsewhere"})
    assert error(response, 400)
    assert response.json()["message"].startswith("hostname: ")


def test_a_deleted_server_leaves_its_activity(api: Client) -> None:
    server = fleet.online()
    assert done(sent(api, "DELETE", f"servers/{server.pk}")) == {"id": server.pk}
    assert error(sent(api, "DELETE", f"servers/{server.pk}"), 404)
    assert newest("server_deleted").server_id == server.pk


# Polling and preparing ---------------------------------------------------------------------------


def test_a_server_is_polled_now(api: Client) -> None:
    server = fleet.online()
    later = datetime.now(UTC) + timedelta(hours=1)
    ServerState.objects.update(next_poll_at=later)
    assert done(sent(api, "POST", f"servers/{server.pk}/poll"), 202) == {"server_id": server.pk}
    next_poll_at = ServerState.objects.get().next_poll_at
    assert next_poll_at
    assert next_poll_at < later


def test_one_that_was_never_prepared_is_not_polled(api: Client) -> None:
    assert error(sent(api, "POST", f"servers/{fleet.pending().pk}/poll"), 409) == "NOT_PREPARED"


def test_a_server_is_prepared_in_two_steps(api: Client) -> None:
    server = fleet.pending()
    assert done(sent(api, "POST", f"servers/{server.pk}/prepare"), 202)["state"] == "scanning"
    Preparation.objects.update(state="confirming", host_keys=[KEY])
    seen = data(api, f"servers/{server.pk}/preparation")["host_keys"]
    assert seen == [{"type": "ssh-ed25519", "fingerprint": KEY["fingerprint"]}]
    wrong = sent(api, "POST", f"servers/{server.pk}/prepare", {"fingerprint": "SHA256:of-another"})
    assert error(wrong, 409) == "NOT_SEEN"
    found = done(sent(api, "POST", f"servers/{server.pk}/prepare", {"fingerprint": KEY["fingerprint"]}), 202)
    assert found["state"] == "testing"
    assert HostKey.objects.get().server == server
    assert newest("host_key_accepted").actor_name == "script"


def test_a_fingerprint_that_comes_in_pieces_is_not_overlooked(api: Client) -> None:
    server = fleet.pending()
    response = api.post(f"/api/v1/servers/{server.pk}/prepare", headers={"transfer-encoding": "chunked"})
    assert error(response, 415)
    assert not server.preparations.exists()


def test_how_a_server_is_prepared_is_told_to_those_who_see_the_page(viewer_browser: Client, viewer: Any) -> None:
    server = fleet.pending()
    assert viewer_browser.get(f"/servers/{server.pk}/prepare").status_code == 403
    for asking in (viewer_browser, made(viewer)):
        assert error(asking.get(f"/api/v1/servers/{server.pk}/preparation"), 403) == "ROLE_MISSING"


def test_a_changed_host_key_is_no_matter_for_a_token(api: Client) -> None:
    server = fleet.pending()
    HostKey.objects.create(server=server, type="ssh-ed25519", key="BBBB", accepted_at=datetime.now(UTC))
    server.preparations.create(state="confirming", host_keys=[KEY], started_at=datetime.now(UTC))
    response = sent(api, "POST", f"servers/{server.pk}/prepare", {"fingerprint": KEY["fingerprint"]})
    assert error(response, 409) == "HOST_KEY_CHANGED"
    assert HostKey.objects.get().key == "BBBB"


def test_no_token_moves_a_server_away_from_its_host_key(api: Client) -> None:
    server = fleet.pending()
    HostKey.objects.create(server=server, type="ssh-ed25519", key="BBBB", accepted_at=datetime.now(UTC))
    for moved in ({"port": 2222}, {"hostname": "elsewhere.example.org"}):
        assert error(sent(api, "PATCH", f"servers/{server.pk}", moved), 409) == "HOST_KEY_PINNED"
    assert done(sent(api, "PATCH", f"servers/{server.pk}", {"port": server.port, "notes": "x"}))["notes"] == "x"
    assert HostKey.objects.get().key == "BBBB"


# Who may -----------------------------------------------------------------------------------------


def test_every_other_scope_together_changes_nothing(administrator: Any) -> None:
    server = fleet.online()
    script = made(administrator, *(scope for scope in Scope.values if scope != Scope.SERVERS_WRITE))
    for method, path in (("POST", "servers"), ("PATCH", f"servers/{server.pk}"), ("DELETE", f"servers/{server.pk}")):
        assert error(sent(script, method, path, WEB), 403) == "SCOPE_MISSING"


def test_a_session_changes_nothing(admin_browser: Client) -> None:
    server = fleet.online()
    assert error(sent(admin_browser, "DELETE", f"servers/{server.pk}"), 403) == "TOKEN_NEEDED"
    assert Server.objects.exists()


def test_a_token_does_no_more_than_its_owner_may(api: Client, administrator: Any) -> None:
    server = fleet.online()
    administrator.is_superuser = False
    administrator.save()
    assert error(sent(api, "DELETE", f"servers/{server.pk}"), 403) in ("ROLE_MISSING", "SCOPE_MISSING")
    assert newest("permission_denied").actor_name == "script"


def test_a_token_of_a_tag_changes_its_servers_alone(administrator: Any) -> None:
    inside, outside = fleet.online("a", tags=("mine",)), fleet.online("b")
    script = made(administrator, tag=inside.tags.get())
    assert error(sent(script, "DELETE", f"servers/{outside.pk}"), 404)
    assert done(sent(script, "PATCH", f"servers/{inside.pk}", {"notes": "x"}))["notes"] == "x"


def test_a_token_of_a_tag_makes_no_server_that_it_does_not_see(administrator: Any) -> None:
    inside = fleet.online("a", tags=("mine",))
    script = made(administrator, tag=inside.tags.get())
    for method, path in (("POST", "servers"), ("PATCH", f"servers/{inside.pk}")):
        response = sent(script, method, path, WEB)
        assert error(response, 400)
        assert response.json()["message"].startswith("tags: ")
    assert [server.tags.get().name for server in Server.objects.all()] == ["mine"]
    assert done(sent(script, "POST", "servers", WEB | {"tags": ["mine", "other"]}), 201)["tags"] == ["mine", "other"]


# Tokens ------------------------------------------------------------------------------------------


def test_a_token_sees_and_ends_itself_alone(api: Client, administrator: Any) -> None:
    made(administrator, Scope.SUMMARY_READ)
    [own] = data(api, "tokens")["tokens"]
    assert (own["name"], own["is_valid"]) == ("script", True)
    other = ApiToken.objects.exclude(pk=own["id"]).get()
    assert error(sent(api, "DELETE", f"tokens/{other.pk}"), 404)
    assert done(sent(api, "DELETE", f"tokens/{own['id']}")) == {"id": own["id"]}
    assert error(api.get("/api/v1/tokens"), 401)
    assert newest("token_revoked").details["id"] == own["id"]


def test_a_session_sees_its_own_tokens(viewer_browser: Client, viewer: Any, administrator: Any) -> None:
    made(administrator, Scope.SUMMARY_READ)
    made(viewer, Scope.SUMMARY_READ)
    [own] = data(viewer_browser, "tokens")["tokens"]
    assert ApiToken.objects.get(pk=own["id"]).owner == viewer
