"""What has been promised, and whether it is kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One promise: what must be reached and what was. `is_met` is None where it could not be measured; `why` says why
    not, or what stands in the way."""

    what: str
    must_reach: str
    reached: str
    is_met: bool | None
    why: str = ""

    @property
    def verdict(self) -> str:
        word = {True: "met", False: "**missed**", None: "not measured"}[self.is_met]
        return f"{word}: {self.why}" if self.why and not self.is_met else word


def at_most(what: str, reached: float, limit: float, unit: str, *, why: str = "") -> Target:
    return Target(what, f"≤ {limit:g} {unit}".strip(), f"{rounded(reached)} {unit}".strip(), reached <= limit, why)


def part_of(what: str, ours: float, theirs: float | None, parts: float, *, why: str = "") -> Target:
    """Ours must be at most one of so many parts of theirs; None is a peer that is not here."""
    if theirs is None:
        return Target(what, f"≤ 1/{parts:g}", "–", None, why)
    return Target(what, f"≤ 1/{parts:g}", f"1/{rounded(theirs / ours)}", ours * parts <= theirs, why)


def rounded(figure: float) -> str:
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.3g}"


def table(targets: Iterable[Target]) -> Iterator[str]:
    yield "| What | Must reach | Reached | |"
    yield "|---|---|---|---|"
    for one in targets:
        yield f"| {one.what} | {one.must_reach} | {one.reached} | {one.verdict} |"


# Promises about figures that are rows like any other: milliseconds.
OF_ROWS = {
    "first chart seen, cold": 400,
    "first chart seen, warm": 200,
    "first chart zoomable, warm": 500,
}


def of_row(what: str, figure: str) -> list[Target]:
    """What was promised of a row; nothing of most."""
    return [at_most(what, float(figure.split()[0]), OF_ROWS[what], "ms")] if what in OF_ROWS else []
