"""Spoilt answers by the thousand: refused or read, never anything else, and nothing in them is out of range."""

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.probe.deltas import Counters, counters, dumped, loaded, sample
from metrics.probe.docker import engines, inspected, log_lines
from metrics.probe.linux import read
from metrics.probe.reading import BadAnswer, Container, Reading, State
from metrics.probe.text import UNPRINTABLE
from tests.metrics.probe.answers import ASKED, CAPTURES, NAMES, packed

END = ASKED.end.encode()
KEPT = {str(path.relative_to(CAPTURES)): path.read_bytes() for path in CAPTURES.glob("containers/*/*")}


def with_containers(name: str, **captures: str) -> bytes:
    """The answer of a capture, with these parts out of captures of containers."""
    answer = (CAPTURES / name / "answer.txt").read_bytes().removesuffix(END)
    for part, capture in captures.items():
        text = KEPT[f"containers/{capture}"]
        if part in ("docker", "podman", "helper"):
            way = [] if part == "helper" else ["cli" if capture.endswith("cli") else "socket"]
            text = "\n".join([*way, *packed(text), ""]).encode()
        answer += f"@@{ASKED.nonce} {part}\n".encode() + text
    return answer + END


ANSWERS = {name: (CAPTURES / name / "answer.txt").read_bytes() for name in NAMES} | {
    "debian-12": with_containers("debian-12", cgroups="cgroup-v1/cgroups", inodes="cgroup-v1/inodes"),
    "ubuntu-22.04-cgroup-v2": with_containers(
        "ubuntu-22.04-cgroup-v2",
        cgroups="cgroup-v2-systemd/cgroups",
        inodes="cgroup-v2-systemd/inodes",
        docker="docker-24/list.json",
        podman="podman-5/list.cli",
    ),
    "alpine-3.19": with_containers(
        "alpine-3.19",
        cgroups="cgroup-v2-cgroupfs/cgroups",
        inodes="cgroup-v2-cgroupfs/inodes",
        helper="helper/containers",
    ),
}
HUGE = [b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"4294967295", b"9" * 30, b"9" * 5000]
ODD = [
    b"-1",
    b"0",
    b"nan",
    b"1e308",
    b"1_000",
    "１２".encode(),
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"\n",
    b":",
    b" ",
]
MARKS = [
    b"\n@@00c0ffee net\n",
    b"\n@@00c0ffee end 1\n",
    b"\n@@00c0ffee stat\n",
    b"@@00c0ffee",
    b"\\777\\000",
    b"%s" * 9,
    b"\n@@00c0ffee cgroups\n",
    b"\n@@00c0ffee docker\nsocket\n",
    b"\n@@00c0ffee helper\n",
]
JSONS = [
    b"null",
    b"{}",
    b"[" * 2000,
    b'{"a":' * 2000,
    b'"\\ud800"',
    b'"\\u202e\\u0000"',
    b"-1",
    b"1e999",
    b"NaN",
    b"true",
    b"," * 50,
    b'"' + b"x" * 300 + b'"',
    b'"0001-01-01T00:00:00+23:59"',
    b"\ndocker listed\n",
    b"\1\0\0\0\xff\xff\xff\xff",
]

places = st.integers(0, 2**24)
texts = st.sampled_from(HUGE + ODD + MARKS + JSONS) | st.binary(max_size=40)
changes = st.tuples(
    st.sampled_from(["put", "flip", "drop", "number", "value", "again", "lose", "cut"]), places, places, texts
)
many = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


def changed(raw: bytes, kind: str, place: int, length: int, text: bytes) -> bytes:
    """`raw` with one thing spoilt at some place."""
    at = place % (len(raw) + 1)
    if kind in ("number", "value", "again", "lose"):
        mark = {"number": b" ", "value": b":"}.get(kind, b"\n")
        pieces = raw.split(mark)
        at = place % len(pieces)
        pieces[at : at + 1] = {"again": [pieces[at]] * (2 + length % 200), "lose": []}.get(kind, [text])
        return mark.join(pieces)
    return {
        "put": raw[:at] + text + raw[at:],
        "flip": raw[:at] + bytes([length % 256]) + raw[at + 1 :],
        "drop": raw[:at] + raw[at + length % 500 :],
        "cut": raw[:at],
    }[kind]


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """An answer with up to eight things wrong; mostly with its end mark, so that it is read at all."""
    raw = ANSWERS[draw(st.sampled_from(NAMES))]
    has_end = draw(st.sampled_from([True, True, True, False]))
    raw = raw.removesuffix(END) if has_end else raw
    for change in draw(st.lists(changes, min_size=1, max_size=8)):
        raw = changed(raw, *change)
    return (raw + b"\n" * has_end + END * has_end).decode(errors="replace")


@st.composite
def spoilt_text(draw: st.DrawFn) -> bytes:
    """What an engine says of containers, with up to eight things wrong in it before it is packed."""
    raw = KEPT[draw(st.sampled_from(sorted(KEPT)))]
    for change in draw(st.lists(changes, min_size=1, max_size=8)):
        raw = changed(raw, *change)
    return raw


def is_clean(text: str) -> bool:
    """As long as the longest name that is kept, an image's."""
    return len(text) <= 255 and not UNPRINTABLE.search(text)


def read_if_whole(answer: str) -> Reading:
    """Any error but BadAnswer ends the test."""
    with suppress(BadAnswer):
        return read(answer, ASKED)
    return Reading()


def values(tree: object) -> Iterator[object]:
    """All names and values in nested dicts and sequences."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield name
            yield from values(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from values(value)
    else:
        yield tree


@many
@given(spoilt(), spoilt())
def test_any_two_spoilt_answers_make_a_sample_that_can_be_stored(first: str, second: str) -> None:
    before, now = read_if_whole(first), read_if_whole(second)
    for one in values(asdict(sample(now, loaded(dumped(counters(before)))))):
        assert not isinstance(one, int) or -(2**63) <= one < 2**63
        assert not isinstance(one, float) or math.isfinite(one)


@many
@given(spoilt(), st.sampled_from(NAMES))
def test_a_spoilt_answer_after_a_good_one_keeps_its_percentages_in_range(answer: str, name: str) -> None:
    now = sample(read_if_whole(answer), counters(read(ANSWERS[name].decode(), ASKED)))
    shares = [*asdict(now.cpu).values()] if now.cpu else []
    shares += [*now.cores.values(), *([now.disk.busy_percent] if now.disk else [])]
    shares += [one.used_percent or 0.0 for one in now.filesystems or ()]
    assert all(0 <= share <= 100.0001 for share in shares)


@many
@given(spoilt())
def test_all_that_is_read_is_clean_short_and_kept_as_it_is(answer: str) -> None:
    reading = read_if_whole(answer)
    kept = counters(reading)
    assert loaded(dumped(kept)) == kept
    for one in values(asdict(reading)):
        assert not isinstance(one, str) or is_clean(one)
    json.dumps(asdict(sample(reading, Counters())), allow_nan=False)


@many
@given(spoilt_text(), st.sampled_from(["docker", "podman", "helper"]), st.sampled_from(["socket", "cli"]))
def test_whatever_an_engine_says_its_containers_are_clean_and_their_numbers_in_range(
    raw: bytes, part: str, way: str
) -> None:
    lines = packed(raw) if part == "helper" else [way, *packed(raw)]
    found = engines({part: lines}, 1769860800.0)
    added = inspected([way, *packed(raw)])
    whole = [replace(Container("a" * 64, "web", State.RUNNING), **details) for details in added.values()]
    for one in values([asdict(answer) for answer in (found or {}).values()] + [asdict(one) for one in whole]):
        assert not isinstance(one, str) or is_clean(one)
        assert not isinstance(one, int) or 0 <= one < 2**31


@many
@given(spoilt_text() | st.binary(max_size=2000))
def test_whatever_a_log_holds_its_lines_are_few_short_and_clean(raw: bytes) -> None:
    found = log_lines(["socket", *packed(raw)])
    assert len(found) <= 50
    assert all(len(line) <= 500 and not UNPRINTABLE.search(line) for line in found)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=100), max_size=9), st.sampled_from(["docker", "podman", "helper", "cgroups"]))
def test_lines_that_never_were_packed_are_no_answer(lines: list[str], part: str) -> None:
    read_if_whole(f"@@00c0ffee {part}\n" + "\n".join(lines) + f"\n{ASKED.end}")
    engines({part: lines}, None)
    assert (inspected(lines), log_lines(lines)) == ({}, [])


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=2000), st.binary(max_size=2000))
def test_what_never_was_an_answer_is_refused_or_read(text: str, raw: bytes) -> None:
    for body in (
        text,
        raw.decode(errors="replace"),
        *(f"@@00c0ffee {part}\n{text}\n" for part in ("net", "stat", "mounts")),
    ):
        read_if_whole(body)
        read_if_whole(body + ASKED.end)
        read_if_whole(f"@@00c0ffee x\n{body}\n{ASKED.end}")
