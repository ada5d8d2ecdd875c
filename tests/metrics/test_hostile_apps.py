"""Servers, containers and engines that lie, flood or refuse: each costs itself something, and nobody else."""

import json
import os
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from activity.models import ActivityLog
from activity.types import ActivityType
from metrics import app_queries, crash_cards
from metrics.collect import collect
from metrics.known_containers import KnownContainers
from metrics.models import App, CrashCard, Server, ServerState
from metrics.models import Container as Instance
from metrics.periods import Span
from metrics.probe import docker
from metrics.probe.deltas import Counters
from metrics.probe.protocol import Request
from metrics.probe.reading import AppsStatus, Engine, EngineAnswer, Reading, State
from metrics.resident import ResidentProbe
from metrics.store import MOST_TOLD_AN_HOUR
from tests.activity.kinds import proves
from tests.conftest import AT
from tests.metrics.containers import anew, bare, docker_host, exited, id_of, listed, news, poll, running, usage
from tests.metrics.fleet import INTERVAL, a_poller
from tests.metrics.probe.answers import packed

WEB = running("web")
REFUSED = EngineAnswer(AppsStatus.NOT_ALLOWED, "denied")


@pytest.fixture
def server(db: None) -> Server:
    return docker_host()


def at(number: int) -> datetime:
    return AT + number * INTERVAL


def test_a_name_like_a_bare_one_s_stops_no_poller(server: Server) -> None:
    """Its card is wanted when its engine is known no more."""
    liar = running(f"id:{id_of('x')}", id=id_of("x"))
    poll(server, listed(liar))
    poll(server, listed(replace(liar, state=State.EXITED, exit_code=1)), at(1))
    poll(server, listed(bare(running("x")), answered=(), status=AppsStatus.NOT_ALLOWED, way="denied"), at(2))
    CrashCard.objects.update(log_state=CrashCard.Log.WANTED)
    App.objects.update(engine="")
    assert crash_cards.wanted(at(2)) == {}
    with a_poller() as poller:
        assert poller.renew(at(2))
        poller.tick(at(2))


def test_a_name_like_a_bare_one_s_is_another_app(server: Server) -> None:
    poll(server, listed(bare(running("x")), answered=(), status=AppsStatus.NOT_ALLOWED, way="denied"))
    poll(server, listed(running(f"id:{id_of('x')}"), running(f"podman:{id_of('x')}")), at(1))
    assert len(set(App.objects.values_list("key", flat=True))) == 3


class Deaf:
    """A channel that answers samples and breaks off at any other question."""

    moved_bytes = 0

    def __init__(self, answer: str) -> None:
        self.answer, self.left = answer, b"tomo-probe 1\n"

    def send(self, data: bytes, seconds: float) -> None:
        text = data.decode()
        if text.startswith("@ "):
            _, number, nonce, parts, *_ = text.split(" ")
            asked = Request(int(number), nonce)
            broken = parts.startswith(("inspect", "logs"))
            self.left = b"" if broken else (self.answer.replace("NONCE", nonce) + asked.end).encode()

    def receive(self, seconds: float) -> bytes:
        left, self.left = self.left, b""
        return left

    def close(self) -> None: ...


def test_a_sample_is_kept_though_a_further_question_failed() -> None:
    one = {"Id": id_of("web"), "Names": ["/web"], "State": "exited", "Status": "Exited (1) 2 hours ago"}
    listing = "\n".join(packed(json.dumps([one])))
    told = f"@@NONCE loadavg\n0.10 0.20 0.30 1/100 1\n@@NONCE docker\nsocket\n{listing}\n"
    probe = ResidentProbe(Deaf(told), "here")
    collected = collect(probe, Counters(), {id_of("web"): Engine.DOCKER})
    assert collected.reading.load == (0.1, 0.2, 0.3)
    assert collected.reading.containers
    assert collected.reading.containers.by_id[id_of("web")].exit_code == 1
    assert (probe.is_lost, collected.logs) == (True, {})


@pytest.mark.parametrize("line", ["{}", "1", "[]", '{"Id": {}}', "[{}]"])
def test_a_packet_that_swells_costs_no_second(line: str) -> None:
    swollen = packed((line + "\n") * (2_000_000 // (len(line) + 1)))
    started = time.process_time()
    assert docker.inspected(["socket", *swollen]) == {}
    assert docker.engines({"docker": ["socket", *swollen]}, 0.0)
    assert docker.engines({"helper": swollen}, 0.0)
    assert time.process_time() - started < 1


def test_a_log_of_noise_takes_no_server_offline(tmp_path: Path) -> None:
    noise = docker.log_lines(["cli", *packed(os.urandom(250_000))])
    assert len("\n".join(noise)) <= 50 * 500 + 49


def test_one_that_is_created_anew_and_never_starts_is_told(server: Server) -> None:
    poll(server, listed(WEB))
    poll(server, listed(anew(WEB, state=State.CREATED)), at(1))
    assert ("web", "stopped") in news()


def test_the_end_that_its_policy_mended_leaves_a_card(server: Server) -> None:
    before = replace(WEB, restart_policy="unless-stopped")
    poll(server, listed(before))
    poll(server, listed(replace(before, restart_count=1, started_at=AT)), at(1))
    row = ActivityLog.objects.latest("id")
    assert (row.activity_type, row.result) == ("app_restarted", "failure")
    assert CrashCard.objects.get().log_state == CrashCard.Log.WANTED


def test_what_no_inspection_told_is_as_it_was(server: Server) -> None:
    poll(server, listed(replace(WEB, restart_count=3)))
    bare_bones = replace(WEB, restart_count=None, started_at=None, is_out_of_memory=None, image="shop:1 ")
    poll(server, listed(bare_bones), at(1))
    poll(server, listed(replace(WEB, restart_count=3)), at(2))
    assert news() == []
    assert App.objects.get().restart_count == 3


def test_want_of_memory_that_is_known_late_is_a_crash(server: Server) -> None:
    poll(server, listed(WEB))
    poll(server, listed(exited("web", 137, is_out_of_memory=None)), at(1))
    poll(server, listed(exited("web", 137, is_out_of_memory=True)), at(2))
    assert [kind for _, kind in news()] == ["stopped", "out_of_memory", "crashed"]


@proves(ActivityType.APPS_CHANGED)
def test_a_flood_is_told_as_a_number(server: Server) -> None:
    names = [f"app-{number}" for number in range(500)]
    poll(server, listed(*map(running, names)))
    for number in range(1, 7):
        see = exited if number % 2 else running
        poll(server, listed(*map(see, names), revision=str(number)), at(number))
    assert len(news()) == MOST_TOLD_AN_HOUR
    last = ActivityLog.objects.latest("id")
    assert (last.activity_type, last.message) == (
        "apps_changed",
        "500 more changes of apps on web-01 are not told one by one",
    )


def test_each_engine_begins_with_a_baseline(server: Server) -> None:
    pod = running("pod", engine=Engine.PODMAN)
    poll(server, listed(pod, answered={Engine.PODMAN}, status=AppsStatus.DAEMON_DOWN, way="down"))
    poll(server, listed(pod, WEB, exited("old", 1), answered=set(Engine)), at(1))
    poll(server, listed(pod, WEB, exited("old", 1), running("new"), answered=set(Engine)), at(2))
    assert news() == [("new", "installed")]
    assert not CrashCard.objects.exists()


def test_one_whose_cgroup_is_there_is_not_uninstalled(server: Server) -> None:
    """Its engine is listed by another way, which does not show it."""
    poll(server, listed(WEB))
    poll(server, listed(bare(WEB)), at(1))
    assert news() == []
    assert App.objects.get().removed_at is None


def test_that_a_list_was_cut_is_kept(server: Server) -> None:
    poll(server, listed(WEB, is_cut=True))
    assert ServerState.objects.get().apps_cut


def test_thousands_of_instances_cost_no_second(server: Server) -> None:
    poll(server, listed(WEB))
    found = App.objects.get()
    Instance.objects.bulk_create(
        Instance(app=found, container_id=id_of(str(n)), name="web", first_seen_at=at(n), replaced_at=at(n + 1))
        for n in range(1, 20_000)
    )
    start = int(AT.timestamp()) // 3600 * 3600
    started = time.process_time()
    history = app_queries.app_history(found, Span(start, start + 30 * 86_400, 4 * 3600))
    assert time.process_time() - started < 1
    assert history.instances[-1]


def test_no_date_is_beyond_what_a_page_can_show() -> None:
    raw = {"Id": id_of("web"), "Created": "9999-12-31T23:59:59Z", "State": {"Status": "running"}}
    found = docker.inspected(["socket", *packed(json.dumps(raw))])
    assert found[id_of("web")]["created_at"] is None


def test_a_part_that_is_missing_says_nothing_of_what_runs() -> None:
    known, usages = KnownContainers(), {id_of("web"): usage()}
    first = known.seen(Reading(usages=usages, engines={Engine.DOCKER: REFUSED}), lambda *_: {})
    second = known.seen(Reading(engines={Engine.DOCKER: REFUSED}), lambda *_: {})
    assert first
    assert second
    assert first.by_id == second.by_id
    assert id_of("web") in second.by_id


def test_of_more_bare_ones_than_are_kept_none_is_told_as_stopped(server: Server) -> None:
    seen = listed(bare(WEB), answered=(), status=AppsStatus.NOT_ALLOWED, way="denied")
    poll(server, seen)
    poll(server, listed(answered=(), status=AppsStatus.NOT_ALLOWED, way="denied", is_cut=True), at(1))
    assert news() == []
    assert App.objects.get().removed_at is None


def test_the_minutes_before_a_crash_are_minutes(server: Server) -> None:
    poll(server, listed(WEB))
    for number in range(1, 60):
        poll(server, listed(WEB), AT + number * timedelta(seconds=10))
    poll(server, listed(exited("web", 1)), AT + timedelta(seconds=600))
    assert 10 <= len(CrashCard.objects.get().before) <= 12
