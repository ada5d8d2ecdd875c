"""The addresses of the JSON API, below /api/v1/."""

import re

from django.urls import path, re_path

from dashboard.api.operations import OPERATIONS, Operation
from dashboard.api.views import description, handle


def _addresses() -> dict[str, dict[str, Operation]]:
    """The operations of each address, by their methods; what stands in braces is a text for the answer to read."""
    found: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        found.setdefault(re.sub(r"{(\w+)}", r"<str:\1>", operation.route), {})[operation.method] = operation
    return found


urlpatterns = [
    *(path(route, handle, {"methods": methods}) for route, methods in _addresses().items()),
    path("openapi.json", description, name="openapi"),
    re_path("", handle),
]
