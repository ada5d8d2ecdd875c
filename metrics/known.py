"""What is known of some servers, kept from one poll to the next by the one who polls them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from metrics.known_apps import KnownApps
from metrics.known_parts import KnownParts
from metrics.models import Server
from metrics.probe import deltas
from metrics.probe.deltas import Counters

WRITTEN_EVERY = timedelta(minutes=5)


class Known:
    """Looked up once for each server, and again after it was forgotten: when storing failed, or others had it."""

    def __init__(self) -> None:
        self.parts, self.apps = KnownParts(), KnownApps()
        self._servers: set[int] = set()
        self._counters: dict[int, Counters] = {}
        self._written_at: dict[int, datetime] = {}

    def look_up(self, servers: Sequence[Server]) -> None:
        """Know these servers' parts and apps."""
        new = [server.pk for server in servers if server.pk not in self._servers]
        if new:
            self.parts.look_up(new)
        self.apps.look_up(servers)
        self._servers.update(new)

    def counters(self, server: Server) -> Counters:
        """What its next reading is compared with."""
        return self._counters.get(server.pk) or deltas.loaded(server.state.counters)

    def count(self, server: int, counters: Counters) -> None:
        self._counters[server] = counters

    def is_to_be_written(self, server: int, at: datetime) -> bool:
        """Whether its counters are to be stored again, for whoever polls it after us; they are large."""
        return at - self._written_at.get(server, datetime.min.replace(tzinfo=at.tzinfo)) >= WRITTEN_EVERY

    def wrote(self, server: int, at: datetime) -> None:
        self._written_at[server] = at

    def forget(self, servers: Iterable[int]) -> None:
        for server in servers:
            self._servers.discard(server)
            self._counters.pop(server, None)
            self._written_at.pop(server, None)
            self.parts.forget(server)
            self.apps.forget(server)

    def forget_others(self, servers: set[int]) -> None:
        """Know these alone."""
        self.forget(self._servers - servers)
