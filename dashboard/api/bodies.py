"""What a program sends to the API: a JSON object in the body."""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, UnreadablePostError

from dashboard.api.envelope import ApiError
from dashboard.fields import Field, WrongField, checked

MOST_BYTES = 128 * 1024
LENGTH = re.compile(r"[0-9]{1,9}", re.ASCII)
LONGEST_NUMBER = 20  # digits, of the whole numbers that are kept


class WrongJson(ValueError):
    """The text is no JSON object that says one thing; why not."""


@dataclass(frozen=True)
class Sent:
    """The fields of the body, each as it was read, and the key under which it counts once."""

    fields: dict[str, Any]
    idempotency_key: str | None = None


def sent(request: HttpRequest, fields: Mapping[str, Field], *, is_required: bool) -> Sent:
    """The body of this request, which has these fields. Raises ApiError."""
    if not fields or not (is_required or _has_body(request)):
        return Sent({})
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type != "application/json" or charset.lower() not in ("utf-8", "utf8"):
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type: Allowed: application/json, in UTF-8.")
    try:
        return Sent(checked(parsed(body(request)), fields), request.headers.get("Idempotency-Key"))
    except WrongJson as wrong:
        raise ApiError(400, "BAD_JSON", f"body: {wrong}") from None
    except WrongField as wrong:
        raise ApiError(400, "BAD_PARAMETER", str(wrong)) from None


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON object in which every name is given once. A whole number of more than 64 bits is infinite."""
    try:
        found = json.loads(body.decode(), object_pairs_hook=_object, parse_int=_whole)
    except UnicodeDecodeError:
        raise WrongJson("It is not UTF-8.") from None
    except RecursionError:
        raise WrongJson("It is nested too deeply. Allowed: details of at most 20 levels.") from None
    except json.JSONDecodeError as wrong:
        raise WrongJson(f"It is not JSON: {wrong}.") from None
    if not isinstance(found, dict):
        raise WrongJson("It is not a JSON object: {…}.")
    return found


def body(request: HttpRequest) -> bytes:
    """All of it. Raises ApiError."""
    length = request.headers.get("Content-Length", "")
    if not length:
        raise ApiError(411, "LENGTH_REQUIRED", "Content-Length: It is missing: send the body in one piece.")
    if not LENGTH.fullmatch(length) or int(length) > MOST_BYTES:
        raise ApiError(413, "TOO_LARGE", f"The body is too large. Allowed: at most {MOST_BYTES} bytes.")
    try:
        return request.body
    except UnreadablePostError:
        raise ApiError(400, "BAD_REQUEST", "The body ended early.") from None


def _has_body(request: HttpRequest) -> bool:
    return "Transfer-Encoding" in request.headers or request.headers.get("Content-Length", "0") not in ("", "0")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise WrongJson(f"{ascii(twice)[:100]} is given more than once: give it once.")
    return found


def _whole(text: str) -> float:
    return int(text) if len(text) <= LONGEST_NUMBER else math.inf
