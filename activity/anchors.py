"""The head of the chain, written down outside the database, so that a log whose end was cut off is found out."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

import structlog
from django.conf import settings

from activity import chain

log = structlog.get_logger(__name__)

URL_SECONDS = 10.0
LONGEST_LINE = 200


class AnchorMissing(Exception):
    """There is no anchor to compare the log with; the text says where one was looked for."""


@dataclass(frozen=True)
class Anchor:
    """What the log's last row was at some time."""

    at: str
    row: int
    mac: str

    def line(self) -> str:
        return json.dumps({"at": self.at, "row": self.row, "mac": self.mac})


def path() -> Path:
    """The file of anchors of this installation."""
    return Path(settings.DATA_DIR) / "anchors.jsonl"


def drop(at: datetime) -> Anchor | None:
    """Write the head down: into the file, into the program's log and to TOMO_ANCHOR_URL. None if it stands there."""
    row, mac = chain.head()
    before = last()
    if row == 0 or (before and before.mac == mac):
        return None
    anchor = Anchor(chain.instant(at), row, mac)
    with os.fdopen(os.open(path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as file:
        file.write(anchor.line() + "\n")
        file.flush()
        os.fsync(file.fileno())
    log.info("activity.anchored", row=row, mac=mac)
    if settings.TOMO["anchor_url"]:
        _post(anchor)
    return anchor


def read(file: Path) -> list[Anchor]:
    """The anchors of a file, oldest first; lines that are none are passed over. Raises AnchorMissing."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError as wrong:
        raise AnchorMissing(f"There are no anchors at {file} ({wrong.strerror}).") from None
    found = [anchor for anchor in map(_parsed, lines) if anchor]
    if not found:
        raise AnchorMissing(f"There are no anchors in {file}.")
    return found


def last() -> Anchor | None:
    """The newest of this installation, by a look at the end of the file."""
    try:
        with path().open("rb") as file:
            file.seek(-min(2 * LONGEST_LINE, file.seek(0, os.SEEK_END)), os.SEEK_END)
            return next(filter(None, map(_parsed, reversed(file.read().decode(errors="replace").splitlines()))), None)
    except FileNotFoundError:
        return None


@contextmanager
def set_aside(at: datetime) -> Iterator[None]:
    """The log goes back to an older state on purpose: if it does, its anchors are kept under another name."""
    own, kept = path(), path().with_name(f"anchors-until-{at:%Y%m%dT%H%M%S}.jsonl")
    if own.exists():
        own.rename(kept)
    try:
        yield
    except BaseException:
        if kept.exists():
            kept.rename(own)
        raise


def _parsed(line: str) -> Anchor | None:
    try:
        said = json.loads(line)
        return Anchor(str(said["at"]), int(said["row"]), str(said["mac"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _post(anchor: Anchor) -> None:
    """To another machine; if it does not answer, the next anchor goes there all the same."""
    headers = {"Content-Type": "application/json"}
    request = Request(settings.TOMO["anchor_url"], anchor.line().encode(), headers)  # noqa: S310  # http(s) only
    try:
        with urlopen(request, timeout=URL_SECONDS):  # noqa: S310
            pass
    except (OSError, HTTPException) as wrong:
        log.warning("activity.anchor_not_posted", error=str(wrong))
