"""A crash leaves a card: how it ended, its last words without secrets, and how it fared in the minutes before."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from activity.models import ActivityLog
from metrics import crash_cards
from metrics.crash_cards import MANY_CARDS
from metrics.masking import MASK
from metrics.models import CrashCard, Server
from metrics.probe.reading import Engine, Memory, State
from tests.conftest import AT
from tests.metrics.containers import (
    anew,
    app,
    denied,
    docker_host,
    exited,
    listed,
    news,
    poll,
    polls,
    running,
    unreadable,
    usage,
)
from tests.metrics.fleet import INTERVAL

Log = CrashCard.Log
WEB, CRASHED = running("web"), exited("web", 139, restart_count=4)
MIB = 1 << 20


@pytest.fixture
def server(db: None) -> Server:
    server = docker_host()
    poll(server, listed(WEB), AT - timedelta(days=2))
    return server


def crash(server: Server, at: datetime = AT, way: str = "socket", **fields: Any) -> None:
    """It runs, and at the next poll it has crashed."""
    poll(server, listed(WEB, way=way), at - INTERVAL)
    poll(server, listed(replace(CRASHED, **fields), way=way), at)


def card() -> CrashCard:
    return CrashCard.objects.get()


def wanted(at: datetime = AT) -> list[str]:
    return [one for by_id in crash_cards.wanted(at).values() for one in by_id]


# One card of one crash ------------------------------------------------------------------------------------


def test_a_card_says_how_it_ended(server: Server) -> None:
    crash(server)
    one = card()
    assert (one.app, one.at, one.times, one.container_id, one.image) == (app("web"), AT, 1, WEB.id, "shop:1")
    assert (one.exit_code, one.signal, one.is_out_of_memory, one.restart_count) == (139, "SIGSEGV", False, 4)


@pytest.mark.parametrize(
    "ending",
    [{"exit_code": 0}, {"exit_code": 137}, {"exit_code": 143}, {"exit_code": None}, {"state": State.PAUSED}],
)
def test_a_stop_leaves_no_card(server: Server, ending: Any) -> None:
    crash(server, **ending)
    assert not CrashCard.objects.exists()


def test_a_first_sight_leaves_no_card(db: None) -> None:
    poll(docker_host(), listed(CRASHED))
    assert not CrashCard.objects.exists()


def test_an_app_that_is_installed_and_crashed_at_once_leaves_a_card(server: Server) -> None:
    poll(server, listed(WEB, exited("job", 1)))
    assert card().app == app("job")


@pytest.mark.parametrize(("seconds", "times"), [(20, [2]), (299, [2]), (300, [1, 1]), (3600, [1, 1])])
def test_crashes_within_five_minutes_share_a_card(server: Server, seconds: int, times: list[int]) -> None:
    crash(server)
    crash(server, AT + timedelta(seconds=seconds))
    assert list(CrashCard.objects.values_list("times", flat=True)) == times
    assert news().count(("web", "crashed")) == 2


def test_another_container_has_a_card_of_its_own(server: Server) -> None:
    polls(server, listed(WEB), listed(CRASHED), listed(anew(WEB)), listed(anew(CRASHED)))
    assert {one.container_id for one in CrashCard.objects.all()} == {WEB.id, anew(WEB).id}


def test_a_loop_of_crashes_keeps_a_card_for_each_five_minutes(server: Server) -> None:
    for number in range(0, 60, 2):
        poll(server, listed(WEB), AT + number * INTERVAL)
        poll(server, listed(CRASHED), AT + (number + 1) * INTERVAL)
    assert list(CrashCard.objects.values_list("times", flat=True)) == [15, 15]


def test_an_app_keeps_its_twenty_newest_cards(server: Server) -> None:
    poll(server, listed(WEB, running("db")))
    poll(server, listed(WEB, exited("db", 1)), AT + INTERVAL)
    hours = [AT + timedelta(hours=number) for number in range(1, MANY_CARDS + 6)]
    for at in hours:
        crash(server, at)
    assert [one.at for one in app("web").crash_cards.all()] == hours[:-21:-1]
    assert app("db").crash_cards.count() == 1


# Its last lines ---------------------------------------------------------------------------------------------


def test_the_next_poll_is_asked_for_the_last_lines(server: Server) -> None:
    crash(server)
    assert crash_cards.wanted(AT) == {server.pk: {WEB.id: Engine.DOCKER}}


def test_lines_are_kept_once_and_without_secrets(server: Server) -> None:
    crash(server)
    poll(
        server, listed(CRASHED), AT + INTERVAL, logs={WEB.id: ["started", "DB_PASSWORD=hunter2", "Segmentation fault"]}
    )
    assert card().log == f"started\nDB_PASSWORD={MASK}\nSegmentation fault"
    poll(server, listed(CRASHED), AT + 2 * INTERVAL, logs={WEB.id: ["later"]})
    assert (card().log_state, card().log.splitlines()[-1]) == (Log.KEPT, "Segmentation fault")
    assert wanted() == []


def test_no_secret_of_a_log_is_anywhere_in_the_database(server: Server) -> None:
    crash(server)
    poll(server, listed(CRASHED), AT + INTERVAL, logs={WEB.id: ["redis://:hunter2@cache", '{"token": "hunter2"}']})
    rows = [*CrashCard.objects.values(), *ActivityLog.objects.values()]
    assert "hunter2" not in repr(rows)


def test_a_log_without_lines_is_empty(server: Server) -> None:
    crash(server)
    poll(server, listed(CRASHED), AT + INTERVAL, logs={WEB.id: []})
    assert (card().log_state, card().log) == (Log.EMPTY, "")


def test_lines_of_a_container_that_did_not_crash_are_dropped(server: Server) -> None:
    crash(server)
    poll(server, listed(CRASHED), AT + INTERVAL, logs={"f" * 64: ["x"]})
    assert (card().log_state, card().log) == (Log.WANTED, "")


def test_another_servers_lines_are_not_taken(server: Server) -> None:
    other = docker_host("web-02")
    crash(server)
    poll(other, listed(CRASHED), AT + INTERVAL, logs={WEB.id: ["a lie"]})
    assert (card().log_state, card().log) == (Log.WANTED, "")


@pytest.mark.parametrize(
    ("way", "log"), [("socket", Log.WANTED), ("cli", Log.WANTED), ("helper", Log.CLOSED), ("stale", Log.CLOSED)]
)
def test_logs_are_closed_where_nobody_may_read_them(server: Server, way: str, log: str) -> None:
    crash(server, way=way)
    assert card().log_state == log
    assert bool(wanted()) is (log == Log.WANTED)


def test_lines_that_do_not_come_in_ten_minutes_are_not_waited_for(server: Server) -> None:
    crash(server)
    before, after = AT + timedelta(minutes=9, seconds=59), AT + timedelta(minutes=10)
    crash_cards.give_up(before)
    assert wanted(before) == [WEB.id]
    assert wanted(after) == []
    crash_cards.give_up(after)
    assert card().log_state == Log.EMPTY


def test_giving_up_leaves_what_was_kept(server: Server) -> None:
    crash(server)
    poll(server, listed(CRASHED), AT + INTERVAL, logs={WEB.id: ["kept"]})
    crash_cards.give_up(AT + timedelta(days=1))
    assert (card().log_state, card().log) == (Log.KEPT, "kept")


def test_no_poll_is_asked_for_more_than_five_logs(server: Server) -> None:
    names = [f"app-{number}" for number in range(12)]
    polls(server, listed(*map(running, names)), listed(*[exited(name, 1) for name in names]))
    assert CrashCard.objects.count() == 12
    asked: set[str] = set()
    for number in (2, 3, 4):
        now = wanted(AT)
        assert 0 < len(now) <= 5
        asked |= set(now)
        seen = listed(*[exited(name, 1) for name in names])
        poll(server, seen, AT + number * INTERVAL, logs={one: ["last words"] for one in now})
    assert (len(asked), wanted(AT)) == (12, [])


def test_lines_are_fetched_though_the_app_runs_again_or_cannot_be_listed(server: Server) -> None:
    crash(server)
    poll(server, unreadable(), AT + INTERVAL)
    assert wanted() == [WEB.id]
    poll(server, listed(WEB), AT + 2 * INTERVAL, logs={WEB.id: ["last words"]})
    assert card().log == "last words"


def test_names_lost_with_the_rights_do_not_stop_what_is_wanted(server: Server) -> None:
    crash(server)
    poll(server, denied(WEB), AT + INTERVAL)
    assert crash_cards.wanted(AT) == {server.pk: {WEB.id: Engine.DOCKER}}


# The minutes before -------------------------------------------------------------------------------------------


def test_the_minutes_before_are_those_of_the_container_and_of_its_server(server: Server) -> None:
    for number in range(3):
        poll(
            server,
            listed(WEB),
            AT + number * INTERVAL,
            usages={WEB.id: usage(cpu_microseconds=number * 5_000_000, memory_bytes=(number + 1) * MIB)},
            memory=Memory(100 * MIB, 25 * MIB, 0, 75 * MIB, is_estimate=False),
        )
    poll(server, listed(CRASHED), AT + 3 * INTERVAL)
    before = card().samples
    assert [one["at"] for one in before] == [AT + number * INTERVAL for number in range(4)]
    assert [one["memory_used_bytes"] for one in before] == [MIB, 2 * MIB, 3 * MIB, None]
    assert [one["cpu_percent"] for one in before] == [None, 50.0, 50.0, None]
    assert [one["server_memory_percent"] for one in before] == [25.0, 25.0, 25.0, None]


def test_no_more_than_a_quarter_of_an_hour_and_fifteen_samples_are_kept(server: Server) -> None:
    for minute in (*range(-60, -14), -13, -2):
        poll(server, listed(WEB), AT + timedelta(minutes=minute))
    crash(server)
    minutes = [round((one["at"] - AT).total_seconds() / 60) for one in card().samples]
    assert minutes == [-15, -13, -2, 0, 0]
    for number in range(1, 30):
        poll(server, listed(CRASHED), AT + number * INTERVAL)
    crash(server, AT + timedelta(minutes=6))
    newest = CrashCard.objects.first()
    assert newest
    since = [newest.at - one["at"] for one in newest.samples]
    assert len(since) <= 15
    assert max(since) > timedelta(minutes=5)  # spread over the minutes, not the last fifteen polls


def test_one_that_crashed_at_its_first_sight_has_the_servers_minutes(server: Server) -> None:
    polls(server, listed(WEB), listed(WEB, exited("job", 1)))
    assert [one["memory_used_bytes"] for one in card().before] == [None, None]


# Whatever happens at once -----------------------------------------------------------------------------------------


def test_a_server_whose_containers_crash_all_at_once_delays_nobody(server: Server) -> None:
    names = [f"app-{number}" for number in range(500)]
    poll(server, listed(*map(running, names)))
    started = time.process_time()
    poll(server, listed(*[exited(name, 1) for name in names]), AT + INTERVAL)
    assert time.process_time() - started < INTERVAL.total_seconds()
    assert CrashCard.objects.count() == 500
