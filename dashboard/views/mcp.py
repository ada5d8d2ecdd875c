"""The Model Context Protocol over HTTP, in the same web process as the pages."""

from datetime import UTC, datetime
from functools import partial

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from dashboard.api import bodies, callers, envelope
from dashboard.api.envelope import ApiError
from dashboard.mcp import calls


@csrf_exempt
@login_not_required
def mcp(request: HttpRequest) -> HttpResponse:
    """One message of an assistant and its answer; there are no sessions and no streams to keep."""
    try:
        if request.method != "POST":
            raise ApiError(405, "METHOD_NOT_ALLOWED", "Allowed: POST.", {"Allow": "POST"})
        token = callers.bearer(request, datetime.now(UTC))
        bodies.body(request)
    except ApiError as error:
        return envelope.refused(error)
    from dashboard.mcp.server import over_http  # a second, which only those pay who need it

    response = async_to_sync(over_http)(request, partial(calls.call, token))
    response["Cache-Control"] = "no-store"
    return response
