"""A Redis server of the tests' own on a loopback port."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis as Client
from redis.exceptions import RedisError

from tests.serve import _free_port, until
from tomo_monitor.processes import die_with_parent

PASSWORD = "planted-redis-password"


class Redis:
    """It keeps nothing on the disk, and may be stopped and started again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tomo-redis-"))
        self.port = _free_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: apt install redis-server"
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--requirepass", PASSWORD]
        self._server = subprocess.Popen(
            [program, *options, "--dir", self.folder],
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: die_with_parent(signal.SIGKILL),
        )
        until(self._answers, 30, "Redis answers")

    def end(self) -> None:
        self._server.terminate()
        self._server.wait(30)

    def stop(self) -> None:
        self.end()
        shutil.rmtree(self.folder)

    def client(self) -> Client:
        return Client.from_url(self.url)

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except RedisError:
            return False


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """The server: started once, when the first test asks."""
    server = Redis()
    yield server
    server.stop()
