"""A connection to a made-up machine: the product's own resident probe over a channel that a formula answers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from metrics.demo import answer, fleet
from metrics.demo.machine import Machine
from metrics.failures import Failure, Reason
from metrics.probe import protocol
from metrics.resident import ResidentProbe

Clock = Callable[[], float]


@dataclass(frozen=True)
class MadeUp:
    """Which machine is meant, and how it is called in what people read."""

    name: str
    begun_at: float
    where: str


@cache
def machine(name: str, begun_at: float) -> Machine:
    """One for each name: it is a formula and remembers nothing that matters."""
    return Machine(fleet.plan(name, begun_at))


class MachineChannel:
    """A Channel whose other side is a machine that there is not."""

    moved_bytes = 0  # nothing leaves this machine

    def __init__(self, to: Machine, clock: Clock) -> None:
        self._machine, self.clock = to, clock
        self._listed: str | None = None
        self._said = b""

    def send(self, data: bytes, seconds: float) -> None:
        if self._machine.is_down(self.clock()):
            raise OSError
        line = data.decode()
        self._said = (self._answer(line) if line.startswith("@ ") else f"{protocol.READY}\n").encode()

    def receive(self, seconds: float) -> bytes:
        said, self._said = self._said, b""
        return said

    def close(self) -> None: ...

    def _answer(self, line: str) -> str:
        _at, number, nonce, wanted, *ids = line.split()
        moment = self._machine.at(self.clock())
        what, _, engine = wanted.partition("-")
        if engine:
            told = answer.about(moment, nonce, what, ids)
        else:
            running = answer.running(moment)
            told = answer.sample(self._machine.plan, moment, nonce, wanted + "c" * (running != self._listed))
            self._listed = running
        return f"{told}@@{nonce} end {number}\n"


class DemoConnection:
    """A resident probe on a made-up machine, with what a Connection offers."""

    logins = 0

    def __init__(self, to: MadeUp, clock: Clock = time.time) -> None:
        """Raises Failure while the machine is down."""
        self.opened_at = time.monotonic()
        there = machine(to.name, to.begun_at)
        if there.is_down(clock()):
            raise Failure(Reason.TIMEOUT, to.where)
        self._channel = MachineChannel(there, clock)
        self.probe = ResidentProbe(self._channel, to.where)

    def tell_time(self, clock: Clock) -> None:
        """From now on it is as late as this clock says."""
        self._channel.clock = clock

    def close(self) -> None:
        self.probe.close()
