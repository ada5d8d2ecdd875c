"""Interfaces: their counters, and which of them make up the server's total."""

import pytest

from metrics.probe.linux import HIGHEST, MOST_INTERFACES
from metrics.probe.reading import InterfaceCounters
from tests.metrics.probe.answers import of, seen

HEAD = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier\n"
)


def line(name: str, received: int = 1000, sent: int = 2000, errors: int = 0) -> str:
    return f"{name:>6}:{received:8} 10 {errors} 3 0 0 0 0 {sent} 20 {errors} 4 0 0 0 0"


def interfaces(*names: str, sorts: str = "") -> dict[str, InterfaceCounters]:
    return seen(net=HEAD + "\n".join(map(line, names)), interfaces=sorts).interfaces or {}


def counted(*names: str, sorts: str = "") -> set[str]:
    return {name for name, one in interfaces(*names, sorts=sorts).items() if one.is_counted}


def test_both_directions_errors_and_drops_are_read() -> None:
    assert interfaces("eth0") == {"eth0": InterfaceCounters(1000, 2000, 0, 7, is_counted=True)}


@pytest.mark.parametrize("text", ["eth0:123 0", "eth0: 123 0", "  eth0:   123 0"])
def test_a_counter_may_touch_the_colon(text: str) -> None:
    reading = seen(net=text + " 0" * 14)
    assert [one.receive_bytes for one in (reading.interfaces or {}).values()] == [123]


def test_a_name_may_have_colons() -> None:
    assert set(interfaces("eth0:1", "a:b:c")) == {"eth0:1", "a:b:c"}


def test_physical_interfaces_alone_count_where_any_is() -> None:
    assert counted("lo", "eno1", "wlan0", "vmbr0", "tap1", sorts="eno1 device\nwlan0 device") == {"eno1", "wlan0"}


def test_a_bond_counts_as_its_physical_interfaces() -> None:
    sorts = "eno1 slave\neno1 device\neno2 slave\neno2 device"
    assert counted("lo", "eno1", "eno2", "bond0", "bond0.100", sorts=sorts) == {"eno1", "eno2"}


def test_a_bond_counts_itself_where_no_interface_is_physical() -> None:
    assert counted("lo", "eth0", "eth1", "bond0", sorts="eth0 slave\neth1 slave") == {"bond0"}


@pytest.mark.parametrize(
    "name", ["lo", "docker0", "br-1a2b", "veth12ab", "virbr0", "cni0", "flannel.1", "cali1234", "tun0", "wg0"]
)
def test_virtual_interfaces_do_not_count_where_none_is_physical(name: str) -> None:
    assert counted("eth0", name) == {"eth0"}


@pytest.mark.parametrize("name", ["eth0", "ens18", "venet0", "lowan0", "wwan0"])
def test_all_others_count_where_none_is_physical(name: str) -> None:
    assert counted("lo", name) == {name}


@pytest.mark.parametrize("bad", ["1_000", "-5", "nan", "１２３", "1.5", "9223372036854775808"])
def test_a_counter_that_makes_no_sense_leaves_the_interface_out(bad: str) -> None:
    assert seen(net=line("eth0").replace("1000", bad, 1)).interfaces == {}


def test_a_line_with_too_few_counters_is_left_out() -> None:
    assert seen(net="eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15").interfaces == {}


def test_errors_beyond_64_bits_together_leave_the_interface_out() -> None:
    assert seen(net=line("eth0", errors=HIGHEST)).interfaces == {}


def test_sixty_four_are_kept_the_counted_first_and_the_cut_is_marked() -> None:
    names = [f"veth{number:03}" for number in range(MOST_INTERFACES)]
    reading = seen(net="\n".join(map(line, [*names, "zeth0"])), interfaces="zeth0 device")
    assert list(reading.interfaces or {}) == ["zeth0", *names[:-1]]
    assert reading.cut == ("interfaces",)


def test_a_docker_host_with_many_interfaces_keeps_its_physical_one() -> None:
    kept = of("docker-host").interfaces or {}
    assert (len(kept), next(iter(kept))) == (64, "eth0")


def test_none_seen_and_not_seen_are_two_answers() -> None:
    assert seen(net=HEAD).interfaces == {}
    assert seen(uptime="1.00 1.00").interfaces is None
