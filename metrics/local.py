"""The machine that runs the product, read through a local shell."""

import os
import select
import subprocess
import time
from pathlib import Path

from metrics.failures import Failure, Reason
from metrics.resident import ResidentProbe

WHERE = "this machine"
CHUNK = 65536


class LocalShell:
    """A Channel to a shell of our own."""

    moved_bytes = 0  # nothing leaves this machine

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={"HOME": str(Path.home())},  # where Podman keeps an account's containers
            cwd="/",
            start_new_session=True,
        )

    def send(self, data: bytes, seconds: float) -> None:
        assert self._process.stdin
        self._process.stdin.write(data)

    def receive(self, seconds: float) -> bytes:
        assert self._process.stdout
        descriptor = self._process.stdout.fileno()
        waiting = select.poll()  # select() cannot wait for a descriptor above 1023, and each server has one
        waiting.register(descriptor, select.POLLIN)
        if not waiting.poll(max(seconds, 0) * 1000):
            raise TimeoutError
        return os.read(descriptor, CHUNK)

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        self._process.kill()
        self._process.wait()


class LocalConnection:
    """A resident probe in a local shell, with what a Connection offers."""

    logins = 0

    def __init__(self) -> None:
        self.opened_at = time.monotonic()
        try:
            shell = LocalShell()
        except OSError as wrong:
            raise Failure(Reason.COMMAND_FAILED, WHERE, str(wrong)) from None
        try:
            self.probe = ResidentProbe(shell, WHERE)
        except Failure:
            shell.close()
            raise

    def close(self) -> None:
        self.probe.close()
