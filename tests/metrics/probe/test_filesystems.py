"""Which mounts are real filesystems, and what each holds."""

import pytest

from metrics.probe.linux import MOST_FILESYSTEMS
from metrics.probe.reading import Filesystem
from tests.metrics.probe.answers import seen

PSEUDO_TYPES = (
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl fuse.lxcfs hugetlbfs"
    " iso9660 mqueue nsfs overlay proc pstore rpc_pipefs ramfs securityfs selinuxfs squashfs erofs sysfs tmpfs tracefs"
)


def filesystems(mounts: str, usage: str = "") -> tuple[Filesystem, ...]:
    return seen(mounts=mounts, filesystems=usage).filesystems or ()


def the_only(mounts: str, usage: str = "") -> Filesystem:
    (one,) = filesystems(mounts, usage)
    return one


def test_what_is_reserved_for_root_counts_as_neither_used_nor_available() -> None:
    one = the_only("/dev/sda1 / ext4 rw", "4096 1000 400 350 5000 4000 /")
    assert (one.total_bytes, one.used_bytes, one.available_bytes) == (4096 * 1000, 4096 * 600, 4096 * 350)
    assert one.used_percent == pytest.approx(100 * 600 / 950)


def test_a_filesystem_without_room_for_anyone_but_root_is_full() -> None:
    assert the_only("/dev/sda1 / ext4 rw", "4096 1000 50 0 5000 4000 /").used_percent == 100.0


def test_inodes_are_counted() -> None:
    one = the_only("/dev/sda1 / ext4 rw", "4096 1000 400 350 5000 4000 /")
    assert (one.inodes_total, one.inodes_used) == (5000, 1000)


def test_a_filesystem_without_a_fixed_number_of_inodes_has_none() -> None:
    one = the_only("/dev/sda1 / btrfs rw", "4096 1000 400 350 0 0 /")
    assert (one.inodes_total, one.inodes_used) == (None, None)


@pytest.mark.parametrize(("flag", "is_read_only"), [("rw", False), ("ro", True)])
def test_read_only_is_seen(flag: str, is_read_only: bool) -> None:
    assert the_only(f"/dev/sda1 / ext4 {flag}").is_read_only == is_read_only


@pytest.mark.parametrize("kind", PSEUDO_TYPES.split())
def test_pseudo_filesystems_are_skipped(kind: str) -> None:
    assert filesystems(f"none /mnt/x {kind} rw", "4096 10 5 5 10 5 /mnt/x") == ()


@pytest.mark.parametrize(
    "place",
    [
        "/proc/x",
        "/sys",
        "/dev/shm",
        "/run/credentials/systemd-tmpfiles",
        "/var/lib/docker/x",
        "/var/lib/containers/storage",
    ],
)
def test_mounts_in_pseudo_places_are_skipped(place: str) -> None:
    assert filesystems(f"/dev/sdb1 {place} ext4 rw", f"4096 10 5 5 10 5 {place}") == ()


@pytest.mark.parametrize("place", ["/process", "/devel", "/system", "/var/lib/docker-data", "/srv/proc"])
def test_places_that_only_look_alike_are_kept(place: str) -> None:
    assert the_only(f"/dev/sdb1 {place} ext4 rw").mount == place


def test_the_root_of_a_container_counts_though_it_is_an_overlay() -> None:
    assert the_only("overlay / overlay rw", "4096 10 5 5 10 5 /").used_bytes == 4096 * 5


def test_a_filesystem_of_no_size_is_skipped() -> None:
    assert filesystems("portal /run/user/1/doc fuse.x rw", "4096 0 0 0 0 0 /run/user/1/doc") == ()


@pytest.mark.parametrize(
    ("escaped", "mount"),
    [
        (r"/srv/my\040data", "/srv/my data"),
        (r"/srv/a\134b", r"/srv/a\b"),
        (r"/srv/\134040", r"/srv/\040"),
        (r"/srv/\043x", "/srv/#x"),
    ],
)
def test_mount_points_are_unescaped_and_meet_their_figures(escaped: str, mount: str) -> None:
    one = the_only(f"/dev/sdb1 {escaped} ext4 rw", f"4096 10 5 5 10 5 {mount}")
    assert (one.mount, one.total_bytes) == (mount, 40960)


def test_a_device_that_is_mounted_twice_counts_once() -> None:
    mounts = "/dev/sda1 /srv/export ext4 rw\n/dev/sda1 / ext4 rw\n/dev/sda1 /home ext4 rw"
    assert the_only(mounts, "4096 10 5 5 10 5 /").mount == "/"


def test_the_same_export_of_a_file_server_counts_once() -> None:
    assert the_only("nas:/export /mnt/a nfs4 rw\nnas:/export /mnt/longer nfs4 rw").mount == "/mnt/a"


def test_a_read_only_bind_mount_does_not_make_the_filesystem_read_only() -> None:
    one = the_only("/dev/sda1 /srv/data ext4 rw\n/dev/sda1 /ro ext4 ro")
    assert (one.mount, one.is_read_only) == ("/ro", False)


def test_datasets_of_one_pool_are_filesystems_each() -> None:
    mounts = "tank /tank zfs rw\ntank/home /home zfs rw"
    assert [(one.device, one.mount) for one in filesystems(mounts)] == [("tank/home", "/home"), ("tank", "/tank")]


def test_a_device_name_that_says_nothing_does_not_join_mounts() -> None:
    assert len(filesystems("s3fs /mnt/a fuse.s3fs rw\ns3fs /mnt/b fuse.s3fs rw")) == 2


def test_of_two_mounts_on_one_place_the_later_is_seen() -> None:
    one = the_only("rootfs / rootfs rw\n/dev/sda1 / ext4 rw", "4096 10 5 5 10 5 /")
    assert (one.device, one.type) == ("/dev/sda1", "ext4")


def test_a_mount_that_did_not_answer_is_there_without_figures() -> None:
    one = the_only("nas:/export /mnt nfs4 rw")
    assert one == Filesystem("/mnt", "nas:/export", "nfs4", is_read_only=False)
    assert one.used_percent is None


@pytest.mark.parametrize(
    "usage",
    [
        "4096 10 11 5 10 5 /",  # more free than there is
        "4096 10 5 11 10 5 /",  # more available than there is
        "4096 10 -1 5 10 5 /",
        "4096 10 5 5 10 /",
        "9223372036854775807 2 1 1 10 5 /",  # beyond 64 bits
        "4_096 10 5 5 10 5 /",
        "stat: cannot read file system information",
    ],
)
def test_figures_that_make_no_sense_are_unknown(usage: str) -> None:
    assert the_only("/dev/sda1 / ext4 rw", usage).total_bytes is None


def test_a_hundred_filesystems_are_kept_and_the_cut_is_marked() -> None:
    mounts = "\n".join(f"/dev/sd{number} /mnt/{number:03} ext4 rw" for number in range(MOST_FILESYSTEMS + 1))
    reading = seen(mounts=mounts)
    assert [one.mount for one in reading.filesystems or ()] == [f"/mnt/{number:03}" for number in range(100)]
    assert reading.cut == ("filesystems",)


def test_just_a_hundred_filesystems_are_not_cut() -> None:
    mounts = "\n".join(f"/dev/sd{number} /mnt/{number} ext4 rw" for number in range(MOST_FILESYSTEMS))
    assert seen(mounts=mounts).cut == ()


def test_none_seen_and_not_seen_are_two_answers() -> None:
    assert seen(mounts="proc /proc proc rw").filesystems == ()
    assert seen(uptime="1.00 1.00").filesystems is None
