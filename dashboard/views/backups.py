"""Backups: the list, making one, taking one along."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from activity import streaming
from activity.record import record
from activity.types import ActivityType
from dashboard import access
from dashboard.requests import Request
from metrics import schedules
from metrics.backups import files, making
from metrics.models import Backup
from metrics.queue import enqueue

CHUNK_BYTES = 1 << 18


@access.only(access.is_administrator)
def backups(request: Request) -> HttpResponse:
    if not request.htmx and not access.is_confirmed(request):
        return access.ask_for_password(request, back_to=request.path)
    making.settle(datetime.now(UTC))
    context = {
        "run": Backup.objects.first(),
        "entries": files.entries(),
        "folder": files.folder(),
        "next_at": schedules.next_backup_at(),
        "kept": settings.TOMO["backups_kept"],
    }
    return render(request, "backups/live.html" if request.htmx else "backups/page.html", context)


@require_POST
@access.only(access.is_administrator)
def make(request: Request) -> HttpResponse:
    if not access.is_confirmed(request):
        return access.ask_for_password(request, back_to=reverse("backups"))
    if run := making.ask(datetime.now(UTC)):
        enqueue("make_backup", run.pk)
    return redirect("backups")


@require_POST
@access.only(access.is_administrator)
def download(request: Request, name: str) -> HttpResponseBase:
    if not access.is_confirmed(request):
        return access.ask_for_password(request, back_to=reverse("backups"))
    path = files.named(name)
    if path is None:
        raise Http404
    size_bytes = path.stat().st_size

    def begin() -> None:
        record(ActivityType.BACKUP_DOWNLOADED, f"Backup {name} downloaded", details={"size_bytes": size_bytes})

    response = streaming.download(request, _chunks(path), name, "application/octet-stream", begin)
    if response.streaming:
        response["Content-Length"] = str(size_bytes)
    return response


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
