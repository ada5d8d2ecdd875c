"""A real OpenSSH server for tests."""

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

USER = "root"  # whoever runs the tests: sshd without root lets in its own user only


class Sshd:
    """One sshd on 127.0.0.1 with a host key and an authorized_keys file of its own."""

    def __init__(self, folder: Path, authorized_keys: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.port = _free_port()
        self.user = os.environ.get("USER", USER)
        self.address = "127.0.0.1"
        self.options: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self.authorize(authorized_keys)
        self.new_host_key()

    def authorize(self, lines: str) -> None:
        (self.folder / "authorized_keys").write_text(lines)

    def new_host_key(self) -> None:
        """Another host key from the next start on."""
        for path in self.folder.glob("host_key*"):
            path.unlink()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "host_key"], check=True)

    @property
    def fingerprint(self) -> str:
        """SHA256:… of the host key, by ssh-keygen."""
        shown = subprocess.run(
            ["ssh-keygen", "-lf", self.folder / "host_key.pub"], check=True, capture_output=True, text=True
        )
        return shown.stdout.split()[1]

    def start(self) -> None:
        Path("/run/sshd").mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [
                "/usr/sbin/sshd",
                *("-D", "-f", "/dev/null", "-p", str(self.port), "-h", self.folder / "host_key"),
                *("-o", f"ListenAddress={self.address}", "-o", f"AuthorizedKeysFile={self.folder / 'authorized_keys'}"),
                *("-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PidFile=none", "-o", "MaxStartups=200"),
                # A shell that is not the first one leaves the start-up files of whoever runs the tests alone.
                *("-o", "SetEnv=SHLVL=9", "-o", "LogLevel=VERBOSE", "-E", self.folder / "log", *self.options),
            ],
            start_new_session=True,
        )
        _wait_for(self.port)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def stop(self) -> None:
        """End it with all its connections."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)  # so that it starts no other child, which would hold the port
            children = _descendants(self._process.pid)
            for pid in children:
                _kill(pid)
            self._process.kill()
            self._process.wait()
            self._process = None
            while any(map(_is_alive, children)):
                time.sleep(0.01)

    def logins(self) -> int:
        """How many sign-ins it let in since its folder was made."""
        log = self.folder / "log"
        return len(re.findall(r"^Accepted \w+ for ", log.read_text(), re.MULTILINE)) if log.exists() else 0

    def freeze(self) -> None:
        """Stop it and its connections in mid-work, without closing anything."""
        assert self._process
        for pid in (self._process.pid, *_descendants(self._process.pid)):
            _kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        for pid in (self._process.pid, *_descendants(self._process.pid)):
            _kill(pid, signal.SIGCONT)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("sshd did not start")


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        found = [int(child) for child in children.read_text().split()]
    except FileNotFoundError:
        return []
    return [*found, *(grandchild for child in found for grandchild in _descendants(child))]


def _kill(pid: int, number: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_alive(pid: int) -> bool:
    """Whether a process still holds anything; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
