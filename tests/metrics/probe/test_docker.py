"""What engines tell of their containers: real answers, and every way in which one can be none."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from metrics.probe.cgroups import MOST_CONTAINERS
from metrics.probe.docker import IN_THE_WAY, STATES, engines, inspected, log_lines
from metrics.probe.protocol import UNPACKED_LIMIT_BYTES
from metrics.probe.reading import AppsStatus, Container, Engine, EngineAnswer, Health, State
from tests.metrics.probe.answers import CAPTURES, container_capture, packed

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = "ab" * 32
LISTS = [
    ("docker-20.10", "list.json"),
    ("docker-20.10", "list.cli"),
    ("docker-24", "list.json"),
    ("docker-28", "list.json"),
    ("docker-28", "list.cli"),
    ("podman-4.3", "list.json"),
    ("podman-4.3", "list.cli"),
    ("podman-5", "list.json"),
    ("podman-5", "list.cli"),
    ("podman-5", "list-docker.json"),
]
RUNNING, EXITED, CREATED, PAUSED = State.RUNNING, State.EXITED, State.CREATED, State.PAUSED
DOCKER_20 = {
    "probetest-linked": (CREATED, None, None),
    "probetest-new": (CREATED, None, None),
    "probetest-done": (EXITED, None, 0),
    "probetest-loop": (State.RESTARTING, None, 3),
    "probetest-paused": (PAUSED, None, None),
    "probetest-killed": (EXITED, None, 137),
    "probetest-host": (RUNNING, None, None),
    "probetest-sick": (RUNNING, Health.UNHEALTHY, None),
    "probetest-web": (RUNNING, Health.HEALTHY, None),
}
DOCKER_28 = {
    "blog-web-1": (RUNNING, Health.STARTING, None),
    "de643212f2a4_blog-web-1": (EXITED, None, 143),
    "traefik": (RUNNING, None, None),
    "backup": (EXITED, None, 3),
}
PODMAN_4 = {
    "probetest-pod2": (PAUSED, None, None),
    "probetest-inq": (RUNNING, None, None),
    "probetest-dead": (EXITED, None, 7),
    "probetest-inpod": (RUNNING, None, None),
    "probetest-hc": (RUNNING, Health.UNHEALTHY, None),
    "probetest-again": (EXITED, None, 4),
    "probetest-k": (EXITED, None, 137),
}
PODMAN_5 = {
    "wiki-app-1": (RUNNING, Health.HEALTHY, None),
    "search": (EXITED, None, 137),
    "queue": (EXITED, None, 0),
    "draft": (CREATED, None, None),
    "ready": (CREATED, None, None),
    "leaving": (RUNNING, None, None),
    "quiet": (PAUSED, None, None),
}
DOCKER_24 = {
    "shop-web-1": (RUNNING, Health.HEALTHY, None),
    "shop-db-1": (RUNNING, Health.UNHEALTHY, None),
    "shop-worker-1": (EXITED, None, 137),
    "shop-worker-2": (RUNNING, None, None),
    "shop-web-run-4f1c2a9b7d3e": (EXITED, None, 0),
    "cron": (State.RESTARTING, None, 1),
    "batch": (PAUSED, None, None),
    "old": (State.DEAD, None, None),
    "going": (State.REMOVING, None, None),
    "next": (CREATED, None, None),
    "node-exporter": (RUNNING, None, None),
}
EXPECTED = {
    "docker-20.10": DOCKER_20,
    "docker-24": DOCKER_24,
    "docker-28": DOCKER_28,
    "podman-4.3": PODMAN_4,
    "podman-5": PODMAN_5,
}


def answered(text: str | bytes, *, way: str = "socket", engine: Engine = Engine.DOCKER) -> EngineAnswer:
    found = engines({engine: [way, *packed(text)]}, NOW.timestamp())
    return (found or {})[engine]


def listed(name: str, file: str = "list.json") -> dict[str, Container]:
    """Of a capture, by name."""
    engine = Engine(name.partition("-")[0])
    found = answered(container_capture(name, file), way="cli" if file == "list.cli" else "socket", engine=engine)
    return {one.name: one for one in (found.containers or {}).values()}


def details(name: str, file: str = "inspect.json") -> dict[str, dict[str, Any]]:
    """What inspections of a capture add, by the container's name in its list."""
    found = inspected(["socket", *packed(container_capture(name, file))])
    names = {one.id: one.name for one in listed(name).values()}
    return {names[i]: fields for i, fields in found.items() if i in names}


def the_only(**fields: object) -> Container:
    found = answered(json.dumps([{"Id": ID, "Names": ["/web"], "State": "running", "Status": "Up 2 hours"} | fields]))
    (container,) = (found.containers or {}).values()
    return container


def the_details(**fields: object) -> dict[str, Any]:
    return inspected(["socket", *packed(json.dumps({"Id": ID} | fields))])[ID]


def helper(text: str, now: float | None = NOW.timestamp()) -> dict[Engine, EngineAnswer] | None:
    return engines({"helper": packed(text)}, now)


@pytest.mark.parametrize(("name", "file"), LISTS)
def test_states_health_and_exit_codes_are_those_of_the_engine(name: str, file: str) -> None:
    found = {one.name: (one.state, one.health, one.exit_code) for one in listed(name, file).values()}
    expected = EXPECTED[name]
    if file == "list-docker.json":  # in which Podman does not tell of health
        expected = {one: (state, None, code) for one, (state, _, code) in expected.items()}
    assert found == expected


@pytest.mark.parametrize(("name", "file"), LISTS)
def test_every_listed_container_has_its_id_image_and_engine(name: str, file: str) -> None:
    for one in listed(name, file).values():
        assert (len(one.id), one.engine, one.is_bare) == (64, Engine(name.partition("-")[0]), False)
        assert one.image


@pytest.mark.parametrize(
    ("name", "file", "container", "labels"),
    [
        ("docker-20.10", "list.json", "probetest-web", ("shop", "web", "1")),
        ("docker-20.10", "list.cli", "probetest-web", ("shop", "web", "1")),
        ("docker-20.10", "list.cli", "probetest-host", ("", "", "")),
        ("docker-24", "list.json", "shop-worker-2", ("shop", "worker", "2")),
        ("docker-24", "list.json", "shop-web-run-4f1c2a9b7d3e", ("shop", "", "")),
        ("podman-4.3", "list.cli", "probetest-inpod", ("shop", "db", "1")),
        ("podman-5", "list.json", "wiki-app-1", ("wiki", "app", "1")),
    ],
)
def test_compose_tells_project_service_and_number(
    name: str, file: str, container: str, labels: tuple[str, str, str]
) -> None:
    one = listed(name, file)[container]
    assert (one.project, one.service, one.number) == labels


def test_labels_of_podman_compose_alone_serve_as_well() -> None:
    one = the_only(Labels={"io.podman.compose.project": "wiki", "io.podman.compose.service": "app"})
    assert (one.project, one.service) == ("wiki", "app")


@pytest.mark.parametrize("file", ["list.json", "list.cli"])
def test_an_image_without_a_name_goes_by_its_id(file: str) -> None:
    image = listed("docker-20.10", file)["probetest-new"].image
    assert image == "sha256:0fb5233b8ff047d989a49359c3ae745df043a3f45db5e096ce5716a58f279868"


def test_an_image_id_is_the_same_with_and_without_its_prefix() -> None:
    docker, podman = listed("docker-20.10")["probetest-web"], listed("podman-4.3", "list.cli")["probetest-hc"]
    assert docker.image_id == "0fb5233b8ff047d989a49359c3ae745df043a3f45db5e096ce5716a58f279868"
    assert podman.image_id == "1ff190e0d893e671f5bdb089d2a12a960b5461764f129d616d48a6021f2ca269"


def test_times_are_those_of_the_engine_and_never_is_none() -> None:
    one = listed("podman-4.3", "list.cli")["probetest-dead"]
    assert one.created_at == one.finished_at == datetime(2026, 11, 23, 18, 11, 55, tzinfo=UTC)
    assert listed("podman-4.3", "list.cli")["probetest-inq"].finished_at is None
    assert listed("docker-20.10")["probetest-web"].created_at == datetime(2026, 11, 23, 18, 11, 13, tzinfo=UTC)


@pytest.mark.parametrize("file", ["list.json", "list.cli"])
def test_podman_s_infra_containers_are_hidden(file: str) -> None:
    found = answered(container_capture("podman-4.3", file), way="cli", engine=Engine.PODMAN)
    assert [i[:12] for i in found.hidden] == ["fdbffd1c72cf"]
    assert not found.hidden & set(found.containers or {})


def test_they_are_hidden_by_their_name_where_podman_speaks_like_docker() -> None:
    found = answered(container_capture("podman-5", "list-docker.json"), engine=Engine.PODMAN)
    assert (len(found.hidden), len(found.containers or {})) == (1, 7)


def test_no_name_hides_a_container_of_docker() -> None:
    found = answered(container_capture("podman-5", "list-docker.json"), engine=Engine.DOCKER)
    assert (len(found.hidden), len(found.containers or {})) == (0, 8)


@pytest.mark.parametrize("file", ["inspect.json", "inspect.cli"])
def test_an_inspection_of_docker_adds_what_the_list_does_not_tell(file: str) -> None:
    found = details("docker-20.10", file)
    assert set(found) == {f"probetest-{name}" for name in ("web", "sick", "killed", "loop", "new")}
    killed, loop = found["probetest-killed"], found["probetest-loop"]
    assert (killed["exit_code"], killed["is_out_of_memory"], killed["restart_policy"]) == (137, False, "no")
    assert killed["finished_at"] == datetime(2026, 11, 23, 18, 11, 15, 420840, tzinfo=UTC)
    assert (loop["exit_code"], loop["restart_policy"]) == (3, "always")
    assert loop["restart_count"] > 10
    assert found["probetest-new"]["started_at"] is None


@pytest.mark.parametrize("file", ["inspect.json", "inspect.cli"])
def test_an_inspection_of_podman_adds_what_the_list_does_not_tell(file: str) -> None:
    found = details("podman-4.3", file)
    assert set(found) == set(PODMAN_4)
    again = found["probetest-again"]
    assert (again["exit_code"], again["restart_count"], again["restart_policy"]) == (4, 2, "on-failure")
    assert again["image_id"] == "1ff190e0d893e671f5bdb089d2a12a960b5461764f129d616d48a6021f2ca269"


def test_out_of_memory_and_the_image_s_name_are_told_by_inspections() -> None:
    found = details("docker-24")
    assert [name for name, fields in found.items() if fields["is_out_of_memory"]] == ["shop-worker-1"]
    assert found["cron"]["image"] == "cron:1"
    assert details("podman-5", "inspect.cli")["search"]["is_out_of_memory"] is True


def test_state_and_health_are_left_to_the_younger_list() -> None:
    assert not {"state", "health", "name", "id"} & set(the_details(State={"Status": "running"}))


def test_inspections_up_to_one_that_is_cut_off_count() -> None:
    text = container_capture("docker-24", "inspect.json")
    whole = inspected(["socket", *packed(text)])
    cut = inspected(["socket", *packed(text[: len(text) - 800])])
    assert cut == {i: whole[i] for i in list(whole)[:-1]}


def test_what_an_engine_says_of_a_container_that_is_gone_is_passed_over() -> None:
    text = '{"message":"No such container: abc"}\nError: No such object: abc\n' + json.dumps({"Id": ID})
    assert list(inspected(["cli", *packed(text)])) == [ID]


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (["/web"], "web"),
        (["web"], "web"),
        (["/other/alias", "/web"], "web"),
        (["/web", "/other/alias"], "web"),
        (["other/alias,web"], "web"),
        (["/other/alias"], ID[:12]),
        (["/"], ID[:12]),
        ([], ID[:12]),
        (None, ID[:12]),
        ([7, None, {"a": 1}], ID[:12]),
        (["/\u202ea\x1b[31m\nb"], "a[31mb"),
        (["/" + "n" * 300], "n" * 128),
    ],
)
def test_a_name_is_the_container_s_own_and_clean(names: object, name: str) -> None:
    assert the_only(Names=names).name == name


@pytest.mark.parametrize(("word", "state"), STATES.items())
def test_every_state_is_known(word: str, state: State) -> None:
    assert the_only(State=word).state is state
    assert the_only(State=word.title()).state is state


@pytest.mark.parametrize("word", ["", "sleeping", None, 7, {}])
def test_another_state_is_unknown(word: object) -> None:
    assert the_only(State=word).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 2 hours (healthy)", Health.HEALTHY),
        ("Up 2 hours (unhealthy)", Health.UNHEALTHY),
        ("Up 2 hours (health: starting)", Health.STARTING),
        ("Up 2 hours (starting)", Health.STARTING),
        ("unhealthy", Health.UNHEALTHY),
        ("Up 2 hours", None),
        ("Up 2 hours (Paused)", None),
        ("not unhealthy", None),
        ("", None),
    ],
)
def test_health_is_read_out_of_the_status(status: str, health: Health | None) -> None:
    assert the_only(Status=status).health is health


def test_health_is_of_running_containers_alone() -> None:
    assert the_only(State="exited", Status="Exited (7) 1 second ago (starting)").health is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Status": "Exited (0) 2 hours ago"}, 0),
        ({"Status": "Exited (137) Less than a second ago"}, 137),
        ({"Status": "Exited (999) 2 hours ago"}, 999),
        ({"Status": "Exited (-1) 2 hours ago"}, None),
        ({"Status": "", "ExitCode": 7}, 7),
        ({"Status": "", "ExitCode": 7.0}, None),
        ({"Status": "", "ExitCode": True}, None),
        ({"Status": "", "ExitCode": 2**70}, None),
        ({"Status": "", "ExitCode": -1}, None),
        ({"Status": ""}, None),
    ],
)
def test_an_exit_code_is_read_or_unknown(fields: dict[str, object], code: int | None) -> None:
    assert the_only(**{"State": "exited"} | fields).exit_code == code


def test_what_runs_has_no_exit_code() -> None:
    assert the_only(ExitCode=0).exit_code is None


@pytest.mark.parametrize("container_id", ["", "ab", ID[1:], ID + "ab", ID.upper(), "g" * 64, f"../{ID[3:]}", 7, None])
def test_what_has_no_id_of_a_container_is_none(container_id: object) -> None:
    assert answered(json.dumps([{"Id": container_id, "Names": ["/web"]}])).containers == {}
    assert inspected(["socket", *packed(json.dumps({"Id": container_id}))]) == {}


@pytest.mark.parametrize(
    "created",
    [
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00+99:99",
        "2026-01-31T12:00:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "２０２６-01-31T12:00:00Z",
        -62135596800,
        10**30,
        -(10**30),
        1.5e9,
        True,
        None,
        [],
    ],
)
def test_an_instant_that_makes_no_sense_is_unknown(created: object) -> None:
    assert the_only(Created=created).created_at is None
    assert the_details(Created=created)["created_at"] is None


@pytest.mark.parametrize(
    "created", ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00.123456789+01:00", "2026-01-31 12:00:00Z", 1769860800]
)
def test_an_instant_is_read_in_every_form_that_engines_use(created: object) -> None:
    created_at = the_only(Created=created).created_at
    assert created_at is not None
    assert created_at.replace(microsecond=0) == NOW
    assert created_at.tzinfo is UTC


@pytest.mark.parametrize(
    "bad", [None, -7, "text", [], [{}], {"Status": 7, "ExitCode": "0", "Health": [], "OOMKilled": 1}]
)
def test_an_inspection_of_another_shape_tells_nothing(bad: object) -> None:
    found = the_details(State=bad, HostConfig=bad, Config=bad, Image=bad, RestartCount=bad, Created=bad)
    assert set(found.values()) == {None, ""}


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("[" * 100_000 + "]" * 100_000, "socket"),
        ('{"a":' * 100_000, "cli"),
        ("[" + "9" * 5000 + "]", "socket"),
        ('[{"Id":', "socket"),
        ('{"Id":\n', "cli"),
        ("[]", "elsewhere"),
        ("<html>Bad gateway</html>", "socket"),
        ("template parsing error", "cli"),
        (json.dumps({"Id": ID}) + "\nCannot connect", "cli"),
    ],
)
def test_a_list_that_cannot_be_read_is_no_empty_list(text: str, way: str) -> None:
    assert answered(text, way=way) == EngineAnswer(AppsStatus.UNREADABLE, "garbled")


@pytest.mark.parametrize("lines", [[], [""], ["socket"], ["socket", "*"], ["socket", "aGVsbG8="], ["socket", "é"]])
def test_a_list_that_cannot_be_unpacked_is_no_empty_list(lines: list[str]) -> None:
    assert engines({"docker": lines}, None) == {Engine.DOCKER: EngineAnswer(AppsStatus.UNREADABLE, "garbled")}


def test_a_list_beyond_two_mebibytes_is_refused() -> None:
    assert answered(b"[" + b" " * (UNPACKED_LIMIT_BYTES - 2) + b"]").status is AppsStatus.NO_CONTAINERS
    assert answered(b"[" + b" " * UNPACKED_LIMIT_BYTES + b"]").status is AppsStatus.UNREADABLE


def test_a_list_of_two_hundred_thousand_is_refused() -> None:
    every = [{"Id": f"{number:064x}", "Names": ["/web"]} for number in range(200_000)]
    assert answered(json.dumps(every)) == EngineAnswer(AppsStatus.UNREADABLE, "garbled")


@pytest.mark.parametrize("number", [MOST_CONTAINERS + 1, 20_000])
def test_five_hundred_are_kept_of_a_longer_list_which_is_not_whole(number: int) -> None:
    found = answered(json.dumps([{"Id": f"{one:064x}"} for one in range(number)]))
    assert (len(found.containers or {}), found.is_cut) == (MOST_CONTAINERS, True)


def test_a_list_of_five_hundred_is_whole() -> None:
    found = answered(json.dumps([{"Id": f"{one:064x}"} for one in range(MOST_CONTAINERS)]))
    assert (len(found.containers or {}), found.is_cut) == (MOST_CONTAINERS, False)


def test_a_list_is_cut_even_if_what_is_hidden_makes_room() -> None:
    every = [{"Id": f"{one:064x}", "IsInfra": one == 3} for one in range(MOST_CONTAINERS + 1)]
    found = answered(json.dumps(every), engine=Engine.PODMAN)
    assert (len(found.containers or {}), found.is_cut) == (MOST_CONTAINERS, True)


@pytest.mark.parametrize("text", ["[]", "[]\n", "\n", "[null, 7, [], {}]"])
def test_no_containers_is_an_answer(text: str) -> None:
    assert answered(text) == EngineAnswer(AppsStatus.NO_CONTAINERS, "socket", {})


@pytest.mark.parametrize(("way", "status"), IN_THE_WAY.items())
def test_what_stands_in_the_way_is_told_apart(way: str, status: AppsStatus) -> None:
    assert engines({"docker": [way]}, None) == {Engine.DOCKER: EngineAnswer(status, way)}


def test_an_answer_without_engines_is_none_asked() -> None:
    assert engines({"cgroups": ["v2"]}, None) is None


def test_the_helper_s_file_tells_everything_at_once() -> None:
    found = helper(container_capture("helper", "containers")) or {}
    docker, podman = found[Engine.DOCKER], found[Engine.PODMAN]
    assert {one.name: (one.state, one.health) for one in (docker.containers or {}).values()} == {
        name: (state, health) for name, (state, health, _) in DOCKER_24.items()
    }
    worker = next(one for one in (docker.containers or {}).values() if one.name == "shop-worker-1")
    assert (worker.exit_code, worker.is_out_of_memory, worker.service) == (137, True, "worker")
    assert {one.name for one in (podman.containers or {}).values()} == set(PODMAN_5)
    assert (docker.way, docker.status, len(podman.hidden)) == ("helper", AppsStatus.OK, 1)


@pytest.mark.parametrize(("seconds", "is_stale"), [(-3600, True), (0, False), (90, False), (91, True), (10**6, True)])
def test_the_helper_s_file_is_stale_after_ninety_seconds(seconds: int, is_stale: bool) -> None:
    found = helper(container_capture("helper", "containers"), NOW.timestamp() + seconds) or {}
    assert (found[Engine.DOCKER] == EngineAnswer(AppsStatus.UNREADABLE, "stale")) == is_stale
    assert (Engine.PODMAN in found) == (not is_stale)


def test_without_a_clock_the_helper_s_file_is_believed() -> None:
    assert (helper(container_capture("helper", "containers"), None) or {})[Engine.DOCKER].status is AppsStatus.OK


@pytest.mark.parametrize(
    "text", ["", "\n", "tomo-containers 2 1769860800\n", "tomo-containers 1 now\n", "docker listed\n"]
)
def test_a_helper_s_file_that_is_none_is_unreadable(text: str) -> None:
    assert helper(text) == {Engine.DOCKER: EngineAnswer(AppsStatus.UNREADABLE, "garbled")}


def test_a_helper_s_file_that_cannot_be_unpacked_is_unreadable() -> None:
    assert engines({"helper": ["*"]}, None) == {Engine.DOCKER: EngineAnswer(AppsStatus.UNREADABLE, "garbled")}


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("docker down", EngineAnswer(AppsStatus.DAEMON_DOWN, "down")),
        ("docker denied", EngineAnswer(AppsStatus.NOT_ALLOWED, "denied")),
        ("docker listed", EngineAnswer(AppsStatus.NO_CONTAINERS, "helper", {})),
        ('docker listed\n{"Id":', EngineAnswer(AppsStatus.UNREADABLE, "garbled")),
        ("docker \u202e" + "x" * 10_000, EngineAnswer(AppsStatus.UNREADABLE, "garbled")),
    ],
)
def test_the_helper_says_how_an_engine_fares(line: str, answer: EngineAnswer) -> None:
    assert helper(f"tomo-containers 1 {int(NOW.timestamp())}\n{line}\n") == {Engine.DOCKER: answer}


def logs(raw: bytes) -> list[str]:
    return log_lines(["socket", *packed(raw)])


def test_a_log_s_streams_come_in_the_order_of_their_frames() -> None:
    raw = (CAPTURES / "containers/docker-20.10/logs").read_bytes()
    assert logs(raw) == ["hello", "oops", "no newline"]


def test_the_log_of_a_terminal_has_no_frames() -> None:
    raw = (CAPTURES / "containers/docker-20.10/logs-tty").read_bytes()
    assert logs(raw) == ["red", "two"]


def test_a_log_is_the_last_fifty_lines_and_those_are_short_and_clean() -> None:
    raw = b"".join(b"%d \x1b\x00\xe2\x80\xae%s\n" % (number, b"y" * 2000) for number in range(100))
    found = logs(raw)
    assert len(found) <= 50
    assert found[-1] == "99 " + "y" * 497


@pytest.mark.parametrize("raw", [b"\1\0\0\0\xff\xff\xff\xffhi", b"\1\0\0\0\0\0\0\x02hi\1\0\0"])
def test_a_log_that_is_cut_off_says_what_came(raw: bytes) -> None:
    assert logs(raw) == ["hi"]


@pytest.mark.parametrize("lines", [[], ["down"], ["socket", "*"], ["socket", *packed(b"")]])
def test_a_log_that_is_not_to_be_had_is_no_lines(lines: list[str]) -> None:
    assert log_lines(lines) == []
