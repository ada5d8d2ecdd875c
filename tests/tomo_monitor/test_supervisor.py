"""`manage.py serve` for real: its first start, its end, and every process of it killed in turn."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.serve import Serve, until

LOCAL_SAMPLES = "SELECT cpu_percent, memory_used_bytes, disk_used_bytes, uptime_seconds FROM metrics_servermetrics"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes a product that is surely gone after the test."""
    made = []

    def make_one(**settings: str) -> Serve:
        made.append(Serve(tmp_path, **settings))
        return made[-1]

    yield make_one
    for one in made:
        one.kill()


@pytest.fixture
def serve(make: Any) -> Serve:
    """A product that runs and has its first sample."""
    started = make()
    started.start()
    until(started.samples, 60, "the first sample")
    return started


def ended(serve: Serve) -> str:
    """What it says when it does not even start."""
    assert serve.process
    assert serve.process.wait(60) != 0
    return serve.log.read_text()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A product that nobody disturbs."""
    one = Serve(tmp_path_factory.mktemp("quiet"))
    try:
        one.start()
        yield one
    finally:
        one.kill()


def test_within_a_minute_of_the_first_start_this_machine_has_real_figures(quiet: Serve) -> None:
    figures = until(lambda: [row for row in quiet.rows(LOCAL_SAMPLES) if None not in row], 60, "a full sample")
    cpu, memory, disk, uptime = figures[-1]
    assert cpu >= 0
    assert memory * 1024 == pytest.approx(psutil.virtual_memory().used, rel=0.5)
    assert disk * 1024 == pytest.approx(shutil.disk_usage("/").used, rel=0.1)
    assert uptime == pytest.approx(float(Path("/proc/uptime").read_text().split()[0]), abs=120)


def test_the_first_start_prints_a_link_that_makes_the_first_administrator(quiet: Serve) -> None:
    status, page = quiet.get(quiet.set_up_path())
    assert status == 200
    assert "Make the first administrator" in page
    assert quiet.get("/set-up/another")[0] == 404


def test_only_its_owner_can_read_the_data_folder(quiet: Serve) -> None:
    found = [quiet.data, *quiet.data.rglob("*")]
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in found if path.exists()}
    assert modes == {(True, 0o700), (False, 0o600)}


def test_a_second_one_on_the_same_data_is_refused_with_the_remedy(quiet: Serve) -> None:
    second = Serve(quiet.data.parent)
    second.log = second.log.with_name("second")
    second.run()
    assert f"runs already with the data in {quiet.data}: stop it, or set TOMO_DATA_DIR." in ended(second)


@pytest.mark.slow
def test_nothing_is_started_again_while_all_is_well(quiet: Serve) -> None:
    """Over more than a minute: a slice of polling is followed by the next without a pause."""
    until(lambda: quiet.samples() >= 8, 120, "eight samples")
    slots = [key >> 24 for (key,) in quiet.rows("SELECT id FROM metrics_servermetrics ORDER BY id")]
    assert {later - sooner for sooner, later in pairwise(slots)} == {10}
    assert "part.failed" not in quiet.log.read_text()


def test_it_need_not_watch_itself(make: Any) -> None:
    serve = make(TOMO_WATCH_SELF="off")
    serve.start()
    assert serve.rows("SELECT count(*) FROM metrics_server") == [(0,)]


def test_a_wrong_setting_stops_the_start_and_is_named(make: Any) -> None:
    serve = make(TOMO_POLL_SECONDS="soon")
    serve.run()
    assert "TOMO_POLL_SECONDS is 'soon'. Allowed: a whole number from 10 to 3600." in ended(serve)


@pytest.mark.slow
def test_it_polls_and_answers_again_whichever_process_is_killed(serve: Serve) -> None:
    all_of_it = {"web.0", "web.1", "tasks.0.3", "poll.0.2"}
    places = until(lambda: all_of_it <= (found := set(serve.tree().values())) and found, 60, "all processes")
    for place in sorted(places):
        pid = until(lambda place=place: _pid_at(serve, place), 60, f"a process at {place}")
        wanted = serve.samples() + 1
        os.kill(pid, signal.SIGKILL)
        until(lambda n=wanted: serve.samples() >= n and serve.get("/healthz")[0] == 200, 90, f"work without {place}")
        until(lambda: not serve.orphans(), 10, f"no orphan of {place}")


@pytest.mark.slow
def test_when_the_supervisor_is_killed_nothing_lives_on_and_a_new_start_goes_on(serve: Serve) -> None:
    below, before = list(serve.tree()), serve.samples()
    assert serve.process
    serve.process.kill()
    serve.process.wait()
    until(lambda: not any(map(psutil.pid_exists, below)), 10, "all of its processes are gone")
    assert not serve.processes()
    serve.start()
    until(lambda: serve.samples() > before, 60, "a new sample")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_all_of_it_within_20_s_and_is_recorded(serve: Serve, number: signal.Signals) -> None:
    below = list(serve.tree())
    assert serve.stop(number) < 20
    assert not any(map(psutil.pid_exists, below))
    [(kind, details)] = serve.rows("SELECT activity_type, details FROM activity_activitylog ORDER BY id DESC LIMIT 1")
    assert (kind, json.loads(details)["reason"]) == ("system_shutdown", number.name)


@pytest.mark.slow
def test_a_restart_loses_nothing_and_doubles_nothing(serve: Serve) -> None:
    before, starts = set(serve.rows("SELECT id FROM metrics_servermetrics")), serve.events("system_startup")
    serve.stop()
    serve.start()
    until(lambda: serve.samples() > len(before), 60, "a new sample")
    assert before < set(serve.rows("SELECT id FROM metrics_servermetrics"))
    assert serve.events("system_startup") == starts + 1
    assert serve.rows("SELECT count(*) FROM metrics_server") == [(1,)]


@pytest.mark.slow
def test_make_run_starts_it_again_when_it_is_killed_and_ends_with_its_shell(make: Any, tmp_path: Path) -> None:
    serve, stamp = make(), tmp_path / "stamp"
    stamp.touch()
    serve.run("make", "run", f"python={sys.executable}", f"stamp={stamp}")
    killed = until(lambda: _of_make(serve), 10, "make starts it")
    until(lambda: serve.get("/healthz")[0] == 200, 60, "healthz says ok")
    killed.kill()
    again = until(lambda: (found := _of_make(serve)) and found != killed and found, 10, "make starts it again")
    until(lambda: serve.get("/healthz")[0] == 200, 60, "healthz says ok again")
    again.parent().terminate()
    serve.process.wait(30)
    assert not serve.processes()


def _pid_at(serve: Serve, place: str) -> int | None:
    return next((pid for pid, found in serve.tree().items() if found == place), None)


def _of_make(serve: Serve) -> psutil.Process | None:
    """The supervisor that make's shell runs."""
    assert serve.process
    for process in psutil.Process(serve.process.pid).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if "serve" in process.cmdline():
                return process
    return None
