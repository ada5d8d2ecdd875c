"""Numbers and names from a server: what is taken, and what is not."""

import sys
import unicodedata

import pytest

from metrics.probe.linux import read
from metrics.probe.reading import CpuTimes, Facts
from metrics.probe.text import clean
from tests.metrics.probe.answers import ASKED, capture, seen

NO_NUMBERS = ["", "1_000", "１２３", "٣", "nan", "inf", "-1", "+1", "1e3", "0x10", "1.", ".5", "1.5.1", "1" * 20]
PREPENDED = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
HIEROGLYPH_JOINERS = set(range(0x13430, 0x13440))


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_a_decimal_is_written_in_plain_digits(text: str) -> None:
    assert seen(uptime=f"{text} 1.00").uptime_seconds is None


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1.5", str(2**63)])
def test_a_whole_number_is_written_in_plain_digits(text: str) -> None:
    assert seen(stat=f"cpu 1 2 3 {text or 'x'} 5 6 7 8").cpu is None


@pytest.mark.parametrize(("text", "seconds"), [("0.00", 0.0), ("8640123.45", 8640123.45), ("17", 17.0)])
def test_an_uptime_is_seconds(text: str, seconds: float) -> None:
    assert seen(uptime=f"{text} 99.00").uptime_seconds == seconds


def test_an_uptime_and_a_boot_beyond_any_calendar_are_unknown() -> None:
    reading = seen(uptime="999999999999.00 1.00", stat="btime 999999999999")
    assert (reading.uptime_seconds, reading.booted_at) == (None, None)


def test_a_kernel_without_steal_has_none_of_it() -> None:
    assert seen(stat="cpu 1 2 3 4 5 6 7").cpu == CpuTimes(1, 2, 3, 4, 5, 6, 7, 0)


@pytest.mark.parametrize("line", ["cpu 1 2 3", "cpux 1 2 3 4 5 6 7 8", "cpu1x 1 2 3 4 5 6 7 8", "xcpu 1 2 3 4 5 6 7 8"])
def test_a_line_that_is_no_processor_is_none(line: str) -> None:
    reading = seen(stat=line)
    assert (reading.cpu, reading.cores) == (None, {})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("web\x1b[31m", "web[31m"),
        ("a\x00b\x07\x7f\x85c", "abc"),
        ("a\tb\rc", "abc"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("\u2066a\u2069\u200e\u200f\u061c", "a"),
        ("ze\u200bro\u200dwi\ufeffdth\u2060", "zerowidth"),
        ("tag\U000e0041\U000e007f", "tag"),
        ("  spaced out  ", "spaced out"),
        ("Größe/データ", "Größe/データ"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_names_lose_what_cannot_be_seen_and_nothing_else(text: str, name: str) -> None:
    assert clean(text) == name


def test_no_character_that_controls_hides_or_turns_text_survives() -> None:
    visible = PREPENDED | HIEROGLYPH_JOINERS
    every = map(chr, set(range(sys.maxunicode + 1)) - visible)
    unseen = [one for one in every if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert [hex(ord(one)) for one in unseen if clean(f"a{one}b") != "ab"] == []


def test_names_are_cut_at_128_characters() -> None:
    assert clean("ü" * 129) == "ü" * 128


def test_names_of_every_kind_are_cleaned() -> None:
    bad = "a\u202e\x1b" + "b" * 300
    kept = "a" + "b" * 127
    reading = seen(
        net=f"{bad}: " + "1 " * 16,
        mounts=f"{bad} /{bad} {bad} rw",
        uname=f"Linux {bad} {bad}",
        cpuinfo=f"model name: {bad}",
        os_release=f'PRETTY_NAME="{bad}"',
        boot_id=bad,
    )
    (filesystem,) = reading.filesystems or ()
    assert list(reading.interfaces or {}) == [kept]
    assert (filesystem.mount, filesystem.device, filesystem.type) == ("/" + kept[:-1], kept, kept[:32])
    assert reading.facts == Facts(kept, kept, kept[:32], kept)
    assert reading.boot_id == kept[:36]


@pytest.mark.parametrize(
    ("os_release", "os"),
    [
        ('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian"', "Debian GNU/Linux 12 (bookworm)"),
        ("NAME='Void'", "Void"),
        ("NAME=Arch", "Arch"),
        ("# nothing here", "Linux"),
        ("", "Linux"),
    ],
)
def test_the_system_is_named_as_well_as_it_names_itself(os_release: str, os: str) -> None:
    facts = seen(os_release=os_release, uname="Linux 6.1.0 x86_64").facts
    assert facts == Facts(os=os, kernel="6.1.0", architecture="x86_64", cpu_model=None)


def test_bytes_that_are_no_utf_8_do_not_spoil_the_rest() -> None:
    raw = capture("debian-12").encode().replace(b"AMD EPYC", b"AMD \xff EPYC")
    facts = read(raw.decode(errors="replace"), ASKED).facts
    assert facts == Facts("Debian GNU/Linux 12 (bookworm)", "6.18.44", "x86_64", "AMD \ufffd EPYC")
