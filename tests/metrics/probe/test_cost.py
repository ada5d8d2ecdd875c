"""What the probe says of its own cost."""

import pytest

from tests.metrics.probe import answers
from tests.metrics.probe.answers import seen

DASH = "0m0.010000s 0m0.020000s\n1m0.300000s 0m0.050000s"
BASH = "0m0.010s 0m0.020s\n1m0.300s 0m0.050s"


@pytest.mark.parametrize("times", [DASH, BASH])
def test_the_shell_and_all_that_it_started_are_added_up(times: str) -> None:
    assert seen(cost=times).watching_seconds == pytest.approx(60.38)


def test_its_ssh_session_is_added_in_ticks() -> None:
    assert seen(cost=f"{BASH}\n150 12").watching_seconds == pytest.approx(60.38 + 1.62)


@pytest.mark.parametrize("name", answers.NAMES)
def test_an_older_probe_says_nothing_and_that_is_not_zero(name: str) -> None:
    assert answers.of(name).watching_seconds is None


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "0m0.01s 0m0.02s",
        BASH.replace(".", ","),
        f"{BASH}\n1",
        f"{BASH}\n1 2 3",
        f"{BASH}\n-1 2",
        f"{BASH}\n{2**63 - 1} 0",
        BASH.replace("1m", f"{10**12}m"),
        BASH.replace("0m", "-0m"),
    ],
)
def test_what_makes_no_sense_is_unknown(hostile: str) -> None:
    assert seen(cost=hostile).watching_seconds is None
