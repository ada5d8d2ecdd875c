"""An answer is taken only whole, and only as the answer to its own request."""

import base64
import gzip
import re
import tracemalloc

import pytest

from metrics.probe.protocol import UNPACKED_LIMIT_BYTES, Request, parts, question, request, unpacked
from metrics.probe.reading import BadAnswer
from tests.metrics.probe.answers import ASKED, answer, capture, packed

ID = "0123456789ab"


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (Request(1, "00c0ffee"), "@ 1 00c0ffee -\n"),
        (Request(2, "00c0ffee", "f"), "@ 2 00c0ffee f\n"),
        (Request(3, "00c0ffee", "m"), "@ 3 00c0ffee m\n"),
        (Request(4, "00c0ffee", "fmc"), "@ 4 00c0ffee fmc\n"),
    ],
)
def test_a_request_is_one_line(asked: Request, line: str) -> None:
    assert asked.line == line


def test_each_request_has_a_nonce_of_its_own() -> None:
    nonces = {request(1).nonce for _ in range(100)}
    assert len(nonces) == 100
    assert all(re.fullmatch("[0-9a-f]{16}", nonce) for nonce in nonces)


def test_parts_are_lines_by_name() -> None:
    assert parts(answer(uptime="1.00 2.00", net="a\nb"), ASKED) == {"uptime": ["1.00 2.00"], "net": ["a", "b"]}


def test_what_stands_before_the_first_mark_is_no_part() -> None:
    assert parts("Last login: yesterday\n" + answer(uptime="1.00 2.00"), ASKED) == {"uptime": ["1.00 2.00"]}


def test_a_mark_counts_only_at_the_start_of_a_line_and_with_the_nonce() -> None:
    text = "x @@00c0ffee net\n@@deadbeef net\n@@00c0ffeenet"
    assert parts(answer(uptime=text), ASKED) == {"uptime": text.split("\n")}


@pytest.mark.parametrize("length", [0, 1, 20, 500, -1, -2, -20])
def test_a_cut_answer_is_refused(length: int) -> None:
    with pytest.raises(BadAnswer):
        parts(capture("debian-12")[:length], ASKED)


@pytest.mark.parametrize("asked", [Request(2, "00c0ffee"), Request(11, "00c0ffee"), Request(1, "00c0ffe0")])
def test_the_answer_to_another_request_is_refused(asked: Request) -> None:
    with pytest.raises(BadAnswer):
        parts(capture("debian-12"), asked)


def test_what_follows_the_end_mark_is_refused() -> None:
    with pytest.raises(BadAnswer):
        parts(capture("debian-12") + "\n", ASKED)


def test_a_part_that_comes_twice_is_refused() -> None:
    with pytest.raises(BadAnswer):
        parts(capture("debian-12").replace("@@00c0ffee loadavg", "@@00c0ffee uptime"), ASKED)


def test_two_answers_in_one_are_refused() -> None:
    with pytest.raises(BadAnswer):
        parts(capture("debian-12") * 2, ASKED)


@pytest.mark.parametrize(
    ("wanted", "letters"),
    [
        ({}, "-"),
        ({"wants_facts": True}, "f"),
        ({"looks_for_mounts": True, "lists_containers": True}, "mc"),
        ({"wants_facts": True, "looks_for_mounts": True, "lists_containers": True}, "fmc"),
    ],
)
def test_a_sample_is_asked_for_in_letters(wanted: dict[str, bool], letters: str) -> None:
    assert request(1, **wanted).parts == letters


@pytest.mark.parametrize("ids", [[ID], [ID, "f" * 64]])
def test_a_question_names_containers(ids: list[str]) -> None:
    asked = question(5, "inspect", "podman", ids)
    assert asked.line == f"@ 5 {asked.nonce} inspect-podman {' '.join(ids)}\n"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "web",
        "0123456789a",
        "f" * 65,
        "0123456789AB",
        "0123456789ag",
        "０１２３４５６７８９ab",
        f"{ID}\n",
        f"{ID} {ID}",
        f"{ID};id",
        f"{ID}/../x",
        f"-{ID}",
        f"$(id){ID}",
    ],
)
def test_nothing_but_ids_of_containers_goes_back(bad: str) -> None:
    with pytest.raises(ValueError, match="is not the id of a container"):
        question(5, "logs", "docker", [ID, bad])


@pytest.mark.parametrize("text", [b"", b"hello", bytes(range(256)) * 100, bytes(UNPACKED_LIMIT_BYTES)])
def test_what_was_packed_is_unpacked(text: bytes) -> None:
    assert unpacked(packed(text)) == text


@pytest.mark.parametrize(
    "lines",
    [[], [""], ["*"], ["é"], ["aGVsbG8="], ["H4sI"], packed("hello" * 99)[:-1], packed("hello" * 99)[1:], ["=" * 99]],
)
def test_what_is_damaged_or_cut_off_is_refused(lines: list[str]) -> None:
    with pytest.raises(BadAnswer):
        unpacked(lines)


def test_a_gzip_bomb_does_not_go_off() -> None:
    bomb = base64.b64encode(gzip.compress(bytes(64 << 20))).decode()
    tracemalloc.start()
    with pytest.raises(BadAnswer, match="too large"):
        unpacked([bomb])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * UNPACKED_LIMIT_BYTES
