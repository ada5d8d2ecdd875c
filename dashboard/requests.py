"""The type of a request as the middleware leaves it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class Request(HttpRequest):
    """With what django-htmx adds."""

    htmx: HtmxDetails
