"""The words that the shapes of answers are written in, each a piece of JSON Schema. Pure."""

from typing import Any

Schema = dict[str, Any]


def value(kind: str, says: str, **more: Any) -> Schema:
    return {"type": kind, "description": says, **more}


def null_or(kind: str, says: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], "description": says, **more}


def text(says: str) -> Schema:
    return value("string", says)


def maybe_text(says: str) -> Schema:
    return null_or("string", f"{says}, or null")


def count(says: str) -> Schema:
    return value("integer", says, minimum=0)


def id_of(says: str) -> Schema:
    return value("integer", says, minimum=1)


def time(says: str) -> Schema:
    return value("string", f"{says}; RFC 3339 in UTC", format="date-time")


def maybe_time(says: str) -> Schema:
    return null_or("string", f"{says}; RFC 3339 in UTC, or null", format="date-time")


def yes(says: str) -> Schema:
    return value("boolean", says)


def among(says: str, *allowed: str) -> Schema:
    return value("string", says, enum=[str(one) for one in allowed])


def list_of(of: Schema, says: str = "") -> Schema:
    return {"type": "array", "items": of} | ({"description": says} if says else {})


def record(says: str, properties: Schema) -> Schema:
    """An answer has all of these; more may come."""
    return value("object", says, properties=properties, required=list(properties))


def maybe_record(says: str, properties: Schema) -> Schema:
    return record(says, properties) | {"type": ["object", "null"]}
