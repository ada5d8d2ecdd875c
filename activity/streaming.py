"""Long files go out one at a time, so that somebody slow keeps one process of the web server busy and never all."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from activity import locks

LONGEST_SECONDS = 900.0


def download(
    request: HttpRequest,
    chunks: Iterator[str] | Iterator[bytes],
    name: str,
    content_type: str,
    begin: Callable[[], None],
) -> HttpResponseBase:
    """A file to be kept. `begin` is called if it really goes out: 503 while another one does."""
    lock = locks.take(Path(settings.DATA_DIR) / "download.lock")
    if lock is None:
        busy = render(request, "busy.html", status=503)
        busy["Retry-After"] = "60"
        return busy
    begin()
    response = StreamingHttpResponse(_held(chunks, lock), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Content-Encoding"] = "identity"  # not gathered to be compressed
    return response


def _held(chunks: Iterator[str] | Iterator[bytes], lock: BinaryIO) -> Iterator[str | bytes]:
    """Until the end, until the visitor is gone, or until it took too long: then it breaks off, visibly unfinished."""
    until = time.monotonic() + LONGEST_SECONDS
    with lock:
        for chunk in chunks:
            if time.monotonic() > until:
                raise TimeoutError("The download took too long.")
            yield chunk
