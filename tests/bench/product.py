"""The whole product at work: idle with three servers, then a fleet of a thousand"""

import time
from collections.abc import Iterator
from statistics import median

from tests.bench import simulator
from tests.bench.alone import Found
from tests.bench.targets import at_most

IDLE_SERVERS = 3


def measure(
    servers: int = 1000, dead: float = 5, containers_on_each: int = 10, minutes: int = 3, idle_seconds: int = 120
) -> Iterator[Found]:
    yield from _idle(idle_seconds)
    yield from _fleet(servers, dead, containers_on_each, minutes)


def _idle(seconds: int) -> Iterator[Found]:
    with simulator.running(IDLE_SERVERS, 0, 0) as product:
        product.warm_up()
        time.sleep(simulator.INTERVAL / 2)
        before, began = product.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        after, passed = product.cpu_seconds(), time.monotonic() - began
        memory = product.memory_bytes()
    shares = {part: 100 * (after[part] - before[part]) / passed for part in after}
    for part, share in shares.items():
        yield f"idle with {IDLE_SERVERS} servers: {part}", f"{share:.2f}% of a core, {memory[part] / 2**20:.0f} MiB"
    yield at_most(f"idle product with {IDLE_SERVERS} servers, CPU", sum(shares.values()), 2, "% of a core")
    mebibytes = sum(memory.values()) / 2**20
    what = f"idle product with {IDLE_SERVERS} servers, memory (PSS)"
    yield at_most(what, mebibytes, 220, "MiB", why=_told(memory))


def _fleet(servers: int, dead: float, containers: int, minutes: int) -> Iterator[Found]:
    what = f"{servers} servers × {containers} containers, {dead:g}% dead"
    with simulator.running(servers, dead, containers) as product:
        yield f"{what}: all read for the first time after", f"{product.warm_up():.0f} s"
        passed = [product.minute() for _ in range(minutes)]
        logins = product.site.logins() / product.alive
        yield f"{what}: parts that were started again", f"{product.restarts()}"
    for name, figure in simulator.told(passed):
        yield f"{what}: {name}", figure
    share = median(one.share(one.product_seconds) for one in passed)
    memory = max(one.mebibytes for one in passed)
    overdue = max(one.overdue_seconds for one in passed)
    yield at_most(f"{what}: the longest that a living server waited for its poll", overdue, 20, "s")
    yield at_most(f"{what}: CPU of the whole product", share, 15, "% of a core")
    yield at_most(f"{what}: memory of the whole product (PSS)", memory, 350, "MiB", why=_told(passed[-1].memory_bytes))
    yield at_most(f"{what}: SSH logins of a living server", logins, 1, "")


def _told(memory: dict[str, int]) -> str:
    return ", ".join(f"{part} {size / 2**20:.0f}" for part, size in memory.items())
