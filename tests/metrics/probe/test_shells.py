"""The probe itself, run by every shell that servers have."""

import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from metrics.probe.deltas import counters, sample
from metrics.probe.linux import read
from metrics.probe.protocol import READY, Request, request, script

PARTS = (
    "boot_id uptime stat diskstats net loadavg meminfo pressure_cpu pressure_memory pressure_io arcstats mounts"
    " session cgroups inodes blocks interfaces filesystems temperatures docker podman os-release uname cpuinfo cost"
    " end 1"
)
SHELLS = {
    "sh": ["sh"],
    "dash": ["dash"],
    "bash": ["bash"],
    "bash --posix": ["bash", "--posix"],
    "busybox": ["busybox", "ash"],
}

pytestmark = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="Linux only")


class Conversation:
    """A running probe: requests in, answers out."""

    def __init__(self, process: Popen[bytes]) -> None:
        self.process = process

    def lines_to(self, last: str, seconds: float = 10.0) -> str:
        """All that comes up to the line `last`."""
        assert self.process.stdout is not None
        got, until = b"", time.monotonic() + seconds
        while not got.endswith(last.encode()):
            assert select.select([self.process.stdout], [], [], until - time.monotonic())[0], got[-500:]
            chunk = os.read(self.process.stdout.fileno(), 65536)
            assert chunk, got[-500:]
            got += chunk
        return got.decode(errors="replace")

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def ask(self, asked: Request) -> str:
        self.say(asked.line)
        return self.lines_to(asked.end)

    def hang_up(self) -> tuple[int, bytes]:
        """The exit status and what was said after the last answer."""
        rest, _ = self.process.communicate(timeout=10)
        return self.process.returncode, rest


def started(*command: str, **environment: str) -> Popen[bytes]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={**os.environ, **environment})


@pytest.fixture(params=SHELLS)
def probe(request: pytest.FixtureRequest) -> Iterator[Conversation]:
    """The probe, given to a shell as its argument, as an SSH server does."""
    with started(*SHELLS[request.param], "-c", script()) as process:
        conversation = Conversation(process)
        assert conversation.lines_to(f"{READY}\n") == f"{READY}\n"
        yield conversation
        process.kill()


def test_an_answer_has_every_part_in_order_and_ends(probe: Conversation) -> None:
    asked = request(1, wants_facts=True, looks_for_mounts=True)
    answer = probe.ask(asked)
    assert " ".join(re.findall(rf"^@@{asked.nonce} (.*)$", answer, re.MULTILINE)) == PARTS


def test_an_answer_is_read_and_says_what_the_machine_says(probe: Conversation) -> None:
    asked = request(1, wants_facts=True, looks_for_mounts=True)
    reading = read(probe.ask(asked), asked)
    assert reading.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert reading.facts is not None
    assert reading.facts.kernel == os.uname().release
    assert len(reading.cores) == os.cpu_count()
    assert reading.memory is not None
    assert reading.memory.total_bytes == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_filesystems_have_the_sizes_that_the_kernel_gives(probe: Conversation) -> None:
    asked = request(1, looks_for_mounts=True)
    for one in read(probe.ask(asked), asked).filesystems or ():
        sizes = os.statvfs(one.mount)
        assert one.total_bytes == sizes.f_frsize * sizes.f_blocks
        assert one.inodes_total in (sizes.f_files, None)


def test_one_probe_answers_again_and_again(probe: Conversation) -> None:
    asked = [request(number, looks_for_mounts=number == 1) for number in range(1, 6)]
    readings = [read(probe.ask(one), one) for one in asked]
    assert len({reading.boot_id for reading in readings}) == 1
    assert [one.mount for one in readings[0].filesystems or ()] == [one.mount for one in readings[-1].filesystems or ()]
    assert sample(readings[-1], counters(readings[0])).memory is not None


def test_it_tells_what_it_has_cost_so_far(probe: Conversation) -> None:
    asked = [request(number) for number in range(1, 40)]
    spent = [read(probe.ask(one), one).watching_seconds for one in asked]
    assert None not in spent
    assert spent == sorted(spent)
    assert 0 < spent[-1] < 30


def test_facts_come_only_when_asked_for(probe: Conversation) -> None:
    plain, full = request(1), request(2, wants_facts=True)
    assert read(probe.ask(plain), plain).facts is None
    assert read(probe.ask(full), full).facts is not None


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "reboot",
        "@",
        "@ 1",
        "@ x 00c0ffee fm",
        "@ -1 00c0ffee fm",
        "@ 1 nonce fm",
        "@ 1 00C0FFEE fm",
        "@ 1 $(id) fm",
        "@ 1 `id` fm",
        "@@ 1 00c0ffee fm",
        "# 1 00c0ffee fm",
        "\\",
        "'\"",
        "x" * 100_000,
    ],
)
def test_what_is_no_request_is_passed_over(probe: Conversation, garbage: str) -> None:
    probe.say(f"{garbage}\n")
    asked = request(7)
    assert probe.ask(asked).startswith(f"@@{asked.nonce} boot_id\n")


def test_nothing_that_a_caller_adds_is_run(probe: Conversation, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for parts in (f"fm; touch {mark}", f"$(touch {mark})", f"`touch {mark}`", f"-\\\ntouch {mark}", f"| touch {mark}"):
        probe.say(f"@ 8 00c0ffee {parts}\n")
    probe.ask(request(9))
    assert not mark.exists()


def test_it_ends_when_its_caller_hangs_up(probe: Conversation) -> None:
    probe.ask(request(1))
    assert probe.hang_up() == (0, b"")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_may_be_fed_as_input_if_the_ready_line_is_waited_for(shell: str) -> None:
    with started(*SHELLS[shell], "-s") as process:
        conversation = Conversation(process)
        conversation.say(script())
        assert conversation.lines_to(f"{READY}\n") == f"{READY}\n"
        asked = request(1, looks_for_mounts=True)
        assert read(conversation.ask(asked), asked).uptime_seconds is not None
        assert conversation.hang_up() == (0, b"")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_caller_s_surroundings_do_not_matter(shell: str, tmp_path: Path) -> None:
    for name in ("awk", "stat", "grep", "timeout", "uname"):
        (tmp_path / name).write_text("#!/bin/sh\necho no\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "env").write_text("echo no\n")
    hostile = {
        "LC_ALL": "tr_TR.UTF-8",
        "IFS": "0123456789",
        "ENV": str(tmp_path / "env"),
        "CDPATH": "/",
        "POSIXLY_CORRECT": "1",
    }
    command = [shutil.which(SHELLS[shell][0]) or SHELLS[shell][0], *SHELLS[shell][1:]]
    with started(*command, "-c", script(), PATH=f"{tmp_path}:{os.environ['PATH']}", **hostile) as process:
        conversation = Conversation(process)
        assert conversation.lines_to(f"{READY}\n") == f"{READY}\n"
        asked = request(1, wants_facts=True, looks_for_mounts=True)
        reading = read(conversation.ask(asked), asked)
        assert None not in (reading.cpu, reading.memory, reading.load, reading.uptime_seconds)
        conversation.hang_up()


@pytest.mark.parametrize("awk", ["mawk", "gawk", "original-awk", "busybox"])
def test_every_awk_serves(awk: str, tmp_path: Path) -> None:
    program = shutil.which(awk)
    if program is None:
        pytest.skip(f"{awk} is not installed")
    for name in ["awk", "stat", "timeout", "grep", "uname"] if awk == "busybox" else ["awk"]:
        (tmp_path / name).symlink_to(program)
    (tmp_path / "mawk").write_text(f'#!/bin/sh\nexec {tmp_path}/awk "$@"\n')
    (tmp_path / "mawk").chmod(0o755)
    with started("sh", "-c", script().replace(" PATH=", f" PATH={tmp_path}:", 1)) as process:
        conversation = Conversation(process)
        conversation.lines_to(f"{READY}\n")
        asked = request(1, wants_facts=True, looks_for_mounts=True)
        reading = read(conversation.ask(asked), asked)
        assert None not in (
            reading.boot_id,
            reading.cpu,
            reading.memory,
            reading.disks,
            reading.interfaces,
            reading.facts,
        )
        assert any(one.mount == "/" and one.total_bytes for one in reading.filesystems or ())
        conversation.hang_up()


def test_shellcheck_has_nothing_to_say() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    checked = subprocess.run(
        ["shellcheck", "-s", "sh", "-"], input=script(), capture_output=True, text=True, check=False
    )
    assert checked.stdout == ""
