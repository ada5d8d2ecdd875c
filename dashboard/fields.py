"""The fields of what is sent as JSON: what each takes, in words and as JSON Schema."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class WrongField(ValueError):
    """What was sent cannot be taken; the text names the field and what is allowed."""


@dataclass(frozen=True)
class Field:
    """What is allowed, in words and as JSON Schema, and what reads it: None is what is not allowed."""

    allowed: str
    schema: Mapping[str, Any]
    read: Callable[[Any], Any]
    is_required: bool = False


def checked(given: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """The fields that are given, each read; null counts as not given. Raises WrongField."""
    for name in given:
        if name not in fields:
            raise WrongField(f"{ascii(name)[1:-1][:100]}: There is no such field. Allowed: {', '.join(fields)}.")
    found = {name: _read(name, value, fields[name]) for name, value in given.items() if value is not None}
    for name, field in fields.items():
        if field.is_required and name not in found:
            raise WrongField(f"{name}: It is missing. Allowed: {field.allowed}.")
    return found


def schema(fields: Mapping[str, Field]) -> dict[str, Any]:
    """The JSON Schema of the object that they make."""
    return {
        "type": "object",
        "properties": {name: _nullable(one) | {"description": one.allowed} for name, one in fields.items()},
        "required": [name for name, one in fields.items() if one.is_required],
        "additionalProperties": False,
    }


def whole(value: Any) -> int | None:
    """A number above zero that is whole, as JSON Schema understands it: 1.0 is one."""
    is_whole = type(value) in (int, float) and value == value // 1
    return int(value) if is_whole and 0 < value < 2**63 else None


def _read(name: str, value: Any, field: Field) -> Any:
    found = field.read(value)
    if found is None:
        raise WrongField(f"{name}: Allowed: {field.allowed}.")
    return found


def _nullable(field: Field) -> dict[str, Any]:
    if field.is_required:
        return dict(field.schema)
    return {"anyOf": [dict(field.schema), {"type": "null"}]}
