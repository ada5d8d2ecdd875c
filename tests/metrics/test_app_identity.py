"""An app stays the same app while its containers come and go, in whatever order they are listed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.app_identity import keys, matched, name
from metrics.probe.reading import Container, Engine
from tests.conftest import AT
from tests.metrics.containers import anew, bare, captured, id_of, running

WEB = running("web")


def compose(container_name: str, service: str = "web", number: str = "1", **fields: Any) -> Container:
    return running(container_name, project="shop", service=service, number=number, **fields)


def older(one: Container, hours: float = 1) -> Container:
    assert one.created_at
    return replace(one, created_at=one.created_at - timedelta(hours=hours))


def named(*containers: Container) -> dict[str, str]:
    """Which container has which key."""
    return {key: one.name for key, one in keys(containers).items()}


# What an app is called ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "key", "called"),
    [
        (WEB, "web", "web"),
        (compose("shop-web-1"), "shop/web", "shop/web"),
        (compose("shop-web-1", number=""), "shop/web", "shop/web"),
        (compose("shop-web-2", number="2"), "shop/web 2", "shop/web 2"),
        (running("shop-web-run-4f1", project="shop"), "shop-web-run-4f1", "shop-web-run-4f1"),  # a one-off
        (running("web", engine=Engine.PODMAN), "podman:web", "web"),
        (compose("shop_web_1", engine=Engine.PODMAN), "podman:shop/web", "shop/web"),
        (bare(WEB), f"id:{WEB.id}", WEB.id[:12]),
        (running("a" * 128), "a" * 128, "a" * 128),
    ],
)
def test_an_app_is_its_service_else_its_container(container: Container, key: str, called: str) -> None:
    assert keys([container]) == {key: container}
    assert name(key, container) == called


def test_no_name_is_longer_than_its_column() -> None:
    long = running("n" * 128, project="p" * 128, service="s" * 128, number="9" * 128)
    for key, one in keys([long, older(replace(long, id=id_of("x"), name="m" * 128))]).items():
        assert len(key) <= 300
        assert len(name(key, one)) <= 128


def test_a_one_off_run_of_a_service_is_an_app_beside_it() -> None:
    assert named(compose("shop-web-1"), running("shop-web-run-4f1", project="shop")) == {
        "shop/web": "shop-web-1",
        "shop-web-run-4f1": "shop-web-run-4f1",
    }


def test_the_same_name_of_both_engines_is_two_apps() -> None:
    podman = running("web", id=id_of("podman"), engine=Engine.PODMAN)
    assert keys([WEB, podman]) == {"web": WEB, "podman:web": podman}


def test_of_several_of_one_service_the_youngest_has_its_name() -> None:
    young, old = compose("young"), older(compose("old"))
    found = keys([old, young])
    assert {key: name(key, one) for key, one in found.items()} == {"shop/web": "shop/web", "shop/web old": "old"}
    assert found["shop/web"] is young


@pytest.mark.parametrize("hours", [1, -1])
def test_while_compose_replaces_a_container_its_name_is_the_app(hours: int) -> None:
    passing = older(compose("0123456789ab_shop-web-1"), hours)  # the old one for compose 1, the new one for compose 2
    assert named(compose("shop-web-1"), passing) == {"shop/web": "shop-web-1"}


def test_before_its_successor_is_there_it_still_is_the_app() -> None:
    assert named(compose("0123456789ab_shop-web-1")) == {"shop/web": "0123456789ab_shop-web-1"}


def test_a_container_that_is_only_named_so_is_an_app() -> None:
    assert named(running("0123456789ab_web")) == {"0123456789ab_web": "0123456789ab_web"}


def test_one_that_does_not_say_when_it_was_created_is_the_oldest() -> None:
    assert named(compose("unknown", created_at=None), compose("known"))["shop/web"] == "known"


# Which app goes on -------------------------------------------------------------------------------------------


def going_on(known: dict[str, Container], *containers: Container) -> dict[str, str]:
    return matched(keys(containers), {key: one.id for key, one in known.items()})


def test_an_app_goes_on_in_another_container() -> None:
    assert going_on({"web": WEB}, anew(WEB)) == {"web": "web"}


def test_an_app_goes_on_under_another_name() -> None:
    assert going_on({"web": WEB}, replace(WEB, name="www")) == {"www": "web"}


def test_a_bare_one_goes_on_as_what_it_turns_out_to_be() -> None:
    assert going_on({f"id:{WEB.id}": bare(WEB)}, WEB) == {"web": f"id:{WEB.id}"}


def test_blue_and_green_change_places_and_the_name_stays_the_app() -> None:
    assert going_on({"web": WEB}, older(replace(WEB, name="web-old")), anew(WEB)) == {"web": "web"}


def test_two_that_swap_their_names_stay_what_they_are_called() -> None:
    blue, green = running("blue"), running("green")
    swapped = (replace(blue, name="green"), replace(green, name="blue"))
    assert going_on({"blue": blue, "green": green}, *swapped) == {"blue": "blue", "green": "green"}


def test_what_nothing_was_known_of_goes_on_under_nothing() -> None:
    assert going_on({"web": WEB}, running("db")) == {}
    assert going_on({}, WEB) == {}


# In any order -----------------------------------------------------------------------------------------------------

SOME = st.lists(
    st.builds(
        Container,
        id=st.sampled_from([letter * 64 for letter in "abcdef"]),
        name=st.sampled_from(["web", "db", "0123456789ab_web", "web old"]),
        state=st.just(WEB.state),
        engine=st.sampled_from(Engine),
        project=st.sampled_from(["", "shop"]),
        service=st.sampled_from(["", "web"]),
        number=st.sampled_from(["", "1", "2"]),
        created_at=st.sampled_from([None, AT, AT - timedelta(hours=1)]),
        is_bare=st.booleans(),
    ),
    unique_by=lambda one: one.id,
)


@given(SOME, st.randoms(use_true_random=False))
def test_the_order_of_the_list_never_matters(containers: list[Container], random: Any) -> None:
    shuffled = random.sample(containers, len(containers))
    assert keys(containers) == keys(shuffled)
    assert list(keys(containers)) == list(keys(shuffled))


@given(SOME, SOME)
def test_every_app_goes_on_as_one_and_every_container_is_of_one(before: list[Container], now: list[Container]) -> None:
    found, known = keys(now), {key: one.id for key, one in keys(before).items()}
    going = matched(found, known)
    assert len(set(going.values())) == len(going)
    assert set(going) <= set(found)
    assert set(going.values()) <= set(known)
    assert len({one.id for one in found.values()}) == len(found)


@given(SOME)
def test_the_same_list_goes_on_as_it_is(containers: list[Container]) -> None:
    found = keys(containers)
    assert matched(found, {key: one.id for key, one in found.items()}) == {key: key for key in found}


# As engines tell it -------------------------------------------------------------------------------------------------


def test_a_real_list_in_the_middle_of_replacing_has_each_service_once() -> None:
    seen = captured("docker-28").by_id.values()
    found = keys(seen)
    assert "de643212f2a4_blog-web-1" in [one.name for one in seen]
    assert {key: one.name for key, one in found.items()} == {
        "blog/web": "blog-web-1",
        "traefik": "traefik",
        "backup": "backup",
    }


@pytest.mark.parametrize("capture", ["docker-20.10", "docker-24", "docker-28", "podman-4.3"])
def test_every_container_of_a_real_engine_has_a_key_of_its_own_name(capture: str) -> None:
    for key, one in keys(captured(capture).by_id.values()).items():
        assert name(key, one) in (one.name, f"{one.project}/{one.service}", f"{one.project}/{one.service} {one.number}")
