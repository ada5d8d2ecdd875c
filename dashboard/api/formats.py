"""The formats that an answer can be had in: JSON in the envelope, and lists as CSV."""

import csv
import json
from collections.abc import Mapping
from hashlib import sha256
from io import StringIO
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers

from activity.export import CONTENT_TYPES, defused
from dashboard.api import envelope
from dashboard.api.envelope import Answer, ApiError
from dashboard.api.operations import Operation

JSON, CSV = "application/json", "text/csv"
CHANGING = ("timestamp", "at")  # the instant of the answer itself says nothing new


def wanted(request: HttpRequest, operation: Operation) -> str:
    """The content type that the request asks for. Raises ApiError if there is none of those."""
    offered = [JSON, CSV] if operation.rows else [JSON]
    found = request.get_preferred_type(offered)
    if found is None:
        raise ApiError(406, "NOT_ACCEPTABLE", f"Accept: Allowed: {', '.join(offered)}.")
    return found


def rendered(request: HttpRequest, operation: Operation, answer: Answer, form: str) -> HttpResponse:
    """The answer in this format; 304 if the caller has it already."""
    response = _csv(operation, answer.data) if form == CSV else envelope.told(answer)
    if operation.rows:
        patch_vary_headers(response, ["Accept"])
    if not operation.is_reading:
        return response
    response["Cache-Control"] = "private, no-cache"  # kept, and asked for each time
    response["ETag"] = _etag(answer.data, form)
    return get_conditional_response(request, etag=response["ETag"], response=response) or response


def _csv(operation: Operation, data: Mapping[str, Any]) -> HttpResponse:
    """The rows of a list with the names of the JSON; what is unknown is empty."""
    rows = data[operation.rows]
    names = rows[0] if rows else operation.shape["properties"][operation.rows]["items"]["required"]
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return HttpResponse(buffer.getvalue(), content_type=CONTENT_TYPES["csv"])


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else defused(value)


def _etag(data: Mapping[str, Any], form: str) -> str:
    """Weak: it is the same as long as nothing but the instant of the answer differs."""
    lasting = {name: value for name, value in data.items() if name not in CHANGING}
    return f'W/"{sha256(f"{form}{json.dumps(lasting)}".encode()).hexdigest()[:32]}"'
