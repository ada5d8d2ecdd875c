"""Which filesystems, interfaces and sensors are known of some servers; new ones are added as they are seen."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from metrics.models import Filesystem, Interface, Sensor, Server
from metrics.models.parts import Part

PARTS: tuple[type[Part], ...] = (Filesystem, Interface, Sensor)
NEW_NAMES_A_DAY = 1000
SEEN_STEP = timedelta(days=1)


class KnownParts:
    """The parts of some servers, read by one query for each sort of part."""

    def __init__(self) -> None:
        self._parts: dict[int, dict[type[Part], dict[str, Part]]] = {}

    def look_up(self, servers: Sequence[int]) -> None:
        for server in servers:
            self._parts[server] = {model: {} for model in PARTS}
        for model in PARTS:
            for part in model._default_manager.filter(server__in=servers):
                self._parts[part.server_id][model][part.name] = part

    def forget(self, server: int) -> None:
        self._parts.pop(server, None)

    def ids(self, model: type[Part], server: Server, at: datetime, seen: dict[str, dict[str, Any]]) -> dict[str, int]:
        """The ids by name of what a poll saw, with its traits brought up to date.

        A server may bring a thousand new names a day; what is beyond is left out.
        """
        known = self._parts[server.pk][model]
        new = [name for name in seen if name not in known]
        if new:
            today = sum(at - part.added_at < timedelta(days=1) for part in known.values())
            for name in new[: max(NEW_NAMES_A_DAY - today, 0)]:
                known[name] = model._default_manager.create(
                    server=server, name=name, added_at=at, seen_at=at, **seen[name]
                )
        found = {name: known[name] for name in seen if name in known}
        for name, part in found.items():
            changed = {key: value for key, value in seen[name].items() if getattr(part, key) != value}
            if changed or at - part.seen_at > SEEN_STEP:
                changed["seen_at"] = at
                model._default_manager.filter(pk=part.pk).update(**changed)
                vars(part).update(changed)
        return {name: part.pk for name, part in found.items()}
