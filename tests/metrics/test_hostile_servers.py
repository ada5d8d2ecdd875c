"""A misbehaving server costs a poll of its own within a time limit, and nothing else."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from metrics import keys, ssh
from metrics.collect import collect, connect_and_collect
from metrics.failures import Failure, Reason
from metrics.probe.deltas import Counters
from metrics.ssh import SSHConnection, Target
from tests.metrics.leftovers import Peak, nothing_left_over

LONGEST_SECONDS = 20.0
MOST_MEGABYTES = 60

EXPECTED = {
    # Before there are keys
    "silent": Reason.TIMEOUT,
    "full_queue": Reason.TIMEOUT,
    "closes_at_once": Reason.NO_BANNER,
    "web_server": Reason.NO_BANNER,
    "endless_banner": Reason.NO_BANNER,
    "endless_lines_of_banner": Reason.NO_BANNER,
    "dripped_banner": Reason.TIMEOUT,
    "no_key_exchange": Reason.TIMEOUT,
    "closes_in_key_exchange": Reason.DISCONNECTED,
    "rubbish_for_key_exchange": Reason.DISCONNECTED,
    "short_key_exchange": Reason.NO_AGREEMENT,
    "dripped_key_exchange": Reason.TIMEOUT,
    "giant_packet_announced": Reason.DISCONNECTED,
    "endless_packets_before_keys": Reason.DISCONNECTED,
    "weak_only": Reason.NO_AGREEMENT,
    # At the sign-in
    "sign_in_unanswered": Reason.TIMEOUT,
    "sign_in_refused": Reason.AUTH_FAILED,
    "second_factor_wanted": Reason.AUTH_FAILED,
    "unknown_message_at_sign_in": Reason.DISCONNECTED,
    # When the probe starts
    "session_refused": Reason.COMMAND_FAILED,
    "session_unanswered": Reason.TIMEOUT,
    "command_unanswered": Reason.TIMEOUT,
    "command_refused": Reason.COMMAND_FAILED,
    "not_a_shell": Reason.COMMAND_FAILED,
    "never_ready": Reason.TOO_SLOW,
    "endless_before_ready": Reason.BAD_ANSWER,
    "dripped_before_ready": Reason.TOO_SLOW,
    # In the answer
    "never_answers": Reason.TOO_SLOW,
    "endless_answer": Reason.BAD_ANSWER,
    "endless_answer_beyond_window": Reason.BAD_ANSWER,
    "endless_errors_beyond_window": Reason.DISCONNECTED,
    "dripped_answer": Reason.TOO_SLOW,
    "half_answer_then_reset": Reason.DISCONNECTED,
    "half_answer_then_end": Reason.DISCONNECTED,
    "answer_to_another": Reason.TOO_SLOW,
    "part_twice": Reason.BAD_ANSWER,
    "giant_packet": Reason.DISCONNECTED,
    "unknown_message_as_answer": Reason.DISCONNECTED,
}
FLOODS = [
    "endless_banner",
    "endless_lines_of_banner",
    "giant_packet_announced",
    "endless_packets_before_keys",
    "endless_before_ready",
    "endless_answer",
    "endless_answer_beyond_window",
    "endless_errors_beyond_window",
    "giant_packet",
]


class Hostile(NamedTuple):
    """The running servers."""

    target: Target
    ports: dict[str, int]

    def at(self, case: str) -> Target:
        return replace(self.target, port=self.ports[case])


class Ended(NamedTuple):
    reason: Reason | None
    seconds: float


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.metrics.hostile"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin
    assert process.stdout
    told: dict[str, Any] = json.loads(process.stdout.readline())
    key_type, key = told["host_key"]
    yield Hostile(Target("127.0.0.1", 0, "tomo", {key_type: key}, keys.generate()[0]), told["ports"])
    process.stdin.close()
    process.stdout.close()
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def ended(hostile: Hostile) -> dict[str, Ended]:
    """One poll of every misbehaving server, all at the same time, with nothing left over afterwards."""
    with nothing_left_over(), ThreadPoolExecutor(len(EXPECTED)) as pool:
        polls = {case: pool.submit(_poll, hostile.at(case)) for case in EXPECTED}
        return {case: poll.result() for case, poll in polls.items()}


def _poll(target: Target) -> Ended:
    started = time.monotonic()
    try:
        connection, _ = connect_and_collect(target, Counters())
    except Failure as failure:
        return Ended(failure.reason, time.monotonic() - started)
    connection.close()
    return Ended(None, time.monotonic() - started)


@pytest.mark.slow
@pytest.mark.parametrize("case", EXPECTED)
def test_each_has_its_reason(ended: dict[str, Ended], case: str) -> None:
    assert ended[case].reason == EXPECTED[case]


@pytest.mark.slow
@pytest.mark.parametrize("case", EXPECTED)
def test_each_ends_in_time(ended: dict[str, Ended], case: str) -> None:
    assert ended[case].seconds < LONGEST_SECONDS


@pytest.mark.parametrize("case", FLOODS)
def test_no_flood_fills_the_memory(hostile: Hostile, case: str) -> None:
    peak = Peak()
    with nothing_left_over():
        assert _poll(hostile.at(case)).reason == EXPECTED[case]
    assert peak.megabytes < MOST_MEGABYTES


@pytest.mark.parametrize("case", ["good", "noisy_before_ready"])
def test_a_server_that_behaves_is_read(hostile: Hostile, case: str) -> None:
    with nothing_left_over():
        connection, collected = connect_and_collect(hostile.at(case), Counters())
        connection.close()
    assert collected.sample.load == (0.5, 0.4, 0.3)


def test_parts_with_a_wrong_nonce_are_not_believed(hostile: Hostile) -> None:
    connection, collected = connect_and_collect(hostile.at("parts_of_another"), Counters())
    connection.close()
    assert collected.sample.uptime_seconds is None


def test_a_flood_between_two_polls_ends_the_connection(hostile: Hostile) -> None:
    peak = Peak()
    connection = SSHConnection(hostile.at("floods_between_polls"))
    with nothing_left_over():
        collect(connection.probe, Counters())
        until = time.monotonic() + 10
        reasons = set()
        while not reasons and time.monotonic() < until:
            time.sleep(0.5)
            try:
                collect(connection.probe, Counters())
            except Failure as failure:
                reasons.add(failure.reason)
        connection.close()
    assert reasons <= {Reason.DISCONNECTED, Reason.BAD_ANSWER}
    assert reasons
    assert peak.megabytes < MOST_MEGABYTES


def test_what_comes_on_standard_error_does_not_pile_up(hostile: Hostile) -> None:
    connection = SSHConnection(hostile.at("errors_beside_each_answer"))
    peak = Peak()
    with suppress(Failure):
        for _ in range(40):  # 3 MB each
            collect(connection.probe, Counters())
    connection.close()
    assert peak.megabytes < MOST_MEGABYTES


def test_a_scan_of_a_silent_server_ends_in_time(hostile: Hostile) -> None:
    started = time.monotonic()
    with nothing_left_over(), pytest.raises(Failure) as failed:
        ssh.scan_host_keys("127.0.0.1", hostile.ports["silent"])
    assert failed.value.reason == Reason.TIMEOUT
    assert time.monotonic() - started < LONGEST_SECONDS


@pytest.mark.parametrize("case", ["short_key_exchange", "weak_only", "closes_at_once", "rubbish_for_key_exchange"])
def test_a_scan_of_a_misbehaving_server_is_a_failure(hostile: Hostile, case: str) -> None:
    with nothing_left_over(), pytest.raises(Failure) as failed:
        ssh.scan_host_keys("127.0.0.1", hostile.ports[case])
    assert failed.value.reason == EXPECTED[case]
