"""Redis as a cache that may be down: then nothing is there, and nothing is kept."""

import json
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = structlog.get_logger(__name__)

WAIT_SECONDS = 0.5
REST_SECONDS = 5.0  # after a failure nobody waits for it
TOLD_SECONDS = 60.0
WITHOUT: dict[str, Callable[..., Any]] = {"get": lambda _key, default: default, "get_many": lambda _keys: {}}


class Plain:
    """Values as JSON: whoever can write to Redis must not have us unpickle anything."""

    def dumps(self, value: Any) -> Any:
        return value if type(value) is int else json.dumps(value)

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


OPTIONS: dict[str, Any] = {
    "serializer": Plain,
    "socket_connect_timeout": WAIT_SECONDS,
    "socket_timeout": WAIT_SECONDS,
    "retry": Retry(NoBackoff(), 1),  # over a new connection, where the server was started again meanwhile
}


class Outage:
    """What this process knows of a cache that is down; its threads share it."""

    rests_until = told_at = float("-inf")

    def begin(self, wrong: RedisError) -> None:
        now = time.monotonic()
        self.rests_until = now + REST_SECONDS
        if now - self.told_at >= TOLD_SECONDS:
            self.told_at = now
            log.warning("cache.down", error=str(wrong))


outage = Outage()


class ForgivingClient:
    """Stands before Django's client: what fails was not there."""

    def __init__(self, servers: list[str]) -> None:
        self._client = RedisCacheClient(servers, **OPTIONS)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        ask = getattr(self._client, name)
        without: Callable[..., Any] = WITHOUT.get(name, _nothing)

        def asked(*args: Any) -> Any:
            if time.monotonic() < outage.rests_until:
                return without(*args)
            try:
                return ask(*args)
            except RedisError as wrong:
                outage.begin(wrong)
                return without(*args)

        return asked


def _nothing(*_args: Any) -> bool:
    return False


class ForgivingRedisCache(RedisCache):
    def __init__(self, server: list[str], params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = ForgivingClient
