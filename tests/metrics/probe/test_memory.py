"""Memory and swap, out of /proc/meminfo and ZFS's own statistics."""

import pytest

from metrics.probe.reading import Memory, Swap
from tests.metrics.probe.answers import seen

KIB = 1024
PLAIN = {
    "MemTotal": 1000,
    "MemFree": 100,
    "MemAvailable": 700,
    "Buffers": 50,
    "Cached": 500,
    "SReclaimable": 40,
    "Shmem": 30,
}


def meminfo(**changes: int | None) -> str:
    return "\n".join(f"{name}: {kib} kB" for name, kib in (PLAIN | changes).items() if kib is not None)


def memory(arcstats: str = "", **changes: int | None) -> Memory | None:
    return seen(meminfo=meminfo(**changes), arcstats=arcstats).memory


def test_used_is_what_is_not_available_and_the_bands_stand_beside_it() -> None:
    assert memory() == Memory(1000 * KIB, 300 * KIB, 560 * KIB, 100 * KIB, is_estimate=False)


def test_an_old_kernel_gets_an_estimate_that_says_so() -> None:
    assert memory(MemAvailable=None) == Memory(1000 * KIB, 340 * KIB, 560 * KIB, 100 * KIB, is_estimate=True)


def test_what_zfs_would_give_back_is_cache_and_not_used() -> None:
    arc = f"c_min 4 {50 * KIB}\nsize 4 {250 * KIB}"
    assert memory(arc) == Memory(1000 * KIB, 100 * KIB, 760 * KIB, 100 * KIB, is_estimate=False)


def test_a_zfs_cache_at_its_least_changes_nothing() -> None:
    assert memory(f"c_min 4 {50 * KIB}\nsize 4 {40 * KIB}") == memory()


def test_a_zfs_cache_larger_than_memory_never_makes_used_negative() -> None:
    assert memory(f"size 4 {9000 * KIB}") == Memory(1000 * KIB, 0, 1000 * KIB, 100 * KIB, is_estimate=False)


def test_more_shared_memory_than_cache_leaves_an_empty_band() -> None:
    assert memory(Shmem=5000) == Memory(1000 * KIB, 300 * KIB, 0, 100 * KIB, is_estimate=False)


def test_more_available_than_there_is_means_nothing_used() -> None:
    assert memory(MemAvailable=2000) == Memory(1000 * KIB, 0, 560 * KIB, 100 * KIB, is_estimate=False)


@pytest.mark.parametrize("changes", [{"MemTotal": None}, {"MemTotal": 0}, {"MemFree": None}, {"MemFree": 1001}])
def test_memory_that_makes_no_sense_is_unknown(changes: dict[str, int | None]) -> None:
    assert memory(**changes) is None


def test_a_figure_beyond_64_bits_is_unknown() -> None:
    assert memory(MemTotal=2**63 // 1024) is None


def test_swapped_out_pages_still_in_memory_do_not_count_as_used() -> None:
    assert seen(meminfo="SwapTotal: 1000 kB\nSwapFree: 600 kB\nSwapCached: 150 kB").swap == Swap(1000 * KIB, 250 * KIB)


@pytest.mark.parametrize(
    "text",
    [
        "SwapTotal: 0 kB\nSwapFree: 0 kB\nSwapCached: 0 kB",
        "MemTotal: 1000 kB",
        "SwapTotal: 1000 kB",
        "SwapTotal: 1000 kB\nSwapFree: 1001 kB",
    ],
)
def test_no_swap_is_unknown_and_never_nought_of_nought(text: str) -> None:
    assert seen(meminfo=text).swap is None


def test_without_its_part_all_of_it_is_unknown() -> None:
    reading = seen(uptime="1.00 1.00")
    assert (reading.memory, reading.swap) == (None, None)
