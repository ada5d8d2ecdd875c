"""Probe answers for tests: those kept in tests/captures, and small ones made of a few parts."""

import base64
import gzip
from pathlib import Path

from metrics.probe.linux import read
from metrics.probe.protocol import Request
from metrics.probe.reading import Reading

CAPTURES = Path(__file__).parents[2] / "captures"
NAMES = sorted(path.parent.name for path in CAPTURES.glob("*/answer.txt"))
ASKED = Request(1, "00c0ffee", "fm")


def capture(name: str, file: str = "answer.txt") -> str:
    return (CAPTURES / name / file).read_text()


def container_capture(name: str, file: str) -> str:
    return (CAPTURES / "containers" / name / file).read_text()


def packed(text: str | bytes) -> list[str]:
    """The lines that the probe makes of what an engine says."""
    raw = text.encode() if isinstance(text, str) else text
    return base64.encodebytes(gzip.compress(raw, mtime=0)).decode().splitlines()


def answer(**parts: str) -> str:
    """A whole answer of the given parts; a name's underscore before `release` stands for a hyphen."""
    marked = (f"@@00c0ffee {name.replace('_release', '-release')}\n{text}\n" for name, text in parts.items())
    return "".join(marked) + ASKED.end


def seen(**parts: str) -> Reading:
    return read(answer(**parts), ASKED)


def of(name: str) -> Reading:
    return read(capture(name), ASKED)
