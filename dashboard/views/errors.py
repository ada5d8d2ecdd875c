"""What is answered where a request makes no sense, or an answer could not be made."""

import sys

from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.defaults import server_error

from dashboard.api import envelope
from dashboard.api.envelope import AGAIN, DATABASE_DOWN, FAILED, ApiError

SENSELESS = ApiError(
    400, "BAD_REQUEST", "The request makes no sense: check its host name, which TOMO_ALLOWED_HOSTS has to list."
)
SCRAPED, ASKED = "/metrics", ("/api/v1/", "/mcp")  # by programs; all else are pages


def failed(request: HttpRequest) -> HttpResponse:
    """Whichever layer it failed in: 503 while the database does not answer, else 500."""
    is_down = isinstance(sys.exception(), OperationalError | InterfaceError)
    if told := _told_to_program(request, DATABASE_DOWN if is_down else FAILED):
        return told
    if not is_down:
        return server_error(request)
    page = render_to_string("503.html", {"request": request})  # without context processors, which ask the database
    return HttpResponse(page, status=503, headers={**AGAIN, "Refresh": "10", "Cache-Control": "no-store"})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """With the reason, where there is one to tell."""
    if told := _told_to_program(request, SENSELESS):
        return told
    reason = str(exception) if isinstance(exception, BadRequest) else ""
    return render(request, "400.html", {"reason": reason}, status=400)


def _told_to_program(request: HttpRequest, error: ApiError) -> HttpResponse | None:
    """The error as the program reads it that asks; None for a page."""
    if request.path.startswith(ASKED):
        return envelope.refused(error)
    return plain(error) if request.path == SCRAPED else None


def plain(error: ApiError) -> HttpResponse:
    """As a program reads it that wants no envelope."""
    headers = {**error.headers, "Cache-Control": "no-store"}
    return HttpResponse(f"{error.message}\n", "text/plain; charset=utf-8", error.status, headers=headers)
