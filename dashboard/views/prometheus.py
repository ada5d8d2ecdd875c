"""What a Prometheus server scrapes. Errors are plain text there."""

import gzip
import ipaddress
from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from dashboard.api import callers
from dashboard.api.envelope import ApiError
from dashboard.models import Scope
from dashboard.prometheus.exposition import exposition
from dashboard.views import errors
from metrics.models import Server
from metrics.models.server import ServerQuerySet

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
FAST = 1  # a quarter of the time that the middleware takes


@csrf_exempt
@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics of the servers that whoever asks may see."""
    at = datetime.now(UTC)
    try:
        servers = _servers(request, at)
    except ApiError as error:
        return errors.plain(error)
    is_openmetrics = _wants_openmetrics(request)
    text = exposition(servers, at, is_openmetrics=is_openmetrics)
    headers = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        text, headers["Content-Encoding"] = gzip.compress(text, FAST), "gzip"
    return HttpResponse(text, content_type=OPENMETRICS if is_openmetrics else PLAIN, headers=headers)


def _servers(request: HttpRequest, at: datetime) -> ServerQuerySet:
    """All of them for the networks of TOMO_METRICS_NETWORKS; else as the API has it. Raises ApiError."""
    if "Authorization" not in request.headers and _is_let_in(request.META.get("REMOTE_ADDR", "")):
        return Server.objects.all()
    return callers.caller(request, Scope.METRICS_READ, at).servers


def _is_let_in(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in settings.TOMO["metrics_networks"])


def _wants_openmetrics(request: HttpRequest) -> bool:
    """Whether OpenMetrics 1.0 is accepted, and nothing else preferred to it."""
    for one in request.accepted_types_by_precedence:
        if one.match("text/plain"):
            return False
        if f"{one.main_type}/{one.sub_type}" == "application/openmetrics-text":
            return str(one.params.get("version", "1.0.0")) == "1.0.0"
    return False
