"""The page of tokens: made once, shown once, seen and revoked by whom they concern; and what a use of one writes."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activity.models import ActivityLog
from activity.types import ActivityType
from dashboard import tokens
from dashboard.models import ApiToken, Scope
from metrics.models import Tag
from tests.activity.kinds import proves
from tests.dashboard.conftest import PASSWORD
from tests.dashboard.test_sign_in import later

pytestmark = pytest.mark.django_db
WISH = {"name": "grafana", "scopes": ["summary:read"], "lifetime": "90"}
DAY = timedelta(days=1)


def ask(browser: Client, **changed: Any) -> Any:
    """The answer to the form, sent with this wish."""
    return browser.post("/tokens/add", WISH | changed)


def shown(answer: Any) -> str:
    """The text of the token that an answer shows."""
    [text] = re.findall(r"tomo_\d+_[\w-]{43}", answer.content.decode())
    return str(text)


def newest(kind: ActivityType) -> ActivityLog:
    return ActivityLog.objects.filter(activity_type=kind).latest("id")


def summary(text: str, address: str = "127.0.0.1") -> int:
    """The status of the summary, asked for with this token."""
    headers = {"authorization": f"Bearer {text}"}
    return Client(REMOTE_ADDR=address).get("/api/v1/summary", headers=headers).status_code


# Making ------------------------------------------------------------------------------------------


@proves(ActivityType.TOKEN_CREATED)
def test_a_token_is_made_and_works_from_its_network(viewer_browser: Client) -> None:
    tag = Tag.objects.create(name="production")
    text = shown(ask(viewer_browser, tag=tag.pk, network="10.0.0.0/8"))
    token = ApiToken.objects.get()
    assert (token.owner.username, token.scopes, token.tag) == ("viewer", ["summary:read"], tag)
    assert token.expires_at == token.created_at + 90 * DAY
    assert (summary(text, "10.1.2.3"), summary(text, "192.0.2.1")) == (200, 401)


def test_who_made_it_with_what_stands_in_the_log(viewer_browser: Client) -> None:
    ask(viewer_browser, scopes=["activity:read", "summary:read"], network="2001:db8::/32")
    row, token = newest(ActivityType.TOKEN_CREATED), ApiToken.objects.get()
    assert (row.actor_kind, row.actor_name, row.origin) == ("user", "viewer", "web")
    assert row.details == {
        "id": token.pk,
        "name": "grafana",
        "owner": "viewer",
        "scopes": ["summary:read", "activity:read"],
        "tag": None,
        "network": "2001:db8::/32",
        "expires_at": f"{token.expires_at:%Y-%m-%dT%H:%M:%S+00:00}",
    }


def test_its_text_is_on_one_page_and_nowhere_else(viewer_browser: Client) -> None:
    answer = ask(viewer_browser)
    secret = shown(answer).rpartition("_")[2]
    assert (answer.status_code, answer.request["PATH_INFO"]) == (200, "/tokens/add")
    assert "no-store" in answer["Cache-Control"]
    kept = [*ActivityLog.objects.values(), *ApiToken.objects.values(), dict(viewer_browser.session)]
    kept += [one.get_decoded() for one in Session.objects.all()]
    assert secret not in str(kept)
    assert secret not in str(answer.cookies) + str(viewer_browser.cookies)
    assert secret not in viewer_browser.get("/tokens").content.decode()


def test_sending_the_form_again_makes_no_second_one(viewer_browser: Client) -> None:
    ask(viewer_browser)
    again = ask(viewer_browser)
    assert "viewer has a token of this name: choose another, or revoke that one first." in again.content.decode()
    assert "tomo_" not in again.content.decode()
    assert ApiToken.objects.count() == 1


def test_a_name_is_free_again_when_its_token_has_ended(viewer: Any, viewer_browser: Client) -> None:
    now = datetime.now(UTC)
    tokens.create("grafana", viewer, ["summary:read"], now - 2 * DAY, lifetime=DAY)
    shown(ask(viewer_browser))
    tokens.revoke(ApiToken.objects.latest("pk"), now)
    assert shown(ask(viewer_browser))


def test_a_name_is_taken_for_its_owner_alone(viewer_browser: Client, operator_browser: Client) -> None:
    assert shown(ask(viewer_browser)) != shown(ask(operator_browser))


@pytest.mark.parametrize(("lifetime", "days"), [("30", 30), ("365", 365), ("never", None)])
def test_it_expires_when_it_was_chosen(viewer_browser: Client, lifetime: str, days: int | None) -> None:
    ask(viewer_browser, lifetime=lifetime)
    token = ApiToken.objects.get()
    assert token.expires_at == (token.created_at + days * DAY if days else None)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "n" * 65}, "at most 64 characters"),
        ({"name": "a\N{RIGHT-TO-LEFT OVERRIDE}b"}, "Give it a name of 1 to 64 characters that can be seen."),
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["everything"]}, "everything is not one of the available choices."),
        ({"tag": "99"}, "That choice is not one of the available choices."),
        ({"lifetime": "4000"}, "4000 is not one of the available choices."),
        ({"network": "10.0.0.1/8"}, "10.0.0.1 is one address in 10.0.0.0/8: write 10.0.0.0/8, or 10.0.0.1 for that"),
        ({"network": "2001:db8::1/32"}, "write 2001:db8::/32, or 2001:db8::1 for that one alone."),
        ({"network": "10.0.0.0/33"}, "10.0.0.0/33 is not a network such as 10.0.0.0/8 or 2001:db8::/32."),
        ({"network": "fe80::%eth0/64"}, "fe80::%eth0/64 is not a network"),
        ({"network": "office"}, "office is not a network"),
    ],
)
def test_a_wrong_wish_says_what_is_right(viewer_browser: Client, changed: dict[str, Any], told: str) -> None:
    assert told in ask(viewer_browser, **changed).content.decode()
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    ("given", "kept"), [("192.0.2.7", "192.0.2.7/32"), ("10.0.0.0/255.0.0.0", "10.0.0.0/8"), ("::1", "::1/128")]
)
def test_a_network_is_kept_in_one_form(viewer_browser: Client, given: str, kept: str) -> None:
    ask(viewer_browser, network=given)
    assert ApiToken.objects.get().network == kept


# What a role allows ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("browser", "writes"),
    [
        ("viewer_browser", set()),
        ("operator_browser", {"activity:write"}),
        ("admin_browser", {"activity:write", "servers:write"}),
    ],
)
def test_only_scopes_of_ones_role_are_offered(request: Any, browser: str, writes: set[str]) -> None:
    page = request.getfixturevalue(browser).get("/tokens/add").content.decode()
    offered = set(re.findall(r'name="scopes" value="([\w:]+)"', page))
    assert offered == {"summary:read", "metrics:read", "activity:read"} | writes


def test_a_scope_beyond_the_role_is_refused_however_it_is_asked_for(viewer: Any, viewer_browser: Client) -> None:
    assert "servers:write is not one of" in ask(viewer_browser, scopes=["servers:write"]).content.decode()
    with pytest.raises(ValidationError, match="viewer does not have the role for activity:write and servers:write"):
        tokens.create("script", viewer, [Scope.ACTIVITY_WRITE, Scope.SERVERS_WRITE], datetime.now(UTC))
    assert not ApiToken.objects.exists()


def test_a_token_loses_the_scopes_whose_role_its_owner_loses(operator: Any, at: datetime) -> None:
    _, text = tokens.create("script", operator, [Scope.METRICS_READ, Scope.ACTIVITY_WRITE], at)
    assert tokens.check(text, "127.0.0.1", at).scopes == ["metrics:read", "activity:write"]
    operator.groups.remove(Group.objects.get(name="operators"))
    assert tokens.check(text, "127.0.0.1", at).scopes == ["metrics:read"]
    assert ApiToken.objects.get().scopes == ["metrics:read", "activity:write"]


# The list ----------------------------------------------------------------------------------------


def test_without_any_it_says_what_they_are_for(viewer_browser: Client) -> None:
    page = viewer_browser.get("/tokens").content.decode()
    assert "asks the API in your name, without your password" in page
    assert 'href="/tokens"' in viewer_browser.get("/").content.decode()


def test_everybody_sees_their_own_and_an_administrator_all(
    viewer_browser: Client, operator_browser: Client, admin_browser: Client
) -> None:
    for browser, name in ((viewer_browser, "by-viewer"), (operator_browser, "by-operator")):
        ask(browser, name=name)
    names = [re.findall(r"by-\w+(?=<)", b.get("/tokens").content.decode()) for b in (viewer_browser, admin_browser)]
    assert names == [["by-viewer"], ["by-operator", "by-viewer"]]
    assert '<span class="quiet small">operator</span>' in admin_browser.get("/tokens").content.decode()


def test_the_list_tells_of_each_whether_it_is_valid(admin_browser: Client, viewer: Any) -> None:
    now = datetime.now(UTC)
    for name, lifetime in (("expired", DAY), ("ending", 8 * DAY), ("revoked", None), ("orphaned", None)):
        tokens.create(name, viewer, ["summary:read"], now - 2 * DAY, lifetime=lifetime)
    tokens.revoke(ApiToken.objects.get(name="revoked"), now)
    page = admin_browser.get("/tokens").content.decode()
    assert page.count("</span>valid</span>") == 2
    assert 'warned">in 5 d 23 h<' in page
    viewer.is_active = False
    viewer.save()
    page = admin_browser.get("/tokens").content.decode()
    assert re.findall(r"</span>([a-z ]+)</span></td>", page) == [
        "owner deactivated",
        "expired",
        "owner deactivated",
        "revoked",
    ]
    assert len(re.findall(r"/tokens/\d+/revoke", page)) == 2


def test_the_list_tells_when_from_where_and_how_often_one_was_used(viewer_browser: Client) -> None:
    text = shown(ask(viewer_browser))
    assert "not yet" in viewer_browser.get("/tokens").content.decode()
    for _ in range(3):
        summary(text, "198.51.100.7")
    page = viewer_browser.get("/tokens").content.decode()
    assert "from 198.51.100.7" in page
    assert re.search(r"[1-3] of 120 requests this minute", page)


def test_hostile_names_are_text(admin_browser: Client) -> None:
    name = "<img src=x onerror=alert(1)>"
    pages = [ask(admin_browser, name=name), ask(admin_browser, name=name), admin_browser.get("/tokens")]
    pages.append(admin_browser.get(f"/tokens/{ApiToken.objects.get().pk}/revoke"))
    assert all(b"&lt;img" in page.content and b"<img src=x" not in page.content for page in pages)


# Revoking ----------------------------------------------------------------------------------------


@proves(ActivityType.TOKEN_REVOKED)
def test_a_token_is_revoked_after_a_question_and_once(viewer_browser: Client) -> None:
    text = shown(ask(viewer_browser))
    address = f"/tokens/{ApiToken.objects.get().pk}/revoke"
    assert "Revoke grafana?" in viewer_browser.get(address).content.decode()
    assert summary(text) == 200
    for _ in range(2):
        assert "grafana is revoked." in viewer_browser.post(address, follow=True).content.decode()
    assert summary(text) == 401
    row = ActivityLog.objects.get(activity_type=ActivityType.TOKEN_REVOKED)
    assert (row.actor_name, row.origin, row.details["owner"]) == ("viewer", "web", "viewer")


def test_an_administrator_revokes_anybodys(viewer_browser: Client, admin_browser: Client) -> None:
    text = shown(ask(viewer_browser))
    address = f"/tokens/{ApiToken.objects.get().pk}/revoke"
    assert "It is a token of viewer." in admin_browser.get(address).content.decode()
    admin_browser.post(address)
    assert summary(text) == 401
    row = newest(ActivityType.TOKEN_REVOKED)
    assert (row.actor_name, row.details["owner"]) == ("admin", "viewer")


def test_nobody_else_can_tell_that_there_is_one(viewer_browser: Client, operator_browser: Client) -> None:
    ask(viewer_browser)
    token = ApiToken.objects.get()
    for method in (operator_browser.get, operator_browser.post):
        missing, others = (method(f"/tokens/{pk}/revoke") for pk in (token.pk + 1, token.pk))
        assert missing.status_code == others.status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


@pytest.mark.parametrize("path", ["/tokens/add", "/tokens/1/revoke"])
def test_the_password_is_asked_for_again(viewer_browser: Client, path: str) -> None:
    later(viewer_browser, 601)
    for method in (viewer_browser.get, viewer_browser.post):
        assert method(path)["Location"] == f"/confirm?next={path.replace('/', '%2F')}"
    back = viewer_browser.post("/confirm?next=/tokens/add", {"password": PASSWORD})
    assert (back["Location"], viewer_browser.get("/tokens/add").status_code) == ("/tokens/add", 200)


# What a use writes -------------------------------------------------------------------------------


@pytest.fixture
def full(viewer: Any, at: datetime) -> str:
    """The text of a token that has had all its requests of this minute, and one more."""
    text = tokens.create("script", viewer, [Scope.SUMMARY_READ], at)[1]
    for _ in range(tokens.MOST_A_MINUTE):
        tokens.check(text, "192.0.2.1", at)
    with pytest.raises(tokens.TooOften) as often:
        tokens.check(text, "192.0.2.1", at)
    assert often.value.is_first
    return text


def test_a_flood_of_refused_requests_writes_nothing(full: str, at: datetime) -> None:
    with CaptureQueriesContext(connection) as asked:
        for _ in range(10):
            with pytest.raises(tokens.TooOften) as often:
                tokens.check(full, "192.0.2.1", at + timedelta(seconds=1))
            assert not often.value.is_first
    assert [query["sql"].split()[0] for query in asked] == ["SELECT"] * 10


def test_the_next_minute_is_counted_anew(full: str, at: datetime) -> None:
    tokens.check(full, "192.0.2.2", at + timedelta(minutes=1))
    token = ApiToken.objects.get()
    assert (token.uses, token.last_used_from) == (1, "192.0.2.2")
    assert tokens.uses_in_minute(token, at + timedelta(minutes=1)) == 1
    assert tokens.uses_in_minute(token, at + timedelta(minutes=2)) == 0


def test_a_use_from_no_address_is_outside_of_every_network(viewer: Any, at: datetime) -> None:
    text = tokens.create("script", viewer, [Scope.SUMMARY_READ], at, network="0.0.0.0/0")[1]
    with pytest.raises(tokens.Refused, match="from this address"):
        tokens.check(text, "", at)


# The command -------------------------------------------------------------------------------------


def listed(*options: str) -> str:
    out = StringIO()
    call_command("tokens", *options, stdout=out)
    return out.getvalue()


def test_the_command_lists_them_without_their_texts(viewer_browser: Client, viewer: Any) -> None:
    assert "There is no token yet. Make one: manage.py create_token" in listed()
    text = shown(ask(viewer_browser, network="10.0.0.0/8"))
    [one] = json.loads(listed("--json"))
    assert (one["id"], one["name"], one["owner"], one["state"]) == (
        ApiToken.objects.get().pk,
        "grafana",
        "viewer",
        "valid",
    )
    assert (one["scopes"], one["tag"], one["network"]) == (["summary:read"], None, "10.0.0.0/8")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["expires_at"])
    head, row = listed().splitlines()
    assert head.index("state") == row.index("valid")
    assert text.rpartition("_")[2] not in listed() + listed("--json")
