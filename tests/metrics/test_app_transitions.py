"""What happened to an app between two polls is told once and in the right word; what did not is not."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity.types import ActivityType, Result
from metrics.app_transitions import (
    STATUS_WORDS,
    appeared,
    changed,
    installed,
    is_crash,
    signal_name,
    status_changed,
    uninstalled,
    vanished,
)
from metrics.probe.reading import AppsStatus, Container, Health, State
from metrics.transitions import Change
from tests.conftest import AT
from tests.metrics.containers import ANY_CONTAINER, HEALTHY, STARTING, UNHEALTHY, anew, bare, exited, running

WEB = running("web")
LATER = AT + timedelta(minutes=1)
READABLE = {AppsStatus.OK, AppsStatus.NO_CONTAINERS}


def web(state: State, **fields: Any) -> Container:
    return running("web", state=state, **fields)


def between(
    before: Container,
    now: Container,
    kills: int | None = None,
    *,
    was_unhealthy: bool = False,
    has_rebooted: bool = False,
) -> list[Change]:
    return changed("web", before, now, kills=kills, was_unhealthy=was_unhealthy, has_rebooted=has_rebooted)


def kinds(changes: list[Change]) -> list[str]:
    return [change.kind.removeprefix("app_") for change in changes]


# From one state to another ----------------------------------------------------------------------------

CREATED, RUNNING, PAUSED, RESTARTING, REMOVING, EXITED, DEAD, UNKNOWN = State
FROM_ANY = {
    CREATED: "",
    RUNNING: "started",
    PAUSED: "",
    RESTARTING: "crashed",
    REMOVING: "",
    EXITED: "crashed",
    DEAD: "crashed",
    UNKNOWN: "",
}
OTHERWISE = {
    (RUNNING, RUNNING): "",
    (RUNNING, PAUSED): "stopped",
    (RESTARTING, RUNNING): "restarted",
    (RESTARTING, RESTARTING): "",
    **dict.fromkeys(product((EXITED, DEAD), (EXITED, DEAD)), ""),
    **{(UNKNOWN, state): "" for state in State},
}


@pytest.mark.parametrize(("before", "now"), list(product(State, State)))
def test_every_pair_of_states_tells_one_thing_or_nothing(before: State, now: State) -> None:
    code = {"exit_code": 1} if now in (RESTARTING, EXITED, DEAD) else {}
    told = kinds(between(web(before), web(now, **code)))
    assert "".join(told) == OTHERWISE.get((before, now), FROM_ANY[now])


@pytest.mark.parametrize(
    ("code", "is_out_of_memory", "told", "words"),
    [
        (0, False, ["stopped"], "web stopped: exit code 0"),
        (130, False, ["stopped"], "web stopped: exit code 130 (SIGINT)"),
        (137, False, ["stopped"], "web stopped: exit code 137 (SIGKILL)"),
        (137, None, ["stopped"], "web stopped: exit code 137 (SIGKILL)"),
        (143, False, ["stopped"], "web stopped: exit code 143 (SIGTERM)"),
        (None, None, ["stopped"], "web stopped"),
        (1, False, ["crashed"], "web crashed: exit code 1"),
        (127, None, ["crashed"], "web crashed: exit code 127"),
        (134, False, ["crashed"], "web crashed: exit code 134 (SIGABRT)"),
        (139, False, ["crashed"], "web crashed: exit code 139 (SIGSEGV)"),
        (255, False, ["crashed"], "web crashed: exit code 255"),
        (137, True, ["out_of_memory", "crashed"], "web crashed: exit code 137 (SIGKILL), out of memory"),
        (0, True, ["out_of_memory", "crashed"], "web crashed: exit code 0, out of memory"),
        (None, True, ["out_of_memory", "crashed"], "web crashed: out of memory"),
    ],
)
def test_how_it_ended_tells_a_stop_from_a_crash(
    code: int | None, told: list[str], words: str, *, is_out_of_memory: bool | None
) -> None:
    changes = between(WEB, exited("web", code, is_out_of_memory=is_out_of_memory))
    assert kinds(changes) == told
    assert changes[-1].message == words
    assert changes[-1].result == (Result.SUCCESS if told == ["stopped"] else Result.FAILURE)


def test_a_dead_one_crashed_whatever_its_code() -> None:
    assert between(WEB, web(DEAD, exit_code=0))[0].message == "web crashed: exit code 0"
    assert between(WEB, web(DEAD))[0].message == "web crashed: dead"


@pytest.mark.parametrize("state", [CREATED, RUNNING, PAUSED, REMOVING, UNKNOWN])
def test_what_has_not_ended_is_no_crash(state: State) -> None:
    assert not is_crash(web(state, exit_code=1, is_out_of_memory=True))


@pytest.mark.parametrize(
    ("code", "signal"), [(None, ""), (0, ""), (1, ""), (128, ""), (129, "SIGHUP"), (137, "SIGKILL"), (255, "")]
)
def test_exit_codes_above_128_are_signals(code: int | None, signal: str) -> None:
    assert signal_name(code) == signal


def test_a_crash_says_all_that_is_known_and_nothing_that_is_not() -> None:
    [crash] = between(WEB, exited("web", 139, restart_count=2, started_at=None))
    known = {"exit_code": 139, "signal": "SIGSEGV", "state": "exited", "restart_count": 2, "out_of_memory": False}
    assert crash.details == known | {"container_id": WEB.id, "image": "shop:1", "finished_at": AT.isoformat()}


def test_one_that_ended_again_between_two_polls_is_told_again() -> None:
    before = exited("web", 1)
    assert kinds(between(before, replace(before, started_at=LATER))) == ["crashed"]
    assert kinds(between(before, replace(before, started_at=LATER, exit_code=0))) == ["stopped"]


def test_that_memory_ran_out_is_told_though_it_is_known_only_later() -> None:
    before = exited("web", 137, is_out_of_memory=None)
    assert kinds(between(before, replace(before, is_out_of_memory=True))) == ["out_of_memory", "crashed"]
    assert between(before, replace(before, is_out_of_memory=False)) == []


def test_a_clean_end_that_the_policy_undoes_is_a_restart() -> None:
    [change] = between(WEB, web(RESTARTING, exit_code=0, restart_count=3))
    assert change.kind == ActivityType.APP_RESTARTED
    assert change.message == "web ended and is restarted by its restart policy, restarted 3 times so far"


def test_a_pause_and_its_end_are_told_in_their_own_words() -> None:
    [pause], [end] = between(WEB, web(PAUSED)), between(web(PAUSED), WEB)
    assert (pause.message, end.message) == ("web paused", "web resumed")
    assert end.kind == ActivityType.APP_STARTED


# While it seems to run --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "told", "words"),
    [
        ({}, [], ""),
        ({"started_at": LATER}, ["restarted"], "web was restarted"),
        ({"restart_count": 1}, ["restarted"], "web ended and was restarted once by its restart policy"),
        ({"restart_count": 4}, ["restarted"], "web ended and was restarted 4 times by its restart policy"),
        ({"restart_count": 1, "started_at": LATER}, ["restarted"], "web ended and was restarted once"),
        ({"restart_count": 2, "restart_policy": "on-failure"}, ["crashed"], "web crashed and was restarted 2 times"),
        ({"restart_count": 2, "restart_policy": "always"}, ["restarted"], "web ended and was restarted 2 times"),
        ({"restart_count": None}, [], ""),
        ({"started_at": None}, [], ""),
        ({"started_at": WEB.started_at and WEB.started_at - timedelta(days=1)}, [], ""),
    ],
)
def test_a_restart_unseen_is_told_by_what_it_leaves_behind(fields: Any, told: list[str], words: str) -> None:
    changes = between(WEB, replace(WEB, **fields))
    assert kinds(changes) == told
    assert "".join(change.message for change in changes).startswith(words)


def test_a_restart_by_hand_that_starts_its_count_anew_is_one_restart() -> None:
    before = replace(WEB, restart_count=7)
    assert kinds(between(before, replace(WEB, restart_count=0, started_at=LATER))) == ["restarted"]


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [(0, 900_000, []), (900_000, 0, []), (100_000, 900_000, ["restarted"]), (0, 1_000_000, ["restarted"])],
)
def test_parts_of_a_second_count_only_where_both_are_known(before: int, now: int, told: list[str]) -> None:
    starts = [replace(WEB, started_at=LATER + timedelta(microseconds=one)) for one in (before, now)]
    assert kinds(between(*starts)) == told


@pytest.mark.parametrize("name", ["started_at", "restart_count"])
def test_what_was_not_known_before_is_no_restart(name: str) -> None:
    known = replace(WEB, started_at=LATER, restart_count=3)
    assert between(replace(known, **{name: None}), known) == []


@pytest.mark.parametrize("fields", [{"started_at": LATER}, {"restart_count": 2}, {"restart_policy": "on-failure"}])
def test_a_reboot_restarts_everything_and_is_not_told_of_each_app(fields: Any) -> None:
    now = replace(WEB, started_at=LATER, restart_count=1)
    assert between(WEB, replace(now, **fields), has_rebooted=True) == []


def test_one_that_did_not_come_back_after_a_reboot_is_told() -> None:
    assert kinds(between(WEB, exited("web", 255), has_rebooted=True)) == ["crashed"]


# Memory -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kills", "words"),
    [(2, "web ran out of memory: the kernel killed 2 of its processes"), (0, ""), (None, "")],
)
def test_kills_while_it_runs_are_told(kills: int | None, words: str) -> None:
    changes = between(WEB, WEB, kills)
    assert [change.message for change in changes] == ([words] if words else [])
    assert all(change.details["kills"] == kills and change.result == Result.FAILURE for change in changes)


def test_the_flag_alone_tells_once_that_memory_ran_out() -> None:
    flagged = replace(WEB, is_out_of_memory=True)
    assert kinds(between(WEB, flagged)) == ["out_of_memory"]
    assert between(flagged, flagged) == []


def test_kills_that_ended_it_are_told_once() -> None:
    assert kinds(between(WEB, exited("web", 137, is_out_of_memory=True), 1)) == ["out_of_memory", "crashed"]


# Created anew -----------------------------------------------------------------------------------------


def test_another_image_is_an_update_from_one_to_the_other() -> None:
    [change] = between(WEB, anew(WEB, image="shop:2", image_id="2" * 64))
    assert (change.kind, change.message) == (ActivityType.APP_UPDATED, "web updated: shop:1 → shop:2")
    assert change.details["before"] == {"image": "shop:1", "image_id": "1" * 64}
    assert change.details["after"] == {"image": "shop:2", "image_id": "2" * 64}


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({}, {}, ["restarted"]),
        ({}, {"image_id": "2" * 64}, ["updated"]),  # a tag that moved on
        ({}, {"image": "renamed:1"}, ["restarted"]),  # another name of the same image
        ({"image_id": ""}, {}, ["restarted"]),
        ({"image_id": ""}, {"image": "shop:2"}, ["updated"]),
        ({}, {"image_id": "", "image": "shop:2"}, ["updated"]),
        ({"state": EXITED}, {}, ["started"]),
        ({"state": EXITED}, {"image_id": "2" * 64}, ["updated", "started"]),
        ({}, {"state": CREATED}, ["stopped"]),
        ({}, {"state": CREATED, "image_id": "2" * 64}, ["updated", "stopped"]),
        ({"state": EXITED}, {"state": CREATED}, []),
        ({}, {"state": EXITED, "exit_code": 1}, ["crashed"]),
        ({}, {"state": EXITED, "exit_code": 1, "image_id": "2" * 64}, ["updated", "crashed"]),
        ({"state": EXITED}, {"state": EXITED, "exit_code": 1}, ["crashed"]),
        ({"state": RESTARTING}, {"state": RESTARTING, "exit_code": 1}, ["crashed"]),
        ({"restart_count": 5}, {"restart_count": 9}, ["restarted"]),
        ({}, {"is_out_of_memory": True}, ["restarted"]),
    ],
)
def test_another_container_in_its_place_is_told_with_what_became_of_it(before: Any, now: Any, told: list[str]) -> None:
    assert kinds(between(replace(WEB, **before), anew(WEB, **now))) == told


# Health -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "was_unhealthy", "told"),
    [
        (UNHEALTHY, False, ["unhealthy"]),
        (UNHEALTHY, True, []),
        (HEALTHY, True, ["recovered"]),
        (HEALTHY, False, []),
        (STARTING, True, []),
        (STARTING, False, []),
        (None, True, []),
        (None, False, []),
    ],
)
def test_health_is_told_when_it_is_lost_and_when_it_is_back(
    now: Health | None, told: list[str], *, was_unhealthy: bool
) -> None:
    assert kinds(between(WEB, replace(WEB, health=now), was_unhealthy=was_unhealthy)) == told


def test_starting_in_between_hides_neither() -> None:
    starting = replace(WEB, health=STARTING)
    assert kinds(between(starting, replace(WEB, health=UNHEALTHY))) == ["unhealthy"]
    assert kinds(between(starting, replace(WEB, health=HEALTHY), was_unhealthy=True)) == ["recovered"]
    assert kinds(between(starting, replace(WEB, health=HEALTHY))) == []


# Of any two readings ----------------------------------------------------------------------------------


@given(
    before=ANY_CONTAINER,
    now=ANY_CONTAINER,
    kills=st.none() | st.integers(0, 2**63),
    flags=st.tuples(*[st.booleans()] * 2),
)
def test_no_two_readings_tell_more_than_a_handful(
    before: Container, now: Container, kills: int | None, flags: tuple[bool, bool]
) -> None:
    changes = between(before, now, kills, was_unhealthy=flags[0], has_rebooted=flags[1])
    assert len(changes) <= 4
    assert len(set(kinds(changes))) == len(changes)
    assert len({"started", "stopped", "crashed", "restarted"} & set(kinds(changes))) <= 1
    assert all(change.message.startswith("web ") and len(change.message) < 200 for change in changes)
    if State.UNKNOWN in (before.state, now.state):
        assert changes == []


@given(seen=ANY_CONTAINER, has_rebooted=st.booleans())
def test_equal_readings_tell_nothing(seen: Container, *, has_rebooted: bool) -> None:
    was_unhealthy = seen.health is Health.UNHEALTHY
    assert between(seen, seen, was_unhealthy=was_unhealthy, has_rebooted=has_rebooted) == []
    assert between(seen, seen, 0, was_unhealthy=was_unhealthy, has_rebooted=has_rebooted) == []


@given(ANY_CONTAINER)
def test_coming_and_going_is_told_of_anything(seen: Container) -> None:
    told = kinds([*installed("web", seen), uninstalled("web", seen), appeared("web", seen), vanished("web", seen)])
    assert told[0] == "installed"
    assert told[-3:] == ["uninstalled", "started", "stopped"]
    assert len(told) <= 7


# Coming and going -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (WEB, ["installed"]),
        (web(CREATED), ["installed"]),
        (exited("web", 0), ["installed"]),
        (exited("web", 1), ["installed", "crashed"]),
        (exited("web", 137, is_out_of_memory=True), ["installed", "out_of_memory", "crashed"]),
        (web(RESTARTING, exit_code=0), ["installed"]),
        (replace(WEB, health=UNHEALTHY), ["installed", "unhealthy"]),
        (replace(WEB, health=STARTING), ["installed"]),
    ],
)
def test_a_new_app_tells_what_is_wrong_with_it_already(seen: Container, told: list[str]) -> None:
    assert kinds(installed("web", seen)) == told


def test_an_installation_names_its_image() -> None:
    assert installed("web", WEB)[0].message == "web installed: shop:1"
    assert installed("web", replace(WEB, image=""))[0].message == "web installed: image not known"


def test_of_a_bare_one_is_told_what_is_known() -> None:
    gone = vanished("0123abcd", bare(WEB))
    assert gone.message == "0123abcd stopped; how it ended cannot be read"
    assert gone.details == {"container_id": WEB.id, "state": "running"}
    assert appeared("0123abcd", bare(WEB)).kind == ActivityType.APP_STARTED
    assert uninstalled("web", WEB).message == "web uninstalled"


# Whether they can be listed ---------------------------------------------------------------------------


@pytest.mark.parametrize("now", AppsStatus)
def test_the_first_answer_is_a_baseline(now: AppsStatus) -> None:
    assert status_changed("web-01", "", now) == []


@pytest.mark.parametrize(("before", "now"), list(product(AppsStatus, AppsStatus)))
def test_only_losing_the_list_getting_it_back_or_another_cause_is_told(before: AppsStatus, now: AppsStatus) -> None:
    changes = status_changed("web-01", str(before), now)
    if before == now or {before, now} <= READABLE:
        assert changes == []
        return
    [change] = changes
    assert change.kind == (ActivityType.APPS_READABLE if now in READABLE else ActivityType.APPS_UNREADABLE)
    assert (change.result == Result.SUCCESS) is (now in READABLE)
    assert (change.message, change.details) == (f"web-01: {STATUS_WORDS[now]}", {"before": before, "after": now})


def test_every_status_has_words() -> None:
    assert set(STATUS_WORDS) == set(AppsStatus)
