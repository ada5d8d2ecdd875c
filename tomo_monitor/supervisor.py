"""Runs the web server and the django-q2 clusters, watches them, and starts again what stopped working."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django_q.models import OrmQ

from metrics import schedules, servers
from metrics.models import Heartbeat
from metrics.models.heartbeat import STOPPED
from metrics.queue import enqueue
from tomo_monitor.processes import SUPERVISED, children, die_with_parent

log = structlog.get_logger(__name__)

FRUGAL = {"MALLOC_ARENA_MAX": "2"}  # a poller has a thread for each server, and each would get memory of its own
TICK_SECONDS = 1.0
GRACE_SECONDS = 12.0  # from SIGTERM to SIGKILL
START_SECONDS = 40.0  # that a part has for its first sign of life
SILENCE_SECONDS = 25.0  # after which a part that worked is started anew
STEADY_SECONDS = 60.0  # after which a part counts as well again
LONGEST_WAIT_SECONDS = 15.0
ASK_SECONDS = 5.0
TASK_BEAT_SECONDS = 10.0
EXCUSED_SECONDS = 20.0
LEAP_SECONDS = 30.0


@dataclass
class Part:
    """One child in a process group of its own. `last_sign` tells when (epoch) it was last seen to work.

    `members` are those of its processes of which none may end while it works. It is excused while the database does not
    answer, and for some time after: nobody can beat then, and django-q2 ends its pusher and starts it anew.
    """

    name: str
    command: list[str]
    last_sign: Callable[[], float]
    before_start: Callable[[], None]
    environment: dict[str, str] = field(default_factory=dict)
    members: Callable[[int], set[int]] = lambda _pid: set()
    seen: set[int] = field(default_factory=set)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    excused_until: float = 0.0
    starts_at: float = 0.0
    failures: int = 0

    def start(self) -> None:
        self.before_start()
        self.process = subprocess.Popen(
            self.command,
            cwd=settings.BASE_DIR,
            env=os.environ | FRUGAL | {SUPERVISED: self.name} | self.environment,
            process_group=0,
            preexec_fn=die_with_parent,
        )
        self.started_at = time.time()
        self.seen = set()
        log.info("part.started", name=self.name, pid=self.process.pid)

    def watch(self) -> None:
        """Start it if it is due, end it if it stopped working."""
        now = time.time()
        if self.process is None:
            if now >= self.starts_at:
                self.start()
            return
        code = self.process.poll()
        there = self.members(self.process.pid)
        lost, self.seen = self.seen - there, there
        silent = now - max(self.last_sign(), self.started_at + START_SECONDS - SILENCE_SECONDS)
        is_excused = now < self.excused_until
        if code is not None:
            self._fail(f"ended with {code}", now)
        elif lost and not is_excused:
            self._fail(f"lost process {min(lost)}", now)
        elif silent > SILENCE_SECONDS and not is_excused:
            self._fail(f"gave no sign of life for {silent:.0f} s", now)
        elif now - self.started_at > STEADY_SECONDS:
            self.failures = 0

    def _fail(self, why: str, now: float) -> None:
        log.error("part.failed", name=self.name, why=why)
        self.kill()
        self.failures += 1
        self.starts_at = now + min(2.0 ** (self.failures - 1), LONGEST_WAIT_SECONDS)

    def terminate(self) -> None:
        """Ask the main process to end; its group is killed later. The whole group at once never ends it."""
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End whatever is left of its process group."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class Supervisor:
    """The parts of the product on this machine."""

    def __init__(self) -> None:
        self._stopping = ""
        self._answered_at = 0.0
        self._asked_at = 0.0
        self._beat_asked_at = 0.0
        self._clock = _clock()
        self._has_web = "web" in settings.TOMO["parts"]
        self.parts = [
            *([_web(lambda: self._answered_at)] if self._has_web else []),
            *(_cluster(name, [sys.executable, "manage.py", "qcluster"]) for name in settings.CLUSTERS),
        ]

    def run(self) -> str:
        """Until SIGTERM or SIGINT; returns the signal's name."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            while not self._stopping:
                self._look()
                time.sleep(TICK_SECONDS)
        finally:
            self._end()
        return self._stopping

    def _stop(self, number: int, _frame: object) -> None:
        self._stopping = signal.Signals(number).name

    def _look(self) -> None:
        for step in (self._ask, self._follow_clock, *(part.watch for part in self.parts)):
            try:
                step()
            except Exception as wrong:  # a database that restarts must not end the one who starts things again
                log.exception("supervisor.failed")
                close_old_connections()
                if isinstance(wrong, DatabaseError):
                    for part in self.parts:
                        part.excused_until = time.time() + EXCUSED_SECONDS

    def _ask(self) -> None:
        """Have the parts show that they work: the web server by an answer, the task cluster by a task."""
        now = time.time()
        if self._has_web and now - self._asked_at >= ASK_SECONDS:
            self._asked_at = now
            if answers(*settings.TOMO["listen"]):
                self._answered_at = now
        if "tasks" in settings.CLUSTERS and now - self._beat_asked_at >= TASK_BEAT_SECONDS:
            self._beat_asked_at = now
            if OrmQ.objects.filter(key="tasks").count() < settings.Q_CLUSTER["queue_limit"]:
                enqueue("beat")

    def _follow_clock(self) -> None:
        """When the clock was set back, what runs regularly would be due only when it is as late again."""
        before, self._clock = self._clock, _clock()
        if before - self._clock > LEAP_SECONDS:
            log.warning("clock.set_back", seconds=round(before - self._clock))
            schedules.sync()
            servers.follow_clock(datetime.now(UTC))

    def _end(self) -> None:
        for name in settings.POLL_CLUSTERS:
            with suppress(Exception):
                Heartbeat.objects.release(name, STOPPED)
        for part in self.parts:
            part.terminate()
        until = time.monotonic() + GRACE_SECONDS
        while any(part.is_running() for part in self.parts) and time.monotonic() < until:
            time.sleep(0.1)
        for part in self.parts:
            part.kill()
        with suppress(Exception):
            Heartbeat.objects.leave(settings.CLUSTERS)


def _clock() -> float:
    """The clock on the wall by one that nobody sets."""
    return time.time() - time.monotonic()


def answers(host: str, port: int) -> bool:
    """Whether the web server answers a request; what it answers does not matter."""
    host = settings.WILDCARDS.get(host, host)
    connection = HTTPConnection(host, port, timeout=4)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        connection.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def _web(last_sign: Callable[[], float]) -> Part:
    host, port = settings.TOMO["listen"]
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)),
        *("--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(settings.WEB_THREADS)),
        *("--backlog", "512", "--respawn-failed-workers"),
        *("--no-ws", "--log-level", "warning", "--log-config", str(settings.BASE_DIR / "tomo_monitor/granian.json")),
        *("--workers-kill-timeout", "5", "tomo_monitor.wsgi:application"),
    ]
    return Part("web", command, last_sign, lambda: None)


def _cluster(name: str, command: list[str]) -> Part:
    return Part(
        name,
        command,
        last_sign=_Beats(name).last_sign,
        before_start=lambda: _clear(name),
        environment={"Q_CLUSTER_NAME": name},
        members=_members,
    )


def _members(pid: int) -> set[int]:
    """Sentinel, workers, monitor and pusher. django-q2 replaces one that was killed, but may stand still ever after."""
    sentinels = children(pid)
    return sentinels.union(*map(children, sentinels))


@dataclass
class _Beats:
    """A cluster's heartbeats. They may be by another machine's clock, so what counts is when a new one was seen."""

    name: str
    newest: datetime | None = None
    seen_at: float = 0.0

    def last_sign(self) -> float:
        at = Heartbeat.objects.filter(name=self.name).values_list("at", flat=True).first()
        if at != self.newest:
            self.newest, self.seen_at = at, time.time()
        return self.seen_at


def _clear(name: str) -> None:
    """Before a cluster starts: free its lease, and do not wait for the scheduler or for locks of the dead."""
    Heartbeat.objects.release(name)
    if name in settings.POLL_CLUSTERS:
        OrmQ.objects.filter(key=name).delete()
        enqueue("poll", cluster=name)
    else:
        OrmQ.objects.filter(key=name).update(lock=datetime.now(UTC))
