"""How the probe is asked and how its answer is taken apart."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from metrics.probe.reading import BadAnswer

READY = "tomo-probe 1"
ANSWER_LIMIT_BYTES = 1 << 20

Run = Callable[["Request"], str]
"""A request in, the server's whole answer to it back."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the resident probe. The nonce keeps an old or made-up answer from being taken for this one."""

    number: int
    nonce: str
    wants_facts: bool = False
    looks_for_mounts: bool = False

    @property
    def line(self) -> str:
        parts = "f" * self.wants_facts + "m" * self.looks_for_mounts or "-"
        return f"@ {self.number} {self.nonce} {parts}\n"

    @property
    def end(self) -> str:
        """The last line of a whole answer."""
        return f"@@{self.nonce} end {self.number}\n"


def request(number: int, *, wants_facts: bool = False, looks_for_mounts: bool = False) -> Request:
    return Request(number, secrets.token_hex(8), wants_facts, looks_for_mounts)


@cache
def script() -> str:
    """The probe itself, POSIX sh."""
    return files("metrics.probe").joinpath("probe.sh").read_text()


def parts(answer: str, asked: Request) -> dict[str, list[str]]:
    """The lines of each part of an answer, by the part's name.

    Raises BadAnswer unless the answer ends with the request's own end mark.
    """
    start = answer.find(f"@@{asked.nonce} ")
    if start < 0 or not answer.endswith(asked.end):
        raise BadAnswer("The answer is not complete: its end mark is missing.")
    found: dict[str, list[str]] = {}
    for chunk in re.split(rf"^@@{asked.nonce} ", answer[start : -len(asked.end)], flags=re.MULTILINE)[1:]:
        name, *lines = chunk.split("\n")
        if name in found:
            raise BadAnswer("The answer has a part twice.")
        found[name] = [line for line in lines if line]
    return found
