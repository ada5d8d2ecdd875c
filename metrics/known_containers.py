"""What is known of one server's containers from poll to poll: the last list, and what inspections added. Pure."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from metrics.probe.reading import (
    AppsStatus,
    Container,
    Containers,
    ContainerUsage,
    Engine,
    EngineAnswer,
    Reading,
    State,
)

LIST_EVERY = 5  # polls between two lists where nothing came or went
INSPECTED_AT_ONCE = 100
MOST_INSPECTIONS = 2  # requests in one poll; the rest waits for the next ones
WITH_PROCESSES = frozenset({State.RUNNING, State.PAUSED, State.RESTARTING})
MOST_TELLING = (
    AppsStatus.NOT_ALLOWED,
    AppsStatus.DAEMON_DOWN,
    AppsStatus.UNREADABLE,
    AppsStatus.OK,
    AppsStatus.NO_CONTAINERS,
    AppsStatus.NO_DOCKER,
)

Inspect = Callable[[Engine, Sequence[str]], dict[str, dict[str, Any]]]
"""Ask an engine about containers: what it adds about each, by id."""


class KnownContainers:
    """Lives as long as the connection, so that nothing is asked twice that cannot have changed."""

    def __init__(self) -> None:
        self._name = secrets.token_hex(8)
        self._revision = 0
        self._by_id: dict[str, Container] = {}
        self._engines: dict[Engine, EngineAnswer] = {}
        self._listed_ago = LIST_EVERY
        self._disagreed: set[str] = set()
        self._is_doubtful = False
        self._details: dict[str, tuple[object, dict[str, Any]]] = {}
        self._refused: set[Engine] = set()  # engines that told nothing when asked, until they list again

    @property
    def wants_list(self) -> bool:
        """Whether to ask for a list at the next poll: after some polls, where something changes unseen, where an engine
        had not noticed yet what came or went, or where a helper lists anyway."""
        return (
            self._listed_ago >= LIST_EVERY
            or self._is_doubtful
            or any(answer.way == "helper" for answer in self._engines.values())
            or any(one.health or one.state is State.RESTARTING for one in self._listed())
        )

    def seen(self, reading: Reading, inspect: Inspect) -> Containers | None:
        """All that is known after this reading; None from a probe that does not look for containers."""
        if reading.usages is None and reading.engines is None and not self._engines:
            return None
        self._listed_ago += 1
        if reading.engines is not None:
            self._engines, self._listed_ago = reading.engines, 1
            self._refused.clear()
            self._compare(reading.usages)
        listed = {one.id: one for one in self._listed()}
        usages = reading.usages or {}
        signatures = {i: _signature(one, usages[i].cgroup if i in usages else None) for i, one in listed.items()}
        self._learn(signatures, inspect)
        named = {i: replace(one, **self._known(i, signatures[i])) for i, one in listed.items()}
        hidden = {i for answer in self._engines.values() for i in answer.hidden}
        bare = {
            i: Container(i, i[:12], State.RUNNING, usage.engine, is_bare=True)
            for i, usage in usages.items()
            if i not in named and i not in hidden
        }
        if reading.usages is None:  # the part is missing, which says nothing of what runs
            bare = {i: one for i, one in self._by_id.items() if one.is_bare and i not in named}
        status, way = self._status(bare.values())
        answered = frozenset(engine for engine, one in self._engines.items() if one.containers is not None)
        is_cut = "containers" in reading.cut or any(one.is_cut for one in self._engines.values())
        if named | bare != self._by_id:
            self._by_id, self._revision = named | bare, self._revision + 1
        return Containers(status, self._by_id, answered, way, f"{self._name} {self._revision}", is_cut)

    def _listed(self) -> Iterable[Container]:
        return (one for answer in self._engines.values() for one in (answer.containers or {}).values())

    def _compare(self, usages: Mapping[str, ContainerUsage] | None) -> None:
        """See whether the list and the cgroups agree about what runs; disagreeing twice is not a matter of time."""
        disagreed = {
            one.id
            for one in self._listed()
            if usages is not None and (one.state in WITH_PROCESSES) != (one.id in usages)
        }
        self._is_doubtful, self._disagreed = bool(disagreed - self._disagreed), disagreed

    def _known(self, container_id: str, signature: object) -> dict[str, Any]:
        """What an inspection told of it as it is now."""
        inspected, details = self._details.get(container_id, (None, {}))
        return details if inspected == signature else {}

    def _learn(self, signatures: dict[str, object], inspect: Inspect) -> None:
        """Inspect what changed since it was inspected last."""
        self._details = {i: known for i, known in self._details.items() if i in signatures}
        left = MOST_INSPECTIONS
        for engine, answer in self._engines.items():
            if answer.way == "helper" or engine in self._refused:  # the helper wrote down everything there is
                continue
            changed = [
                i
                for i in answer.containers or {}
                if signatures[i] is None or self._details.get(i, (None, {}))[0] != signatures[i]
            ]
            for start in range(0, len(changed), INSPECTED_AT_ONCE):
                if not left:
                    return
                left -= 1
                told = inspect(engine, changed[start : start + INSPECTED_AT_ONCE])
                self._details |= {i: (signatures[i], details) for i, details in told.items() if i in signatures}
                if not told:
                    self._refused.add(engine)
                    break

    def _status(self, bare: Iterable[Container]) -> tuple[AppsStatus, str]:
        """One word for all engines. Podman's socket, closed to most accounts, matters only if something runs there."""
        has_podman = any(one.engine is Engine.PODMAN for one in bare)
        answers = [
            answer
            for engine, answer in self._engines.items()
            if not (engine is Engine.PODMAN and answer.status is AppsStatus.NOT_ALLOWED and not has_podman)
        ]
        if not answers:
            return AppsStatus.NO_DOCKER, "absent"
        telling = min(answers, key=lambda answer: MOST_TELLING.index(answer.status))
        return telling.status, telling.way


def _signature(container: Container, cgroup: int | None) -> object:
    """What changes when anything changes that only an inspection tells; None where that cannot be known."""
    if container.state is State.RESTARTING or (container.state is State.RUNNING and cgroup is None):
        return None
    ended = "" if container.state is State.RUNNING else container.status_text
    return container.state, container.exit_code, container.name, cgroup, ended
