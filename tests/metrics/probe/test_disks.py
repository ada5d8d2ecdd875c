"""Which block devices are whole disks, and what they have moved."""

import pytest

from metrics.probe.reading import DiskCounters
from tests.metrics.probe.answers import seen

FIELDS = "11 0 100 30 22 0 200 40 0 5000 70"
MORE = {14: "", 18: " 1 0 8 2", 20: " 1 0 8 2 3 4"}
COUNTED = DiskCounters(read_bytes=51200, written_bytes=102400, busy_milliseconds=5000)


def disks(*names: str, blocks: str = "", fields: str = FIELDS) -> list[str]:
    lines = "\n".join(f"8 {number} {name} {fields}" for number, name in enumerate(names))
    paths = " ".join(f"/sys/block/{name}" for name in blocks.split())
    return sorted(seen(diskstats=lines, blocks=paths or "/sys/block/*").disks or {})


@pytest.mark.parametrize("count", MORE)
def test_every_kernel_s_number_of_fields_is_read(count: int) -> None:
    line = f"   8       0 sda {FIELDS}{MORE[count]}"
    assert len(line.split()) == count
    assert seen(diskstats=line, blocks="/sys/block/sda").disks == {"sda": COUNTED}


def test_a_sector_is_512_bytes_whatever_the_disk_says() -> None:
    line = "259 0 nvme0n1 1 0 1 1 1 0 3 1 0 1 1"
    assert seen(diskstats=line, blocks="/sys/block/nvme0n1").disks == {"nvme0n1": DiskCounters(512, 1536, 1)}


def test_the_few_fields_of_an_ancient_kernel_s_partitions_are_no_disk() -> None:
    assert seen(diskstats="8 1 sda1 11 100 22 200").disks == {}


def test_only_what_the_kernel_calls_a_whole_disk_counts() -> None:
    assert disks("sda", "sda1", "sda2", "nvme0n1", "nvme0n1p1", blocks="sda nvme0n1") == ["nvme0n1", "sda"]


@pytest.mark.parametrize(
    ("names", "whole"),
    [
        (["sda", "sda1", "sdaa", "sdaa12"], ["sda", "sdaa"]),
        (["nvme0n1", "nvme0n1p1", "nvme0n10", "nvme0n10p2"], ["nvme0n1", "nvme0n10"]),
        (["mmcblk0", "mmcblk0p1"], ["mmcblk0"]),
        (["dm-1", "dm-10"], ["dm-1", "dm-10"]),
        (["md1", "md12", "md1p3"], ["md1", "md12"]),
        (["xvda1"], ["xvda1"]),
    ],
)
def test_partitions_are_told_by_name_where_the_kernel_does_not_say(names: list[str], whole: list[str]) -> None:
    assert disks(*names) == whole


@pytest.mark.parametrize("name", ["loop0", "ram15", "zram0", "sr0", "fd0", "zd16", "nvme0c0n1"])
def test_what_is_never_a_disk_is_left_out(name: str) -> None:
    assert disks("sda", name, blocks=f"sda {name}") == ["sda"]


@pytest.mark.parametrize("name", ["dm-0", "md0", "bcache0", "drbd1"])
def test_what_is_stacked_on_counted_disks_is_not_counted_again(name: str) -> None:
    assert disks("sda", "sdb", name, blocks=f"sda sdb {name}") == ["sda", "sdb"]


def test_what_is_stacked_counts_where_nothing_below_is_seen() -> None:
    assert disks("dm-0", "dm-1", blocks="dm-0 dm-1") == ["dm-0", "dm-1"]


def test_a_slash_in_a_disk_s_name_is_a_mark_of_exclamation_in_sys() -> None:
    assert disks("cciss/c0d0", "cciss/c0d0p1", blocks="cciss!c0d0") == ["cciss/c0d0"]


@pytest.mark.parametrize("bad", ["-1", "1e5", "1_000", "18014398509481984"])
def test_a_counter_that_makes_no_sense_leaves_the_disk_out(bad: str) -> None:
    assert disks("sda", blocks="sda", fields=FIELDS.replace("100", bad)) == []


def test_very_many_disks_do_not_take_long() -> None:
    assert len(disks(*(f"sd{number}x{number}" for number in range(10_000)))) == 10_000
