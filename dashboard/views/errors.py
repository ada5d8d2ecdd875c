"""What is answered where a request makes no sense, or an answer could not be made."""

import sys

from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.defaults import server_error

from dashboard.api import envelope
from dashboard.api.envelope import ApiError

AGAIN = {"Retry-After": "10"}
DATABASE_DOWN = ApiError(503, "UNAVAILABLE", "The database does not answer: try again in ten seconds.", AGAIN)


def failed(request: HttpRequest) -> HttpResponse:
    """Whichever layer it failed in: 503 while the database does not answer, else 500."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return server_error(request)
    if request.path.startswith("/api/"):
        return envelope.refused(DATABASE_DOWN)
    page = render_to_string("503.html", {"request": request})  # without context processors, which ask the database
    return HttpResponse(page, status=503, headers={**AGAIN, "Refresh": "10", "Cache-Control": "no-store"})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """With the reason, where there is one to tell."""
    reason = str(exception) if isinstance(exception, BadRequest) else ""
    return render(request, "400.html", {"reason": reason}, status=400)
