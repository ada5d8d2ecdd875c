"""The whole product, as `manage.py serve` runs it, for tests."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar

import psutil

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")


class Serve:
    """One product with a data folder and a port of its own, that polls every ten seconds."""

    def __init__(self, folder: Path, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self.log = folder / "log"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOMO_", "DJANGO_"))}
        self.environment = kept | {
            "TOMO_DATA_DIR": str(self.data),
            "TOMO_LISTEN": f"127.0.0.1:{self.port}",
            "TOMO_POLL_SECONDS": "10",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it says that it is ready."""
        self.run()
        until(lambda: self.get("/healthz")[0] == 200, 60, "healthz says ok")

    def run(self, *command: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command or [sys.executable, "manage.py", "serve"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end; returns how many seconds that took."""
        assert self.process
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(60)
        return time.monotonic() - began

    def kill(self) -> None:
        """Whatever happened: nothing of it is left."""
        while left := self.processes():
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
        if self.process:
            self.process.wait()

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 if nothing answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            with closing(connection):
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
        except OSError:
            return 0, ""

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.data / 'tomo.sqlite3'}?mode=ro", uri=True, timeout=20)) as database:
            return database.execute(query).fetchall()

    def samples(self) -> int:
        return int(self.rows("SELECT count(*) FROM metrics_servermetrics")[0][0])

    def events(self, kind: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM activity_activitylog WHERE activity_type = '{kind}'")[0][0])

    def set_up_path(self) -> str:
        """Where the link that it printed leads."""
        found = re.findall(rf"{self.url}(/set-up/\S+)", self.log.read_text())
        return str(found[-1])

    def processes(self) -> list[psutil.Process]:
        """Every process that carries this product's environment, whoever its parent is."""
        return [process for process in psutil.process_iter() if self._is_mine(process)]

    def tree(self) -> dict[int, str]:
        """What runs below the supervisor, by process id, each by its part and its place in it."""
        assert self.process
        found = {}
        for part in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                name = "web" if "granian" in part.cmdline() else part.environ().get("Q_CLUSTER_NAME", "?")
                found[part.pid] = name
                found |= _below(part, name)
        return found

    def orphans(self) -> list[psutil.Process]:
        """What is of this product and does not descend from its supervisor."""
        assert self.process
        below = {child.pid for child in psutil.Process(self.process.pid).children(recursive=True)}
        return [process for process in self.processes() if process.pid not in {*below, self.process.pid}]

    def _is_mine(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                return process.environ().get("TOMO_DATA_DIR") == str(self.data)
        return False


def until(is_true: Callable[[], T], seconds: float, what: str) -> T:
    """Wait for it; what it answered."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := is_true():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def _below(process: psutil.Process, name: str) -> dict[int, str]:
    found = {}
    with suppress(psutil.Error):
        for number, child in enumerate(process.children()):
            found[child.pid] = f"{name}.{number}"
            found |= _below(child, f"{name}.{number}")
    return found


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
