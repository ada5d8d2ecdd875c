"""Many machines on one: real SSH servers at as many loopback addresses, some of them dead, with real containers."""

import os
import selectors
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from tests import docker
from tests.bench.processes import cpu_seconds, family
from tests.sshd import Sshd

FIRST = IPv4Address("127.1.0.1")
IMAGE = "tomo-bench/busybox:1"
HELD = 200  # connections that silent machines keep open; the oldest ones go first


@dataclass(frozen=True)
class Machine:
    """Where one is. Only those that are `alive` are ever signed in at."""

    name: str
    hostname: str
    port: int
    alive: bool


class Machines:
    """One sshd that answers at a loopback address for each machine; the dead ones refuse or keep silent, by halves."""

    def __init__(self, folder: Path) -> None:
        self.key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.sshd = Sshd(folder / "sshd", self.key.with_suffix(".pub").read_text())
        self.sshd.address = "0.0.0.0"  # as far as the port goes; nobody is let in from elsewhere
        self.sshd.options += ["-o", f"AllowUsers={self.sshd.user}@127.*"]
        self.sshd.start()
        self._closed = socket.socket()  # bound, but nobody listens
        self._closed.bind(("127.0.0.1", 0))
        self._silent = Silence()

    def fleet(self, count: int, dead_percent: float = 0) -> list[Machine]:
        """So many machines, the dead ones last."""
        dead = round(count * dead_percent / 100)
        return [self._machine(number, count - dead, dead // 2) for number in range(count)]

    def _machine(self, number: int, alive: int, refusing: int) -> Machine:
        name, hostname = f"server-{number:04}", str(FIRST + number)
        if number < alive:
            return Machine(name, hostname, self.sshd.port, alive=True)
        port = self._closed.getsockname()[1] if number < alive + refusing else self._silent.listen(hostname)
        return Machine(name, hostname, port, alive=False)

    @property
    def host_key(self) -> dict[str, str]:
        key_type, key, *_ = (self.sshd.folder / "host_key.pub").read_text().split()
        return {"type": key_type, "key": key}

    def cpu_seconds(self) -> float:
        """What all of them have spent: sshd, shells, and what these have started and seen end."""
        return cpu_seconds(family(self.sshd.pid))

    def logins(self) -> int:
        return self.sshd.logins()

    def stop(self) -> None:
        self.sshd.stop()
        self._silent.stop()
        self._closed.close()


class Silence:
    """Listens at many addresses, takes every connection, and never says a word."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def listen(self, address: str) -> int:
        """The port at which it listens there."""
        sock = socket.create_server((address, 0), backlog=64)
        self._selector.register(sock, selectors.EVENT_READ)
        return int(sock.getsockname()[1])

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _run(self) -> None:
        held: list[socket.socket] = []
        while not self._over.is_set():
            for key, _ in self._selector.select(0.2):
                held.append(key.fileobj.accept()[0])  # type: ignore[union-attr]
                if len(held) > HELD:
                    held.pop(0).close()
        for sock in held:
            sock.close()


@contextmanager
def containers(count: int) -> Iterator[None]:
    """Be where there are so many containers, which every machine shows; only root can be."""
    if os.geteuid() or not shutil.which("dockerd"):
        if count:
            raise SystemExit("Containers need root and a Docker daemon: apt install docker.io, or ask for none.")
        yield
        return
    if not count:
        with docker.own_mounts():
            docker.mount("-t", "tmpfs", "tmpfs", "/sys/fs/cgroup")  # nor what runs on this machine anyhow
            yield
        return
    with docker.machine():
        docker.make_image(IMAGE)
        for number in range(count):
            options = ("--network=none", "--restart=unless-stopped", "--memory=64m")
            docker.docker("run", "-d", f"--name=shop-{number:02}", *options, IMAGE, "sleep", "1000000")
        yield
