"""One id from the web request through the queue and the poller: in each log line, in each row of activity."""

import ipaddress
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from pydoc import locate
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from activity.context import Acting, acting
from activity.models import ActivityLog
from metrics import servers, tasks
from metrics.models import Server
from metrics.poll import Poll, run_poll
from metrics.queue import enqueue
from metrics.servers import Secret
from tests.conftest import AT
from tests.dashboard.conftest import signed_in
from tests.metrics.fleet import a_poller, key_secret, nobody_there, poll_round, state, this_machine, watched
from tests.sshd import Sshd

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def server(sshd: Sshd, keys_folder: Path) -> Server:
    return watched(sshd, key_secret(keys_folder / "id"))


@pytest.fixture
def browser(administrator: Any) -> Client:
    return signed_in(administrator)


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """The events of this name that were logged so far, as (level, fields)."""
    caplog.set_level(logging.DEBUG)
    return lambda name: [
        (record.levelname, record.msg)
        for record in caplog.records
        if isinstance(record.msg, dict) and record.msg["event"] == name
    ]


def asked_by(browser: Client, path: str) -> str:
    """The id of a request for something to be done."""
    return str(browser.post(path)["X-Request-ID"])


def run_queued() -> None:
    """What a worker of the queue does with all that waits there."""
    for waiting in OrmQ.objects.order_by("id"):
        task: Any = SignedPackage.loads(waiting.payload)
        waiting.delete()
        locate(task["func"])(*task["args"], **task["kwargs"])  # type: ignore[operator]


def ids_of(*kinds: str) -> set[str]:
    return set(ActivityLog.objects.filter(activity_type__in=kinds).values_list("request_id", flat=True))


# The request ------------------------------------------------------------------------------------


def test_a_request_is_told_in_one_line_without_its_query(browser: Client, lines: Any) -> None:
    answer = browser.get("/servers?q=what-only-the-visitor-knows")
    [(level, event)] = lines("request.finished")
    assert (level, event["method"], event["path"], event["status"]) == ("INFO", "GET", "/servers", 200)
    assert (event["user"], event["request_id"]) == ("admin", answer["X-Request-ID"])
    assert event["seconds"] > 0
    assert "what-only-the-visitor-knows" not in str(event)


def test_a_token_in_the_path_is_not_told_and_a_sign_of_life_not_at_all(lines: Any) -> None:
    Client().get("/set-up/the-token")
    Client().get("/healthz")
    assert [event["path"] for _, event in lines("request.finished")] == ["/set-up/<str:token>"]


def test_a_request_that_breaks_is_told_as_a_warning(browser: Client, lines: Any) -> None:
    browser.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE metrics_tag RENAME TO gone")
    try:
        browser.get("/servers")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO metrics_tag")
    level, event = lines("request.finished")[-1]
    assert (level, event["status"]) == ("WARNING", 503)


@pytest.mark.parametrize(
    ("peer", "given", "is_taken"),
    [
        ("10.0.0.5", "deploy-2026.01_31", True),
        ("10.0.0.5", "short", False),
        ("10.0.0.5", "a" * 41, False),
        ("10.0.0.5", "no spaces here", False),
        ("10.0.0.5", "newline-at-the-end\n", False),
        ("203.0.113.9", "deploy-2026.01_31", False),
    ],
)
def test_a_trusted_proxy_may_give_the_id(settings: Any, peer: str, given: str, is_taken: bool) -> None:
    settings.TOMO = settings.TOMO | {"trusted_proxies": [ipaddress.ip_network("10.0.0.5")]}
    answer = Client(REMOTE_ADDR=peer, HTTP_X_REQUEST_ID=given).get("/sign-in")
    assert (answer["X-Request-ID"] == given) is is_taken


# The queue --------------------------------------------------------------------------------------


def test_a_preparation_carries_the_id_of_the_request_that_started_it(browser: Client, server: Server) -> None:
    server.state.refresh_from_db()
    asked = asked_by(browser, f"/servers/{server.pk}/prepare/start")
    run_queued()
    assert ids_of("preparation_started", "preparation_complete") == {asked}
    assert state(server).requested_by == asked


def test_its_second_half_carries_the_id_of_the_request_that_confirmed_it(
    browser: Client, sshd: Sshd, keys_folder: Path
) -> None:
    new = Server(name="new", hostname="127.0.0.1", port=sshd.port, username=sshd.user)
    servers.add(new, key_secret(keys_folder / "id"), [], AT)
    browser.post(f"/servers/{new.pk}/prepare/start")
    run_queued()
    given = {"preparation": new.preparations.get().pk, "fingerprint": sshd.fingerprint}
    confirmed = browser.post(f"/servers/{new.pk}/prepare/confirm", given)["X-Request-ID"]
    run_queued()
    assert ids_of("host_key_accepted", "preparation_complete") == {confirmed}


# The poller -------------------------------------------------------------------------------------


def test_a_poll_that_was_asked_for_is_told_aloud_with_the_id_of_the_request(
    browser: Client, server: Server, lines: Any
) -> None:
    asked = asked_by(browser, f"/servers/{server.pk}/poll")
    with a_poller() as poller:
        poll_round(poller, AT)
        poll_round(poller, AT + timedelta(seconds=10))
    (level, first), (level_of_next, following) = lines("poll.finished")
    assert (level, first["request_id"], first["server"], first["server_id"]) == ("INFO", asked, "web-01", server.pk)
    assert (level_of_next, state(server).requested_by) == ("DEBUG", "")
    assert following["request_id"] not in ("", asked)
    assert ids_of("server_connected") == {asked} == {e["request_id"] for _, e in lines("activity.recorded")[-1:]}


def test_a_poll_that_fails_is_told_aloud_if_it_is_news_or_was_asked_for(
    browser: Client, free_port: int, lines: Any
) -> None:
    server = nobody_there(free_port)
    with a_poller() as poller:
        poll_round(poller, AT)
        poll_round(poller, AT + timedelta(seconds=10))
        asked = asked_by(browser, f"/servers/{server.pk}/poll")
        poll_round(poller, AT + timedelta(seconds=20))
    assert [level for level, _ in lines("poll.failed")] == ["WARNING", "DEBUG", "WARNING"]
    assert [event["reason"] for _, event in lines("poll.failed")] == ["refused"] * 3
    ids = [event["request_id"] for _, event in lines("poll.failed")]
    assert ids[2] == asked
    assert ids_of("server_disconnected") == {ids[0]}
    assert len({*ids, ""}) == 4


def test_who_asks_while_a_poll_runs_gets_the_next_one_at_once(server: Server, lines: Any) -> None:
    for_first, for_second = Acting(request_id="first"), Acting(request_id="second")
    with acting(for_first):
        servers.poll_soon(server, AT)
    with a_poller() as poller:
        poller.renew(AT)
        poller._start_due(AT)
        with acting(for_second):
            servers.poll_soon(server, AT)
        while not lines("poll.finished"):
            poller.tick(AT)
        assert (state(server).requested_by, state(server).next_poll_at) == ("second", AT)
        poll_round(poller, AT)
    assert [event["request_id"] for _, event in lines("poll.finished")] == ["first", "second"]


def test_what_breaks_in_the_thread_of_a_poll_has_its_id(lines: Any) -> None:
    nonsense: Any = "no counters"
    run_poll(Poll(this_machine(), AT, Acting(request_id="asked-for"), None, nonsense, {}, is_over_kept=False), None)
    [(level, event)] = lines("poll.crashed")
    assert (level, event["request_id"], event["server"]) == ("ERROR", "asked-for", "this-machine")


def test_each_run_that_nobody_asked_for_has_an_id_of_its_own(server: Server) -> None:
    for number in (1, 2):
        tasks.scan(server.preparations.create(started_at=AT, host_keys=[{"n": number}]).pk)
    assert len(ids_of("preparation_complete") - {""}) == 2


def test_a_task_that_breaks_is_told_with_its_id_and_leaves_nothing_in_the_queue(lines: Any) -> None:
    with acting(Acting(request_id="asked-for")):
        enqueue("scan")  # of nothing: the task breaks
    run_queued()
    [(level, event)] = lines("task.failed")
    assert (level, event["request_id"], event["task"]) == ("ERROR", "asked-for", "scan")


def test_a_changed_server_is_polled_for_the_request_that_changed_it(server: Server) -> None:
    with acting(Acting(request_id="mended")):
        servers.change(server, Secret.generated(), None, AT)
    assert state(server).requested_by == "mended"
