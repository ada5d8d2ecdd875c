"""`make bench`: what the product costs, beside the alternatives and against what was promised.

`python -m tests.bench storage pages` runs only these; `--write FILE` keeps the result between the two marks in FILE.
"""

import argparse
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from tests.bench import targets
from tests.bench.alone import measured
from tests.bench.targets import Target

MODULES = "collection pipeline storage history pages prometheus product first_chart activity".split()
BEGIN, END = "<!-- what make bench printed: begin -->", "<!-- what make bench printed: end -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="NAME", help=f"of {', '.join(MODULES)}; all without one")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where to keep what is printed")
    parser.add_argument("--minutes", type=int, default=3, help="of the simulated fleet")
    given = parser.parse_args()
    if unknown := set(given.modules) - set(MODULES):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(MODULES)}")
    printed = []
    for line in report(given.modules or MODULES, {"product": {"minutes": given.minutes}}):
        print(line, flush=True)
        printed.append(line)
    if given.write:
        given.write.write_text(placed(given.write.read_text(), "\n".join(printed)))


def report(modules: list[str], options: dict[str, dict[str, int]]) -> Iterator[str]:
    """A table of figures for each module, and one of all promises at the end."""
    promised: list[Target] = []
    yield f"Measured on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores."
    for name in modules:
        if find_spec(f"tests.bench.{name}") is None:
            continue
        yield f"\n## {_heading(name)}\n\n| What | Figure |\n|---|---|"
        for found in measured(name, options.get(name, {})):
            if isinstance(found, Target):
                promised.append(found)
            else:
                yield f"| {found[0]} | {found[1]} |"
                promised += targets.of_row(*found)
    yield "\n## What was promised\n"
    yield from targets.table(promised)


def placed(text: str, printed: str) -> str:
    """The document with what was printed between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{printed}\n\n{END}{after}"


def _heading(name: str) -> str:
    source = find_spec(f"tests.bench.{name}")
    assert source
    assert source.origin
    return Path(source.origin).read_text().split('"""')[1].strip().rstrip(".")


if __name__ == "__main__":
    main()
