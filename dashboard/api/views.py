"""The rim of the JSON API: by session or bearer token, every answer in the envelope."""

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from activity.context import acting
from dashboard.api import bodies, callers, envelope, formats, openapi, parameters
from dashboard.api.envelope import Answer, ApiError
from dashboard.api.operations import Operation

log = structlog.get_logger(__name__)


@csrf_exempt
@login_not_required
def handle(request: HttpRequest, *, methods: Mapping[str, Operation] | None = None, **place: str) -> HttpResponse:
    """Every answer is the envelope, every error has its status and code."""
    try:
        return _answered(request, _operation(request, methods), place)
    except ApiError as error:
        return envelope.refused(error)
    except Http404:
        return envelope.refused(ApiError(404, "NOT_FOUND", "There is no such thing."))
    except SuspiciousOperation:
        return envelope.refused(ApiError(400, "BAD_REQUEST", "The request makes no sense."))
    except (OperationalError, InterfaceError):  # views/errors.py says so
        raise
    except Exception:  # a failure is an error in the envelope, never an empty answer
        log.exception("api.failed", path=request.path)
        return envelope.refused(envelope.FAILED)


@csrf_exempt
@login_not_required
def description(request: HttpRequest) -> HttpResponse:
    """The API as OpenAPI describes it, for whoever may come in."""
    try:
        callers.caller(request, None, datetime.now(UTC))
    except ApiError as error:
        return envelope.refused(error)
    return JsonResponse(openapi.document())


def _answered(request: HttpRequest, operation: Operation, place: dict[str, str]) -> HttpResponse:
    caller = callers.caller(request, operation.scope, datetime.now(UTC), operation.role)
    form, given = formats.wanted(request, operation), parameters.given(request, operation.parameters)
    with acting(caller.actor):
        if operation.is_reading:
            found = operation.answer(caller, given, **place)
        else:
            sent = bodies.sent(request, operation.body, is_required=operation.is_body_required)
            found = operation.answer(caller, sent, **place)
    answer = found if isinstance(found, Answer) else Answer(found, operation.status)
    return formats.rendered(request, operation, answer, form)


def _operation(request: HttpRequest, methods: Mapping[str, Operation] | None) -> Operation:
    if methods is None:
        raise ApiError(404, "NOT_FOUND", "There is no such address.")
    operation = methods.get("GET" if request.method == "HEAD" else str(request.method))
    if operation is None:
        allowed = ", ".join(methods)
        raise ApiError(405, "METHOD_NOT_ALLOWED", f"Allowed: {allowed}.", {"Allow": allowed})
    return operation
