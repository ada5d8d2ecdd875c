"""Probe answers for tests: those kept in tests/captures, and small ones made of a few parts."""

from pathlib import Path

from metrics.probe.linux import read
from metrics.probe.protocol import Request
from metrics.probe.reading import Reading

CAPTURES = Path(__file__).parents[2] / "captures"
NAMES = sorted(path.parent.name for path in CAPTURES.glob("*/answer.txt"))
ASKED = Request(1, "00c0ffee", "fm")


def capture(name: str, file: str = "answer.txt") -> str:
    return (CAPTURES / name / file).read_text()


def answer(**parts: str) -> str:
    """A whole answer of the given parts; a name's underscore before `release` stands for a hyphen."""
    marked = (f"@@00c0ffee {name.replace('_release', '-release')}\n{text}\n" for name, text in parts.items())
    return "".join(marked) + ASKED.end


def seen(**parts: str) -> Reading:
    return read(answer(**parts), ASKED)


def of(name: str) -> Reading:
    return read(capture(name), ASKED)
