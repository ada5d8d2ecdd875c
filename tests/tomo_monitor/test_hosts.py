"""Two hosts with one PostgreSQL share the servers of a site, and one goes on when the other dies."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.postgresql import Postgresql
from tests.serve import ROOT, Serve, until
from tests.sshd import Sshd

SERVERS = 6
ADD = """
from datetime import datetime, UTC
from metrics import servers
from metrics.models import Server
from metrics.servers import Secret
for number in range({servers}):
    server = Server(name=f"web-{{number}}", hostname="127.0.0.1", port={port}, username={user!r}, site="frankfurt")
    servers.add(server, Secret.from_key(open({key!r}).read()), [], datetime.now(UTC))
    servers.accept_host_keys(server, [{{"type": "ssh-ed25519", "key": {host_key!r}}}], datetime.now(UTC))
    servers.begin_polling(server, datetime.now(UTC))
"""


class Hosts:
    """A first host with everything, and one that only polls; both of the site frankfurt, of which the servers are."""

    def __init__(self, folder: Path, postgresql: Postgresql, sshd: Sshd, key: Path) -> None:
        self.postgresql, self.sshd, url = postgresql, sshd, postgresql.new_database()
        self.database = urlsplit(url).path[1:]
        shared = {"TOMO_DATABASE_URL": url, "TOMO_SITE": "frankfurt", "TOMO_WATCH_SELF": "off"}
        self.first = Serve(folder / "first", **shared)
        self.second = Serve(folder / "second", **shared, TOMO_NODE="b", TOMO_PARTS="poll")
        self.first.run()
        until(lambda: (self.first.data / "keys" / "activity_key").exists(), 20, "the keys are made")
        self.second.data.mkdir()
        shutil.copytree(self.first.data / "keys", self.second.data / "keys")
        self.second.run()  # at the same time: one of them makes the tables
        until(lambda: self.first.get("/healthz")[0], 60, "the first one answers")
        host_key = (sshd.folder / "host_key.pub").read_text().split()[1]
        about = {"port": sshd.port, "user": sshd.user, "key": str(key), "host_key": host_key}
        program = ADD.format(servers=SERVERS, **about)
        command = [sys.executable, "manage.py", "shell", "-v0", "-c", program]
        subprocess.run(command, cwd=ROOT, env=self.first.environment, check=True, capture_output=True)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self.postgresql.run(query, self.database)

    def held(self) -> dict[str, int]:
        """How many servers each poller's living process has."""
        names = "SELECT h.name FROM metrics_serverstate s JOIN metrics_heartbeat h ON h.holder = s.holder"
        return Counter(str(name) for (name,) in self.rows(names))

    def samples(self) -> dict[int, list[int]]:
        """The slots that have a sample, by server."""
        found: dict[int, list[int]] = {}
        for server, slot in self.rows("SELECT id & ((1 << 24) - 1), id >> 24 FROM metrics_servermetrics ORDER BY id"):
            found.setdefault(server, []).append(slot)  # type: ignore[call-overload]
        return found

    def polled_since(self) -> bool:
        """Called when all is well: whether each server has a new sample."""
        before = self.samples()
        return bool(until(lambda: self._has_more_than(before), 40, "a new sample of every server"))

    def _has_more_than(self, before: dict[int, list[int]]) -> bool:
        now = self.samples()
        return len(now) == SERVERS and all(len(slots) > len(before.get(server, [])) for server, slots in now.items())


@pytest.fixture
def hosts(tmp_path: Path, postgresql: Postgresql, sshd: Sshd, keys_folder: Path) -> Iterator[Hosts]:
    made = Hosts(tmp_path, postgresql, sshd, keys_folder / "id")
    yield made
    made.first.kill()
    made.second.kill()


@pytest.mark.slow
def test_two_hosts_share_a_site_and_one_goes_on_alone(hosts: Hosts) -> None:
    pollers = {"poll-frankfurt": SERVERS // 2, "poll-frankfurt@b": SERVERS // 2}
    until(lambda: hosts.held() == pollers, 40, "each host has its share")
    assert hosts.polled_since()
    sign_ins = hosts.sshd.logins()

    hosts.postgresql.restart()
    assert hosts.polled_since()
    assert hosts.held() == pollers
    assert hosts.sshd.logins() == sign_ins

    for process in hosts.second.processes():
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    until(lambda: hosts.held() == {"poll-frankfurt": SERVERS}, 30, "the first host has all servers")
    assert hosts.polled_since()
    assert hosts.first.get("/healthz")[0] == 200
    assert hosts.sshd.logins() == sign_ins + SERVERS // 2
    for slots in hosts.samples().values():
        assert len(slots) == len(set(slots))
        assert {slot % 10 for slot in slots} == {0}
