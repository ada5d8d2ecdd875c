"""The guided preparation of a server."""

from datetime import UTC, datetime

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from dashboard import access
from dashboard.requests import Request
from metrics import authorized_keys, preparation
from metrics.models import Preparation, Server
from metrics.queue import enqueue


@access.only(access.is_administrator)
def prepare(request: Request, server_id: int) -> HttpResponse:
    """What to put on the server, and how far its preparation is."""
    server = _server(request, server_id)
    newest = server.preparations.first()
    credential = getattr(server, "credential", None)
    context = {
        "server": server,
        "preparation": newest,
        "pinned": [key.fingerprint for key in server.host_keys.all()],
        "credential": credential,
        "restricted_line": credential and authorized_keys.restricted(credential.public_key),
        "simple_line": credential and authorized_keys.simple(credential.public_key),
    }
    return render(request, "servers/progress.html" if request.htmx else "servers/prepare.html", context)


@require_POST
@access.only(access.is_administrator)
def start(request: Request, server_id: int) -> HttpResponse:
    begun = preparation.begin(_server(request, server_id), datetime.now(UTC))
    enqueue("scan", begun.pk)
    return redirect("server_prepare", server_id)


@require_POST
@access.only(access.is_administrator)
def confirm(request: Request, server_id: int) -> HttpResponse:
    """The compared host key is the server's own."""
    server = _server(request, server_id)
    if not access.is_confirmed(request):
        return access.ask_for_password(request, back_to=request.path.removesuffix("/confirm"))
    waiting = server.preparations.filter(state=Preparation.State.CONFIRMING).first()
    if waiting is None or request.POST.get("preparation") != str(waiting.pk):
        raise Http404
    fingerprint = request.POST.get("fingerprint", "")
    if fingerprint not in {key["fingerprint"] for key in waiting.host_keys}:
        raise Http404
    preparation.confirm(waiting, fingerprint, datetime.now(UTC))
    enqueue("test", waiting.pk)
    return redirect("server_prepare", server_id)


def _server(request: Request, server_id: int) -> Server:
    seen = Server.objects.visible_to(request.user).select_related("state", "credential")
    return get_object_or_404(seen.exclude(transport="local"), pk=server_id)
