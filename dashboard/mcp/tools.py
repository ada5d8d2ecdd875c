"""The tools that an AI assistant may call: each is an operation of the JSON API under a name of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dashboard.api import parameters
from dashboard.api.callers import Caller
from dashboard.api.envelope import bad
from dashboard.api.operations import OPERATIONS, Operation, Schema
from dashboard.api.parameters import MOST_ID, Parameter
from metrics.periods import MOST_POINTS

MOST_BYTES = 50_000  # of an answer: less than 25,000 tokens in any script
MOST_LOG_BYTES, MOST_DETAILS_BYTES = 1500, 4000
SAMPLE_BYTES = 130  # that a sample has beside its figures
FIGURE_BYTES = 26
FEWEST_POINTS = 12
ENVELOPE = 400

SERVER_SERIES = (
    "cpu_percent memory_percent memory_used_mb memory_total_mb disk_percent disk_used_gb disk_total_gb"
    " network_rx_bytes network_tx_bytes load_average_1m load_average_5m load_average_15m uptime_seconds"
).split()
APP_SERIES = "cpu_percent memory_usage_mb memory_limit_mb network_rx_bytes network_tx_bytes".split()


@dataclass(frozen=True)
class Tool:
    """What an assistant may ask. `takes` are the operation's parameters that it has, beside the ids in its address;
    `usual` gives some of them another value than the API. `rows` names the list that is cut where it would be too
    long, and `more` says how to ask for the rest."""

    name: str
    title: str
    says: str
    operation: Operation
    takes: tuple[str, ...] = ()
    usual: Mapping[str, Any] = field(default_factory=dict)
    rows: str = ""
    more: str = ""

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """Those of the operation, each with what it usually is here."""
        return {one.name: replace(one, usual=self.usual.get(one.name, one.usual)) for one in self.operation.parameters}

    @property
    def places(self) -> list[str]:
        """The ids that stand in the address."""
        return [name for name in ("server_id", "app_id") if f"{{{name}}}" in self.operation.route]

    @property
    def input_schema(self) -> Schema:
        ids = {
            name: {"type": "integer", "minimum": 1, "maximum": MOST_ID, "description": f"From {LISTS[name]}."}
            for name in self.places
        }
        taken = {name: dict(self.parameters[name].schema) | _told(self.parameters[name]) for name in self.takes}
        return {
            "type": "object",
            "properties": ids | taken,
            "required": self.places,
            "additionalProperties": False,
        }

    @property
    def output_schema(self) -> Schema:
        properties = {
            "success": {"type": "boolean"},
            "message": {"type": "string"},
            "data": self.operation.shape,
            "notice": {"type": "string", "description": "What in it was written by others"},
            "note": {"type": "string", "description": "What was left out, and how to ask for it; empty if nothing was"},
        }
        return {"type": "object", "properties": properties, "required": list(properties)}

    def answer(self, caller: Caller, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """The data, and a note on what was left out. Raises ApiError."""
        places = {name: str(arguments.get(name, "")) for name in self.places}
        if missing := [name for name in self.places if name not in arguments]:
            raise bad(missing[0], f"It is missing. Allowed: an id from {LISTS[missing[0]]}.")
        texts = {name: [_text(value)] for name, value in arguments.items() if name not in places and value is not None}
        of_api = {one.name: one.usual for one in self.parameters.values() if one.usual is not None}
        given = of_api | parameters.read(texts, [self.parameters[name] for name in self.takes])
        if "points" in given:
            given["points"] = _points(given["series"])
        return self._fitted(self.operation.answer(caller, given, **places))  # type: ignore[arg-type]

    def _fitted(self, data: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """As many rows as an answer may have."""
        if "crashes" in data:
            data = data | {"crashes": [one | {"log": _last(one["log"])} for one in data["crashes"]]}
        room = MOST_BYTES - ENVELOPE - _size({**data, self.rows: []} if self.rows else data)
        if not self.rows:
            return data, ""
        kept: list[Any] = []
        for row in map(_brief, data[self.rows]):
            room -= _size(row) + 1
            if room < 0:
                note = f"These are {len(kept)} of {len(data[self.rows])} {self.rows}: {self.more}"
                return data | {self.rows: kept} | ({"count": len(kept)} if "count" in data else {}), note
            kept.append(row)
        return data | {self.rows: kept}, ""


def _told(one: Parameter) -> Schema:
    return {"description": one.says} | ({"default": one.usual} if one.usual is not None else {})


def _text(value: Any) -> str:
    """An argument as the API has it."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _last(text: str) -> str:
    """The end of a log: one program's words leave room for what else there is to tell."""
    return text.encode()[-MOST_LOG_BYTES:].decode(errors="ignore")


def _brief(row: dict[str, Any]) -> dict[str, Any]:
    """A row of activity without details that would take the room of all others; any other row as it is."""
    size = _size(row.get("details"))
    if size <= MOST_DETAILS_BYTES:
        return row
    return row | {"details": {"left_out": f"{size} bytes: the page Activity and the API have them."}}


def _points(series: list[str]) -> int:
    """How many samples with so many figures an answer has room for."""
    room = (MOST_BYTES - ENVELOPE) // (SAMPLE_BYTES + FIGURE_BYTES * len(series))
    return min(max(room, FEWEST_POINTS), MOST_POINTS)


def _operation(name: str) -> Operation:
    return next(one for one in OPERATIONS if one.name == name)


LISTS = {"server_id": "list_servers", "app_id": "list_apps"}
RANGE = ("period", "from", "to", "series")
LESS = "ask for a shorter period, or for fewer series."
TOOLS = (
    Tool(
        "get_dashboard_summary",
        "Summary of the fleet",
        "How the whole fleet is now: servers by status, apps by condition, average CPU, memory and disk in percent over"
        " the servers with current figures, and what happened last.",
        _operation("summary"),
        rows="recent_activities",
        more="get_activity_logs has the rest.",
    ),
    Tool(
        "list_servers",
        "Servers",
        "The servers with their ids, status, the reason why one is not online, and their newest figures (percent,"
        " bytes, bytes per second; null is unknown). Searched with q, tag or status.",
        _operation("servers"),
        ("q", "tag", "status", "limit", "offset"),
        {"limit": 20},
        "servers",
        "ask with limit and offset, or search with q, tag or status.",
    ),
    Tool(
        "list_apps",
        "Apps",
        "The apps (Docker and Podman containers) of all servers, with their ids, condition (running, stopped, error,"
        " unknown), health, exit code and newest figures: CPU in percent of one core, memory in bytes.",
        _operation("apps"),
        ("server_id", "limit", "offset"),
        {"limit": 30},
        "apps",
        "ask with limit and offset, or for one server_id.",
    ),
    Tool(
        "get_server_metrics",
        "History of a server",
        "A server's history over a period up to now, or from one instant to another: means per step, oldest first, with"
        " gaps left out. Percent, MiB, GiB; network_*_bytes count from boot. step_seconds tells how wide a step is;"
        " coverage_percent how complete it is. For other figures, or for a finer step, name the series.",
        _operation("server_metrics"),
        RANGE,
        {"series": SERVER_SERIES},
        "metrics",
        LESS,
    ),
    Tool(
        "get_app_metrics",
        "History of an app",
        "An app's history over a period up to now, or from one instant to another: CPU in percent of one core, memory"
        " in MiB, network in bytes since the container's start, and the container's status, oldest first.",
        _operation("app_metrics"),
        RANGE,
        {"series": APP_SERIES},
        "metrics",
        LESS,
    ),
    Tool(
        "get_activity_logs",
        "Activity log",
        "What happened and who did it, newest first: sign-ins, changes, servers that came and went, preparations, apps"
        " that started, stopped or crashed, backups. total counts everything that the filters find.",
        _operation("activity"),
        *(("activity_types", "server_id", "user_id", "app_id", "since", "until", "q", "result", "limit", "offset"),),
        {"limit": 50},
        "logs",
        "ask with a smaller limit and an offset, or filter more.",
    ),
    Tool(
        "explain_server",
        "What changed on a server",
        "What changed on a server around a time, as one bundle: figures before and after (those that changed most"
        " first), what happened, crashes of its apps with their last log lines, and the course of the main figures."
        " Ask this first when a server misbehaves.",
        _operation("explain_server"),
        ("at", "minutes"),
        rows="events",
        more="ask for fewer minutes, or get_activity_logs with since and until.",
    ),
)
BY_NAME = {one.name: one for one in TOOLS}
