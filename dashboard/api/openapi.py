"""The description of the API for programs (OpenAPI 3.1), made of the table of operations."""

import re
from functools import cache
from typing import Any

from django.conf import settings

from dashboard import fields, reports
from dashboard.api.bodies import MOST_BYTES
from dashboard.api.operations import OPERATIONS, Operation
from dashboard.api.parameters import MOST_ID, Parameter
from dashboard.models import Scope

Schema = dict[str, Any]

ERROR = {
    "type": "object",
    "properties": {
        "success": {"const": False},
        "message": {"type": "string", "description": "What is wrong and what is allowed"},
        "error": {"type": "string", "description": "A code that stays the same"},
    },
    "required": ["success", "message", "error"],
}
JSON_VALUE: Schema = {
    "anyOf": [
        {"type": ["null", "boolean"]},
        {"type": "string", "pattern": reports.TEXT_PATTERN},
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "number"},
        {"type": "array", "items": {"$ref": "#/components/schemas/Value"}},
        reports.DETAILS,
    ]
}
ERRORS = {
    "400": "A parameter, a field or the body is wrong: the message names it and what is allowed",
    "401": "Nobody is signed in, or the token is not valid",
    "403": "The token lacks the scope, or its owner the role",
    "404": "There is no such thing",
    "406": "None of the asked formats can be had",
    "409": "It does not fit what is there, or from, to and period do not fit each other",
    "411": "The body's length is missing",
    "413": f"The body has more than {MOST_BYTES} bytes",
    "415": "The body is not JSON",
    "429": "More than 120 requests in this minute with this token",
    "503": "The database does not answer",
}
OF_BODIES = ("411", "413", "415")
HEADERS = {
    "401": {"WWW-Authenticate": "How to come in"},
    "429": {"Retry-After": "Seconds until the next minute"},
    "503": {"Retry-After": "Seconds to wait"},
}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A report that is sent again with the same key within 24 hours records nothing new.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}


@cache
def document() -> Schema:
    """The whole description."""
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        paths.setdefault(f"/api/v1/{operation.route}", {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tomo Monitor",
            "version": settings.VERSION,
            "description": "The same answers as the pages. What is unknown is null, never 0.",
        },
        "servers": [{"url": settings.PUBLIC_URL}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(subject(operation) for operation in OPERATIONS)],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Made on the page Tokens."}
            },
            "schemas": {"Error": ERROR, "Value": JSON_VALUE},
        },
    }


def _operation(operation: Operation) -> Schema:
    scope = f"Scope `{operation.scope}`." if operation.scope else "Any token."
    found: Schema = {
        "operationId": operation.name,
        "summary": operation.says,
        "description": scope,
        "tags": [subject(operation)],
        "parameters": [*_places(operation), *(_parameter(one) for one in operation.parameters)],
        "responses": _responses(operation),
    }
    if operation.scope == Scope.ACTIVITY_WRITE:
        found["parameters"].append(IDEMPOTENCY_KEY)
    if operation.body:
        content = {"application/json": {"schema": fields.schema(operation.body) | operation.body_rules}}
        found["requestBody"] = {"required": operation.is_body_required, "content": content}
    return found


def subject(operation: Operation) -> str:
    """What it is about: the last thing in its address that has a name of its own."""
    about = next(
        (part for part in reversed(operation.route.split("/")) if part in ("apps", "servers", "activity", "tokens")),
        "monitor",
    )
    return about.capitalize()


def _places(operation: Operation) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": f"The id of the {name.removesuffix('_id')}.",
            "schema": {"type": "integer", "minimum": 1, "maximum": MOST_ID},
        }
        for name in re.findall(r"{(\w+)}", operation.route)
    ]


def _parameter(one: Parameter) -> Schema:
    found: Schema = {"name": one.name, "in": "query", "description": one.says, "schema": dict(one.schema)}
    return found | ({"style": "form", "explode": False} if one.schema.get("type") == "array" else {})


def _responses(operation: Operation) -> Schema:
    envelope = {
        "type": "object",
        "properties": {"success": {"const": True}, "message": {"type": "string"}, "data": operation.shape},
        "required": ["success", "message", "data"],
    }
    content: Schema = {"application/json": {"schema": envelope}}
    if operation.rows:
        content["text/csv"] = {"schema": {"type": "string"}}
    good = {"description": operation.says, "content": content}
    found: Schema = {str(operation.status): good}
    if operation.is_reading:
        found["304"] = {"description": "Nothing has changed since the answer with the ETag of If-None-Match"}
    if operation.scope == Scope.ACTIVITY_WRITE:
        found["200"] = {"description": "It was recorded before, under the same Idempotency-Key", "content": content}
    return found | {
        status: _error(status, says) for status, says in ERRORS.items() if operation.body or status not in OF_BODIES
    }


def _error(status: str, says: str) -> Schema:
    found: Schema = {
        "description": says,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    if status in HEADERS:
        headers = HEADERS[status].items()
        found["headers"] = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers}
    return found
