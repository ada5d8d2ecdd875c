"""The newest row of the log, and who did what it tells."""

from getpass import getuser

from activity.models import ActivityLog
from activity.types import ActivityType

ADDRESS = "198.51.100.7"


def newest(kind: ActivityType) -> ActivityLog:
    """The newest row, which must be of this kind."""
    row = ActivityLog.objects.order_by("-id")[0]
    assert row.activity_type == kind
    return row


def done_by(row: ActivityLog) -> tuple[str, str, str, str | None]:
    return row.actor_kind, row.actor_name, row.origin, row.source_ip


AT_THE_TERMINAL = ("command", getuser(), "command", None)
IN_THE_BROWSER = ("user", "admin", "web", ADDRESS)
IN_DJANGO_ADMIN = ("user", "admin", "admin", ADDRESS)
