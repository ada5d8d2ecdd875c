"""The JSON API, explained."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.api import openapi, reference


def api_docs(request: HttpRequest) -> HttpResponse:
    context = {"entries": reference.entries(), "errors": openapi.ERRORS, "public_url": settings.PUBLIC_URL}
    return render(request, "api/page.html", context)
