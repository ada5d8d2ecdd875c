"""What other programs report: checked, and recorded once."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.crypto import salted_hmac

from activity.fields import ENCODER
from activity.models import ActivityLog
from activity.record import record
from activity.types import REPORTABLE, ActivityType, Result
from dashboard import wire
from dashboard.fields import Field, WrongField, whole
from dashboard.models import IdempotencyKey
from metrics.models import App, Server
from metrics.models.server import ServerQuerySet

KEPT = timedelta(hours=24)
MOST_DETAILS_BYTES = 64 * 1024
MOST_LEVELS = 20
KEY = re.compile(r"[!-~]{1,200}", re.ASCII)
UNPRINTABLE = r"\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069"
UNSAFE = re.compile(rf"[{UNPRINTABLE}\ud800-\udfff]")
NO_TEXT = re.compile(r"[\0\ud800-\udfff]")
TEXT_PATTERN = r"^[^\u0000]*$"


class UnknownThing(LookupError):
    """A report names a server or an app that is not there, or not seen; the text names the field."""


class Conflict(Exception):
    """The idempotency key stands for another report."""


@dataclass(frozen=True)
class Report:
    """What is said to have happened, as far as it can be checked without asking the database."""

    activity_type: ActivityType
    message: str
    server_id: int | None = None
    app_id: int | None = None
    result: Result = Result.SUCCESS
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reporter:
    """Who reports: the name that their keys are kept under, and the servers that they may speak of."""

    sender: str
    servers: ServerQuerySet
    must_name_server: bool = False


def report(read: Mapping[str, Any]) -> Report:
    """The report that these fields (of FIELDS, as they were read) make. Raises WrongField."""
    given = dict(read)
    if "app_id" in given and "server_id" not in given:
        raise WrongField("server_id: It is missing: an app is named together with its server.")
    if occurred_at := given.pop("occurred_at", None):
        details = given.get("details", {})
        if "occurred_at" in details:
            raise WrongField("occurred_at: Give it once: the details have it as well.")
        given["details"] = details | {"occurred_at": wire.timestamp(occurred_at)}
    return Report(**given)


def record_once(report: Report, reporter: Reporter, key: str | None, at: datetime) -> tuple[ActivityLog, bool]:
    """The row of this report, and whether it is new: the first one, if the sender gave it this key within a day.

    Raises WrongField, UnknownThing and Conflict.
    """
    if key is not None and not KEY.fullmatch(key):
        raise WrongField("Idempotency-Key: Allowed: 1 to 200 visible ASCII characters.")
    if key is None:
        return _recorded(report, reporter, at), True
    digest = salted_hmac("reports", ENCODER.encode(asdict(report)), algorithm="sha256").hexdigest()
    with transaction.atomic():
        IdempotencyKey.objects.filter(at__lt=at - KEPT).delete()
        kept, is_new = IdempotencyKey.objects.get_or_create(
            sender=reporter.sender, key=key, defaults={"digest": digest, "at": at}
        )
        if is_new:
            kept.activity_id = _recorded(report, reporter, at).pk
            kept.save()
    if kept.digest != digest:
        raise Conflict("Idempotency-Key: It stands for another report: give each its own.")
    assert kept.activity_id, "committed together with its row"
    return ActivityLog.objects.get(pk=kept.activity_id), is_new


def _recorded(report: Report, reporter: Reporter, at: datetime) -> ActivityLog:
    server = _server(report, reporter)
    row = record(
        report.activity_type,
        report.message,
        server=server,
        app=_app(report, server),
        result=report.result,
        details=report.details,
        at=at,
    )
    assert row, "a report is no flood"
    return row


def _server(report: Report, reporter: Reporter) -> Server | None:
    if report.server_id is None:
        if reporter.must_name_server:
            raise WrongField("server_id: It is missing: this token is for the servers of a tag; name one of them.")
        return None
    found = reporter.servers.filter(pk=report.server_id).first()
    if found is None:
        raise UnknownThing("server_id: There is no such server. Allowed: the id of one that you see.")
    return found


def _app(report: Report, server: Server | None) -> App | None:
    if report.app_id is None or server is None:
        return None
    found = server.apps.filter(pk=report.app_id).first()
    if found is None:
        raise UnknownThing("app_id: There is no such app on this server. Allowed: the id of one of its apps.")
    return found


# The fields ---------------------------------------------------------------------------------------


def _kind(value: Any) -> ActivityType | None:
    return ActivityType(value) if isinstance(value, str) and value in REPORTABLE else None


def _message(value: Any) -> str | None:
    is_message = isinstance(value, str) and len(value) <= 500 and value.strip() and not UNSAFE.search(value)
    return value if is_message else None


def _result(value: Any) -> Result | None:
    return Result(value) if value in list(Result) else None


def _details(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict) or not _is_plain(value, MOST_LEVELS):
        return None
    return value if len(ENCODER.encode(value).encode()) <= MOST_DETAILS_BYTES else None


def _instant(value: Any) -> datetime | None:
    return wire.instant(value) if isinstance(value, str) else None


def _is_plain(value: Any, levels: int) -> bool:
    """Whether every database and every reader of JSON takes it as it is."""
    match value:
        case None | bool():
            return True
        case str():
            return not NO_TEXT.search(value)
        case int():
            return -(2**63) <= value < 2**63
        case float():
            return math.isfinite(value)
        case list():
            return levels > 0 and all(_is_plain(one, levels - 1) for one in value)
        case dict():
            return levels > 0 and all(_is_plain(name, 0) and _is_plain(one, levels - 1) for name, one in value.items())
    return False


ID = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
DETAILS = {
    "type": "object",
    "propertyNames": {"pattern": TEXT_PATTERN},
    "additionalProperties": {"$ref": "#/components/schemas/Value"},
}
TOGETHER = {
    "if": {"properties": {"app_id": {"type": "integer"}}, "required": ["app_id"]},
    "then": {"properties": {"server_id": {"type": "integer"}}, "required": ["server_id"]},
}
FIELDS = {
    "activity_type": Field(
        f"one of {', '.join(sorted(REPORTABLE))}", {"type": "string", "enum": sorted(REPORTABLE)}, _kind, True
    ),
    "message": Field(
        "1 to 500 characters in one line, without control characters",
        {"type": "string", "maxLength": 500, "pattern": f"^[^{UNPRINTABLE}]*[^{UNPRINTABLE}\\s][^{UNPRINTABLE}]*$"},
        _message,
        True,
    ),
    "server_id": Field("a server's id, a whole number", ID, whole),
    "app_id": Field("an app's id, a whole number", ID, whole),
    "result": Field(f"one of {', '.join(Result)}", {"type": "string", "enum": [str(one) for one in Result]}, _result),
    "details": Field(
        f"a JSON object of at most {MOST_DETAILS_BYTES} bytes and {MOST_LEVELS} levels, in it text without NUL and lone"
        " surrogates, finite numbers, and whole ones from -2^63 to 2^63-1",
        DETAILS,
        _details,
    ),
    "occurred_at": Field(
        "a time with its zone, such as 2026-01-31T12:00:00Z", {"type": "string", "format": "date-time"}, _instant
    ),
}
