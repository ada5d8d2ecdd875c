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
    assert seen(session="150 12", cost=BASH).watching_seconds == pytest.approx(60.38 + 1.62)


@pytest.mark.parametrize("name", answers.NAMES)
def test_an_older_probe_says_nothing_and_that_is_not_zero(name: str) -> None:
    assert answers.of(name).watching_seconds is None


@pytest.mark.parametrize(
    ("times", "session"),
    [
        ("", "1 2"),
        ("0m0.01s 0m0.02s", ""),
        (f"{BASH} 0m0.01s", ""),
        (BASH.replace(".", ","), ""),
        (BASH.replace("1m", f"{10**12}m"), ""),
        (BASH.replace("0m", "-0m"), ""),
        (BASH, "1"),
        (BASH, "1 2 3"),
        (BASH, "-1 2"),
        (BASH, f"{2**63 - 1} 0"),
    ],
)
def test_what_makes_no_sense_is_unknown(times: str, session: str) -> None:
    assert seen(session=session, cost=times).watching_seconds is None
