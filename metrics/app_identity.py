"""Which app a container is an instance of. Pure.

An app is what compose calls project and service, else what bears the container's name; it stays the same when its
container is created anew.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from metrics.probe.reading import Container, Engine

BEING_REPLACED = re.compile(r"[0-9a-f]{12}_")  # how compose calls the old one (v1) or the new one (v2) of a replacement
LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)


def keys(containers: Iterable[Container]) -> dict[str, Container]:
    """The containers by their apps' keys. Of several that claim one key the youngest has it.

    While compose puts one in another's place, the one that has the name for good is the app.
    """
    found: dict[str, Container] = {}
    for one in sorted(containers, key=_precedence, reverse=True):
        key = _key(one)
        if key in found:
            if BEING_REPLACED.match(one.name):
                continue
            key = f"{key} {one.name}"
        if key not in found:
            found[key] = one
    return found


def name(key: str, container: Container) -> str:
    """How the app is called: as its service or, where another container claims that, as its container."""
    return _own_name(container) if key == _key(container) else container.name


def matched(found: Mapping[str, Container], known: Mapping[str, str]) -> dict[str, str]:
    """The known key (of `known`: container id by key) that goes on under each found one.

    The same key is the same app; else the same container is, which was given another name.
    """
    same = {key: key for key in found if key in known}
    by_container = {container_id: key for key, container_id in known.items() if key not in same}
    renamed = {key: by_container[one.id] for key, one in found.items() if key not in same and one.id in by_container}
    return same | renamed


def _precedence(container: Container) -> tuple[bool, datetime, str]:
    return not BEING_REPLACED.match(container.name), container.created_at or LONG_AGO, container.id


def _key(container: Container) -> str:
    if container.is_bare:
        return f"id:{container.id}"
    own = _own_name(container)
    if container.engine is Engine.PODMAN:
        return f"podman:{own}"
    return f"docker:{own}" if own.startswith(("id:", "podman:", "docker:")) else own


def _own_name(container: Container) -> str:
    """Such as "shop/web", "shop/web 2" for the second of its instances, or the container's name."""
    if not container.service:
        return container.name
    instance = f" {container.number}" if container.number not in ("", "1") else ""
    return f"{container.project}/{container.service}{instance}"[:128]
