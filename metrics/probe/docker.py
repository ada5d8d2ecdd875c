"""What Docker and Podman tell of their containers, over the API or by command: text in, containers out. Pure.

Sources: Docker Engine API (ContainerList, ContainerInspect, ContainerLogs), podman-ps(1), podman-inspect(1).
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from metrics.probe.cgroups import MOST_CONTAINERS
from metrics.probe.protocol import unpacked
from metrics.probe.reading import AppsStatus, BadAnswer, Container, Engine, EngineAnswer, Health, State
from metrics.probe.text import clean

IN_THE_WAY = {
    "absent": AppsStatus.NO_DOCKER,
    "denied": AppsStatus.NOT_ALLOWED,
    "down": AppsStatus.DAEMON_DOWN,
    "slow": AppsStatus.UNREADABLE,
    "uncurled": AppsStatus.UNREADABLE,
}
GARBLED = EngineAnswer(AppsStatus.UNREADABLE, "garbled")
STATES = {str(state): state for state in State} | {
    "configured": State.CREATED,  # Podman's own words
    "initialized": State.CREATED,
    "stopping": State.RUNNING,
    "stopped": State.EXITED,
}
ENDED = frozenset({State.EXITED, State.DEAD, State.RESTARTING})
STALE_SECONDS = 90
MOST_LINES = 2 * MOST_CONTAINERS + 2  # every other one may be blank
MOST_BRACKETS = 50_000  # a list of 500 containers has a few thousand
MOST_LOG_LINES = 50
MOST_LOG_CHARACTERS = 65_536

ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
IMAGE_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII)
INFRA = re.compile(r"[0-9a-f]{12}-infra", re.ASCII)  # holds a pod's namespaces, and nothing else
EXIT_CODE = re.compile(r"(?:Exited|Restarting) \(([0-9]{1,3})\)", re.ASCII)
HEALTH = re.compile(r"(?:^|\((?:health: )?)(starting|healthy|unhealthy)(?:\)|$)")
INSTANT = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)", re.ASCII)
HELPER = re.compile(r"tomo-containers 1 ([0-9]{1,10})", re.ASCII)
CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # colours, and where the cursor goes
FRAME_BYTES = 8  # stream, three zeros, length


def engines(part: dict[str, list[str]], now: float | None) -> dict[Engine, EngineAnswer] | None:
    """What each engine answered; None where none was asked. `now` is the server's own time, in epoch seconds."""
    if "helper" in part:
        return _helper(part["helper"], now)
    found = {engine: _answer(engine, part[engine]) for engine in Engine if engine in part}
    return found or None


def inspected(lines: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What a container's inspection adds to its line in the list, by id: fields of Container.

    State and health are left to the list, which is younger than an inspection that is remembered.
    """
    try:
        text = unpacked(lines[1:]).decode(errors="replace")
    except BadAnswer:
        return {}
    return {
        one.id: {
            name: value
            for name, value in _details(raw).items()
            if name not in ("state", "health") and not (name == "exit_code" and value is None)
        }
        for line in text.split("\n", MOST_LINES)[:MOST_LINES]  # the last of them may be cut off
        for raw in _objects(line) or []
        if (one := _from_inspection(raw))
    }


def log_lines(lines: Sequence[str]) -> list[str]:
    """The last lines of a container's log, cleaned; [] where there are none to be had."""
    try:
        raw = unpacked(lines[1:])
    except BadAnswer:
        return []
    text = b"".join(_frames(raw)).decode(errors="replace")[-MOST_LOG_CHARACTERS:]
    lines = CONTROL_SEQUENCE.sub("", text).splitlines()
    return [clean(line.expandtabs(4), 500) for line in lines][-MOST_LOG_LINES:]


def _answer(engine: Engine, lines: list[str]) -> EngineAnswer:
    way = lines[0] if lines else ""
    if status := IN_THE_WAY.get(way):
        return EngineAnswer(status, way)
    try:
        text = unpacked(lines[1:]).decode(errors="replace")
    except BadAnswer:
        return GARBLED
    entries = _objects(text)
    if entries is None or way not in ("socket", "cli"):
        return GARBLED
    return _whole_answer(engine, way, [(raw, _from_list(raw)) for raw in entries])


def _whole_answer(engine: Engine, way: str, entries: list[tuple[dict[str, Any], Container | None]]) -> EngineAnswer:
    listed = {one.id: replace(one, engine=engine) for _, one in entries if one}
    hidden = frozenset(
        one.id
        for raw, one in entries
        if one and engine is Engine.PODMAN and (raw.get("IsInfra") or INFRA.fullmatch(one.name))
    )
    kept = dict([(i, one) for i, one in listed.items() if i not in hidden][:MOST_CONTAINERS])
    return EngineAnswer(
        AppsStatus.OK if kept else AppsStatus.NO_CONTAINERS, way, kept, hidden, len(entries) > MOST_CONTAINERS
    )


def _helper(lines: list[str], now: float | None) -> dict[Engine, EngineAnswer]:
    """What the helper's file says: a heading with its time, then for each engine a word and its containers."""
    try:
        heading, _, rest = unpacked(lines).decode(errors="replace").partition("\n")
    except BadAnswer:
        return {Engine.DOCKER: GARBLED}
    match = HELPER.fullmatch(heading)
    if not match:
        return {Engine.DOCKER: GARBLED}
    if now is not None and abs(now - int(match[1])) > STALE_SECONDS:
        return {Engine.DOCKER: EngineAnswer(AppsStatus.UNREADABLE, "stale")}
    found: dict[Engine, EngineAnswer] = {}
    for section in re.split(r"^(?=(?:docker|podman) )", rest, maxsplit=len(Engine) + 1, flags=re.MULTILINE):
        first, _, text = section.partition("\n")
        name, _, word = first.partition(" ")
        if name in list(Engine):
            found[Engine(name)] = _section(Engine(name), word, _objects(text))
    return found or {Engine.DOCKER: EngineAnswer(AppsStatus.NO_DOCKER, "absent")}


def _section(engine: Engine, word: str, entries: list[dict[str, Any]] | None) -> EngineAnswer:
    """What the helper says of one engine."""
    if status := IN_THE_WAY.get(word):
        return EngineAnswer(status, word)
    if word != "listed" or entries is None:
        return GARBLED
    return _whole_answer(engine, "helper", [(raw, _from_inspection(raw)) for raw in entries])


def _objects(text: str) -> list[dict[str, Any]] | None:
    """The objects of a JSON array, or of one to a line, one more than are kept at most; None if it is neither."""
    if max(text.count("{"), text.count("[")) > MOST_BRACKETS:
        return None
    try:
        if text.lstrip().startswith("["):
            found = json.loads(text)
        else:
            lines = text.split("\n", MOST_LINES)[:MOST_LINES]
            found = [json.loads(line) for line in lines if line.strip()]
    except (ValueError, RecursionError):
        return None
    return [one for one in found if isinstance(one, dict)][: MOST_CONTAINERS + 1]


def _from_list(raw: dict[str, Any]) -> Container | None:
    """A container by its line in a list; None if it has no id of a container."""
    container_id = _text(raw, "Id")
    if not ID.fullmatch(container_id):
        return None
    state, status = STATES.get(_text(raw, "State").lower(), State.UNKNOWN), _text(raw, "Status")
    code = EXIT_CODE.match(status)
    exit_code = int(code[1]) if code else _number(raw, "ExitCode", 255)
    health = HEALTH.search(status)
    project, service, number = _compose(raw.get("Labels"))
    return Container(
        id=container_id,
        name=_name(raw.get("Names"), container_id),
        state=state,
        image=_text(raw, "Image", 255),
        image_id=_image_id(raw, "ImageID"),
        project=project,
        service=service,
        number=number,
        health=Health(health[1]) if health and state is State.RUNNING else None,
        exit_code=exit_code if state in ENDED else None,
        restart_count=_number(raw, "Restarts"),
        created_at=_instant(raw.get("Created")),
        started_at=_instant(raw.get("StartedAt")),
        finished_at=_instant(raw.get("ExitedAt")),
        status_text=status,
    )


def _from_inspection(raw: dict[str, Any]) -> Container | None:
    """A container by its inspection alone."""
    container_id = _text(raw, "Id")
    if not ID.fullmatch(container_id):
        return None
    project, service, number = _compose(_part(raw, "Config").get("Labels"))
    bare = Container(container_id, _name([raw.get("Name")], container_id), State.UNKNOWN)
    return replace(bare, project=project, service=service, number=number, **_details(raw))


def _details(raw: dict[str, Any]) -> dict[str, Any]:
    """The fields that an inspection knows better than the list."""
    state, config = _part(raw, "State"), _part(raw, "Config")
    now = STATES.get(_text(state, "Status").lower(), State.UNKNOWN)
    health = _text(_part(state, "Health"), "Status")
    return {
        "state": now,
        "image": _text(config, "Image", 255),
        "image_id": _image_id(raw, "Image"),
        "health": Health(health) if now is State.RUNNING and health in list(Health) else None,
        "exit_code": _number(state, "ExitCode", 255) if now in ENDED else None,
        "is_out_of_memory": state["OOMKilled"] if isinstance(state.get("OOMKilled"), bool) else None,
        "restart_count": _number(raw, "RestartCount"),
        "restart_policy": _text(_part(_part(raw, "HostConfig"), "RestartPolicy"), "Name", 20),
        "created_at": _instant(raw.get("Created")),
        "started_at": _instant(state.get("StartedAt")),
        "finished_at": _instant(state.get("FinishedAt")),
    }


def _name(names: Any, container_id: str) -> str:
    """Its own name, not one that a link gave it; of an object that has none its id."""
    texts = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    own = [name.removeprefix("/") for text in texts for name in text.split(",")]
    return clean(next((name for name in own if "/" not in name), "")) or container_id[:12]


def _compose(labels: Any) -> tuple[str, str, str]:
    """Project, service and number that compose gave it; one that was run by hand has no service."""
    known = labels if isinstance(labels, dict) else {}

    def label(name: str) -> str:
        docker, podman = known.get(f"com.docker.compose.{name}"), known.get(f"io.podman.compose.{name}")
        found = docker or podman
        return clean(found) if isinstance(found, str) else ""

    project, service = label("project"), label("service")
    return (project, "", "") if label("oneoff").lower() == "true" else (project, service, label("container-number"))


def _part(raw: dict[str, Any], name: str) -> dict[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _text(raw: dict[str, Any], name: str, most: int = 128) -> str:
    found = raw.get(name)
    return clean(found, most) if isinstance(found, str) else ""


def _number(raw: dict[str, Any], name: str, most: int = 2**31 - 1) -> int | None:
    found = raw.get(name)
    return found if type(found) is int and 0 <= found <= most else None


def _image_id(raw: dict[str, Any], name: str) -> str:
    match = IMAGE_ID.fullmatch(_text(raw, name, 80))
    return match[1] if match else ""


def _instant(found: Any) -> datetime | None:
    """An instant out of RFC 3339 or epoch seconds; before 1980 stands for never."""
    try:
        if type(found) is int:
            at = datetime.fromtimestamp(found, UTC)
        elif isinstance(found, str) and (match := INSTANT.match(found)):
            at = datetime.fromisoformat("".join(part or "" for part in match.groups())).astimezone(UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return at if 1980 <= at.year < 2200 else None


def _frames(raw: bytes) -> Iterable[bytes]:
    """What the frames of a log's stream carry; the log of a container with a terminal has none, and is as it is."""
    if raw[:1] not in (b"\0", b"\1", b"\2") or raw[1:4] != b"\0\0\0":
        yield raw
        return
    at = 0
    while at + FRAME_BYTES <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + FRAME_BYTES], "big")
        yield raw[at + FRAME_BYTES : at + FRAME_BYTES + size]
        at += FRAME_BYTES + size
