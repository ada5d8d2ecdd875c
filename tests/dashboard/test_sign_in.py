"""Signing in: limited, telling strangers nothing, ending in time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from activity.context import Acting, acting
from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType
from dashboard.views.access import WINDOW
from metrics import keys, servers
from metrics.models import Preparation, Server
from tests.dashboard import fleet
from tests.dashboard.conftest import PASSWORD, signed_in

pytestmark = pytest.mark.django_db
HOUR = 3600


def attempt(name: str = "admin", password: str = "wrong", address: str = "198.51.100.7") -> Any:
    return Client(REMOTE_ADDR=address).post("/sign-in", {"username": name, "password": password})


def later(browser: Client, seconds: float) -> None:
    """Let time pass for a session: everything in it was that much earlier."""
    session = browser.session
    for name in ("signed_in_at", "seen_at", "confirmed_at"):
        if name in session:
            session[name] -= seconds
    session.save()


# How often one may try ---------------------------------------------------------------------------


def test_five_wrong_passwords_shut_out_the_right_one(administrator: Any) -> None:
    assert [attempt().status_code for _ in range(5)] == [200] * 5
    limited = attempt(password=PASSWORD)
    assert limited.status_code == 429
    assert limited.headers["Retry-After"] == "900"
    administrator.refresh_from_db()
    assert administrator.last_login is None


def test_four_wrong_passwords_do_not(administrator: Any) -> None:
    for _ in range(4):
        attempt()
    assert attempt(password=PASSWORD).status_code == 302


def test_other_spellings_of_the_name_count_as_the_name(administrator: Any) -> None:
    for name in ("admin", " admin", "admin ", "ａｄｍｉｎ", "admin\t"):
        attempt(name)
    assert attempt(" admin", PASSWORD).status_code == 429


def test_another_address_is_not_shut_out(administrator: Any) -> None:
    for _ in range(5):
        attempt()
    assert attempt(password=PASSWORD, address="198.51.100.8").status_code == 302


def test_twenty_failures_from_an_address_shut_it_out_for_every_name(administrator: Any) -> None:
    for number in range(20):
        assert attempt(f"user-{number}").status_code == 200
    assert attempt(password=PASSWORD).status_code == 429


def test_the_addresses_of_one_ipv6_network_count_together(administrator: Any) -> None:
    for number in range(5):
        assert attempt(address=f"2001:db8::{number + 1:x}").status_code == 200
    assert attempt(password=PASSWORD, address="2001:db8::ffff").status_code == 429
    assert attempt(password=PASSWORD, address="2001:db8:0:1::1").status_code == 302


def test_what_is_refused_unlooked_at_is_not_a_failure(administrator: Any) -> None:
    for _ in range(8):
        attempt()
    assert ActivityLog.objects.filter(activity_type=ActivityType.USER_LOGIN_FAILED).count() == 5


def test_after_a_quarter_of_an_hour_one_may_try_again(administrator: Any) -> None:
    with acting(Acting(name="admin", source_ip="198.51.100.7")):
        for _ in range(5):
            record(ActivityType.USER_LOGIN_FAILED, "failed", at=datetime.now(UTC) - WINDOW - timedelta(seconds=1))
    assert attempt(password=PASSWORD).status_code == 302


@pytest.mark.parametrize("name", ["", "\0", "a" * 5000, "<script>", "\ud7ff" * 200, "admin\0"])
def test_odd_names_are_just_wrong(administrator: Any, name: str) -> None:
    assert attempt(name).status_code == 200


def test_a_stranger_is_told_what_a_user_with_a_wrong_password_is_told(administrator: Any) -> None:
    def answer(name: str) -> str:
        return attempt(name).content.decode().replace(name, "NAME").partition("<main")[2]

    known, unknown = answer("admin"), answer("nobody")
    drop = "csrfmiddlewaretoken"
    assert [line for line in known.splitlines() if drop not in line] == [
        line for line in unknown.splitlines() if drop not in line
    ]


def test_a_user_who_was_deactivated_is_told_the_same(viewer: Any) -> None:
    viewer.is_active = False
    viewer.save()
    assert "Please enter a correct username and password" in attempt("viewer", PASSWORD).content.decode()


# The password again ------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["add", "{}/edit", "{}/delete"])
def test_ten_minutes_after_the_password_it_is_asked_for_again(admin_browser: Client, what: str) -> None:
    address = f"/servers/{what.format(fleet.pending().pk)}"
    assert admin_browser.get(address).status_code == 200
    later(admin_browser, 601)
    asked = admin_browser.post(address)
    assert asked.headers["Location"].startswith("/confirm?next=")
    assert Server.objects.exists()
    assert admin_browser.post(asked.headers["Location"], {"password": PASSWORD}).headers["Location"] == address
    assert admin_browser.get(address).status_code == 200


def test_other_host_keys_are_accepted_only_with_the_password(admin_browser: Client) -> None:
    server = fleet.pending()
    shown = [{"type": "ssh-ed25519", "key": keys.generate()[1].split()[1]}]
    servers.accept_host_keys(server, [{"type": "ssh-ed25519", "key": keys.generate()[1].split()[1]}], datetime.now(UTC))
    waiting = Preparation.objects.create(
        server=server, state="confirming", started_at=datetime.now(UTC), host_keys=shown
    )
    later(admin_browser, 601)
    given = {"preparation": waiting.pk}
    response = admin_browser.post(f"/servers/{server.pk}/prepare/confirm", given)
    assert response.headers["Location"] == f"/confirm?next=%2Fservers%2F{server.pk}%2Fprepare"
    assert server.host_keys.get().key != shown[0]["key"]


def test_a_wrong_password_confirms_nothing_and_is_recorded(admin_browser: Client) -> None:
    later(admin_browser, 601)
    assert "That is not your password." in admin_browser.post("/confirm", {"password": "no"}).content.decode()
    assert admin_browser.get("/servers/add").status_code == 302
    assert ActivityLog.objects.newest_first()[0].activity_type == ActivityType.USER_LOGIN_FAILED


def test_confirming_is_limited_like_the_sign_in_and_tells_nothing(admin_browser: Client) -> None:
    later(admin_browser, 601)
    for _ in range(5):
        admin_browser.post("/confirm", {"password": "wrong"})
    right, wrong = (admin_browser.post("/confirm", {"password": word}) for word in (PASSWORD, "wrong"))
    assert right.status_code == wrong.status_code == 429
    assert "not your password" not in wrong.content.decode()
    assert admin_browser.get("/servers/add").status_code == 302


# How long it lasts -------------------------------------------------------------------------------


def test_a_session_ends_after_twelve_hours_whatever_happens(admin_browser: Client) -> None:
    for _ in range(11):
        later(admin_browser, HOUR)
        assert admin_browser.get("/").status_code == 200
    later(admin_browser, HOUR + 1)
    assert admin_browser.get("/").headers["Location"] == "/sign-in?next=/"
    assert Client(headers={"cookie": f"tomo_session={admin_browser.session.session_key}"}).get("/").status_code == 302


def test_a_session_that_ends_is_recorded_with_its_address(administrator: Any) -> None:
    browser = signed_in(administrator)
    later(browser, 12 * HOUR + 1)
    browser.get("/", REMOTE_ADDR="198.51.100.7")
    row = ActivityLog.objects.newest_first()[0]
    assert (row.activity_type, row.actor_name, row.origin, row.source_ip) == (
        ActivityType.USER_LOGOUT,
        "admin",
        "web",
        "198.51.100.7",
    )


def test_a_session_is_kept_for_two_idle_hours(admin_browser: Client) -> None:
    assert admin_browser.session.get_expiry_age() == 2 * HOUR
    assert admin_browser.cookies["tomo_session"]["max-age"] == 2 * HOUR


def expires(browser: Client) -> datetime:
    return Session.objects.get(session_key=browser.session.session_key).expire_date


def idle(browser: Client, seconds: int) -> datetime:
    """Let the browser be unused for so long; returns when its session ends."""
    later(browser, seconds)
    key = browser.session.session_key
    Session.objects.filter(session_key=key).update(
        expire_date=datetime.now(UTC) + timedelta(seconds=2 * HOUR - seconds)
    )
    return expires(browser)


def test_use_extends_a_session(admin_browser: Client) -> None:
    before = idle(admin_browser, HOUR)
    admin_browser.get("/")
    assert expires(admin_browser) > before + timedelta(minutes=59)


def test_two_idle_hours_end_a_session(admin_browser: Client) -> None:
    idle(admin_browser, 2 * HOUR + 1)
    assert admin_browser.get("/").status_code == 302


@pytest.mark.parametrize("address", ["/", "/servers", "/servers/{}", "/servers/{}/charts", "/activity"])
def test_a_live_refresh_does_not_extend_a_session(admin_browser: Client, address: str) -> None:
    address = address.format(fleet.online().pk)
    before = idle(admin_browser, HOUR)
    headers = {"x-refresh": "1", "hx-request": "true"}
    assert admin_browser.get(address, headers=headers).status_code == 200
    assert expires(admin_browser) == before


def test_another_password_ends_the_other_sessions(administrator: Any) -> None:
    here, there = signed_in(administrator), signed_in(administrator)
    new = "another long password"
    given = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/password", given).headers["Location"] == "/"
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    row = ActivityLog.objects.filter(activity_type=ActivityType.USER_UPDATED).get()
    assert row.details["after"] == {"password": "••••••"}
    assert new not in str(row.details)


def test_the_session_gets_another_key_at_the_sign_in(administrator: Any) -> None:
    browser = Client()
    session = browser.session
    session["planted"] = 1
    session.save()
    before = session.session_key
    browser.cookies["tomo_session"] = before
    browser.post("/sign-in", {"username": "admin", "password": PASSWORD})
    assert browser.session.session_key != before


def test_a_refresh_after_the_session_ended_reloads_the_whole_page(client: Client) -> None:
    answer = client.get("/", headers={"HX-Request": "true", "X-Refresh": "1"})
    assert (answer.status_code, answer["HX-Refresh"]) == (204, "true")


def test_guessing_the_old_password_is_limited_as_a_sign_in_is(admin_browser: Client) -> None:
    wrong = {"old_password": "a guess", "new_password1": "another one, long", "new_password2": "another one, long"}
    assert [admin_browser.post("/password", wrong).status_code for _ in range(6)] == [200] * 5 + [429]
