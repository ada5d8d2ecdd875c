"""Apps are followed from poll to poll: everything is told once, and nothing that only could not be read."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from activity.models import ActivityLog
from metrics import store
from metrics.app_identity import keys
from metrics.failures import Failure, Reason
from metrics.known_apps import MOST_APPS, NEW_CONTAINERS_A_DAY, condition
from metrics.models import App, Condition, ContainerMetrics, CrashCard, Server, ServerMetrics
from metrics.models import Container as Instance
from metrics.models.fields import OWNER_BITS, slot_at
from metrics.probe.reading import AppsStatus, Container, Containers, Engine, State
from metrics.store import Polled
from tests.conftest import AT
from tests.metrics.containers import (
    ANY_CONTAINER,
    DOCKER,
    HOUR,
    UNHEALTHY,
    anew,
    app,
    bare,
    captured,
    denied,
    docker_host,
    exited,
    id_of,
    listed,
    news,
    poll,
    polled,
    polls,
    present,
    running,
    unreadable,
    usage,
)
from tests.metrics.fleet import INTERVAL, state, told

WEB, DB = running("web"), running("db")
BOTH = frozenset(Engine)
CAPTURES = ("docker-20.10", "docker-24", "docker-28", "podman-4.3")


@pytest.fixture
def server(db: None) -> Server:
    return docker_host()


def at(number: int) -> Any:
    return AT + number * INTERVAL


def samples() -> list[tuple[str, int]]:
    """The samples of apps, oldest first: (app, how many slots after AT)."""
    names = dict(App.objects.values_list("pk", "name"))
    rows = ContainerMetrics.objects.order_by("pk")
    return [(names[row.app_id], (int(row.timestamp.timestamp()) - slot_at(AT)) // 10) for row in rows]


# The first time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CAPTURES)
def test_what_a_real_engine_lists_first_is_recorded_and_not_told(server: Server, name: str) -> None:
    seen = captured(name)
    poll(server, seen)
    found = keys(seen.by_id.values())
    assert {one.key: one.container_id for one in App.objects.all()} == {key: one.id for key, one in found.items()}
    assert (Instance.objects.count(), ContainerMetrics.objects.count()) == (len(found), len(found))
    assert (news(), CrashCard.objects.count(), told(server)) == ([], 0, ["server_connected"])


@pytest.mark.parametrize("name", CAPTURES)
def test_an_app_is_kept_as_its_container_was_seen(server: Server, name: str) -> None:
    seen = captured(name)
    poll(server, seen)
    for one in App.objects.all():
        assert replace(one.seen(), number="") == replace(seen.by_id[one.container_id], number="")


def test_a_list_that_comes_late_is_the_first_one(server: Server) -> None:
    polls(server, None, unreadable(), unreadable(AppsStatus.UNREADABLE, "slow"), listed(WEB, exited("db", 1)))
    assert present() == {"web": "running", "db": "exited"}
    assert news() == []


def test_each_engine_has_a_first_list_of_its_own(server: Server) -> None:
    podman = frozenset({Engine.PODMAN})
    polls(server, listed(answered=podman), listed(WEB, exited("db", 1), answered=frozenset(Engine)), listed(WEB))
    assert news() == [("db", "uninstalled")]


def test_after_an_empty_list_everything_is_new(server: Server) -> None:
    polls(server, listed(), listed(WEB))
    assert news() == [("web", "installed")]


# Once ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([listed(DB), listed(DB, WEB)], ["installed"]),
        ([listed(DB), listed(DB, exited("web", 1))], ["installed", "crashed"]),
        ([listed(WEB), listed()], ["uninstalled"]),
        ([listed(WEB), listed(exited("web"))], ["stopped"]),
        ([listed(WEB), listed(exited("web", 1))], ["crashed"]),
        ([listed(exited("web")), listed(WEB)], ["started"]),
        ([listed(WEB), listed(anew(WEB, image_id="2" * 64, image="shop:2"))], ["updated"]),
        ([listed(WEB), listed(replace(WEB, restart_count=1))], ["restarted"]),
        ([listed(WEB), listed(replace(WEB, health=UNHEALTHY)), listed(WEB), listed(WEB)], ["unhealthy"]),
    ],
)
def test_what_happened_is_told_once_however_often_it_is_seen(
    server: Server, seen: list[Containers], expected: list[str]
) -> None:
    polls(server, *seen, seen[-1], seen[-1], listed(*seen[-1].by_id.values(), is_cut=False))
    assert news() == [("web", kind) for kind in expected]


def test_it_is_told_of_the_app_on_its_server_at_its_time(server: Server) -> None:
    polls(server, listed(WEB), listed(exited("web", 139)))
    row = ActivityLog.objects.get(activity_type="app_crashed")
    assert (row.server_id, row.app_id, row.app_name, row.timestamp) == (server.pk, app("web").pk, "web", at(1))
    assert row.message == "web on web-01 crashed: exit code 139 (SIGSEGV)"
    assert row.details["signal"] == "SIGSEGV"


def test_the_same_app_on_two_servers_is_two(server: Server) -> None:
    other = docker_host("web-02")
    for one in (server, other):
        poll(one, listed(WEB))
    store.save([polled(one, seen, at(1)) for one, seen in ((server, listed(WEB)), (other, listed()))], INTERVAL)
    assert [told(one)[1:] for one in (server, other)] == [[], ["app_uninstalled"]]
    assert list(App.objects.present().values_list("server_id", flat=True)) == [server.pk]


def test_health_is_told_as_lost_and_as_back_through_starting(server: Server) -> None:
    words = ["healthy", "unhealthy", "starting", "unhealthy", "healthy", "healthy"]
    polls(server, *[listed(replace(WEB, health=type(UNHEALTHY)(word))) for word in words])
    assert news() == [("web", "unhealthy"), ("web", "recovered")]


def test_one_that_was_unhealthy_and_ended_begins_afresh(server: Server) -> None:
    sick = listed(replace(WEB, health=UNHEALTHY))
    polls(server, listed(WEB), sick, listed(exited("web")), listed(WEB), sick)
    assert [kind for _, kind in news()] == ["unhealthy", "stopped", "started", "unhealthy"]


def test_unhealthy_since_is_when_it_was_told(server: Server) -> None:
    sick = listed(replace(WEB, health=UNHEALTHY))
    polls(server, listed(WEB), sick, listed(replace(WEB, health=UNHEALTHY), DB))
    assert (app("web").unhealthy_since, app("web").condition) == (at(1), Condition.ERROR)


def test_kills_are_told_though_the_list_is_the_same(server: Server) -> None:
    for number, kills in enumerate([5, 5, 7, 7]):
        poll(server, listed(WEB), at(number), usages={WEB.id: usage(out_of_memory_kills=kills)})
    assert news() == [("web", "out_of_memory")]
    assert ActivityLog.objects.get(activity_type="app_out_of_memory").details["kills"] == 2


# What is not read is not gone ------------------------------------------------------------------------------

NOT_READ = [
    unreadable(AppsStatus.DAEMON_DOWN, "down"),
    unreadable(AppsStatus.UNREADABLE, "slow"),
    unreadable(AppsStatus.UNREADABLE, "garbled"),
    unreadable(AppsStatus.NOT_ALLOWED, "denied"),
    unreadable(AppsStatus.NO_DOCKER, "absent"),
    None,
]


@pytest.mark.parametrize("seen", NOT_READ)
def test_an_answer_that_cannot_be_read_uninstalls_nothing(server: Server, seen: Containers | None) -> None:
    whole = listed(WEB, exited("db"))
    polls(server, whole, seen, seen, whole)
    assert present() == {"web": "running", "db": "exited"}
    assert news() == []


@pytest.mark.parametrize("seen", NOT_READ[:-1])
def test_a_list_that_is_lost_and_found_is_told_of_the_server(server: Server, seen: Containers) -> None:
    polls(server, listed(WEB), seen, seen, listed(WEB), listed(WEB))
    assert told(server) == ["server_connected", "apps_unreadable", "apps_readable"]
    assert state(server).apps_status == "ok"


def test_an_engine_that_does_not_answer_keeps_its_apps(server: Server) -> None:
    pod = running("pod", engine=Engine.PODMAN)
    polls(server, listed(WEB, DB, pod, answered=BOTH), listed(WEB, answered=DOCKER), listed(WEB, pod, answered=BOTH))
    assert present() == {"web": "running", "pod": "running"}
    assert news() == [("db", "uninstalled")]


def test_a_list_that_was_cut_uninstalls_nothing(server: Server) -> None:
    polls(server, listed(WEB, DB), listed(exited("web"), is_cut=True))
    assert present() == {"web": "exited", "db": "running"}
    assert news() == [("web", "stopped")]


def test_after_an_hour_offline_only_what_differs_is_told(server: Server) -> None:
    poll(server, listed(WEB, DB, running("old"), running("mq")))
    for number in range(1, 4):
        now = Server.objects.select_related("state").get()
        store.save([Polled(now, AT + number * HOUR / 4, Failure(Reason.TIMEOUT, "192.0.2.1:22"))], INTERVAL)
    assert len(present()) == 4
    poll(server, listed(WEB, exited("db", 1), running("new"), replace(running("mq"), restart_count=2)), AT + HOUR)
    assert sorted(news()) == [("db", "crashed"), ("mq", "restarted"), ("new", "installed"), ("old", "uninstalled")]


def test_a_reboot_is_told_once_and_not_of_each_app(server: Server) -> None:
    poll(server, listed(WEB, DB))
    later = [replace(one, started_at=at(1)) for one in (WEB, DB)]
    poll(server, listed(*later), at(1), boot_id="b")
    assert told(server) == ["server_connected", "server_rebooted"]


def test_a_reboot_after_which_the_engine_is_late_is_not_told_of_each_app(server: Server) -> None:
    booted_at = int(AT.timestamp()) + 5
    poll(server, listed(WEB, DB), booted_at=0)
    poll(server, unreadable(), at(1), boot_id="b", booted_at=booted_at)
    poll(server, listed(replace(WEB, started_at=at(2)), exited("db", 255)), at(2), boot_id="b", booted_at=booted_at)
    assert news() == [("db", "crashed")]


def test_a_restart_behind_an_answer_that_was_not_read_is_told(server: Server) -> None:
    polls(server, listed(WEB), unreadable(), listed(replace(WEB, started_at=at(1))))
    assert news() == [("web", "restarted")]


# Without rights ---------------------------------------------------------------------------------------------


def test_bare_ones_get_their_names_with_the_rights_and_nothing_is_told(server: Server) -> None:
    polls(server, denied(WEB, DB))
    before = {one.container_id: one.pk for one in App.objects.all()}
    assert present() == {WEB.id[:12]: "running", DB.id[:12]: "running"}
    poll(server, listed(WEB, DB, exited("job", 1)), at(1))
    assert {one.container_id: one.pk for one in App.objects.exclude(name="job")} == before
    assert present() == {"web": "running", "db": "running", "job": "exited"}
    assert (news(), told(server)[1:]) == ([], ["apps_readable"])
    assert not app("web").is_bare


@pytest.mark.parametrize("seen", [replace(WEB, health=UNHEALTHY), exited("web", 1), replace(WEB, restart_count=3)])
def test_how_a_bare_one_fared_before_it_could_be_read_is_not_told(server: Server, seen: Container) -> None:
    polls(server, listed(DB), denied(DB, WEB), listed(DB, seen))
    assert news() == [(WEB.id[:12], "started")]
    assert present() == {"web": seen.state, "db": "running"}


def test_names_stay_when_the_rights_are_lost(server: Server) -> None:
    polls(server, listed(WEB, exited("db")), denied(WEB), denied(WEB), listed(WEB, exited("db")))
    assert present() == {"web": "running", "db": "exited"}
    assert (App.objects.count(), news()) == (2, [])
    assert [slot for name, slot in samples() if name == "web"] == [0, 1, 2, 3]


def test_a_bare_one_is_told_as_it_comes_and_goes(server: Server) -> None:
    polls(server, denied(WEB), denied(WEB, DB), denied(DB), denied(DB))
    web, db = WEB.id[:12], DB.id[:12]
    assert news() == [(db, "started"), (web, "stopped")]
    assert present() == {db: "running"}


def test_a_bare_one_that_comes_back_is_the_same_app(server: Server) -> None:
    polls(server, denied(WEB, DB), denied(DB), denied(WEB, DB))
    assert App.objects.count() == Instance.objects.count() == 2
    assert [kind for _, kind in news()] == ["stopped", "started"]


def test_one_created_anew_while_nobody_could_ask_is_no_second_app(server: Server) -> None:
    other = anew(WEB)
    polls(server, listed(WEB), denied(WEB), denied(other), listed(other))
    assert present() == {"web": "running"}
    assert news() == [(other.id[:12], "started"), ("web", "restarted")]
    assert samples()[-1] == ("web", 3)


# Names ------------------------------------------------------------------------------------------------------


def test_a_renamed_container_is_the_same_app_and_nothing_is_told(server: Server) -> None:
    polls(server, listed(WEB))
    before = app("web").pk
    polls(server, listed(replace(WEB, name="www")))
    assert (app("www").pk, App.objects.count(), news()) == (before, 1, [])


def test_one_may_take_the_name_of_an_app_that_is_gone(server: Server) -> None:
    polls(server, listed(WEB, DB), listed(WEB))
    gone, stays = app("db").pk, app("web").pk
    poll(server, listed(replace(WEB, name="db")), at(2))
    assert App.objects.present().get().pk == stays
    assert App.objects.get(key="db").pk == stays
    assert App.objects.get(pk=gone).removed_at == at(1)
    poll(server, listed(replace(WEB, name="db"), running("web", id=id_of("new"))), at(3))
    assert news() == [("db", "uninstalled"), ("web", "installed")]


def test_an_app_that_is_back_goes_on_with_its_history(server: Server) -> None:
    polls(server, listed(WEB), listed(), listed(anew(WEB)))
    one = app("web")
    assert (App.objects.count(), one.removed_at, one.added_at) == (1, None, AT)
    instances = [(row.container_id, row.first_seen_at, row.replaced_at) for row in one.containers.all()]
    assert instances == [(WEB.id, AT, at(1)), (anew(WEB).id, at(2), None)]
    assert news() == [("web", "uninstalled"), ("web", "installed")]


def test_an_app_created_anew_has_one_container_after_the_other(server: Server) -> None:
    polls(server, listed(WEB), listed(anew(WEB, image="shop:2", image_id="2" * 64)))
    instances = [(row.image, row.first_seen_at, row.replaced_at) for row in app("web").containers.all()]
    assert instances == [("shop:1", AT, at(1)), ("shop:2", at(1), None)]


def test_blue_and_green_change_places_and_each_has_its_own_figures(server: Server) -> None:
    green = anew(WEB)
    moved = [replace(WEB, name="web-old"), green]
    usages = {WEB.id: usage(memory_bytes=1 << 20), green.id: usage(memory_bytes=2 << 20)}
    poll(server, listed(WEB))
    before = app("web").pk
    for number in (1, 2):
        poll(server, listed(*moved), at(number), usages=usages)
        newest = ContainerMetrics.objects.order_by("-pk")[:2]
        assert {App.objects.get(pk=row.app_id).name: row.memory_used_bytes for row in newest} == {
            "web": 2 << 20,
            "web-old": 1 << 20,
        }
    assert app("web").pk == before
    assert sorted(news()) == [("web", "restarted"), ("web-old", "installed")]


def test_while_it_is_replaced_the_figures_are_of_the_container_that_has_the_name(server: Server) -> None:
    old = running("shop-web-1", project="shop", service="web")
    new, passing = anew(old), replace(old, name=f"{old.id[:12]}_shop-web-1")
    usages = {old.id: usage(memory_bytes=1 << 20), new.id: usage(memory_bytes=2 << 20)}
    poll(server, listed(old), usages=usages)
    poll(server, listed(passing, new), at(1), usages=usages)
    assert [row.memory_used_bytes for row in ContainerMetrics.objects.order_by("pk")] == [1 << 20, 2 << 20]


@pytest.mark.parametrize("old_state", [State.RUNNING, State.EXITED])
@pytest.mark.parametrize("version", [1, 2])
def test_a_service_that_compose_replaces_is_told_as_one_that_goes_on(
    server: Server, old_state: State, version: int
) -> None:
    old = running("shop-web-1", project="shop", service="web", number="1")
    new, passing = anew(old), f"{old.id[:12]}_shop-web-1"
    half = {1: (replace(old, name=passing), new), 2: (old, replace(new, name=passing, state=State.CREATED))}[version]
    half = (replace(half[0], state=old_state, exit_code=143 if old_state is State.EXITED else None), half[1])
    polls(server, listed(old), listed(*half), listed(new), listed(new))
    assert present() == {"shop/web": "running"}
    assert {name for name, _ in news()} == {"shop/web"}
    assert not {"installed", "uninstalled", "crashed"} & {kind for _, kind in news()}


# Bounds -----------------------------------------------------------------------------------------------------


def made_up(start: int, count: int = 500, see: Any = running) -> list[Container]:
    return [see(f"app-{number}") for number in range(start, start + count)]


@pytest.fixture
def in_time() -> Iterator[None]:
    """As long as that a server that makes things up may take in all; another server's sample waits less."""
    started = time.process_time()
    yield
    assert time.process_time() - started < 60


@pytest.mark.usefixtures("in_time")
def test_a_server_with_endless_names_fills_no_table(server: Server) -> None:
    for number in range(40):
        poll(server, listed(*made_up(500 * number)), at(number))
    assert App.objects.count() == Instance.objects.count() == NEW_CONTAINERS_A_DAY
    assert ContainerMetrics.objects.count() == NEW_CONTAINERS_A_DAY
    poll(server, listed(*made_up(99_000)), AT + timedelta(days=1, minutes=1))
    assert App.objects.count() == NEW_CONTAINERS_A_DAY + 500


@pytest.mark.usefixtures("in_time")
def test_a_server_with_a_new_name_every_minute_fills_no_table(server: Server) -> None:
    poll(server, listed())
    for minute in range(1, 1200):
        poll(server, listed(running(f"app-{minute}")), AT + timedelta(minutes=minute))
    assert App.objects.count() == Instance.objects.count() == NEW_CONTAINERS_A_DAY


@pytest.mark.usefixtures("in_time")
def test_no_more_apps_are_there_at_a_time_than_are_allowed(server: Server) -> None:
    days = [AT + timedelta(days=number) for number in range(4)]
    for number, day in enumerate(days):
        poll(server, listed(*made_up(500 * number), is_cut=True), day)
    assert App.objects.present().count() == MOST_APPS
    assert Instance.objects.count() == MOST_APPS


@pytest.mark.usefixtures("in_time")
def test_containers_that_are_always_other_ones_fill_no_table(server: Server) -> None:
    for number in range(30):
        poll(server, listed(*[replace(one, id=id_of(f"{one.id}{number}")) for one in made_up(0, 100)]), at(number))
    assert (App.objects.count(), Instance.objects.count()) == (100, NEW_CONTAINERS_A_DAY)
    assert {one.container_id for one in App.objects.all()} >= {id_of(f"{made_up(0, 1)[0].id}29")}


def test_a_bound_that_is_reached_does_not_silence_known_apps(server: Server) -> None:
    poll(server, listed(WEB))
    for number in range(1, 4):
        poll(server, listed(WEB, *made_up(500 * number)), at(number))
    poll(server, listed(exited("web", 1), *made_up(1500)), at(4))
    assert ("web", "crashed") in news()


def test_one_server_that_makes_things_up_takes_no_room_of_another(server: Server) -> None:
    other = docker_host("web-02")
    for number in range(3):
        poll(server, listed(*made_up(500 * number)), at(number))
    poll(other, listed(WEB), at(3))
    assert list(other.apps.values_list("name", flat=True)) == ["web"]


def test_hostile_names_fit_their_columns(server: Server) -> None:
    field = "ü" * 128
    longest = running(field, project=field, service=field, number=field, image="i" * 255, restart_policy="p" * 20)
    polls(server, listed(), listed(longest, replace(longest, id=id_of("x"), created_at=None)), listed())
    for model in (App, Instance):
        for row in model._default_manager.values():
            for column in model._meta.concrete_fields:
                size = getattr(column, "max_length", None)
                assert size is None or len(row[column.attname]) <= size
    assert len(news()) == 4


# The same list again ------------------------------------------------------------------------------------------


def test_lists_that_did_not_change_cost_the_same_few_queries_for_any_number_of_servers(db: None) -> None:
    counts = []
    for number in (5, 50):
        servers = [docker_host(f"web-{number}-{one:02}") for one in range(number)]
        seen = listed(*made_up(0, 10))
        store.save([polled(one, seen) for one in servers], INTERVAL)
        again = [polled(one, seen, at(1)) for one in servers]
        with CaptureQueriesContext(connection) as asked:
            store.save(again, INTERVAL)
        counts.append(len(asked))
        assert sum('FROM "metrics_app"' in query["sql"] for query in asked) == 1
    assert counts[0] == counts[1] < 20
    assert ContainerMetrics.objects.count() == 2 * 10 * 55


def test_a_list_that_changed_costs_no_question_for_each_app(server: Server) -> None:
    counts = []
    for number, size in enumerate((5, 100)):
        apps = made_up(0, size)
        poll(server, listed(*apps), at(2 * number))
        after = polled(server, listed(exited("app-0", 0), *apps[1:]), at(2 * number + 1))
        with CaptureQueriesContext(connection) as asked:
            store.save([after], INTERVAL)
        counts.append(sum(query["sql"].startswith("SELECT") for query in asked))
    assert counts[0] == counts[1]


# All or nothing -----------------------------------------------------------------------------------------------


def test_there_is_one_sample_of_an_app_in_a_slot_and_the_first_one_stands(server: Server) -> None:
    for seconds, memory in ((0, 1 << 20), (9, 2 << 20), (10, 3 << 20)):
        poll(
            server,
            listed(WEB),
            AT + timedelta(seconds=seconds),
            usages={WEB.id: usage(memory_bytes=memory)},
        )
    assert [row.memory_used_bytes for row in ContainerMetrics.objects.order_by("pk")] == [1 << 20, 3 << 20]
    assert samples() == [("web", 0), ("web", 1)]


@pytest.mark.sqlite  # elsewhere the next id does not follow one that was given
def test_an_app_that_cannot_be_stored_leaves_nothing_of_its_poll(server: Server) -> None:
    other = docker_host("web-02")
    App.objects.create(pk=(1 << OWNER_BITS) - 1, server=other, key="last", name="last", added_at=AT, removed_at=AT)
    both = [polled(other, listed(DB)), polled(server, listed(WEB))]
    with pytest.raises(ValueError, match="not an id"):
        store.save(both, INTERVAL)
    for model in (ServerMetrics, ContainerMetrics, Instance, ActivityLog):
        assert not model._default_manager.exists()
    assert App.objects.get().name == "last"
    assert {state(one).status for one in (server, other)} == {"pending"}


def test_an_apps_sample_is_stored_with_its_servers(server: Server) -> None:
    polls(server, listed(WEB), listed(WEB), unreadable(), listed(WEB))
    assert samples() == [("web", 0), ("web", 1), ("web", 3)]
    assert ServerMetrics.objects.count() == 4


def test_a_container_without_figures_has_a_sample_of_its_state(server: Server) -> None:
    poll(server, listed(exited("web", 1, restart_count=3)))
    row = ContainerMetrics.objects.get()
    assert (row.status, row.restart_count, row.cpu_percent, row.memory_used_bytes) == (State.EXITED, 3, None, None)


# Running, stopped or error -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (WEB, "running"),
        (replace(WEB, health=UNHEALTHY), "error"),
        (replace(WEB, is_out_of_memory=True), "running"),
        (bare(WEB), "running"),
        (exited("web", 0), "stopped"),
        (exited("web", 143), "stopped"),
        (exited("web", 137), "stopped"),
        (exited("web", 137, is_out_of_memory=True), "error"),
        (exited("web", 1), "error"),
        (exited("web", None), "stopped"),
        (running("web", state=State.RESTARTING, exit_code=0), "error"),
        (running("web", state=State.DEAD), "error"),
        (running("web", state=State.PAUSED), "stopped"),
        (running("web", state=State.CREATED), "stopped"),
        (running("web", state=State.REMOVING), "stopped"),
        (running("web", state=State.UNKNOWN), "stopped"),
    ],
)
def test_each_app_is_running_stopped_or_broken(seen: Container, expected: str) -> None:
    assert condition(seen) == expected


@given(st.lists(ANY_CONTAINER))
def test_the_three_always_add_up(seen: list[Container]) -> None:
    conditions = [condition(one) for one in seen]
    assert sum(conditions.count(one) for one in Condition) == len(seen)
