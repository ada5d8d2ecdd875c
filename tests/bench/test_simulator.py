"""The simulated fleet by which the product is measured."""

from tests.bench import simulator
from tests.bench.__main__ import BEGIN, END, placed


def test_a_simulated_fleet_is_watched_with_one_sign_in_each() -> None:
    with simulator.running(servers=5, dead_percent=40, containers=0, interval=10) as running:
        running.warm_up()
        assert running.site.logins() == running.alive == 3
        assert running.page_ms("/") > 0
        assert all(running.cpu_seconds().values())


def test_a_report_takes_the_place_of_the_one_before() -> None:
    document = f"Before\n{BEGIN}\nold\n{END}\nafter\n"
    assert placed(document, "new") == f"Before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
