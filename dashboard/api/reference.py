"""The description of the API for people, made of the table of operations, with an example of each."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings

from dashboard.api.openapi import subject
from dashboard.api.operations import OPERATIONS, Operation, Schema

KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "yes or no", "object": "object"}
EXAMPLE_ID = "1"


@dataclass(frozen=True)
class Line:
    """A parameter, a field of the body or one of the answer."""

    name: str
    kind: str
    says: str
    is_required: bool = False


@dataclass(frozen=True)
class Entry:
    """One operation with what it takes, what it answers and how it is asked."""

    operation: Operation
    parameters: list[Line]
    body: list[Line]
    answer: list[Line]
    curl: str
    python: str

    @property
    def anchor(self) -> str:
        return self.operation.name.replace("_", "-")


@cache
def entries() -> dict[str, list[Entry]]:
    """All operations by what they are about."""
    found: dict[str, list[Entry]] = {}
    for operation in OPERATIONS:
        found.setdefault(subject(operation), []).append(_entry(operation))
    return found


def _entry(operation: Operation) -> Entry:
    return Entry(
        operation,
        [Line(one.name, _kind(one.schema), one.says) for one in operation.parameters],
        [Line(name, _kind(one.schema), one.allowed, one.is_required) for name, one in operation.body.items()],
        list(_lines(operation.shape)),
        _curl(operation),
        _python(operation),
    )


def _lines(shape: Schema, prefix: str = "") -> Iterator[Line]:
    """The fields of an answer, those of an object in a list as `list[].field`."""
    for name, one in shape.get("properties", {}).items():
        inner, path = one.get("items", one), f"{prefix}{name}{'[]' if 'items' in one else ''}"
        if "properties" not in inner or one.get("description"):
            yield Line(path, _kind(one), one.get("description") or inner.get("description", ""))
        yield from _lines(inner, f"{path}.")


def _kind(schema: Mapping[str, Any]) -> str:
    """Of a value, in words."""
    if "anyOf" in schema or "oneOf" in schema:
        return "text" if "anyOf" in schema else "object"
    if schema["type"] == "array":
        return f"list of {_kind(schema['items'])}s"
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    known = KINDS | ({"string": "time"} if schema.get("format") == "date-time" else {})
    words = " or ".join(known[kind] for kind in kinds if kind in known)
    return f"{words}, or null" if "null" in kinds else words


def _curl(operation: Operation) -> str:
    parts = ["curl", "--fail-with-body", '-H "Authorization: Bearer $TOMO_TOKEN"']
    if not operation.is_reading:
        parts.append(f"-X {operation.method}")
    if operation.example:
        parts += ['-H "Content-Type: application/json"', f"-d '{json.dumps(operation.example)}'"]
    return " \\\n  ".join([*parts, f'"{_address(operation)}"'])


def _python(operation: Operation) -> str:
    send = f"    data=json.dumps({operation.example!r}).encode(),\n" if operation.example else ""
    kind = '        "Content-Type": "application/json",\n' if operation.example else ""
    return (
        "import json\nimport os\nimport urllib.request\n\n"
        "request = urllib.request.Request(\n"
        f'    "{_address(operation)}",\n'
        f'    method="{operation.method}",\n{send}'
        f"    headers={{\n"
        f'        "Authorization": f"Bearer {{os.environ[\'TOMO_TOKEN\']}}",\n{kind}'
        "    },\n)\n"
        "with urllib.request.urlopen(request, timeout=30) as response:\n"
        '    print(json.load(response)["data"])\n'
    )


def _address(operation: Operation) -> str:
    """With an id in each place, and a query that shows the parameters at work."""
    route = operation.route
    for place in ("server_id", "app_id", "filesystem_id", "interface_id", "token_id"):
        route = route.replace(f"{{{place}}}", EXAMPLE_ID)
    query = {"metrics": "?period=24h", "logs": "?activity_types=server_disconnected&limit=10"}.get(operation.rows, "")
    return f"{settings.PUBLIC_URL}/api/v1/{route}{query}"
