"""The probe's look for containers, by every shell: in a tree of cgroups made for it, and on this machine."""

import http.server
import json
import os
import re
import shutil
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import pytest

from metrics.probe.docker import inspected, log_lines
from metrics.probe.linux import read
from metrics.probe.protocol import READY, Request, parts, question, request, script
from metrics.probe.reading import AppsStatus, ContainerUsage, Engine, EngineAnswer, Reading, State
from tests.metrics.probe.answers import container_capture
from tests.metrics.probe.test_shells import Conversation

SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "ash"]}
TOOLS = "awk stat grep timeout gzip base64 head id"
ID, OTHER = "ab" * 32, "cd" * 32
SESSION = "user.slice/user-1000.slice/user@1000.service"
PLACES = {
    f"system.slice/docker-{ID}.scope": Engine.DOCKER,
    f"docker/{ID}": Engine.DOCKER,
    f"machine.slice/libpod-{ID}.scope": Engine.PODMAN,
    f"machine.slice/machine-libpod_pod_{OTHER}.slice/libpod-{ID}.scope": Engine.PODMAN,
    f"libpod_parent/libpod-{ID}": Engine.PODMAN,
    f"libpod_parent/{OTHER}/libpod-{ID}": Engine.PODMAN,
    f"{SESSION}/user.slice/libpod-{ID}.scope": Engine.PODMAN,
    f"{SESSION}/app.slice/docker-{ID}.scope": Engine.DOCKER,
    f"{SESSION}/user.slice/user-libpod_pod_{OTHER}.slice/libpod-{ID}.scope": Engine.PODMAN,
}
FILES = {
    "cpu.stat": "usage_usec 123456\nuser_usec 100000\nsystem_usec 23456\n",
    "memory.current": "31457280\n",
    "memory.stat": "anon 1\nfile 2\ninactive_file 10485760\nactive_file 3\n",
    "memory.max": "67108864\n",
    "cpu.max": "150000 100000\n",
    "pids.current": "4\n",
    "io.stat": "8:0 rbytes=1000 wbytes=2000 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=24 wbytes=48 rios=1 wios=1\n",
    "memory.events": "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n",
}

is_possible = (
    shutil.which("unshare") is not None
    and not subprocess.run(["unshare", "-rmn", "true"], check=False, capture_output=True).returncode
)
in_a_tree = pytest.mark.skipif(not is_possible, reason="namespaces are not allowed here")


class Tree:
    """A folder that a probe takes for /sys/fs/cgroup, and one that it takes for /run."""

    def __init__(self, folder: Path) -> None:
        self.cgroups, self.run = folder / "cgroup", folder / "run"
        self.cgroups.mkdir()
        self.run.mkdir()
        self.put("", **{"cgroup.controllers": "cpu io memory pids\n"})

    def put(self, place: str, **files: str) -> None:
        (self.cgroups / place).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (self.cgroups / place / name).write_text(text)

    def container(self, place: str, process: int | str, files: dict[str, str] | None = None, inner: str = "") -> int:
        """The inode of its cgroup."""
        self.put(place, **{"cgroup.procs": ""}, **(FILES if files is None else files))
        self.put(place + inner, **{"cgroup.procs": f"{process}\n"})
        return (self.cgroups / place).stat().st_ino


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.fixture
def process() -> Iterator[int]:
    """One that runs on this machine's own network."""
    with Popen(["sleep", "60"]) as sleeping:
        yield sleeping.pid
        sleeping.kill()


@pytest.fixture
def secluded() -> Iterator[int]:
    """One that has a network of its own."""
    with Popen(["unshare", "-rn", "sleep", "60"]) as sleeping:
        until = time.monotonic() + 10
        while Path(f"/proc/{sleeping.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
            assert time.monotonic() < until
        yield sleeping.pid
        sleeping.kill()


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """A shell with the probe as its argument; busybox brings all of its own tools."""
    command = SHELLS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    if request.param != "busybox":
        return [*command, "-c", script()]
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS.split():
        (tools / name).symlink_to(shutil.which("busybox") or "")
    return [*command, "-c", script().replace(" PATH=", f" PATH={tools}:", 1)]


@pytest.fixture
def look(shell: list[str], tree: Tree) -> Iterator[Callable[..., Conversation]]:
    """Starts the probe in the tree; nothing that it finds there is of this machine but the processes."""
    there = f"mount --bind {tree.cgroups} /sys/fs/cgroup && mount --bind {tree.run} /run &&"
    there += " { ! [ -d /var/lib/containers ] || mount -t tmpfs none /var/lib/containers; }"
    started = []

    def start(path: str = "") -> Conversation:
        probe = re.sub(r" PATH=\S+", f" PATH={path}", shell[-1], count=1) if path else shell[-1]
        command = ["unshare", "-rm", "sh", "-c", f'{there} && exec "$@"', "sh", *shell[:-1], probe]
        process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={**os.environ, "HOME": str(tree.run)})
        started.append(process)
        conversation = Conversation(process)
        conversation.lines_to(f"{READY}\n")
        return conversation

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ask(conversation: Conversation, asked: Request | None = None) -> Reading:
    asked = asked or request(1)
    return read(conversation.ask(asked), asked)


def lines(conversation: Conversation, part: str) -> list[str]:
    asked = request(1)
    return parts(conversation.ask(asked), asked)[part]


@in_a_tree
@pytest.mark.parametrize(("place", "engine"), PLACES.items())
def test_a_container_is_found_in_every_layout(
    look: Callable[[], Conversation], tree: Tree, process: int, place: str, engine: Engine
) -> None:
    cgroup = tree.container(place, process)
    assert ask(look()).usages == {
        ID: ContainerUsage(
            cgroup=cgroup,
            engine=engine,
            cpu_microseconds=123456,
            memory_bytes=20 << 20,
            memory_limit_bytes=64 << 20,
            cpu_limit_cores=1.5,
            pids=4,
            read_bytes=1024,
            written_bytes=2048,
            out_of_memory_kills=1,
            receive_bytes=None,
            transmit_bytes=None,
        )
    }


@in_a_tree
@pytest.mark.parametrize("inner", ["/container", "/init", "/init.scope"])
def test_a_container_s_processes_may_be_one_level_deeper(
    look: Callable[[], Conversation], tree: Tree, process: int, inner: str
) -> None:
    cgroup = tree.container(f"system.slice/docker-{ID}.scope", process, inner=inner)
    (usage,) = (ask(look()).usages or {}).values()
    assert (usage.cgroup, usage.memory_bytes, usage.receive_bytes) == (cgroup, 20 << 20, None)


@in_a_tree
@pytest.mark.parametrize(
    "place",
    [
        "system.slice/docker.service",
        f"system.slice/{ID[:63]}",
        f"docker/buildkit/{ID}",
    ],
)
def test_what_is_no_container_is_left_out(
    look: Callable[[], Conversation], tree: Tree, process: int, place: str
) -> None:
    tree.container(place, process)
    tree.container(f"docker/{OTHER}", process)
    assert set(ask(look()).usages or {}) == {OTHER}


@in_a_tree
@pytest.mark.parametrize(
    "place",
    [
        f"machine.slice/libpod-conmon-{ID}.scope",
        f"{SESSION}/user.slice/libpod-conmon-{ID}.scope",
        f"system.slice/docker-{ID} .scope",
        f"a b/{ID}",
    ],
)
def test_conmon_and_names_with_blanks_are_not_even_sent(
    look: Callable[[], Conversation], tree: Tree, process: int, place: str
) -> None:
    tree.container(place, process)
    assert lines(look(), "cgroups") == ["v2"]


@in_a_tree
def test_a_cgroup_without_processes_is_left_out(look: Callable[[], Conversation], tree: Tree) -> None:
    tree.container(f"docker/{ID}", "")
    tree.put(f"docker/{OTHER}")
    assert lines(look(), "cgroups") == ["v2"]


@in_a_tree
def test_what_a_controller_does_not_tell_is_unknown(look: Callable[[], Conversation], tree: Tree, process: int) -> None:
    cgroup = tree.container(f"docker/{ID}", process, {"cpu.stat": "usage_usec 5\n"})
    assert ask(look()).usages == {ID: ContainerUsage(cgroup, Engine.DOCKER, 5, *[None] * 9)}


@in_a_tree
def test_no_limits_are_none(look: Callable[[], Conversation], tree: Tree, process: int) -> None:
    tree.container(f"docker/{ID}", process, FILES | {"memory.max": "max\n", "cpu.max": "max 100000\n", "io.stat": ""})
    (usage,) = (ask(look()).usages or {}).values()
    assert (usage.memory_limit_bytes, usage.cpu_limit_cores, usage.read_bytes) == (None, None, 0)


@in_a_tree
def test_a_network_of_its_own_is_told_from_the_server_s(
    look: Callable[[], Conversation], tree: Tree, process: int, secluded: int
) -> None:
    tree.container(f"docker/{ID}", process)
    tree.container(f"docker/{OTHER}", secluded)
    found = ask(look()).usages or {}
    assert {i: usage.receive_bytes for i, usage in found.items()} == {ID: None, OTHER: 0}


@in_a_tree
def test_a_process_that_is_gone_has_no_network(look: Callable[[], Conversation], tree: Tree, process: int) -> None:
    tree.container(f"docker/{OTHER}", process)
    tree.container(f"docker/{ID}", 2**22 + 1)
    usage = (ask(look()).usages or {})[ID]
    assert (usage.cpu_microseconds, usage.receive_bytes) == (123456, None)


@in_a_tree
def test_of_very_many_five_hundred_are_kept_and_the_cut_is_marked(
    look: Callable[[], Conversation], tree: Tree, process: int
) -> None:
    for number in range(520):
        tree.container(f"docker/{number:064x}", process, {})
    conversation = look()
    assert len(lines(conversation, "cgroups")) == 1 + 501
    reading = ask(conversation)
    assert (len(reading.usages or {}), reading.cut) == (500, ("containers",))


@in_a_tree
def test_engines_are_asked_anew_only_if_one_came_or_went_or_if_asked_to(
    look: Callable[[], Conversation], tree: Tree, process: int
) -> None:
    tree.container(f"docker/{ID}", process)
    conversation = look()
    answers = [ask(conversation).engines is not None for _ in range(2)]
    tree.container(f"docker/{OTHER}", process)
    answers += [ask(conversation).engines is not None for _ in range(2)]
    shutil.rmtree(tree.cgroups / "docker" / OTHER)
    answers += [ask(conversation).engines is not None for _ in range(2)]
    answers += [ask(conversation, request(9, lists_containers=True)).engines is not None]
    assert answers == [True, False] * 3 + [True]


@in_a_tree
def test_one_that_was_started_anew_has_another_cgroup_of_the_same_name(
    look: Callable[[], Conversation], tree: Tree, process: int, secluded: int
) -> None:
    place = f"docker/{ID}"
    tree.container(place, process)
    conversation = look()
    first = ask(conversation)
    tree.container(place, secluded)  # of one whose first process is gone the cgroup is still the same
    second = ask(conversation)
    (tree.cgroups / place).rename(tree.run / "old")
    tree.container(place, secluded)
    third = ask(conversation)
    first_cgroup, second_cgroup, third_cgroup = ((one.usages or {})[ID].cgroup for one in (first, second, third))
    assert (first_cgroup == second_cgroup, second_cgroup == third_cgroup) == (True, False)
    assert [one.engines is not None for one in (first, second, third)] == [True, False, True]


@in_a_tree
def test_without_any_engine_there_is_none(look: Callable[[], Conversation]) -> None:
    found = ask(look()).engines or {}
    assert found[Engine.PODMAN] == EngineAnswer(AppsStatus.NO_DOCKER, "absent")
    has_dockerd = shutil.which("dockerd", path="/usr/sbin:/usr/bin:/sbin:/bin") is not None
    assert found[Engine.DOCKER].status is (AppsStatus.DAEMON_DOWN if has_dockerd else AppsStatus.NO_DOCKER)


@in_a_tree
def test_the_helper_s_file_goes_before_any_engine(look: Callable[[], Conversation], tree: Tree) -> None:
    (tree.run / "tomo").mkdir()
    text = container_capture("helper", "containers")
    (tree.run / "tomo/containers").write_text(re.sub(r"^(\S+ 1) \d+", rf"\1 {time.time():.0f}", text))
    found = ask(look()).engines or {}
    assert {engine: (one.way, len(one.containers or {})) for engine, one in found.items()} == {
        Engine.DOCKER: ("helper", 11),
        Engine.PODMAN: ("helper", 7),
    }


class Daemon:
    """A socket that answers as an engine would, with what a test gives it; a page that has no text is not allowed."""

    def __init__(self, socket: Path) -> None:
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        daemon = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                daemon.asked.append(self.path)
                text = daemon.pages.get(self.path)
                if text is None:
                    self.send_error(403)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def address_string(self) -> str:
                return ""

            def log_message(self, *args: Any) -> None: ...

        socket.parent.mkdir(exist_ok=True)
        self.server = socketserver.ThreadingUnixStreamServer(str(socket), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


LIST = "/containers/json?all=1&limit=501"
PODMANS_LIST = "/v4.0.0/libpod/containers/json?all=true&limit=501"


@pytest.fixture
def docker(tree: Tree) -> Iterator[Daemon]:
    daemon = Daemon(tree.run / "docker.sock")
    yield daemon
    daemon.stop()


@pytest.fixture
def podman(tree: Tree) -> Iterator[Daemon]:
    daemon = Daemon(tree.run / "podman" / "podman.sock")
    yield daemon
    daemon.stop()


def docker_of(conversation: Conversation) -> EngineAnswer:
    return (ask(conversation, request(2, lists_containers=True)).engines or {})[Engine.DOCKER]


@in_a_tree
def test_what_a_socket_lists_arrives_whole(look: Callable[[], Conversation], docker: Daemon) -> None:
    docker.pages[LIST] = container_capture("docker-20.10", "list.json").encode()
    found = docker_of(look())
    assert (found.status, found.way, len(found.containers or {})) == (AppsStatus.OK, "socket", 9)


@in_a_tree
@pytest.mark.parametrize(
    ("prints", "status", "number"),
    [
        (container_capture("docker-20.10", "list.cli"), AppsStatus.OK, 9),
        ("", AppsStatus.NO_CONTAINERS, 0),
        ("Cannot connect", AppsStatus.UNREADABLE, 0),
    ],
)
def test_without_curl_docker_s_own_command_serves(
    look: Callable[..., Conversation], docker: Daemon, tree: Tree, prints: str, status: AppsStatus, number: int
) -> None:
    (tree.run / "prints").write_text(prints)
    (tree.run / "docker").write_text("#!/bin/sh\nexec cat /run/prints\n")
    (tree.run / "docker").chmod(0o755)
    for name in (*TOOLS.split(), "sh", "cat"):
        (tree.run / name).symlink_to(shutil.which(name) or "")
    found = docker_of(look("/run"))
    assert (found.status, len(found.containers or {}), docker.asked) == (status, number, [])


@in_a_tree
def test_podman_is_asked_in_its_own_words(look: Callable[[], Conversation], podman: Daemon) -> None:
    podman.pages[PODMANS_LIST] = container_capture("podman-4.3", "list.json").encode()
    found = (ask(look()).engines or {})[Engine.PODMAN]
    assert (found.status, found.way, len(found.containers or {}), len(found.hidden)) == (AppsStatus.OK, "socket", 7, 1)


@in_a_tree
def test_a_refusal_is_told_from_a_daemon_that_is_down(look: Callable[[], Conversation], docker: Daemon) -> None:
    conversation = look()
    assert docker_of(conversation) == EngineAnswer(AppsStatus.NOT_ALLOWED, "denied")
    docker.stop()
    assert docker_of(conversation) == EngineAnswer(AppsStatus.DAEMON_DOWN, "down")


@in_a_tree
@pytest.mark.parametrize(
    "page",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"<html>",
        b'[{"Id":' + b"9" * 5000 + b"}",
        b"\xff\x00" * 1000,
        b"[" + b'{"Id":"%s"},' % ID.encode() * 200_000 + b"{}]",
    ],
)
def test_a_hostile_list_is_unreadable_and_spoils_nothing_else(
    look: Callable[[], Conversation], docker: Daemon, tree: Tree, process: int, page: bytes
) -> None:
    tree.container(f"docker/{ID}", process)
    docker.pages[LIST] = page
    reading = ask(look())
    assert (reading.engines or {})[Engine.DOCKER].status is AppsStatus.UNREADABLE
    assert set(reading.usages or {}) == {ID}
    assert reading.uptime_seconds is not None


@in_a_tree
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\r\nc", "abc"),
        ("\n@@00c0ffee end 1\n", "@@00c0ffee end 1"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("user\u202egnp.exe\u2066", "usergnp.exe"),
        ("'$(id)`id`\"", "'$(id)`id`\""),
        ("n" * 500, "n" * 128),
    ],
)
def test_hostile_names_arrive_harmless(look: Callable[[], Conversation], docker: Daemon, name: str, shown: str) -> None:
    docker.pages[LIST] = json.dumps([{"Id": ID, "Names": ["/" + name], "State": "running"}]).encode()
    (one,) = (docker_of(look()).containers or {}).values()
    assert (one.name, one.state) == (shown, State.RUNNING)


@in_a_tree
def test_containers_are_asked_about_by_their_ids(look: Callable[[], Conversation], docker: Daemon) -> None:
    docker.pages[LIST] = b"[]"
    docker.pages[f"/containers/{ID}/json"] = json.dumps({"Id": ID, "RestartCount": 7}).encode()
    docker.pages[f"/containers/{ID}/logs?stdout=1&stderr=1&tail=50"] = b"\1\0\0\0\0\0\0\6hello\n"
    conversation = look()
    ask(conversation)
    asked = question(2, "inspect", "docker", [OTHER, ID])
    found = inspected(parts(conversation.ask(asked), asked)["inspect"])
    assert {i: details["restart_count"] for i, details in found.items()} == {ID: 7}
    asked = question(3, "logs", "docker", [ID])
    assert log_lines(parts(conversation.ask(asked), asked)["logs"]) == ["hello"]


@in_a_tree
@pytest.mark.parametrize(
    "ids",
    ["web", f"{ID}/../../images", f"{ID} $(id)", f"{ID};id", f"{ID}?x", "ABCDEF012345", f"{ID}\t{OTHER}", f"{ID}*"],
)
def test_a_request_with_anything_but_ids_is_passed_over(
    look: Callable[[], Conversation], docker: Daemon, ids: str
) -> None:
    docker.pages[LIST] = b"[]"
    conversation = look()
    ask(conversation)
    conversation.say(f"@ 8 00c0ffee inspect-docker {ids}\n@ 9 00c0ffee logs-docker {ids}\n")
    assert "end 8" not in conversation.ask(request(10))
    assert docker.asked == [LIST]


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="Linux only")
def test_this_machine_s_own_containers_are_those_that_its_cgroups_name(shell: list[str]) -> None:
    with Popen(shell, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as running:
        conversation = Conversation(running)
        conversation.lines_to(f"{READY}\n")
        reading = ask(conversation)
        for container_id, usage in (reading.usages or {}).items():
            places = Path("/sys/fs/cgroup").rglob(f"*{container_id}*")
            assert usage.cgroup in {place.stat().st_ino for place in places}
            assert usage.memory_bytes is None or usage.memory_bytes > 0
        running.kill()
    assert reading.usages is not None
