"""Who may open what: every address, as nobody, as a viewer, as an administrator."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from activity.models import ActivityLog
from activity.types import ActivityType
from dashboard import set_up
from metrics.models import Server, ServerState
from tests.dashboard import fleet
from tests.dashboard.conftest import PASSWORD, signed_in

OPEN = {"/sign-in", "/healthz", "/set-up/1", "/admin/login/"}
ADMINISTRATORS = ["servers/add", "servers/1/edit", "servers/1/delete", "servers/1/prepare"]
ADMINISTRATORS_ACTIONS = ["servers/1/prepare/start", "servers/1/prepare/confirm"]


def addresses(patterns: Any = None, before: str = "/") -> Iterator[str]:
    """Every address of the product, with a 1 for each parameter."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + re.sub(r"<[^>]+>", "1", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield re.sub(r"\(\?P.*|[$^\\]", "", route)


ALL = sorted(set(addresses()))


def test_the_walk_finds_every_address() -> None:
    assert {"/", "/servers/add", "/servers/1/delete", "/api/v1/summary", "/admin/", "/admin/auth/user/"} <= set(ALL)
    assert len(ALL) > 50


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("address", [address for address in ALL if address not in OPEN])
def test_a_visitor_gets_the_sign_in_or_401_and_nothing_else(client: Client, address: str, method: str) -> None:
    response = getattr(client, method)(address)
    if address.startswith(("/api/v1/", "/mcp")):
        assert response.status_code in (401, 404, 405)
        assert response.json()["success"] is False
        assert "data" not in response.json()
    elif address == "/metrics" and method == "get":
        assert (response.status_code, response.content) == (
            401,
            b"Sign in, or send a token as `Authorization: Bearer \xe2\x80\xa6`.\n",
        )
    elif response.status_code != 405:  # which is told before anything is looked up
        assert response.status_code == 302
        assert response.headers["Location"].startswith(("/sign-in?next=", "/admin/login/?next="))


@pytest.mark.django_db
def test_what_is_open_to_visitors_tells_nothing(client: Client) -> None:
    fleet.online("secret-name")
    for address in OPEN:
        response = client.get(address)
        assert response.status_code in (200, 302, 404, 503), address
        assert b"secret-name" not in response.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "address"),
    [("get", a) for a in ADMINISTRATORS] + [("post", a) for a in ADMINISTRATORS + ADMINISTRATORS_ACTIONS],
)
def test_a_viewer_is_refused_what_is_for_administrators(
    viewer_browser: Client, operator_browser: Client, method: str, address: str
) -> None:
    server = fleet.online()
    address = "/" + address.replace("/1/", f"/{server.pk}/")
    for browser, name in ((viewer_browser, "viewer"), (operator_browser, "operator")):
        assert getattr(browser, method)(address).status_code == 403
        row = ActivityLog.objects.newest_first()[0]
        assert (row.activity_type, row.actor_name, row.result) == (ActivityType.PERMISSION_DENIED, name, "failure")
        assert row.message == f"{name} was refused {method.upper()} {address}"
    assert Server.objects.filter(pk=server.pk).exists()


@pytest.mark.django_db
def test_whoever_is_signed_in_sees_apps_and_their_crashes(viewer_browser: Client, operator_browser: Client) -> None:
    address = fleet.crashed().get_absolute_url()
    for browser in (viewer_browser, operator_browser):
        for path in ("/apps", address, f"{address}/charts", f"{address}/table/cpu"):
            assert browser.get(path).status_code == 200
        assert b"All of this app" in browser.get(address).content
        assert b"crashed: exit code 139" in browser.get(f"/activity?app={fleet.app().pk}").content


@pytest.mark.django_db
def test_only_an_operator_polls_now(viewer_browser: Client, operator_browser: Client) -> None:
    server = fleet.online()
    assert viewer_browser.post(f"/servers/{server.pk}/poll").status_code == 403
    assert operator_browser.post(f"/servers/{server.pk}/poll").status_code == 302
    assert fleet.current(server).state.next_poll_at <= datetime.now(UTC)


@pytest.mark.django_db
def test_django_admin_refuses_a_viewer_without_a_loop(viewer_browser: Client) -> None:
    response = viewer_browser.get("/admin/", follow=True)
    assert response.status_code == 403
    assert ActivityLog.objects.newest_first()[0].activity_type == ActivityType.PERMISSION_DENIED


@pytest.mark.django_db
def test_django_admin_is_signed_in_to_at_the_products_own_sign_in(client: Client, administrator: Any) -> None:
    to = client.get("/admin/login/?next=/admin/auth/user/").headers["Location"]
    assert to == "/sign-in?next=%2Fadmin%2Fauth%2Fuser%2F"
    signed = client.post(to, {"username": "admin", "password": PASSWORD, "next": "/admin/auth/user/"}, follow=True)
    assert signed.redirect_chain == [("/admin/auth/user/", 302)]
    assert signed.status_code == 200


@pytest.mark.django_db
def test_an_inactive_user_is_a_stranger(viewer: Any, viewer_browser: Client) -> None:
    assert viewer_browser.get("/").status_code == 200
    viewer.is_active = False
    viewer.save()
    assert viewer_browser.get("/").status_code == 302


@pytest.mark.django_db
def test_what_is_not_there_looks_the_same_whatever_it_would_be(viewer_browser: Client) -> None:
    missing = ["/no-such-page", "/set-up/x"]
    for one in ("/servers/999", "/servers/999/apps/1", f"/servers/{fleet.online().pk}/apps/999"):
        missing += [one, f"{one}/charts", f"{one}/table/cpu"]
    answers = {viewer_browser.get(address).content.partition(b"<main")[2] for address in missing}
    assert len(answers) == 1
    assert b"There is nothing here, or nothing that you may see." in answers.pop()


@pytest.mark.django_db
def test_the_machine_itself_has_nothing_to_prepare(admin_browser: Client) -> None:
    local = Server.objects.create(name="this", hostname="localhost", transport="local")
    ServerState.objects.create(server=local, since=datetime.now(UTC))
    assert admin_browser.get(f"/servers/{local.pk}/prepare").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["", "abc", "-1", "9" * 30, "\0"])
def test_an_odd_confirmation_is_not_found(admin_browser: Client, value: str) -> None:
    server = fleet.pending()
    address = f"/servers/{server.pk}/prepare/confirm"
    assert admin_browser.post(address, {"preparation": value}).status_code == 404


# What every answer carries -----------------------------------------------------------------------


def test_scripts_come_from_here_alone(admin_browser: Client, client: Client) -> None:
    for response in (client.get("/sign-in"), admin_browser.get("/"), admin_browser.get("/admin/")):
        policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["form-action"] == policy["connect-src"] == "'self'"
        assert "unsafe-eval" not in response.headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_every_answer_carries_the_headers_of_caution(client: Client) -> None:
    headers = client.get("/sign-in").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert re.fullmatch(r"[0-9a-f]{32}", headers["X-Request-ID"])


@pytest.mark.parametrize(
    "address", ["/", "/servers", "/apps", "/activity", "/admin/", "/servers/add", "/api/v1/summary"]
)
def test_signed_in_pages_are_never_stored(admin_browser: Client, address: str) -> None:
    assert "no-store" in admin_browser.get(address).headers["Cache-Control"]


TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_a_style_a_script_or_unescaped_text_in_it(path: Any) -> None:
    text = path.read_text()
    assert not re.search(
        r"\sstyle\s*=|<style|<script(?![^>]*\ssrc=)|\son[a-z]+\s*=|javascript:|hx-on", text, re.IGNORECASE
    )
    assert not re.search(r"\|\s*safe\b|autoescape|mark_safe", text)


def test_templates_are_there_to_be_looked_at() -> None:
    assert len(TEMPLATES) > 30


def test_no_code_marks_text_as_safe() -> None:
    for app in ("activity", "metrics", "dashboard", "tomo_monitor"):
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            assert "mark_safe" not in path.read_text(), path


# Where one is sent after signing in --------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "\thttps://evil.example",
    "https:/evil.example",
]


@pytest.mark.parametrize("to", ELSEWHERE)
def test_signing_in_never_leads_elsewhere(client: Client, administrator: Any, to: str) -> None:
    given = {"username": "admin", "password": PASSWORD, "next": to}
    assert client.post("/sign-in", given).headers["Location"] == "/"
    assert client.get(f"/sign-in?next={quote(to)}").headers["Location"] == "/"


@pytest.mark.parametrize("to", ELSEWHERE)
def test_confirming_never_leads_elsewhere(admin_browser: Client, to: str) -> None:
    response = admin_browser.post(f"/confirm?next={quote(to)}", {"password": PASSWORD})
    assert response.headers["Location"] == "/"


def test_signing_in_goes_on_to_what_was_asked_for(client: Client, administrator: Any) -> None:
    given = {"username": "admin", "password": PASSWORD, "next": "/servers?sort=cpu"}
    assert client.post("/sign-in", given).headers["Location"] == "/servers?sort=cpu"


# The first administrator -------------------------------------------------------------------------


@pytest.fixture
def link(db: None) -> Iterator[str]:
    found = set_up.link()
    assert found
    yield found.removeprefix(settings.PUBLIC_URL)
    set_up.close()


NEW = {"username": "first", "password1": "a long new password", "password2": "a long new password"}


def test_the_link_makes_the_first_administrator_and_signs_in(client: Client, link: str, django_user_model: Any) -> None:
    assert client.get(link).status_code == 200
    assert client.post(link, NEW).headers["Location"] == "/"
    assert client.get("/servers/add").status_code == 200
    assert django_user_model.objects.get().is_superuser


def test_the_link_works_once(client: Client, link: str, django_user_model: Any) -> None:
    client.post(link, NEW)
    assert Client().get(link).status_code == 404
    assert Client().post(link, NEW | {"username": "second"}).status_code == 404
    django_user_model.objects.all().delete()
    assert Client().get(link).status_code == 404  # the next link is another one


def test_the_link_ends_when_there_is_an_administrator(client: Client, link: str, administrator: Any) -> None:
    assert client.get(link).status_code == 404
    assert set_up.link() is None


def test_another_token_is_not_found(client: Client, link: str) -> None:
    for token in ("x", link.rpartition("/")[2][:-1], "%F0%9F%92%A9"):
        assert client.get(f"/set-up/{token}").status_code == 404


def test_the_first_administrator_needs_a_good_password(client: Client, link: str, django_user_model: Any) -> None:
    short = NEW | {"password1": "short", "password2": "short"}
    assert "at least 12 characters" in client.post(link, short).content.decode()
    assert not django_user_model.objects.exists()


def test_the_links_token_is_kept_for_its_owner_alone(link: str) -> None:
    path = settings.DATA_DIR / "keys" / "set_up_token"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(link.rpartition("/")[2]) == 43


# Django admin ------------------------------------------------------------------------------------


def test_django_admin_does_not_show_pickles_of_the_queue() -> None:
    assert "django_q" not in {model._meta.app_label for model in admin.site._registry}


def test_every_list_of_django_admin_opens(admin_browser: Client, token: str) -> None:
    fleet.online(tags=("a",))
    for model in admin.site._registry:
        address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert admin_browser.get(address).status_code == 200, address
        assert admin_browser.get(f"{address}?q=a").status_code in (200, 302), address


def test_a_csrf_token_is_needed(administrator: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(administrator)
    server = fleet.pending()
    assert browser.post(f"/servers/{server.pk}/delete").status_code == 403
    assert browser.post("/sign-out").status_code == 403
    assert Server.objects.exists()


def test_leaving_is_no_link(admin_browser: Client) -> None:
    assert admin_browser.get("/sign-out").status_code == 405
    assert admin_browser.post("/sign-out").headers["Location"] == "/sign-in"
    assert admin_browser.get("/").status_code == 302


def test_a_session_works_only_where_it_was_signed_in(viewer: Any) -> None:
    browser = signed_in(viewer)
    assert browser.get("/").status_code == 200
    assert Client().get("/").status_code == 302
