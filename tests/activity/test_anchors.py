"""Anchors: the head of the log, written down where a change of the database does not reach."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from activity import anchors, chain, tasks
from activity.anchors import Anchor, AnchorMissing
from tests.activity.logs import AT, Log, write

MAC = "0" * 64


def test_the_head_is_written_down(log: Log) -> None:
    write(3)
    anchor = anchors.drop(AT)
    assert anchor == Anchor("2026-01-31T12:00:00.000000Z", 3, chain.head()[1])
    assert anchors.read(log.anchors) == [anchor]
    assert anchors.last() == anchor


def test_nobody_else_reads_the_file(log: Log) -> None:
    write(1)
    anchors.drop(AT)
    assert log.anchors.stat().st_mode & 0o777 == 0o600


def test_the_same_head_is_written_down_once(log: Log) -> None:
    write(1)
    assert anchors.drop(AT)
    assert anchors.drop(AT + timedelta(hours=1)) is None
    write(1)
    assert anchors.drop(AT + timedelta(hours=2))
    assert [one.row for one in anchors.read(log.anchors)] == [1, 2]


def test_an_empty_log_has_no_head(log: Log) -> None:
    assert anchors.drop(AT) is None
    assert anchors.last() is None
    assert not log.anchors.exists()


def test_a_head_goes_into_the_programs_log_too(log: Log, caplog: Any) -> None:
    write(1)
    anchor = anchors.drop(AT)
    assert anchor
    assert anchor.mac in caplog.text


DAMAGED = [
    *("", "{", "null", "[]", "7", "\0\udc80", "[" * 100_000, "x" * 1000, '{"row": 1}'),
    '{"at": 1, "row": "x", "mac": ""}',
    '{"at": "", "row": Infinity, "mac": ""}',
]


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_line_is_passed_over(log: Log, line: str) -> None:
    write(1)
    first = anchors.drop(AT)
    with log.anchors.open("a", errors="surrogateescape") as file:
        file.write(f"{line}\n")
    write(1)
    second = anchors.drop(AT)
    assert anchors.read(log.anchors) == [first, second]
    assert anchors.last() == second


def test_half_a_line_spoils_one_anchor_at_most(log: Log) -> None:
    write(1)
    first = anchors.drop(AT)
    with log.anchors.open("a") as file:
        file.write('{"at": "2026')
    write(1)
    anchors.drop(AT)
    third = anchors.drop(AT)
    assert anchors.read(log.anchors) == [first, third]
    assert third
    assert third.row == 2


def test_the_last_of_many_is_found_at_the_end(log: Log) -> None:
    lines = [Anchor("2026-01-31T12:00:00.000000Z", row, MAC).line() for row in range(10_000_000, 10_002_000)]
    log.anchors.write_text("\n".join(lines) + "\n")
    last = anchors.last()
    assert last
    assert last.row == 10_001_999
    assert len(anchors.read(log.anchors)) == 2000


@pytest.mark.parametrize("content", [None, "", "nothing\n"])
def test_without_an_anchor_it_is_said_where_one_was_looked_for(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "anchors.jsonl"
    if content is not None:
        file.write_text(content)
    with pytest.raises(AnchorMissing, match=str(file)):
        anchors.read(file)


def test_anchors_are_set_aside_and_kept(log: Log) -> None:
    write(1)
    anchor = anchors.drop(AT)
    with anchors.set_aside(AT):
        pass
    assert anchors.last() is None
    assert anchors.read(log.folder / "anchors-until-20260131T120000.jsonl") == [anchor]
    with anchors.set_aside(AT + timedelta(seconds=1)):  # there is none to be kept
        pass


def test_anchors_stay_when_the_log_stays_after_all(log: Log) -> None:
    write(1)
    anchor = anchors.drop(AT)
    with pytest.raises(KeyboardInterrupt), anchors.set_aside(AT):
        raise KeyboardInterrupt
    assert anchors.last() == anchor


def test_the_minutely_task_writes_the_head_down_every_five_minutes(log: Log) -> None:
    write(1)
    tasks.tend()
    write(1)
    tasks.tend()
    [first] = anchors.read(log.anchors)
    before = datetime.now(UTC) - tasks.ANCHORED_EVERY
    log.anchors.write_text(Anchor(chain.instant(before), 1, first.mac).line() + "\n")
    tasks.tend()
    assert [one.row for one in anchors.read(log.anchors)] == [1, 2]


def test_an_anchor_of_a_clock_that_was_ahead_keeps_no_other_away(log: Log) -> None:
    write(1)
    anchors.drop(datetime.now(UTC) + timedelta(days=365))
    write(1)
    tasks.tend()
    assert [one.row for one in anchors.read(log.anchors)] == [1, 2]


# To another machine ------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(log: Log) -> Iterator[list[tuple[str, str, Any]]]:
    """What a web server was sent: path, content type and body."""
    got = []

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.path, self.headers["Content-Type"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Keeper) as server:
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        with posted_to(f"http://127.0.0.1:{server.server_port}/keep?log=1"):
            yield got
        server.shutdown()


def posted_to(url: str) -> override_settings:
    return override_settings(TOMO=settings.TOMO | {"anchor_url": url})


def test_a_head_is_posted(log: Log, elsewhere: list[tuple[str, str, Any]]) -> None:
    write(2)
    anchors.drop(AT)
    said = {"at": "2026-01-31T12:00:00.000000Z", "row": 2, "mac": chain.head()[1]}
    assert elsewhere == [("/keep?log=1", "application/json", said)]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 500 Broken\r\n\r\n", b"nonsense\r\n\r\n"])
def test_whoever_hangs_up_or_answers_nonsense_stops_nothing(log: Log, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            peer, _ = server.accept()
            peer.recv(10_000)
            peer.sendall(answer)
            peer.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        write(1)
        with posted_to(f"http://127.0.0.1:{server.getsockname()[1]}/"):
            assert anchors.drop(AT)
        thread.join()
    assert len(anchors.read(log.anchors)) == 1


def test_where_nobody_listens_the_anchor_stands_in_the_file(log: Log, free_port: int) -> None:
    write(1)
    with posted_to(f"http://127.0.0.1:{free_port}/"):
        assert anchors.drop(AT)
    assert len(anchors.read(log.anchors)) == 1
