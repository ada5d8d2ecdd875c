"""The cache: shared where there is Redis, and missed by nobody where it is down."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import override_settings
from structlog.testing import capture_logs

from tests.redis import PASSWORD, Redis
from tests.tomo_monitor.test_configuration import check
from tomo_monitor.cache import outage

WRITE = "from django.core.cache import cache; cache.set('from', 'another process')"


@pytest.fixture
def shared(redis: Redis) -> Iterator[Redis]:
    outage.rests_until = outage.told_at = float("-inf")
    own = {"BACKEND": "tomo_monitor.cache.ForgivingRedisCache", "LOCATION": [redis.url], "KEY_PREFIX": "tomo"}
    with override_settings(CACHES={"default": own}):
        yield redis
        redis.client().flushall()


def test_what_is_kept_is_found_by_every_process(shared: Redis) -> None:
    cache.set_many({"round": 7, "page": {"rows": ["web-01", None, 1.5]}}, timeout=60)
    assert cache.get_many(["round", "page", "other"]) == {"round": 7, "page": {"rows": ["web-01", None, 1.5]}}
    assert shared.client().get("tomo:1:page") == b'{"rows": ["web-01", null, 1.5]}'
    assert cache.incr("round") == 8
    assert cache.add("round", 1) is False


def test_what_was_emptied_is_not_there(shared: Redis) -> None:
    cache.set("page", "kept")
    shared.client().flushall()
    assert cache.get("page", "made anew") == "made anew"


def test_one_that_is_down_is_missed_by_nobody_told_once_and_used_again(shared: Redis) -> None:
    cache.set("page", "kept")
    shared.end()
    try:
        with capture_logs() as lines:
            assert [cache.get("page", "made anew"), cache.get_many(["page"]), cache.set("page", 1)] == [
                "made anew",
                {},
                None,
            ]
            outage.rests_until = 0.0
            assert [cache.add("page", 1), cache.delete("page"), cache.get_or_set("page", 5)] == [False, False, 5]
    finally:
        shared.start()
    assert [line["event"] for line in lines] == ["cache.down"]
    assert PASSWORD not in str(lines)
    outage.rests_until = 0.0
    cache.set("page", "kept again")
    assert cache.get("page") == "kept again"


def test_nothing_in_it_is_ever_unpickled(shared: Redis) -> None:
    shared.client().set("tomo:1:page", b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(ValueError, match="Expecting value"):
        cache.get("page")


def test_the_setting_makes_it_the_cache(redis: Redis, tmp_path: Any) -> None:
    said = check(tmp_path, "shell", "--no-imports", "-c", WRITE, TOMO_REDIS_URL=redis.url)
    assert said.returncode == 0, said.stderr
    assert redis.client().get("tomo:1:from") == b'"another process"'
