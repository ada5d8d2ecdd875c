"""How the probe is asked and how its answer is taken apart."""

import base64
import re
import secrets
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from metrics.probe.reading import BadAnswer

READY = "tomo-probe 1"
ANSWER_LIMIT_BYTES = 1 << 20
UNPACKED_LIMIT_BYTES = 2 << 20
CONTAINER_ID = re.compile(r"[0-9a-f]{12,64}", re.ASCII)
GZIP = 16 + zlib.MAX_WBITS

Run = Callable[["Request"], str]
"""A request in, the server's whole answer to it back."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the resident probe. The nonce keeps an old or made-up answer from being taken for this one."""

    number: int
    nonce: str
    parts: str = "-"

    @property
    def line(self) -> str:
        return f"@ {self.number} {self.nonce} {self.parts}\n"

    @property
    def end(self) -> str:
        """The last line of a whole answer."""
        return f"@@{self.nonce} end {self.number}\n"


def request(
    number: int, *, wants_facts: bool = False, looks_for_mounts: bool = False, lists_containers: bool = False
) -> Request:
    """For a sample. Containers are listed in any case where one came or went."""
    parts = "f" * wants_facts + "m" * looks_for_mounts + "c" * lists_containers
    return Request(number, secrets.token_hex(8), parts or "-")


def question(number: int, what: str, engine: str, ids: Sequence[str]) -> Request:
    """For what an engine knows ("inspect") or keeps ("logs") of some containers.

    Nothing that a server sent goes back to it but container ids. Raises ValueError for anything else.
    """
    if wrong := [text for text in ids if not CONTAINER_ID.fullmatch(text)]:
        raise ValueError(f"{wrong[0]!r} is not the id of a container.")
    return Request(number, secrets.token_hex(8), f"{what}-{engine} {' '.join(ids)}")


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
    for chunk in f"\n{answer[start : -len(asked.end)]}".split(f"\n@@{asked.nonce} ")[1:]:
        name, *lines = chunk.split("\n")
        if name in found:
            raise BadAnswer("The answer has a part twice.")
        found[name] = [line for line in lines if line]
    return found


def unpacked(lines: Sequence[str]) -> bytes:
    """What the probe sent through gzip and base64. Raises BadAnswer if it is damaged or larger than 2 MiB."""
    try:
        packed = base64.b64decode("".join(lines), validate=True)
        unpacker = zlib.decompressobj(GZIP)
        text = unpacker.decompress(packed, UNPACKED_LIMIT_BYTES)
    except (ValueError, zlib.error):
        raise BadAnswer("A packed part of the answer is damaged.") from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise BadAnswer("A packed part of the answer is cut off or too large.")
    return text
