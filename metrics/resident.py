"""The resident probe: started once on a channel, then a line in and a whole answer out, each with a deadline."""

import time
from collections.abc import Sequence
from typing import Protocol

from metrics.failures import Failure, Reason
from metrics.known_containers import KnownContainers
from metrics.probe import protocol
from metrics.probe.protocol import Request
from metrics.probe.reading import BadAnswer, Engine

START_SECONDS = 10.0
ANSWER_SECONDS = 10.0
BEFORE_READY_BYTES = 64 * 1024  # what start-up files may print before the probe is ready


class Channel(Protocol):
    """Bytes to and from the probe, and how many of them went over the network since the connection was opened."""

    @property
    def moved_bytes(self) -> int: ...

    def send(self, data: bytes, seconds: float) -> None:
        """Raises OSError if it cannot be sent within `seconds`."""

    def receive(self, seconds: float) -> bytes:
        """What has come; b"" once the other side closed. Raises TimeoutError after `seconds`, OSError if it broke."""

    def close(self) -> None: ...


class ResidentProbe:
    """A running probe. Calling it with a request gives the answer's text (a `protocol.Run`).

    `where` is the server's address for people, `asked` how many requests there were, `polls` how many of them for a
    sample, `containers` what was learnt of the server's containers. One that `is_lost` is not to be asked again.
    """

    def __init__(self, channel: Channel, where: str) -> None:
        """Start the probe. Raises Failure."""
        self._channel = channel
        self.where = where
        self.asked = self.polls = 0
        self.is_lost = False
        self.containers = KnownContainers()
        deadline = time.monotonic() + START_SECONDS
        self._send(protocol.script().encode(), deadline)
        self._receive_until(f"{protocol.READY}\n", deadline, BEFORE_READY_BYTES)

    def request(
        self, *, wants_facts: bool = False, looks_for_mounts: bool = False, lists_containers: bool = False
    ) -> Request:
        """The next request; the first one asks for everything."""
        self.asked += 1
        self.polls += 1
        first = self.polls == 1
        return protocol.request(
            self.asked,
            wants_facts=wants_facts or first,
            looks_for_mounts=looks_for_mounts or first,
            lists_containers=lists_containers or first,
        )

    def ask_about(self, what: str, engine: Engine, ids: Sequence[str]) -> list[str]:
        """The lines of what an engine knows ("inspect") or keeps ("logs") of containers. Raises Failure."""
        self.asked += 1
        asked = protocol.question(self.asked, what, engine, ids)
        answer = self(asked)
        try:
            return protocol.parts(answer, asked).get(what, [])
        except BadAnswer as wrong:
            raise Failure(Reason.BAD_ANSWER, self.where, str(wrong)) from None

    def __call__(self, asked: Request) -> str:
        """The whole answer, UTF-8 with replacement. Raises Failure."""
        deadline = time.monotonic() + ANSWER_SECONDS
        self._send(asked.line.encode(), deadline)
        return self._receive_until(asked.end, deadline, protocol.ANSWER_LIMIT_BYTES).decode(errors="replace")

    @property
    def moved_bytes(self) -> int:
        return self._channel.moved_bytes

    def close(self) -> None:
        self._channel.close()

    def _send(self, data: bytes, deadline: float) -> None:
        try:
            self._channel.send(data, deadline - time.monotonic())
        except TimeoutError:
            raise Failure(Reason.TOO_SLOW, self.where) from None
        except OSError:
            raise Failure(Reason.DISCONNECTED if self.asked else Reason.COMMAND_FAILED, self.where) from None

    def _receive_until(self, end: str, deadline: float, most: int) -> bytes:
        """Everything up to the line `end`: one deadline over all of it, however slowly it drips."""
        received, line = bytearray(b"\n"), f"\n{end}".encode()
        while True:
            looked_at = max(len(received) - len(line), 0)
            try:
                chunk = self._channel.receive(deadline - time.monotonic())
            except TimeoutError:
                raise Failure(Reason.TOO_SLOW, self.where) from None
            except OSError:
                raise Failure(Reason.DISCONNECTED, self.where) from None
            if not chunk:
                raise Failure(Reason.COMMAND_FAILED if not self.asked else Reason.DISCONNECTED, self.where)
            received += chunk
            if (found := received.find(line, looked_at)) >= 0:
                return bytes(received[1 : found + len(line)])
            if len(received) > most:
                raise Failure(Reason.BAD_ANSWER, self.where, f"more than {most // 1024} KiB")
