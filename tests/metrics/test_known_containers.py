"""What is remembered of a server's containers, and what is asked anew, from poll to poll."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from metrics.known_containers import INSPECTED_AT_ONCE, LIST_EVERY, KnownContainers
from metrics.probe.docker import engines
from metrics.probe.reading import (
    AppsStatus,
    Container,
    Containers,
    ContainerUsage,
    Engine,
    EngineAnswer,
    Health,
    Reading,
    State,
)
from tests.metrics.probe.answers import container_capture, packed

WEB, DB = "a" * 64, "b" * 64
ABSENT = EngineAnswer(AppsStatus.NO_DOCKER, "absent")
DENIED = EngineAnswer(AppsStatus.NOT_ALLOWED, "denied")
EMPTY = EngineAnswer(AppsStatus.NO_CONTAINERS, "socket", {})
STARTED = datetime(2026, 1, 31, 12, tzinfo=UTC)


def running(container_id: str = WEB, **fields: Any) -> Container:
    return Container(container_id, f"name-{container_id[:3]}", State.RUNNING, Engine.DOCKER, **fields)


def exited(container_id: str = WEB, **fields: Any) -> Container:
    return replace(running(container_id), state=State.EXITED, **{"exit_code": 137} | fields)


def answer(*containers: Container, **fields: Any) -> EngineAnswer:
    return EngineAnswer(AppsStatus.OK, "socket", {one.id: one for one in containers}, **fields)


def usage(cgroup: int = 7, engine: Engine = Engine.DOCKER) -> ContainerUsage:
    return ContainerUsage(cgroup, engine, *[None] * 10)


def usages(*ids: str, **fields: Any) -> dict[str, ContainerUsage]:
    return {one: usage(**fields) for one in ids}


class Engines:
    """Answers inspections, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Engine, list[str]]] = []
        self.tells: dict[str, Any] = {"started_at": STARTED}
        self.refuses = False

    def __call__(self, engine: Engine, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        self.asked.append((engine, list(ids)))
        return {} if self.refuses else dict.fromkeys(ids, self.tells)

    @property
    def ids(self) -> list[str]:
        """Those asked about since this was read last."""
        ids = [one for _, some in self.asked for one in some]
        self.asked.clear()
        return ids


@pytest.fixture
def known() -> KnownContainers:
    return KnownContainers()


@pytest.fixture
def asked() -> Engines:
    return Engines()


def poll(
    known: KnownContainers,
    asked: Engines,
    docker: EngineAnswer | None = None,
    seen: dict[str, ContainerUsage] | None = None,
    podman: EngineAnswer | None = None,
) -> Containers:
    """One poll; no answer of an engine is one in which none was asked."""
    found = {engine: one for engine, one in ((Engine.DOCKER, docker), (Engine.PODMAN, podman)) if one}
    containers = known.seen(Reading(usages={} if seen is None else seen, engines=found or None), asked)
    assert containers is not None
    return containers


def test_a_probe_that_does_not_look_for_containers_says_nothing(known: KnownContainers, asked: Engines) -> None:
    assert known.seen(Reading(), asked) is None


def test_a_list_is_wanted_at_every_fifth_poll(known: KnownContainers, asked: Engines) -> None:
    wanted = []
    for _ in range(2 * LIST_EVERY + 1):
        wanted.append(known.wants_list)
        poll(known, asked, answer(running()) if wanted[-1] else None, usages(WEB))
    assert wanted == [True, *[False] * 4, True, *[False] * 4, True]


@pytest.mark.parametrize(
    "restless",
    [running(health=Health.HEALTHY), running(health=Health.STARTING), replace(running(), state=State.RESTARTING)],
)
def test_a_list_is_wanted_always_while_something_changes_unseen(
    known: KnownContainers, asked: Engines, restless: Container
) -> None:
    poll(known, asked, answer(running(DB), restless), usages(WEB, DB))
    assert known.wants_list
    poll(known, asked, answer(running(DB)), usages(DB))
    assert not known.wants_list


def test_the_last_list_stands_until_there_is_another(known: KnownContainers, asked: Engines) -> None:
    first = poll(known, asked, answer(running(), running(DB)), usages(WEB, DB))
    assert poll(known, asked, None, usages(WEB, DB)) == first
    assert set(poll(known, asked, answer(running(DB)), usages(DB)).by_id) == {DB}


def test_its_revision_changes_when_anything_in_it_does(known: KnownContainers, asked: Engines) -> None:
    revisions = [
        poll(known, asked, answer(one), usages(WEB)).revision
        for one in (running(), running(), running(health=Health.HEALTHY), running(health=Health.UNHEALTHY))
    ]
    assert [revisions.index(one) for one in revisions] == [0, 0, 2, 3]
    assert poll(KnownContainers(), asked, answer(running()), usages(WEB)).revision not in revisions


def test_a_container_is_inspected_once_as_long_as_it_stays_the_same(known: KnownContainers, asked: Engines) -> None:
    for _ in range(3):
        found = poll(known, asked, answer(running(), exited(DB)), usages(WEB))
        assert found.by_id[WEB].started_at == found.by_id[DB].started_at == STARTED
    assert asked.asked == [(Engine.DOCKER, [WEB, DB])]


@pytest.mark.parametrize(
    ("one", "cgroup"),
    [
        (running(), 8),
        (exited(), None),
        (replace(running(), name="renamed"), 7),
        (replace(running(), state=State.PAUSED), 7),
    ],
)
def test_what_changed_is_inspected_anew_and_nothing_else(
    known: KnownContainers, asked: Engines, one: Container, cgroup: int | None
) -> None:
    poll(known, asked, answer(running(), running(DB)), usages(WEB, DB))
    assert asked.ids == [WEB, DB]
    seen = usages(DB) | ({WEB: usage(cgroup)} if cgroup else {})
    poll(known, asked, answer(one, running(DB)), seen)
    assert asked.ids == [WEB]


def test_another_exit_code_is_a_change(known: KnownContainers, asked: Engines) -> None:
    poll(known, asked, answer(exited(exit_code=1)))
    poll(known, asked, answer(exited(exit_code=2)))
    assert asked.ids == [WEB, WEB]


@pytest.mark.parametrize("one", [replace(running(), state=State.RESTARTING), running()])
def test_one_that_may_change_unseen_is_inspected_at_every_poll(
    known: KnownContainers, asked: Engines, one: Container
) -> None:
    for count in range(3):
        asked.tells = {"restart_count": count}
        assert poll(known, asked, answer(one), {}).by_id[WEB].restart_count == count
    assert asked.ids == [WEB] * 3


def test_an_inspection_that_is_outdated_says_nothing(known: KnownContainers, asked: Engines) -> None:
    asked.tells = {"exit_code": None, "is_out_of_memory": False}
    assert poll(known, asked, answer(running()), usages(WEB)).by_id[WEB].is_out_of_memory is False
    asked.refuses = True
    assert poll(known, asked, answer(exited()), {}).by_id[WEB] == exited()


def test_an_engine_that_does_not_let_inspect_leaves_the_list(known: KnownContainers, asked: Engines) -> None:
    asked.refuses = True
    assert poll(known, asked, answer(running()), usages(WEB)).by_id == {WEB: running()}


def test_what_is_told_of_others_is_passed_over(known: KnownContainers) -> None:
    found = poll(known, lambda engine, ids: {DB: {"image": "x"}}, answer(running()), usages(WEB))  # type: ignore[arg-type]
    assert found.by_id == {WEB: running()}


def test_one_that_is_gone_is_forgotten(known: KnownContainers, asked: Engines) -> None:
    for listed in (answer(running()), EMPTY, answer(running())):
        poll(known, asked, listed, usages(WEB))
    assert asked.ids == [WEB, WEB]


def test_two_hundred_at_most_are_inspected_in_one_poll_and_the_rest_later(
    known: KnownContainers, asked: Engines
) -> None:
    ids = [f"{number:064x}" for number in range(450)]
    counts = []
    for _ in range(4):
        found = poll(known, asked, answer(*map(running, ids)), usages(*ids))
        counts.append([len(some) for _, some in asked.asked])
        asked.asked.clear()
    assert counts == [[INSPECTED_AT_ONCE] * 2, [INSPECTED_AT_ONCE] * 2, [50], []]
    assert {one.started_at for one in found.by_id.values()} == {STARTED}


def test_the_two_inspections_are_those_of_all_engines_together(known: KnownContainers, asked: Engines) -> None:
    ids = [f"{number:064x}" for number in range(150)]
    podman = answer(replace(running(WEB), engine=Engine.PODMAN))
    poll(known, asked, answer(*map(running, ids)), usages(*ids, WEB), podman)
    assert [(engine, len(some)) for engine, some in asked.asked] == [(Engine.DOCKER, 100), (Engine.DOCKER, 50)]
    asked.asked.clear()
    poll(known, asked, None, usages(*ids, WEB))
    assert asked.asked == [(Engine.PODMAN, [WEB])]


def test_what_the_helper_wrote_down_is_not_asked_for(known: KnownContainers, asked: Engines) -> None:
    poll(known, asked, replace(answer(running(), exited(DB)), way="helper"), usages(WEB))
    assert asked.ids == []


def helper(text: str, now: float = STARTED.timestamp()) -> dict[Engine, EngineAnswer] | None:
    return engines({"helper": packed(text)}, now)


@pytest.mark.parametrize(
    ("text", "seconds", "status", "way"),
    [
        (container_capture("helper", "containers"), 0, AppsStatus.OK, "helper"),
        (container_capture("helper", "containers"), 3600, AppsStatus.UNREADABLE, "stale"),
        ("rm: cannot remove", 0, AppsStatus.UNREADABLE, "garbled"),
        ("tomo-containers 1 1769860800\ndocker down\n", 0, AppsStatus.DAEMON_DOWN, "down"),
        ("tomo-containers 1 1769860800\n", 0, AppsStatus.NO_DOCKER, "absent"),
    ],
)
def test_the_helper_s_file_good_stale_or_garbled(
    known: KnownContainers, asked: Engines, text: str, seconds: int, status: AppsStatus, way: str
) -> None:
    reading = Reading(usages=usages(WEB), engines=helper(text, STARTED.timestamp() + seconds))
    found = known.seen(reading, asked)
    assert found is not None
    assert (found.status, found.way) == (status, way)
    assert found.by_id[WEB].is_bare
    assert (len(found.by_id) > 1) == (found.answered == set(Engine)) == (status is AppsStatus.OK)


@pytest.mark.parametrize(
    "refusal",
    [
        DENIED,
        EngineAnswer(AppsStatus.DAEMON_DOWN, "down"),
        EngineAnswer(AppsStatus.UNREADABLE, "slow"),
        EngineAnswer(AppsStatus.UNREADABLE, "garbled"),
    ],
)
def test_where_the_engine_refuses_what_runs_is_shown_bare(
    known: KnownContainers, asked: Engines, refusal: EngineAnswer
) -> None:
    found = poll(known, asked, refusal, usages(WEB))
    assert found.by_id == {WEB: Container(WEB, WEB[:12], State.RUNNING, Engine.DOCKER, is_bare=True)}
    assert (found.status, found.way, found.answered) == (refusal.status, refusal.way, frozenset())


def test_a_container_of_another_user_s_engine_is_shown_bare(known: KnownContainers, asked: Engines) -> None:
    found = poll(known, asked, answer(running()), usages(WEB, DB))
    assert {i: one.is_bare for i, one in found.by_id.items()} == {WEB: False, DB: True}


def test_hidden_ones_are_not_shown_bare_either(known: KnownContainers, asked: Engines) -> None:
    podman = answer(replace(running(), engine=Engine.PODMAN), hidden=frozenset({DB}))
    assert set(poll(known, asked, ABSENT, usages(WEB, DB, engine=Engine.PODMAN), podman).by_id) == {WEB}


def test_a_list_that_was_cut_says_so(known: KnownContainers, asked: Engines) -> None:
    assert poll(known, asked, answer(running(), is_cut=True), usages(WEB)).is_cut
    assert not poll(known, asked, answer(running()), usages(WEB)).is_cut


def test_only_of_engines_that_listed_theirs_can_one_be_gone(known: KnownContainers, asked: Engines) -> None:
    assert poll(known, asked, answer(running()), {}, DENIED).answered == {Engine.DOCKER}
    assert poll(known, asked, EMPTY, {}, EMPTY).answered == set(Engine)
    assert poll(known, asked, ABSENT, {}, ABSENT).answered == frozenset()


@pytest.mark.parametrize(
    ("docker", "podman", "status"),
    [
        (answer(running()), ABSENT, AppsStatus.OK),
        (EMPTY, ABSENT, AppsStatus.NO_CONTAINERS),
        (ABSENT, ABSENT, AppsStatus.NO_DOCKER),
        (ABSENT, answer(running()), AppsStatus.OK),
        (EMPTY, answer(running()), AppsStatus.OK),
        (ABSENT, EMPTY, AppsStatus.NO_CONTAINERS),
        (DENIED, ABSENT, AppsStatus.NOT_ALLOWED),
        (DENIED, answer(running()), AppsStatus.NOT_ALLOWED),
        (EngineAnswer(AppsStatus.DAEMON_DOWN, "down"), EMPTY, AppsStatus.DAEMON_DOWN),
        (answer(running()), DENIED, AppsStatus.OK),
        (ABSENT, DENIED, AppsStatus.NO_DOCKER),
    ],
)
def test_one_word_stands_for_all_engines(
    known: KnownContainers, asked: Engines, docker: EngineAnswer, podman: EngineAnswer, status: AppsStatus
) -> None:
    assert poll(known, asked, docker, usages(WEB), podman).status is status


@pytest.mark.parametrize(
    ("engine", "status"), [(Engine.PODMAN, AppsStatus.NOT_ALLOWED), (Engine.DOCKER, AppsStatus.OK)]
)
def test_podman_s_closed_socket_matters_only_if_something_runs_there(
    known: KnownContainers, asked: Engines, engine: Engine, status: AppsStatus
) -> None:
    assert poll(known, asked, answer(running()), {WEB: usage(), DB: usage(engine=engine)}, DENIED).status is status
