"""The addresses of the JSON API, below /api/v1/."""

from django.urls import path

from dashboard.api.operations import OPERATIONS, Operation
from dashboard.api.views import handle


def _addresses() -> dict[str, dict[str, Operation]]:
    """The operations of each address, by their methods."""
    found: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        found.setdefault(operation.route, {})[operation.method] = operation
    return found


urlpatterns = [
    *(path(route, handle, {"methods": methods}) for route, methods in _addresses().items()),
    path("", handle),
    path("<path:anything>", handle),
]
